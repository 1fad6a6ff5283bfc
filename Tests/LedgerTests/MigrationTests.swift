import Custody
import Foundation
import Kernel
@testable import Ledger
import Storage
import TestDatabase
import Testing

/// The memo of a later version: another plain column with an index, and a text in the sealed image that older rows do not have.
private struct LaterMemo: Record {
  static let table = Table(
    "memo", .primary, version: 3,
    columns: [
      Column("state", .text, .operational, purpose: "open or done"),
      Column("due_at", .integer, .operational, purpose: "when it is due"),
    ],
    sealed: [
      Column("title", .text, .content, purpose: "what the person typed"),
      Column("body", .text, .content, purpose: "more of it"),
    ],
    indexes: [Index(["due_at"])], retention: "as long as the tenant",
    upgrades: [
      Table.Upgrade(to: 2, [.sealedShape]), Table.Upgrade(to: 3, [.addColumn("due_at"), .addIndex(["due_at"])]),
    ])

  let id: ID<Memo>
  var title: String
  var body: String?
  var dueAt: Int64?

  var key: String { id.text }
  var plain: [String: Value] { ["state": .text("open"), "due_at": dueAt.map(Value.integer) ?? .null] }
  var content: [String: CBOR] {
    var content: [String: CBOR] = ["title": .text(title)]
    if let body { content["body"] = .text(body) }
    return content
  }

  init(_ row: OpenedRow) throws {
    id = try row.keyID()
    title = try row.contentText("title")
    body = row.content["body"]?.text
    dueAt = row.optionalInteger("due_at")
  }
}

private let laterIndex = Table(
  "memo_title", .derived, version: 2,
  columns: [
    Column("hash", .bytes, .operational, purpose: "finds a memo by its title", nullable: false),
    Column("count", .integer, .operational, purpose: "how many have it"),
  ],
  primaryKey: ["hash"], retention: "rebuilt from memo", upgrades: [Table.Upgrade(to: 2, [.recreate])])

@Suite("Upgrades")
struct MigrationTests {
  private func reopened(_ bench: Bench, _ tables: [Table]) throws -> Ledger {
    try Ledger(
      installation: try bench.installation(tables), tables: tables, clock: bench.clock)
  }

  private func memos(_ ledger: Ledger, _ bench: Bench) async throws -> [LaterMemo] {
    try await ledger.read(bench.tenant) { try $0.fetch(LaterMemo.self, "ORDER BY id") }
  }

  @Test("old rows open under a new shape, are sealed anew when written, and everything verifies")
  func forward() async throws {
    let bench = try await Bench()
    _ = try await bench.add("first")
    // Ids begin with the time: the first is the first.
    bench.clock.advance(seconds: 1)
    _ = try await bench.add("second")
    await bench.ledger.close()
    let later = try reopened(bench, [LaterMemo.table, laterIndex])
    var memo = try #require(try await memos(later, bench).first)
    #expect(memo.title == "first" && memo.body == nil && memo.dueAt == nil)
    memo.body = "more"
    memo.dueAt = 7
    let changed = memo
    _ = try await later.write(bench.tenant, Act("memo.edit", on: ObjectRef("memo", memo.id), by: .system("test"))) {
      try $0.update(changed)
    }
    #expect(try await memos(later, bench).map(\.dueAt) == [7, nil])
    let schemas = try await later.read(bench.tenant) { reader in
      try reader.rows("SELECT schema FROM memo WHERE tenant = \(reader.tenant) ORDER BY id").map { $0[0] }
    }
    #expect(schemas == [.integer(3), .integer(1)])
    let applied = try await later.read(bench.tenant) { reader in
      try reader.rows("SELECT changes FROM log_entry WHERE tenant = \(reader.tenant) AND action = 'schema.apply'")
    }
    #expect(applied.count == 2 && applied.last?[0] == .integer(2))
    await later.close()
    #expect(try bench.verified().isEmpty)
  }

