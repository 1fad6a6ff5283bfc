import Synchronization
import Crypto
import Custody
import Kernel
@testable import Ledger
import Synchronization
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

  @Test("what was opened leaves memory when keys were destroyed elsewhere, also if a use of a key saw it first")
  func viewsOfDestroyedKeys() async throws {
    let bench = try await Bench()
    _ = try await bench.add("held")
    _ = try await bench.ledger.view(Memo.self, bench.tenant)
    func tended() async -> Bool {
      await bench.ledger.tendKeysOnce()
      var isEmpty = false
      bench.ledger.opened.ifOpen(bench.tenant) { isEmpty = $0.views.withLock { $0.isEmpty } }
      return isEmpty
    }
    #expect(await !tended())
    _ = try bench.ledger.installation.keyStore.openTenant(bench.tenant).turnEpoch(now: noon)
    bench.ledger.opened.ifOpen(bench.tenant) { _ = try? $0.keys.lookAgain() }
    #expect(await tended())
    #expect(try await bench.ledger.view(Memo.self, bench.tenant).rows.count == 1)
    #expect(await !tended())
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
    let sealed = try await stored(bench, staged.id)
    let variants = [
      Array(sealed.dropLast(1)), Array(sealed.prefix(33 + 65_552)), sealed + [0], Array(sealed.prefix(40)), [],
    ]
    for variant in variants + (0..<40).map({ flip(sealed, bit: $0 * 29_983) }) {
      try await store(variant, bench, staged.id)
      await #expect(throws: (any Error).self) {
        _ = try await contents(bench, staged)
      }
    }
    try await store(sealed, bench, staged.id)
    #expect(try await contents(bench, staged).count == 150_000)
  }

  /// The bytes of a file as they lie.
  private func stored(_ bench: Bench, _ file: FileID) async throws -> [UInt8] {
    let source = try #require(try await bench.ledger.files.open(bench.tenant, file))
    return try await source.read(Int(source.size))
  }

  /// Puts other bytes in their place.
  private func store(_ bytes: [UInt8], _ bench: Bench, _ file: FileID) async throws {
    try await bench.ledger.files.remove(bench.tenant, file)
    let sink = try await bench.ledger.files.create(bench.tenant, file)
    try await sink.append(bytes)
    try await sink.finish()
  }

  @Test("a store lists what it has, and gives nothing for what it has not")
  func listed() async throws {
    let bench = try await Bench()
    let files = bench.ledger.files
    #expect(!files.mayHaveFiles(bench.tenant))
    let staged = try await bench.ledger.stageFile(bench.tenant, pieces([UInt8](repeating: 7, count: 300_000)))
    #expect(files.mayHaveFiles(bench.tenant))
    #expect(try await files.list(bench.tenant) == [ListedFile(id: staged.id, size: 300_000 + 33 + 16 * 5)])
    #expect(try await files.open(bench.tenant, FileID.make(at: bench.clock.now)) == nil)
    let other = try await bench.ledger.createTenant(slug: "globex").id
    #expect(try await files.open(other, staged.id) == nil, "a tenant reaches another's file")
    #expect(try await files.list(other).isEmpty)
    try await files.remove(other, staged.id)
    #expect(try await contents(bench, staged).count == 300_000)
    bench.clock.advance(seconds: 86_401)
    #expect(try await bench.ledger.sweepFiles(bench.tenant) == 1)
    #expect(try await files.list(bench.tenant).isEmpty)
  }

  @Test("a file beyond its limit leaves nothing")
  func fileLimit() async throws {
    let bench = try await Bench()
    await #expect(throws: Problem.self) {
      try await bench.ledger.stageFile(bench.tenant, limit: 99, pieces([UInt8](repeating: 1, count: 100)))
    }
    #expect(try await bench.ledger.files.list(bench.tenant).isEmpty)
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

  private func flip(_ bytes: [UInt8], bit: Int) -> [UInt8] {
    var bytes = bytes
    let bit = bit % (bytes.count * 8)
    bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    return bytes
  }
}
