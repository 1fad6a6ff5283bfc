import Foundation
import Testing
import TransparencyLog

@testable import Certificate

/// The executable itself, in a directory that holds nothing but the files it is given, without an environment.
@Suite("steward-verify on the command line")
struct ToolTests {
  private struct Run {
    let status: Int32
    let output: String
  }

  private func inDirectory(
    _ body: ((_ arguments: [String]) throws -> Run, _ write: (String, [UInt8]) throws -> Void) throws -> Void
  ) throws {
    let directory = FileManager.default.temporaryDirectory.appending(
      path: "steward-tool-\(UInt64.random(in: 0 ... .max))")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let program = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "steward-verify")
    try #require(
      FileManager.default.fileExists(atPath: program.path()), "build it first: swift build --product steward-verify")
    func run(_ arguments: [String]) throws -> Run {
      let process = Process()
      let pipe = Pipe()
      process.executableURL = program
      process.arguments = arguments
      process.currentDirectoryURL = directory
      process.environment = [:]
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = pipe
      process.standardError = pipe
      try process.run()
      let output = pipe.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      return Run(status: process.terminationStatus, output: String(decoding: output, as: UTF8.self))
    }
    try body(run) { name, bytes in try Data(bytes).write(to: directory.appending(path: name)) }
  }

  @Test("its exit codes say verified, not verified, not usable and not identified")
  func exitCodes() throws {
    let sample = SampleCase()
    let zip = try sample.zip()
    try inDirectory { run, write in
      try write("steward.vkey", Array("\(sample.pin)\n".utf8))
      try write("certificate.zip", zip)
      try write("cut.zip", Array(zip.dropLast(100)))
      try write("text.txt", Array("hello".utf8))
      try write("changed.zip", zip.enumerated().map { $0 == 2_000 ? $1 ^ 1 : $1 })
      let good = try run(["--key", "steward.vkey", "certificate.zip"])
      #expect(good.status == 0, "\(good.output)")
      #expect(good.output.contains("✓ step:return: Step “Return the data” was completed by Ben"))
      #expect(good.output.hasSuffix("VERIFIED with the pinned key.\n"))
      #expect(!good.output.contains("\u{1b}"))
      #expect(try run(["certificate.zip"]).status == 3)
      #expect(try run(["--key", "steward.vkey", "changed.zip"]).status == 1)
      #expect(try run(["--key", "steward.vkey", "cut.zip"]).status == 1)
      for arguments in [
        ["text.txt"], ["none.zip"], [], ["--what"], ["--key", "text.txt", "certificate.zip"], ["a", "b"], ["--key"],
      ] {
        #expect(try run(arguments).status == 2, "\(arguments)")
      }
      #expect(try run(["--help"]).output.contains("EXIT CODES"))
      #expect(try run(["--version"]).status == 0)
      let json = try run(["--json", "--key", "steward.vkey", "certificate.zip"])
      #expect(json.output.hasPrefix("{\"exit_code\":0,\"findings\":["))
    }
  }

  @Test("a receipt is checked from its header or its proof, and one without the entry asks for it")
  func receipts() throws {
    let sample = SampleCase()
    let receipt = try Receipt(parsing: StoredZip.decode(sample.zip())[3].data)
    let short = try Receipt.make(
      index: receipt.index, hashes: receipt.proof.hashes, checkpoint: receipt.proof.checkpoint,
      certificate: receipt.certificate, leaf: nil)
    try inDirectory { run, write in
      try write("steward.vkey", Array("\(sample.pin)\n".utf8))
      try write("header", Array("\(receipt.header)\n".utf8))
      try write("proof", receipt.encoded)
      try write("short", short.encoded)
      try write("entry", (receipt.leaf ?? []) + [0x0a])
      #expect(try run(["receipt", "--key", "steward.vkey", "header"]).status == 0)
      #expect(try run(["receipt", "--key", "steward.vkey", "proof"]).status == 0)
      #expect(try run(["receipt", "proof"]).status == 3)
      let asking = try run(["receipt", "--key", "steward.vkey", "short"])
      #expect(asking.status == 2)
      #expect(asking.output.contains("--entry"))
      #expect(try run(["receipt", "--key", "steward.vkey", "--entry", "entry", "short"]).status == 0)
      #expect(try run(["receipt", "--key", "steward.vkey", "--entry", "steward.vkey", "short"]).status == 1)
      #expect(try run(["receipt", "--key", "steward.vkey", "-"]).status == 2)
    }
  }

  @Test("it verifies the record of an erasure, from a file")
  func erasure() throws {
    let sample = SampleErasure()
    let record = try sample.record()
    try inDirectory { run, write in
      try write("steward.vkey", Array("\(sample.pin)\n".utf8))
      try write("erasure.json", record)
      try write("changed.json", record.enumerated().map { $0 == 900 ? $1 ^ 1 : $1 })
      let good = try run(["erasure", "--key", "steward.vkey", "erasure.json"])
      #expect(good.status == 0, "\(good.output)")
      #expect(good.output.contains("Proposed by Olga"))
      #expect(try run(["erasure", "erasure.json"]).status == 3)
      #expect(try run(["erasure", "--key", "steward.vkey", "changed.json"]).status == 1)
      #expect(try run(["erasure", "--key", "steward.vkey", "steward.vkey"]).status == 2)
      #expect(try run(["erasure"]).status == 2)
    }
  }
}
