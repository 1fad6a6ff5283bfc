import Foundation
import Kernel
import Testing

@testable import TransparencyLog

/// A log written by this package, read by Go's own implementation of notes and tiled logs.
@Suite("a log as Go reads it", .serialized)
struct GoTests {
  @Test("Go verifies keys, checkpoints, tiles and proofs, and refuses one changed byte")
  func goVerifies() throws {
    let directory = FileManager.default.temporaryDirectory.appending(
      path: "steward-go-\(UInt64.random(in: 0 ... .max))")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    guard let program = try build(in: directory) else {
      Issue.record("The Go cross-check needs Go: install the Debian packages golang and golang-golang-x-mod-dev.")
      return
    }
    let log = directory.appending(path: "log")
    let files = try writeLog(to: log, size: 700, old: 300)
    let whole = try run(program, [log.path()])
    #expect(whole.status == 0, "\(whole.output)")
    #expect(whole.output.hasPrefix("OK 700 entries"), "\(whole.output)")
    for file in files {
      let original = try Data(contentsOf: file)
      var changed = original
      changed[original.count / 2] ^= 1
      try changed.write(to: file)
      let result = try run(program, [log.path()])
      #expect(result.status == 1, "\(file.lastPathComponent): \(result.output)")
      try original.write(to: file)
    }
    #expect(try run(program, [log.path()]).status == 0)
  }

  private func build(in directory: URL) throws -> URL? {
    let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "go/check.go")
    let program = directory.appending(path: "check")
    let command = "command -v go >/dev/null && GO111MODULE=off GOPATH=/usr/share/gocode go build -o \"$0\" \"$1\""
    let result = try run(URL(filePath: "/bin/sh"), ["-c", command, program.path(), source.path()])
    if result.status != 0 { print(result.output) }
    return result.status == 0 ? program : nil
  }

  private func run(_ program: URL, _ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = program
    process.arguments = arguments
    process.standardOutput = pipe
    process.standardError = pipe
    process.environment = ProcessInfo.processInfo.environment.merging(["HOME": NSTemporaryDirectory()]) { own, _ in own
    }
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }

  private func writeLog(to directory: URL, size: Int, old: Int) throws -> [URL] {
    let installation = try signer("steward/01kah5zzzz0000000000000000")
    let older = try signer("steward/01kah5zzzz0000000000000000", 9)
    let oldest = try signer("steward/01kah5zzzz0000000000000000", 10)
    func link(_ number: Int64, _ old: NoteSigner, _ new: NoteSigner) throws -> [UInt8] {
      let since = Instant(milliseconds: number)
      return try InstallationLink(number: number, old: old.verifierKey, new: new.verifierKey, since: since)
        .signed(old: old, new: new)
    }
    let log = try signer("steward/01kah5zzzz0000000000000000/01kah5zzzz0000000000000001", 8)
    let leaves = try (0..<size).map { try sampleEntry($0, commitments: $0 % 3).encoded() }
    var tree = SampleTree()
    for leaf in leaves { tree.append(MerkleTree.leafHash(leaf)) }
    func note(_ size: Int) throws -> [UInt8] {
      let root = try Proofs.root(size: Int64(size), reader: tree)
      return try log.sign(text: Checkpoint(origin: log.verifierKey.name, size: Int64(size), root: root).text)
    }
    let certificate = LogKeyCertificate(key: log.verifierKey, since: Instant(milliseconds: 0))
    var files: [(String, [UInt8])] = [
      ("old-installation.vkey", Array("\(oldest.verifierKey)\n".utf8)),
      ("steward.chain", try link(2, oldest, older) + link(3, older, installation)),
      ("installation.vkey", Array("\(installation.verifierKey)\n".utf8)),
      ("log-key.note", try certificate.signed(by: installation)), ("checkpoint", try note(size)),
      ("old-checkpoint", try note(old)), ("proofs", Array(try proofs(tree).utf8)),
    ]
    for start in stride(from: 0, to: size, by: 256) {
      let slice = start..<min(start + 256, size)
      let index = Int64(start / 256)
      files.append(
        (
          TilePath(kind: .hash(level: 0), index: index, width: slice.count).description,
          TilePath.hashTile(Array(tree.leaves[slice]))
        ))
      files.append(
        (
          TilePath(kind: .entries, index: index, width: slice.count).description,
          TilePath.entryBundle(Array(leaves[slice]))
        ))
    }
    let upper = tree.levels[8]
    files.append((TilePath(kind: .hash(level: 1), index: 0, width: upper.count).description, TilePath.hashTile(upper)))
    return try files.map { name, bytes in
      let file = directory.appending(path: name)
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(bytes).write(to: file)
      return file
    }
  }

  private func proofs(_ tree: SampleTree) throws -> String {
    var lines: [String] = []
    let size = tree.frontier.size
    for number in stride(from: Int64(1), to: size, by: 7) {
      let inclusion = try Proofs.inclusion(index: number, size: size, reader: tree).map(\.base64)
      lines.append((["inclusion", "\(number)"] + inclusion).joined(separator: " "))
      let consistency = try Proofs.consistency(from: number, to: size, reader: tree).map(\.base64)
      lines.append((["consistency", "\(number)"] + consistency).joined(separator: " "))
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
