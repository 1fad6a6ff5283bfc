import Foundation
import Kernel
@testable import Ledger
import Storage
import TestDatabase
import Testing

private let tables = [Memo.table, MemoIndex.table]

/// A database with the schema of `tables`, and a role of its own that may be given rights: roles are the whole server's.
private final class Ground {
  let database: TestDatabase
  let role = "app_" + UUID().uuidString.prefix(8).lowercased()
  let schema = PostgresSchema(tables: tables)

  init() throws {
    database = try #require(try TestDatabase.make(tables: tables, isUsed: true))
    try run("CREATE ROLE \(role) LOGIN PASSWORD '\(role)'")
    try bringForward(schema)
  }

  deinit {
    try? run("DROP OWNED BY \(role); DROP ROLE \(role)")
    database.drop()
  }

  func run(_ statement: String) throws { try link(nil).exec(statement) }
  func link(_ role: String?) throws -> PostgresLink { try PostgresLink(database.server(as: role)) }
  func application() throws -> PostgresLink {
    try PostgresLink(try database.server().with(user: role, password: role))
  }
  func bringForward(_ schema: PostgresSchema) throws {
    try schema.bringForward(
      owner: database.server(as: "steward_owner"), application: database.server().with(user: role, password: role))
  }

  /// What the opening says to a program with these tables.
  func refusal(_ tables: [Table] = tables) throws -> String? {
    do {
      try PostgresSchema(tables: tables).check(try application())
      return nil
    } catch let problem as Problem { return problem.message }
  }

  /// Everything that makes up the shape: tables, columns, indexes, triggers, policies, functions, versions.
  func shape() throws -> [[Value]] {
    let rows = try link(nil).query(
      """
      SELECT 'c ' || table_name || '.' || column_name || ' ' || data_type || is_nullable FROM information_schema.columns
        WHERE table_schema = 'steward'
      UNION ALL SELECT 'i ' || indexdef FROM pg_indexes WHERE schemaname = 'steward'
      UNION ALL SELECT 't ' || tgname || tgenabled::text FROM pg_trigger
      UNION ALL SELECT 'p ' || tablename || policyname || qual FROM pg_policies WHERE schemaname = 'steward'
      UNION ALL SELECT 'r ' || relname || relrowsecurity || relforcerowsecurity || coalesce(relacl::text, '') FROM pg_class
        WHERE relnamespace = 'steward'::regnamespace
      UNION ALL SELECT 'v ' || name || version FROM steward.schema_table ORDER BY 1
      """)
    return (0..<rows.count).map { rows.row($0).values }
  }
}

private func memo(_ version: Int, _ upgrades: [Table.Upgrade]) -> Table {
  Table(
    "memo", .primary, version: version,
    columns: [
      Column("state", .text, .operational, purpose: "open or done"),
      Column("due_at", .integer, .operational, purpose: "when it is due"),
    ], sealed: [Column("title", .text, .content, purpose: "what the person typed")],
    indexes: [Index(["due_at"])], retention: "as long as the tenant", upgrades: upgrades)
}

@Suite("The schema of PostgreSQL", .enabled(if: TestDatabase.isThere))
struct PostgresSchemaTests {
  private static let sabotages = [
    ("ALTER ROLE $ROLE SUPERUSER", "is a superuser"), ("ALTER ROLE $ROLE BYPASSRLS", "passes row-level security"),
    ("ALTER ROLE $ROLE CREATEROLE", "may make roles"), ("ALTER ROLE $ROLE CREATEDB", "may make databases"),
    ("ALTER ROLE $ROLE REPLICATION", "may replicate"),
    ("GRANT CREATE ON SCHEMA steward TO $ROLE", "may create in the schema"),
    ("ALTER SCHEMA steward OWNER TO $ROLE", "owns the schema"),
    ("ALTER DATABASE $DATABASE OWNER TO $ROLE", "owns the database"),
    ("ALTER TABLE steward.memo OWNER TO $ROLE", "owns memo"), ("GRANT steward_owner TO $ROLE", "owns"),
    ("GRANT TRUNCATE ON steward.memo TO $ROLE", "may truncate memo"),
    ("GRANT TRIGGER ON steward.memo TO $ROLE", "may truncate memo"),
    ("GRANT UPDATE ON steward.log_entry TO $ROLE", "may change log_entry"),
    ("GRANT UPDATE (data) ON steward.log_entry TO $ROLE", "may change log_entry"),
    ("GRANT DELETE ON steward.log_checkpoint TO $ROLE", "may change log_checkpoint"),
    ("GRANT DELETE ON steward.log_facet TO $ROLE", "may change log_facet"),
    ("GRANT UPDATE ON steward.tenant TO PUBLIC", "may change tenant"),
    ("GRANT pg_write_all_data TO $ROLE", "may change"),
    ("GRANT pg_execute_server_program TO $ROLE", "is a member of"),
    ("GRANT SET ON PARAMETER session_replication_role TO $ROLE", "may turn triggers off"),
    ("ALTER ROLE $ROLE NOINHERIT; GRANT steward_test TO $ROLE", "is a superuser"),
  ]

