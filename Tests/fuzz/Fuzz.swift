import Glibc

/// One program for all targets: `FUZZ_TARGET` names the one that libFuzzer feeds, `FUZZ_SEEDS` a directory to fill with beginnings.
///
/// A trap, a broken property and memory beyond the limit all end the process; libFuzzer then leaves the input in a file.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = start.map { Array(UnsafeBufferPointer(start: $0, count: count)) } ?? []
  chosen.run(input)
  return 0
}

@_cdecl("LLVMFuzzerInitialize")
public func initialize(_: UnsafeMutableRawPointer, _: UnsafeMutableRawPointer) -> Int32 {
  if let directory = getenv("FUZZ_SEEDS") {
    for target in Target.all { target.writeSeeds(below: String(cString: directory)) }
    exit(0)
  }
  return 0
}

private let chosen: Target = {
  let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
  guard let target = Target.all.first(where: { $0.name == name }) else { fail("there is no target \(name)") }
  return target
}()

/// A reader of outside bytes, what must hold for every input, and inputs to begin with.
struct Target: Sendable {
  let name: String
  let seeds: @Sendable () throws -> [[UInt8]]
  let run: @Sendable ([UInt8]) -> Void

  init(_ name: String, seeds: @escaping @Sendable () throws -> [[UInt8]], run: @escaping @Sendable ([UInt8]) -> Void) {
    self.name = name
    self.seeds = seeds
    self.run = run
  }

  /// Texts as seeds; inputs that are not UTF-8 are passed over.
  init(_ name: String, texts: [String], run: @escaping @Sendable (String) -> Void) {
    self.init(name, seeds: { texts.map { Array($0.utf8) } }) { bytes in
      if let text = String(validating: bytes, as: UTF8.self) { run(text) }
    }
  }

  static let all = kernel + log + certificate + web + offboarding

  func writeSeeds(below directory: String) {
    mkdir("\(directory)/\(name)", 0o700)
    let seeds = (try? seeds()) ?? []
    must(!seeds.isEmpty, "\(name) has no seeds")
    for (number, seed) in seeds.enumerated() {
      guard let file = fopen("\(directory)/\(name)/seed-\(number)", "w") else { fail("cannot write \(directory)") }
      fwrite(seed, 1, seed.count, file)
      fclose(file)
    }
  }
}

func must(_ truth: Bool, _ sentence: @autoclosure () -> String) {
  if !truth { fail(sentence()) }
}

func fail(_ sentence: String) -> Never {
  let line = Array("BROKEN: \(sentence)\n".utf8)
  _ = write(2, line, line.count)
  abort()
}

/// What a reader accepts has one spelling: writing it again gives the same bytes.
func oneSpelling(_ name: String, _ input: [UInt8], _ again: () throws -> [UInt8]) {
  guard let output = try? again() else { return }
  must(
    output == input, "\(name): accepted, but written again it is \(String(decoding: output.prefix(200), as: UTF8.self))"
  )
}
