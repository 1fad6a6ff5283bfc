import Custody
import Foundation
import Kernel
@testable import Ledger
import Storage
import TestDatabase

/// A note with a title in the sealed image and a state in a plain column: enough of a table for the ledger's own tests.
struct Memo: Searchable {
  static let table = Table(
    "memo", .primary, columns: [Column("state", .text, .operational, purpose: "open or done")],
    sealed: [Column("title", .text, .content, purpose: "what the person typed")], retention: "as long as the tenant")

  let id: ID<Memo>
  var state: String
  var title: String

  var key: String { id.text }
  var plain: [String: Value] { ["state": .text(state)] }
  var content: [String: CBOR] { ["title": .text(title)] }
  var searchText: String { title }

  init(id: ID<Memo>, state: String = "open", title: String) {
    self.id = id
    self.state = state
    self.title = title
  }

  init(_ row: OpenedRow) throws {
    id = try row.keyID()
    state = try row.text("state")
    title = try row.contentText("title")
  }
}

enum MemoIndex {
  static let table = Table(
    "memo_title", .derived,
    columns: [Column("hash", .bytes, .operational, purpose: "finds a memo by its title", nullable: false)],
    primaryKey: ["hash"], retention: "rebuilt from memo")

  static let derivation = Derivation(of: table, from: Memo.self) { memo, reader in
    [.bytes(reader.keyedHash("title", memo.title))]
  }
}

let noon = Instant("2026-11-21T12:00:00.000Z") ?? Instant(milliseconds: 0)

/// An installation in a directory of its own, with one tenant, removed at the end.
final class Bench: Sendable {
  let directory: String
  let ledger: Ledger
  let tenant: TenantID
  let clock: FixedClock
  /// Nil where the suite runs on SQLite.
  let database: TestDatabase?

  var keys: String { directory + "/data.keys" }
  var data: String { directory + "/data" }

  /// `replicas`: names of directories beside the data. `onPostgres`: where the data lies, if not where the suite's does.
  init(
    clock: FixedClock = FixedClock(noon), replicas: [String] = [], onPostgres: Bool = TestDatabase.isWanted
  ) async throws {
    let directory = NSTemporaryDirectory() + "steward-" + UUID().uuidString
    self.directory = directory
    self.clock = clock
    database = try TestDatabase.make(tables: [Memo.table, MemoIndex.table], isUsed: onPostgres)
    let installation = try Installation.create(
      at: directory + "/data", keys: "\(directory)/data.keys", replicas: replicas.map { "\(directory)/\($0)" },
      database: database?.settings, now: noon)
    ledger = try Ledger(installation: installation, tables: [Memo.table, MemoIndex.table], clock: clock)
    tenant = try await ledger.createTenant(slug: "acme").id
  }

  deinit {
    try? FileManager.default.removeItem(atPath: directory)
    database?.drop()
  }

  /// The same data opened again; on PostgreSQL the owner's role brings the schema to these tables first.
  func installation(_ tables: [Table] = [Memo.table, MemoIndex.table]) throws -> OpenInstallation {
    try Installation(openAt: data, keys: KeyLocation(keys), database: try database?.settings(tables: tables))
  }

  func add(_ title: String, state: String = "open") async throws -> Written<Memo> {
    let memo = Memo(id: ID.make(at: clock.now), state: state, title: title)
    return try await ledger.write(tenant, act("memo.create", memo)) { work in
      try work.insert(memo)
      return memo
    }
  }

  func act(_ action: StaticString, _ memo: Memo) -> Act {
    Act(action, on: ObjectRef("memo", memo.id), by: .system("test"))
  }

  func verified() throws -> [Verification.Finding] { try Verification.run(dataDirectory: data).flatMap(\.findings) }

  /// Statements run behind the ledger's back, with the guards taken away: what someone with the file can do.
  func tamper(_ statements: [String]) throws {
    if let database { return try database.tamper(["SET session_replication_role = replica"] + statements) }
    let database = try SQLiteDatabase(path: data + "/tenants/\(tenant).db")
    defer { database.close() }
    try database.onWriterBlocking { connection, gate in
      let guards = try connection.rows(
        raw: "SELECT sql FROM sqlite_schema WHERE name = ?", [.text(JournalTables.nameOfImageGuard)])
      try connection.run(raw: "DROP TRIGGER IF EXISTS \(JournalTables.nameOfImageGuard)")
      try gate.whileOpen { for statement in statements { try connection.run(raw: statement) } }
      // Unless the table itself was taken away.
      for text in guards.compactMap(\.[0].text) { try? connection.run(raw: text) }
    }
  }
}
