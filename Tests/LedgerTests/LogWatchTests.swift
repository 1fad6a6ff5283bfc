import Kernel
@testable import Ledger
import Storage
import Testing

/// What a server learns of the writes of others: here the second ledger on one tenant, which writes nothing itself.
@Suite("What other servers wrote")
struct LogWatchTests {
  private func another(_ bench: Bench) throws -> Ledger {
    try Ledger(
      installation: bench.ledger.installation, tables: [Memo.table, MemoIndex.table], clock: bench.clock, isShared: true
    )
  }

  @Test("only the tables that an entry changed count as changed")
  func tables() async throws {
    let bench = try await Bench()
    let other = try another(bench)
    let (memo, freeze) = ([Memo.table.name], [FreezeRecord.table.name])
    let first = try await bench.add("one").value
    let before = (try await other.version(bench.tenant, tables: memo), try await other.version(bench.tenant))
    let quiet = try await other.version(bench.tenant, tables: freeze)
    _ = try await bench.ledger.write(bench.tenant, bench.act("memo.look", first)) { _ in }
    #expect(try await other.version(bench.tenant, tables: memo) == before.0, "nothing was changed")
    #expect(try await other.version(bench.tenant) > before.1)
    _ = try await bench.add("two")
    #expect(try await other.version(bench.tenant, tables: memo) > before.0)
    #expect(try await other.version(bench.tenant, tables: freeze) == quiet)
    #expect(try await other.view(Memo.self, bench.tenant).rows.map(\.title).sorted() == ["one", "two"])
  }

  @Test("whoever asks learns of everything that was acknowledged before, however many ask at once")
  func together() async throws {
    let bench = try await Bench()
    let other = try another(bench)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<200 {
        group.addTask {
          let memo = try await bench.add("memo \(number)").value
          let seen = try await other.view(Memo.self, bench.tenant)
          #expect(seen[memo.key] != nil, "memo \(number) was written before it was asked for")
        }
      }
      try await group.waitForAll()
    }
  }

  @Test("a log that went back, or on with other entries, leaves nothing of what was read from it", arguments: [1, 2])
  func wentBack(entries: Int64) async throws {
    let bench = try await Bench()
    _ = try await bench.add("kept")
    let other = try another(bench)
    // A first look, so that the watch knows the log up to here.
    _ = try await other.view(Memo.self, bench.tenant)
    let lost = try await bench.add("lost").value
    #expect(try await other.view(Memo.self, bench.tenant).rows.map(\.title).sorted() == ["kept", "lost"])
    let size = try await other.version(bench.tenant)
    // As after a failover to a machine that did not have it: the log is shorter, or as long with something else in it.
    try bench.tamper([
      "DELETE FROM memo WHERE id = '\(lost.key)'", "DELETE FROM log_change WHERE idx >= \(size - 2)",
      entries == 1
        ? "UPDATE log_entry SET leaf = \(bench.literal([UInt8](repeating: 7, count: 32))) WHERE idx = \(size - 1)"
        : "DELETE FROM log_entry WHERE idx >= \(size - 2)",
      entries == 1 ? "SELECT 1" : "UPDATE log_head SET size = \(size - 2)",
    ])
    #expect(try await other.view(Memo.self, bench.tenant).rows.map(\.title) == ["kept"])
    #expect(try await other.version(bench.tenant) > size, "caches would take what they have for current")
  }
}

extension Bench {
  /// Bytes as a literal of the engine's.
  fileprivate func literal(_ bytes: [UInt8]) -> String {
    database == nil ? "x'\(Hex.encode(bytes))'" : "'\\x\(Hex.encode(bytes))'"
  }
}
