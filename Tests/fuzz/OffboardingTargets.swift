import Kernel

@testable import Offboarding

extension Target {
  static let offboarding: [Target] = [csv, fileName]

  private static let csv = Target(
    "csv",
    seeds: { ["a,b\r\n1,\"x\"\"y\"\r\n", "\u{feff}name,id\n\"two\nlines\",2\n\n", "a\r"].map { Array($0.utf8) } }
  ) { input in
    let whole = records(input, size: max(1, input.count))
    for size in [1, 2, 5] {
      must(records(input, size: size) == whole, "csv: in pieces of \(size) it reads differently")
    }
    guard let whole, whole.allSatisfy({ !$0.isEmpty }) else { return }
    let written = whole.map { $0.map { "\"\($0.replacing("\"", with: "\"\""))\"" }.joined(separator: ",") + "\r\n" }
      .joined()
    // Line ends within quotes count as lines; what the fields hold stays.
    must(records(Array(written.utf8), size: 4_096) == whole, "csv: written again it reads differently")
  }

  private static func records(_ input: [UInt8], size: Int) -> [[String]]? {
    var reader = CSVReader()
    var found: [[String]] = []
    do {
      for start in stride(from: 0, to: input.count, by: size) {
        try reader.read(Array(input[start..<min(start + size, input.count)])) { found.append($0.fields) }
      }
      try reader.finish { found.append($0.fields) }
      return found
    } catch { return nil }
  }

  private static let fileName = Target(
    "filename",
    texts: [#"attachment; filename="a.pdf"; filename*=UTF-8''%C3%A9.pdf"#, "../x", #"a\b.txt"#, "inline; filename=x"]
  ) { text in
    for name in [try? FileName(claimed: text), try? FileName(contentDisposition: text)].compactMap({ $0 }) {
      must((try? FileName(claimed: name.text)) == name, "filename: its own name is another one: \(name.text)")
      must(
        !name.text.utf8.contains { $0 < 0x20 || $0 == 0x2f || $0 == 0x5c || $0 == 0x7f },
        "filename: a separator or control character")
      must(
        (try? FileName(contentDisposition: name.attachment)) == name,
        "filename: its field names another one: \(name.attachment)")
    }
    if let type = try? MediaTypeName.checked(text) {
      must((try? MediaTypeName.checked(type)) == type, "media type: not itself")
    }
  }
}
