import Custody
import Foundation
import Kernel
@testable import Ledger
import Storage
import TestDatabase
import Testing

@Suite("Looking inside, and making derived tables again")
struct InsideTests {
  @Test("with the keys every sealed row is opened, and a row whose key is damaged is named")
  func opened() async throws {
    let bench = try await Bench()
    let memo = try await bench.addIndexed("one")
    await bench.ledger.close()
    let report = try #require(try bench.inside().first)
    #expect(report.findings.isEmpty)
    #expect(report.opened == report.rows)
    let block = URL(fileURLWithPath: "\(bench.keys)/tenants/\(bench.tenant)/blocks/0")
    var bytes = try Data(contentsOf: block)
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: block)
    #expect(try bench.verified().isEmpty)
    #expect(try bench.inside().flatMap(\.findings).contains { $0.table == "memo" && $0.key == memo.key })
  }

  @Test("a row that uses a key which the key store would hand out again is named")
  func rolledBack() async throws {
    let bench = try await Bench()
    for number in 0..<20 { _ = try await bench.add("\(number)") }
    await bench.ledger.close()
    try Data("4\n".utf8).write(to: URL(fileURLWithPath: "\(bench.keys)/tenants/\(bench.tenant)/taken"))
    #expect(try bench.inside().flatMap(\.findings).contains { $0.table == "memo" && $0.reason.contains("again") })
  }

  @Test(
    "a derived row changed, removed or added behind the guards is named and made again",
    arguments: [
      "UPDATE memo_title SET hash = zeroblob(32)", "DELETE FROM memo_title",
      "INSERT INTO memo_title SELECT tenant, zeroblob(32) FROM memo_title LIMIT 1",
      // On PostgreSQL the tables are the owner's, who makes them again.
      TestDatabase.isWanted ? "DELETE FROM memo_title" : "DROP TABLE memo_title",
    ])
  func derived(statement: String) async throws {
    let bench = try await Bench()
    _ = try await bench.addIndexed("one")
    let size = try await bench.ledger.read(bench.tenant) { try $0.logSize }
    await bench.ledger.close()
    #expect(try bench.inside().flatMap(\.findings).isEmpty)
    try bench.tamper([statement])
    #expect(try bench.inside().flatMap(\.findings).contains { $0.table == "memo_title" })

    let ledger = try bench.reopened()
    _ = try await ledger.rebuildDerived(bench.tenant)
    #expect(
      try await ledger.rebuildDerived(bench.tenant) == [Rebuilt(table: "memo_title", rows: 1, added: 0, removed: 0)])
    #expect(try await ledger.read(bench.tenant) { try $0.logSize } == size, "nothing on the record changes")
    await ledger.close()
    #expect(try bench.inside().flatMap(\.findings).isEmpty)
  }

  @Test("a tenant whose making was interrupted is intact, with and without keys", arguments: [true, false])
  func interrupted(hasJournal: Bool) async throws {
    let bench = try await Bench()
    let tenant = try bench.ledger.installation.addTenant(slug: "half", isHidden: false, now: noon)
    await bench.ledger.close()
    if hasJournal, bench.database == nil {
      let database = try SQLiteDatabase(path: "\(bench.data)/tenants/\(tenant.id).db")
      try database.onWriterBlocking { connection, _ in
        for statement in JournalTables.ddl + TableVersion.table.sqliteDDL { try connection.run(raw: statement) }
      }
      database.close()
    }
    #expect(try bench.verified().isEmpty)
    #expect(try bench.inside().flatMap(\.findings).isEmpty)
  }

  @Test("a derived table that does not say how it is made again is refused")
  func undeclared() async throws {
    let bench = try await Bench()
    await bench.ledger.close()
    let ledger = try Ledger(
      installation: try bench.installation(), tables: [Memo.table, MemoIndex.table])
    await #expect(throws: Problem.self) { try await ledger.rebuildDerived(bench.tenant) }
    await ledger.close()
  }

  @Test(
    "a stored tile above the leaves that is changed, cut, missing or too much is found",
    arguments: [
      "UPDATE log_tile SET data = CAST(zeroblob(32) || substr(data, 33) AS BLOB) WHERE level = 1",
      "UPDATE log_tile SET data = CAST(data || zeroblob(32) AS BLOB) WHERE level = 1",
      "DELETE FROM log_tile WHERE level = 1",
      "INSERT INTO log_tile SELECT tenant, 2, 0, data FROM log_tile WHERE level = 1",
      "INSERT INTO log_tile SELECT tenant, 1, 1, data FROM log_tile WHERE level = 1",
    ])
  func tiles(statement: String) async throws {
    let bench = try await Bench()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<300 { group.addTask { _ = try await bench.add("\(number)") } }
      try await group.waitForAll()
    }
    await bench.ledger.close()
    #expect(try bench.verified().isEmpty)
    try bench.tamper([statement])
    #expect(Set(try bench.verified().map(\.table)) == ["log_tile"])
  }
}

extension Bench {
  /// A memo that is found by its title.
  fileprivate func addIndexed(_ title: String) async throws -> Memo {
    let memo = Memo(id: ID.make(at: clock.now), title: title)
    return try await ledger.write(tenant, act("memo.create", memo)) { work in
      try work.insert(memo)
      try work.run(
        "INSERT INTO memo_title (tenant, hash) VALUES (\(work.tenant), \(work.keyedHash("title", title)))",
        on: MemoIndex.table)
      return memo
    }.value
  }

  fileprivate func reopened() throws -> Ledger {
    try Ledger(
      installation: try installation(), tables: [Memo.table, MemoIndex.table],
      derivations: [MemoIndex.derivation], clock: clock)
  }

  fileprivate func inside() throws -> [Verification.Report] {
    try Verification.run(
      dataDirectory: data, inside: Verification.Inside(keys: KeyLocation(keys), derivations: [MemoIndex.derivation]))
  }
}
