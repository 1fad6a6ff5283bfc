import Foundation
import Kernel
@testable import Ledger
import Storage
import TestDatabase
import Testing

/// Two tenants with the same kinds of rows, and connections that pass the ledger by.
private final class Neighbours {
  let bench: Bench
  let other: TenantID
  let database: TestDatabase

  init() async throws {
    bench = try await Bench(onPostgres: true)
    database = try #require(bench.database)
    other = try await bench.ledger.createTenant(slug: "globex").id
    try await fill(bench.tenant, "acme's")
    try await fill(other, "globex's")
  }

  func fill(_ tenant: TenantID, _ title: String) async throws {
    let memo = Memo(id: ID.make(at: noon), title: title)
    _ = try await bench.ledger.write(tenant, bench.act("memo.create", memo)) { work in
      try work.insert(memo)
      try work.commit(["title": "a fact"], subject: try work.subject(of: Memo.self, memo.key))
      let hash = work.keyedHash("title", title)
      try work.run("INSERT INTO memo_title (tenant, hash) VALUES (\(work.tenant), \(hash))", on: MemoIndex.table)
    }
  }

  /// All tables of tenants that the database has, not only those that we think it has.
  func tables() throws -> [String] {
    let rows = try PostgresLink(database.server()).query(
      "SELECT table_name FROM information_schema.columns WHERE table_schema = 'steward' AND column_name = 'tenant' ORDER BY 1"
    )
    return (0..<rows.count).map { rows.text($0, 0) }
  }

  func link(_ role: String, tenant: TenantID?, working: Bool) throws -> PostgresLink {
    let link = try PostgresLink(database.server(as: role))
    if let tenant { _ = try link.query("SELECT set_config('steward.tenant', ?, false)", [.text(tenant.text)]) }
    if working { _ = try link.query("SELECT set_config('steward.work', 'on', false)") }
    return link
  }
}

private func sqlState(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch let error as StorageError { return error.sqlState } catch { return "\(error)" }
}

@Suite("The fences of PostgreSQL", .enabled(if: TestDatabase.isThere))
struct PostgresFenceTests {
  @Test("past the ledger no row of any table is inserted, changed or removed, and none is emptied")
  func guards() async throws {
    let ground = try await Neighbours()
    let tables = try ground.tables()
    #expect(tables.count >= 8, "\(tables)")
    let link = try ground.link("steward_app", tenant: ground.bench.tenant, working: false)
    for table in tables {
      let statements = [
        "INSERT INTO \(table) SELECT * FROM \(table)", "UPDATE \(table) SET tenant = tenant", "DELETE FROM \(table)",
        "TRUNCATE \(table)",
      ]
      for statement in statements {
        #expect(sqlState { _ = try link.query(statement) } == "42501", "\(statement)")
      }
    }
    // The owner's role has the right to; the guard stands in its way too.
    let owner = try ground.link("steward_owner", tenant: ground.bench.tenant, working: true)
    for table in tables {
      #expect(sqlState { _ = try owner.query("TRUNCATE \(table) CASCADE") } == "42501", "\(table)")
    }
    #expect(try ground.bench.verified().isEmpty)
  }

  @Test(
    "a transaction sees and writes its own tenant's rows, and none without a tenant",
    arguments: ["steward_app", "steward_owner"])
  func rowLevel(role: String) async throws {
    let ground = try await Neighbours()
    let (mine, other) = (ground.bench.tenant, ground.other)
    let (own, nobody) = (
      try ground.link(role, tenant: mine, working: true), try ground.link(role, tenant: nil, working: true)
    )
    let all = try PostgresLink(ground.database.server())
    for table in try ground.tables() {
      func count(_ link: PostgresLink, _ tail: String = "") throws -> Int64 {
        try link.query("SELECT count(*) FROM \(table) \(tail)").integer(0, 0)
      }
      let theirs = "WHERE tenant = '\(other)'"
      #expect(try count(own, theirs) == 0, "\(table)")
      #expect(try count(own) == count(all, "WHERE tenant = '\(mine)'"), "\(table)")
      #expect(try count(nobody) == 0, "\(table)")
      let before = try count(all, theirs)
      for link in [own, nobody] {
        for statement in ["UPDATE \(table) SET tenant = tenant \(theirs)", "DELETE FROM \(table) \(theirs)"] {
          let state = sqlState { _ = try link.query(statement) }
          #expect(state == "42501" || (state == nil && link.changedRows == 0), "\(statement)")
        }
      }
      #expect(try count(all, theirs) == before, "\(table)")
      // Whoever may insert cannot do it in another's name. The row is there already: a right that came first would say 23505.
      let copy = try columns(table, all).map { $0 == "tenant" ? "'\(other)'" : $0 }.joined(separator: ", ")
      let list = try columns(table, all).joined(separator: ", ")
      let state = sqlState {
        _ = try own.query("INSERT INTO \(table) (\(list)) SELECT \(copy) FROM \(table) WHERE tenant = '\(mine)'")
      }
      #expect(try state == "42501" || count(own) == 0, "\(table): \(state ?? "written")")
    }
    #expect(try ground.bench.verified().isEmpty)
  }