  @Test("an upgrade that is done is not done again")
  func once() async throws {
    let bench = try await Bench()
    _ = try await bench.add("first")
    await bench.ledger.close()
    for _ in 0..<2 {
      let later = try reopened(bench, [LaterMemo.table, laterIndex])
      #expect(try await memos(later, bench).count == 1)
      await later.close()
    }
    let last = try reopened(bench, [LaterMemo.table, laterIndex])
    let count = try await last.read(bench.tenant) { reader in
      try reader.rows("SELECT COUNT(*) FROM log_entry WHERE tenant = \(reader.tenant) AND action = 'schema.apply'")
    }
    #expect(count == [[.integer(2)]])
    await last.close()
  }

  @Test(
    "data of a newer version is refused, and stays as it is",
    .enabled(if: !TestDatabase.isWanted, "about the files of SQLite"))
  func backwards() async throws {
    let bench = try await Bench()
    _ = try await bench.add("first")
    await bench.ledger.close()
    let later = try reopened(bench, [LaterMemo.table, laterIndex])
    _ = try await memos(later, bench)
    await later.close()
    let earlier = try reopened(bench, [Memo.table, MemoIndex.table])
    let refused = await #expect(throws: Problem.self) {
      _ = try await earlier.read(bench.tenant) { try $0.fetch(Memo.self) }
    }
    #expect(refused?.message.contains("newer Steward") == true)
    await earlier.close()
    #expect(try bench.verified().isEmpty)
  }

  @Test(
    "a step that nobody declared is refused, and so is one that would change a commitment",
    .enabled(if: !TestDatabase.isWanted, "about the files of SQLite"))
  func missingStep() async throws {
    let bench = try await Bench()
    await bench.ledger.close()
    let columns = [Column("n", .integer, .operational, purpose: "test", nullable: false)]
    for upgrades in [[], [Table.Upgrade(to: 2, [.addColumn("n")])], [Table.Upgrade(to: 2, [.recreate])]] {
      let table = Table("memo", .primary, version: 2, columns: columns, retention: "test", upgrades: upgrades)
      let ledger = try reopened(bench, [table, MemoIndex.table])
      let refused = await #expect(throws: Problem.self) { _ = try await ledger.read(bench.tenant) { _ in } }
      #expect(refused?.message.contains("too old") == true)
      await ledger.close()
    }
  }

  @Test(
    "an upgrade that breaks off leaves the old shape, and the next opening begins again",
    .enabled(if: !TestDatabase.isWanted, "about the files of SQLite"))
  func brokenOff() async throws {
    let bench = try await Bench()
    _ = try await bench.add("first")
    await bench.ledger.close()
    // The first statement succeeds and the second cannot: as if the process had died between them.
    try bench.tamper(["CREATE INDEX memo_by_due_at ON memo (tenant)"])
    let failing = try reopened(bench, [LaterMemo.table, laterIndex])
    await #expect(throws: (any Error).self) { _ = try await memos(failing, bench) }
    await failing.close()
    let columns = try SQLiteDatabase.readOnly(path: bench.data + "/tenants/\(bench.tenant).db") { connection in
      try connection.rows(raw: "SELECT name FROM pragma_table_info('memo')").compactMap { $0[0].text }
    }
    #expect(!columns.contains("due_at"))
    #expect(try bench.verified().isEmpty)
    try bench.tamper(["DROP INDEX memo_by_due_at"])
    let again = try reopened(bench, [LaterMemo.table, laterIndex])
    #expect(try await memos(again, bench).map(\.title) == ["first"])
    await again.close()
    #expect(try bench.verified().isEmpty)
  }

  @Test(
    "a directory of a newer format is refused before anything in it is touched",
    .enabled(if: !TestDatabase.isWanted, "about the files of SQLite"))
  func directoryFormat() async throws {
    let bench = try await Bench()
    await bench.ledger.close()
    let control = try SQLiteDatabase(path: bench.data + "/control.db")
    try control.onWriterBlocking { connection, _ in try connection.run(raw: "UPDATE installation SET format = 2") }
    control.close()
    let refused = #expect(throws: Problem.self) { try Installation(openAt: bench.data, keys: KeyLocation(bench.keys)) }
    #expect(refused?.message.contains("newer Steward") == true)
  }
}
