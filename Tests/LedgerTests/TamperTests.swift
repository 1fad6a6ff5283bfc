import Foundation
import Glibc
import Kernel
@testable import Ledger
import Storage
import TestDatabase
import Testing

@Suite("Tampering")
struct TamperTests {
  @Test(
    "SQLite refuses a write past the ledger while the guards stand",
    .enabled(if: !TestDatabase.isWanted, "about the files of SQLite"))
  func guarded() async throws {
    let bench = try await Bench()
    _ = try await bench.add("one")
    await bench.ledger.close()
    let database = try SQLiteDatabase(path: bench.data + "/tenants/\(bench.tenant).db")
    defer { database.close() }
    for statement in [
      "UPDATE memo SET state = 'done'", "DELETE FROM memo", "DELETE FROM log_entry",
      "UPDATE log_change SET op = 'insert'",
    ] {
      #expect(throws: StorageError.self) {
        try database.onWriterBlocking { connection, _ in try connection.run(raw: statement) }
      }
    }
  }

  @Test(
    "a row changed, removed, added or rolled back behind the guards is named",
    arguments: [
      "UPDATE memo SET state = 'done' WHERE id = 'ID'",
      "UPDATE memo SET sealed = zeroblob(80) WHERE id = 'ID'",
      "UPDATE memo SET subject = subject + 1 WHERE id = 'ID'",
      "DELETE FROM memo WHERE id = 'ID'",
    ])
  func rowTampered(statement: String) async throws {
    let bench = try await Bench()
    let memo = try await bench.add("one").value
    _ = try await bench.add("two")
    await bench.ledger.close()
    #expect(try bench.verified().isEmpty)
    try bench.tamper([statement.replacing("ID", with: memo.key)])
    let findings = try bench.verified()
    #expect(findings.map(\.table) == ["memo"])
    #expect(findings.map(\.key) == [memo.key])
  }

  @Test("a row added behind the guards is named")
  func rowAdded() async throws {
    let bench = try await Bench()
    _ = try await bench.add("one")
    await bench.ledger.close()
    let added = ID<Memo>.make(at: noon)
    try bench.tamper(["INSERT INTO memo SELECT tenant, '\(added)', entry, schema, subject, sealed, state FROM memo"])
    #expect(try bench.verified().map(\.key) == [added.text])
  }

  @Test("a row put back to an earlier, once valid version is named")
  func rowRolledBack() async throws {
    let bench = try await Bench()
    let memo = try await bench.add("one").value
    try await bench.ledger.read(bench.tenant) { _ in }
    _ = try await bench.ledger.write(bench.tenant, bench.act("memo.edit", memo)) { work in
      try work.update(Memo(id: memo.id, state: "done", title: "one"))
    }
    await bench.ledger.close()
    // The before image of the edit is the earlier version, whole.
    let image = try DataPlace(bench.data).tenant(bench.tenant) { connection in
      try connection.firstRow(raw: "SELECT image FROM log_change WHERE op = 'update'")?[0].bytes
    }
    guard case .array(let parts)? = try image.map({ try CBOR.decode($0) }), case .map(let columns)? = parts.last else {
      throw Problem.notFound
    }
    let old = try #require(columns["sealed"]?.bytes)
    let entry = try #require(columns["entry"]?.integer)
    try bench.tamper(["UPDATE memo SET state = 'open', entry = \(entry), sealed = x'\(Hex.encode(old))'"])
    #expect(try bench.verified().map(\.key) == [memo.key])
  }

  @Test(
    "a log changed behind the guards is found",
    arguments: [
      "UPDATE log_entry SET actor = 'person:x' WHERE idx = 2",
      "DELETE FROM log_entry WHERE idx = (SELECT max(idx) FROM log_entry)",
      "UPDATE log_change SET before = zeroblob(32) WHERE idx = 2", "DELETE FROM log_checkpoint",
      "UPDATE log_head SET size = size - 1",
      "UPDATE log_head SET lanes = zeroblob(2048)", "DELETE FROM log_change WHERE idx = 2",
      "DROP TRIGGER memo_guard_delete",
      "UPDATE log_entry SET idx = 9223372036854775807 WHERE idx = (SELECT max(idx) FROM log_entry)",
      "UPDATE log_entry SET idx = -9223372036854775807 - 1 WHERE idx = (SELECT max(idx) FROM log_entry)",
      "UPDATE log_entry SET action = 'memo.edit' WHERE idx = (SELECT max(idx) FROM log_entry)",
      "UPDATE log_entry SET time = time + 1 WHERE idx = (SELECT max(idx) FROM log_entry)",
      "UPDATE log_change SET image = x'00' WHERE op = 'insert'",
      "UPDATE log_change SET before = x'' WHERE op = 'insert'",
      "UPDATE log_head SET frontier = x''", "UPDATE log_head SET size = -1", "UPDATE log_head SET time = time + 1",
      "DELETE FROM log_head", "DROP TABLE log_change",
    ])
  func logTampered(statement: String) async throws {
    let bench = try await Bench()
    _ = try await bench.add("one")
    _ = try await bench.add("two")
    await bench.ledger.close()
    try bench.tamper([statement])
    #expect(!(try bench.verified().isEmpty))
  }

  @Test(
    "a tenant taken out of the control database, or whose database is gone, is told",
    .enabled(if: !TestDatabase.isWanted, "about the files of SQLite"))
  func tenantHidden() async throws {
    let bench = try await Bench()
    _ = try await bench.add("one")
    let other = try await bench.ledger.createTenant(slug: "globex").id
    await bench.ledger.close()
    #expect(try bench.verified().isEmpty)
    #expect(rename(bench.data + "/tenants/\(other).db", bench.directory + "/hidden.db") == 0)
    #expect(try bench.verified().map(\.tenant) == ["globex"])
    #expect(rename(bench.directory + "/hidden.db", bench.data + "/tenants/\(other).db") == 0)
    let control = try SQLiteDatabase(path: bench.data + "/control.db")
    try control.onWriterBlocking { connection, _ in
      try connection.run(raw: "DELETE FROM tenant WHERE slug = 'globex'")
    }
    control.close()
    #expect(try bench.verified().map(\.tenant) == [other.text])
  }

  @Test(
    "a tenant that is just being made, with a database and not yet a name, is no finding",
    .enabled(if: !TestDatabase.isWanted, "about the files of SQLite"))
  func tenantBeingMade() async throws {
    let bench = try await Bench()
    _ = try await bench.ledger.createTenant(slug: "globex")
    await bench.ledger.close()
    let path = bench.data + "/control.db"
    @Sendable func control(_ statement: String) throws {
      let control = try SQLiteDatabase(path: path)
      defer { control.close() }
      try control.onWriterBlocking { connection, _ in try connection.run(raw: statement) }
    }
    try control("CREATE TABLE kept AS SELECT * FROM tenant WHERE slug = 'globex'")
    try control("DELETE FROM tenant WHERE slug = 'globex'")
    // A thread of its own: verification holds one of the few that tasks have.
    let (named, naming) = AsyncStream.makeStream(of: Void.self)
    Thread.detachNewThread {
      usleep(200_000)
      #expect(throws: Never.self) { try control("INSERT INTO tenant SELECT * FROM kept") }
      naming.finish()
    }
    #expect(try bench.verified().isEmpty)
    for await _ in named {}
  }
}