  @Test("a role that may more than Steward needs is refused, and told what")
  func rights() throws {
    let ground = try Ground()
    #expect(try ground.refusal() == nil)
    let link = try ground.link(nil)
    for (sabotage, told) in Self.sabotages {
      if sabotage.contains("PARAMETER"), link.serverVersion < 150_000 { continue }
      let statement = sabotage.replacing("$ROLE", with: ground.role).replacing("$DATABASE", with: ground.database.name)
      try link.exec("BEGIN; \(statement); SET LOCAL SESSION AUTHORIZATION \(ground.role)")
      let refusal = #expect(throws: Problem.self, "\(statement)") { try ground.schema.check(link) }
      #expect(refusal?.message.contains(told) == true, "\(statement): \(refusal?.message ?? "")")
      try link.exec("ROLLBACK")
    }
    #expect(try ground.refusal() == nil)
  }

  @Test("a database that has tenants is not served with keys of its own making, and nothing is left of the try")
  func stranger() async throws {
    let bench = try await Bench(onPostgres: true)
    let two = bench.directory + "/two"
    let refused = #expect(throws: Problem.self) {
      try Installation.create(at: two, keys: "\(two).keys", database: bench.database?.settings, now: noon)
    }
    #expect(refused?.code == .conflict && refused?.message.contains("--keys") == true)
    #expect(!FileManager.default.fileExists(atPath: two) && !FileManager.default.fileExists(atPath: two + ".keys"))
    let server = try Installation.create(at: two, keys: "\(bench.keys)", database: bench.database?.settings, now: noon)
    #expect(server.verifierKey == bench.ledger.installation.verifierKey)
    server.close()
    await bench.ledger.close()
  }

  @Test("a function that runs as the owner and finds temporary tables first is refused, and made anew")
  func temporary() throws {
    let ground = try Ground()
    let functions = "steward.steward_erase_tenant(text)"
    for path in ["steward", "pg_temp, steward"] {
      try ground.run("ALTER FUNCTION \(functions) SET search_path = \(path)")
      #expect(try ground.refusal()?.contains("function") == true, "\(path)")
    }
    try ground.run("ALTER FUNCTION \(functions) RESET search_path")
    #expect(try ground.refusal()?.contains("function") == true)
    try ground.bringForward(ground.schema)
    #expect(try ground.refusal() == nil)
  }

  @Test("a database without the schema, with an older or with a newer one is refused")
  func versions() throws {
    let ground = try Ground()
    let later = memo(2, [Table.Upgrade(to: 2, [.addColumn("due_at")])])
    #expect(try ground.refusal([later, MemoIndex.table])?.contains("older than this Steward") == true)
    try ground.bringForward(PostgresSchema(tables: [later, MemoIndex.table]))
    #expect(try ground.refusal([later, MemoIndex.table]) == nil)
    #expect(try ground.refusal()?.contains("newer Steward") == true)
    #expect(throws: Problem.self) { try ground.bringForward(ground.schema) }
    try ground.run("DROP SCHEMA steward CASCADE")
    #expect(try ground.refusal()?.contains("no schema of Steward yet") == true)
  }

  @Test("a second run changes nothing, and several at once make one schema")
  func again() async throws {
    let ground = try Ground()
    let before = try ground.shape()
    try ground.bringForward(ground.schema)
    #expect(try ground.shape() == before)
    try ground.run("DROP SCHEMA steward CASCADE")
    let (owner, application) = (
      try ground.database.server(as: "steward_owner"), try ground.database.server().with(user: ground.role)
    )
    let schema = ground.schema
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 { group.addTask { try schema.bringForward(owner: owner, application: application) } }
      try await group.waitForAll()
    }
    // The first had been granted to another role as well.
    func built(_ shape: [[Value]]) -> [[Value]] { shape.filter { $0.first?.text?.hasPrefix("r ") == false } }
    #expect(try built(ground.shape()) == built(before))
    #expect(try ground.refusal() == nil)
  }

  @Test("a step that is missing is refused; one that fails leaves the old shape, and the next start begins again")
  func steps() throws {
    let ground = try Ground()
    let before = try ground.shape()
    let problem = #expect(throws: Problem.self) {
      try ground.bringForward(
        PostgresSchema(tables: [memo(3, [Table.Upgrade(to: 3, [.addColumn("due_at")])]), MemoIndex.table]))
    }
    #expect(problem?.message.contains("too old") == true)
    #expect(try ground.shape() == before)
    // The second statement fails: the first one's column must go with it.
    let later = PostgresSchema(
      tables: [memo(2, [Table.Upgrade(to: 2, [.addColumn("due_at"), .addIndex(["due_at"])])]), MemoIndex.table])
    try ground.run("SET search_path = steward; CREATE TABLE in_the_way (due_at bigint)")
    let name = try #require(memoIndexName())
    try ground.run("SET search_path = steward; CREATE INDEX \(name) ON in_the_way (due_at)")
    let between = try ground.shape()
    #expect(throws: StorageError.self) { try ground.bringForward(later) }
    #expect(try ground.shape() == between)
    try ground.run("DROP TABLE steward.in_the_way")
    try ground.bringForward(later)
    #expect(try ground.shape().contains { $0.first?.text?.hasPrefix("c memo.due_at") == true })
  }

  private func memoIndexName() -> String? {
    let made = memo(2, [Table.Upgrade(to: 2, [.addIndex(["due_at"])])]).postgresUpgrade(from: 1)?.first ?? ""
    let words = made.split(separator: " ")
    return words.firstIndex(of: "ON").map { String(words[$0 - 1]) }
  }
}