  private func columns(_ table: String, _ link: PostgresLink) throws -> [String] {
    let rows = try link.query(
      "SELECT column_name FROM information_schema.columns WHERE table_schema = 'steward' AND table_name = ? ORDER BY ordinal_position",
      [.text(table)])
    return (0..<rows.count).map { rows.text($0, 0) }
  }

  @Test("what a transaction may see ends with it: the pool's next user starts with nothing")
  func settingsEnd() async throws {
    let ground = try await Neighbours()
    let pool = PostgresPool(try ground.database.server(as: "steward_app"), size: 1)
    defer { pool.close() }
    let database = PostgresDatabase(pool: pool, tenant: ground.other.text)
    #expect(try database.readBlocking { try $0.rows(raw: "SELECT id FROM memo").count } == 1)
    try database.onWriterBlocking { connection, _ in
      try connection.begin()
      try connection.commit()
    }
    #expect(try pool.runBlocking { try $0.query("SELECT count(*) FROM memo").integer(0, 0) } == 0)
    #expect(sqlState { try pool.runBlocking { _ = try $0.query("DELETE FROM memo") } } == "42501")
  }

  @Test("without row-level security every statement of the ledger still keeps to its tenant")
  func firstFence() async throws {
    let ground = try await Neighbours()
    for table in try ground.tables() {
      try ground.database.tamper([
        "ALTER TABLE \(table) DISABLE ROW LEVEL SECURITY", "ALTER TABLE \(table) NO FORCE ROW LEVEL SECURITY",
      ])
    }
    let (bench, ledger) = (ground.bench, ground.bench.ledger)
    let all = try PostgresLink(ground.database.server())
    func theirs() throws -> [[Value]] {
      try ground.tables().map { table in
        let rows = try all.query(
          "SELECT count(*), coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM \(table) t WHERE tenant = ?",
          [.text(ground.other.text)])
        return rows.row(0).values
      }
    }
    let before = try theirs()
    let memo = try #require(try await ledger.read(bench.tenant) { try $0.fetch(Memo.self) }.first)
    #expect(memo.title == "acme's")
    #expect(try await ledger.read(bench.tenant) { try $0.fetch(Memo.self).count } == 1)
    #expect(try await ledger.view(Memo.self, bench.tenant).rows.map(\.title) == ["acme's"])
    #expect(try await ledger.read(bench.tenant) { try $0.entries(EntryFilter()).count } == 2)
    let foreign = try #require(try await ledger.read(ground.other) { try $0.fetch(Memo.self) }.first)
    #expect(try await ledger.read(bench.tenant) { try $0.find(Memo.self, foreign.id) } == nil)
    await #expect(throws: (any Error).self) {
      try await ledger.write(bench.tenant, bench.act("memo.edit", foreign)) { try $0.update(foreign) }
    }
    await #expect(throws: (any Error).self) {
      try await ledger.write(bench.tenant, bench.act("memo.delete", foreign)) { try $0.delete(Memo.self, foreign.key) }
    }
    _ = try await ledger.write(bench.tenant, bench.act("memo.edit", memo)) { work in
      try work.update(Memo(id: memo.id, title: "changed"))
      try work.commit(["title": "changed"], subject: try work.subject(of: Memo.self, memo.key))
    }
    try await ground.fill(bench.tenant, "another")
    _ = try await ledger.write(bench.tenant, bench.act("memo.delete", memo)) { try $0.delete(Memo.self, memo.key) }
    #expect(try theirs() == before)
    #expect(try await ledger.read(bench.tenant) { try $0.fetch(Memo.self).map(\.title) } == ["another"])
    // Nothing is wrong but what was taken away, which is told of every table.
    let findings = try bench.verified().filter { $0.tenant == "acme" }
    #expect(findings.allSatisfy { $0.reason.contains("tenants' rows of this table apart") }, "\(findings)")
    #expect(try findings.compactMap(\.table) == ground.tables())
  }
}
