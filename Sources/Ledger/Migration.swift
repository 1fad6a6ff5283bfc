import Kernel
import Storage
import TransparencyLog

/// Brings a tenant's tables to the shape this program declares, as a command of the tenant's own log. Forward only.
///
/// It runs when a tenant is first opened, so a start after an upgrade costs nothing for tenants that nobody asks for. All of it is one
/// command: statements, versions and entry become durable together, so a crash in the middle leaves the old shape and the next
/// opening begins again.
struct Migration {
  let tables: [String: Table]
  let tenant: TenantLedger

  /// One table's way to its shape.
  private struct Change: Sendable {
    let table: Table
    let statements: [String]
    /// Nil: the table is new.
    let from: Int?
  }

  /// `first` comes before the first command, and only where this program may write this data.
  func run(first: () async throws -> Void = {}) async throws {
    try bootstrap()
    let changes = try changes(from: try await versions())
    try await first()
    if !changes.isEmpty { try await apply(changes) }
  }

  /// The journal's own tables and the table of versions; made once, before there can be a first command. On PostgreSQL they are there for
  /// all tenants, and it is the head that is made: what writers lock.
  private func bootstrap() throws {
    let id = tenant.tenant
    try tenant.database.onWriterBlocking { connection, _ in
      if connection.dialect == .sqlite, try connection.hasTable("log_head") {
        return try addImageGuard(connection)
      }
      try connection.begin()
      if connection.dialect == .sqlite {
        for statement in JournalTables.ddl + TableVersion.table.sqliteDDL { try connection.run(raw: statement) }
      } else {
        try LogStore(tenant: id, connection: connection).makeHead()
      }
      try connection.commit()
    }
  }

  /// A journal that an earlier version made has none.
  private func addImageGuard(_ connection: Connection) throws {
    let found = try connection.firstRow(
      raw: "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = ?", [.text(JournalTables.nameOfImageGuard)])
    if found == nil { try connection.run(raw: JournalTables.imageGuard) }
  }

  private func versions() async throws -> [TableVersion] {
    let (id, keys) = (tenant.tenant, tenant.keys)
    return try await tenant.database.read { connection in
      try Reader(tenant: id, connection: connection, keys: keys).fetch(TableVersion.self)
    }
  }

  /// What has to be done, or why this data cannot be opened.
  private func changes(from present: [TableVersion]) throws -> [Change] {
    for row in present where row.version > (tables[row.name]?.version ?? Int.max) {
      throw Problem(
        .unavailable,
        "This data was written by a newer Steward; install that version again, or restore a backup from before the upgrade.",
        detail: "table \(row.name) has version \(row.version), this program knows \(tables[row.name]?.version ?? 0)")
    }
    let have = Dictionary(present.map { ($0.name, $0.version) }, uniquingKeysWith: { first, _ in first })
    return try tables.values.sorted { $0.name < $1.name }.compactMap { table in
      guard let version = have[table.name] else {
        let isThere = table.name == TableVersion.table.name || tenant.database.isShared
        return Change(table: table, statements: isThere ? [] : table.sqliteDDL, from: nil)
      }
      guard version < table.version else { return nil }
      guard let statements = table.sqliteUpgrade(from: version) else {
        throw Problem(
          .unavailable, "This data is too old for this Steward; upgrade through the versions in between.",
          detail: "no step leads table \(table.name) from version \(version) to \(table.version)")
      }
      // On a shared database the owner's role has brought all tenants' tables forward at once (`PostgresSchema`).
      return Change(table: table, statements: tenant.database.isShared ? [] : statements, from: version)
    }
  }

  /// Another server did it meanwhile.
  private struct AlreadyDone: Error {}

  private func apply(_ changes: [Change]) async throws {
    let act = Act("schema.apply", on: ObjectRef("schema", "main"), by: .system("migration"))
    do {
      _ = try await tenant.perform(.act(act, { try Self.apply(changes, $0) }))
    } catch is AlreadyDone {}
  }

  private static func apply(_ changes: [Change], _ work: Work) throws {
    let present = Dictionary(
      try work.fetch(TableVersion.self).map { ($0.name, $0.version) }, uniquingKeysWith: { first, _ in first })
    let left = changes.filter { $0.table.version > present[$0.table.name] ?? 0 }
    if left.isEmpty { throw AlreadyDone() }
    for change in left {
      if change.table.name == TableVersion.table.name {
        try FacetStore(tenant: work.tenant, connection: work.connection).bringForward()
      }
      for statement in change.statements { try work.define(statement) }
      let version = TableVersion(name: change.table.name, version: change.table.version)
      if present[change.table.name] == nil { try work.insert(version) } else { try work.update(version) }
    }
  }
}

/// The shape of the control database and of the directory around it.
enum DirectoryFormat {
  static let current: Int64 = 1

  static func check(_ found: Int64?) throws {
    guard let found, found >= 1 else {
      throw Problem(.unavailable, "The control database is damaged; restore it from a backup.", detail: "format")
    }
    guard found <= current else {
      throw Problem(
        .unavailable,
        "This data directory was written by a newer Steward; install that version again, or restore a backup from before the upgrade.",
        detail: "directory format \(found), this program knows \(current)")
    }
  }
}

extension Work {
  /// DDL inside a migration's command: on SQLite it is part of the transaction.
  func define(_ statement: String) throws { try connection.run(raw: statement) }
}
