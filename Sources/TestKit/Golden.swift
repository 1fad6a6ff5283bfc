import Custody
import Glibc
import Platform

/// Text that the project has looked at and found good. `UPDATE_GOLDEN=1` writes it anew; `git diff` reviews it.
package enum Golden {
  /// Nil if `text` is what lies in `Tests/Golden/<name>`; else a sentence that says what to do.
  package static func difference(_ text: String, _ name: String, file: StaticString = #filePath) throws -> String? {
    let path = try directory(file) + "/" + name
    if getenv("UPDATE_GOLDEN") != nil {
      try DurableFile.makeDirectory(try directory(file))
      try DurableFile.write(Array(text.utf8), to: path)
      chmod(path, 0o644)
      return nil
    }
    guard let bytes = try DurableFile.read(path) else {
      return "There is no golden file \(name): run the tests with UPDATE_GOLDEN=1 and look at what it writes."
    }
    let golden = String(decoding: bytes, as: UTF8.self)
    guard golden != text else { return nil }
    return "\(name) differs at \(firstDifference(golden, text)); run with UPDATE_GOLDEN=1 and review the difference."
  }

  private static func firstDifference(_ a: String, _ b: String) -> String {
    let (a, b) = (a.split(separator: "\n"), b.split(separator: "\n"))
    for (number, pair) in zip(a, b).enumerated() where pair.0 != pair.1 {
      return "line \(number + 1): “\(pair.0)” is now “\(pair.1)”"
    }
    return "line \(min(a.count, b.count) + 1)"
  }

  /// `…/Tests/StewardTests/X.swift` → `…/Tests/Golden`.
  private static func directory(_ file: StaticString) throws -> String {
    guard let range = "\(file)".firstRange(of: "/Tests/") else {
      throw Problem(.internal, "Golden files are for tests under Tests/.")
    }
    return "\(file)"[..<range.upperBound] + "Golden"
  }
}
