import Crypto
import Custody
import Foundation
import Kernel
@testable import Ledger
import Testing

@Suite("Views and files")
struct ViewAndFileTests {
  @Test("a view is current with the latest commit: new, changed and deleted rows")
  func viewFollows() async throws {
    let bench = try await Bench()
    let first = try await bench.add("Grüne Wiese").value
    var view = try await bench.ledger.view(Memo.self, bench.tenant)
    #expect(view.search("wiese GRÜNE").map(\.title) == ["Grüne Wiese"])
    _ = try await bench.add("zero\u{200b}width")
    view = try await bench.ledger.view(Memo.self, bench.tenant)
    #expect(view.search("zerowidth").count == 1)
    _ = try await bench.ledger.write(bench.tenant, bench.act("memo.edit", first)) { work in
      try work.update(Memo(id: first.id, title: "blue"))
    }
    view = try await bench.ledger.view(Memo.self, bench.tenant)
    #expect(view.search("wiese").isEmpty)
    #expect(view[first.key]?.title == "blue")
    _ = try await bench.ledger.write(bench.tenant, bench.act("memo.delete", first)) {
      try $0.delete(Memo.self, first.key)
    }
    #expect(try await bench.ledger.view(Memo.self, bench.tenant).rows.count == 1)
  }

  @Test("views asked for at once by many readers and writers end current")
  func viewUnderLoad() async throws {
    let bench = try await Bench()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<100 {
        group.addTask { _ = try await bench.add("memo \(number)") }
        group.addTask { _ = try await bench.ledger.view(Memo.self, bench.tenant).rows.count }
      }
      try await group.waitForAll()
    }
    #expect(try await bench.ledger.view(Memo.self, bench.tenant).rows.count == 100)
  }

  @Test("a file comes back as it went in, whatever its length", arguments: [0, 1, 65_535, 65_536, 65_537, 200_000])
  func files(size: Int) async throws {
    let bench = try await Bench()
    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let staged = try await bench.ledger.stageFile(bench.tenant, pieces(bytes))
    #expect(staged.size == Int64(size))
    #expect(staged.sha256 == Digest(sha256: bytes))
    let read = try await contents(bench, staged)
    #expect(Digest(sha256: read) == Digest(sha256: bytes))
  }

  @Test("a file cut, extended or changed in one bit does not open to its end")
  func filesTampered() async throws {
    let bench = try await Bench()
    let staged = try await bench.ledger.stageFile(bench.tenant, pieces([UInt8](repeating: 7, count: 150_000)))
    let path = bench.ledger.filePath(bench.tenant, staged.id)
    let sealed = try Data(contentsOf: URL(fileURLWithPath: path))
    let variants = [sealed.dropLast(1), sealed.prefix(33 + 65_552), sealed + Data([0]), sealed.prefix(40), Data()]
    for variant in variants + (0..<40).map({ flip(sealed, bit: $0 * 29_983) }) {
      try Data(variant).write(to: URL(fileURLWithPath: path))
      await #expect(throws: (any Error).self) {
        _ = try await contents(bench, staged)
      }
    }
  }

  @Test("a file beyond its limit leaves nothing")
  func fileLimit() async throws {
    let bench = try await Bench()
    await #expect(throws: Problem.self) {
      try await bench.ledger.stageFile(bench.tenant, limit: 99, pieces([UInt8](repeating: 1, count: 100)))
    }
    let left = try FileManager.default.contentsOfDirectory(atPath: bench.data + "/files/\(bench.tenant)")
    #expect(left.isEmpty)
  }

  private func contents(_ bench: Bench, _ staged: StagedFile) async throws -> [UInt8] {
    let iterator = try await bench.ledger.openFile(bench.tenant, staged.id, subject: staged.subject).makeAsyncIterator()
    return try await collect(iterator)
  }

  private func collect(_ iterator: FilePieces.AsyncIterator) async throws -> [UInt8] {
    var iterator = iterator
    var bytes: [UInt8] = []
    while let piece = try await iterator.next() { bytes += piece }
    return bytes
  }

  private func pieces(_ bytes: [UInt8]) -> AsyncStream<[UInt8]> {
    AsyncStream { continuation in
      for start in stride(from: 0, to: bytes.count, by: 10_000) {
        continuation.yield(Array(bytes[start..<min(start + 10_000, bytes.count)]))
      }
      continuation.finish()
    }
  }

  private func flip(_ data: Data, bit: Int) -> Data {
    var bytes = [UInt8](data)
    let bit = bit % (bytes.count * 8)
    bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    return Data(bytes)
  }
}
