import Kernel
import Storage
import TransparencyLog

/// Brings a tenant's tables to the shape this program declares, as a command of the tenant's own log. Forward only.
struct Migration {
  let tables: [String: Table]
  let tenant: TenantLedger

  func run() async throws {
    try bootstrap()
    let present = try await versions()
    if let newer = present.first(where: { $0.version > (tables[$0.name]?.version ?? Int.max) }) {
      throw Problem(
        .unavailable, "This data was written by a newer Steward; use that version.",
        detail: "table \(newer.name) \(newer.version)")
    }
    let have = Dictionary(present.map { ($0.name, $0.version) }, uniquingKeysWith: { first, _ in first })
    let missing = tables.values.filter { have[$0.name] == nil }.sorted { $0.name < $1.name }
    if missing.isEmpty { return }
    try await apply(missing)
  }

  /// The journal's own tables and the table of versions; made once, before there can be a first command.
  private func bootstrap() throws {
    try tenant.database.onWriterBlocking { connection, _ in
      let exists = try connection.firstRow(raw: "SELECT 1 FROM sqlite_schema WHERE name = 'log_head'") != nil
      if exists { return }
      try connection.begin()
      for statement in JournalTables.ddl + TableVersion.table.sqliteDDL { try connection.run(raw: statement) }
      try connection.commit()
    }
  }

  private func versions() async throws -> [TableVersion] {
    let (id, keys) = (tenant.tenant, tenant.keys)
    return try await tenant.database.read { connection in
      try Reader(tenant: id, connection: connection, keys: keys).fetch(TableVersion.self)
    }
  }

  private func apply(_ missing: [Table]) async throws {
    let act = Act("schema.apply", on: ObjectRef("schema", "main"), by: .system("migration"))
    _ = try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<ProvableWrite?, any Error>) in
      tenant.enqueue(
        TenantLedger.Pending(
          kind: .act(
            act,
            { work in
              for table in missing {
                if table.name != TableVersion.table.name {
                  for statement in table.sqliteDDL { try work.define(statement) }
                }
                try work.insert(TableVersion(name: table.name, version: table.version))
              }
            }),
          finish: { continuation.resume(with: $0) }))
    }
  }
}

extension Work {
  /// DDL inside a migration's command: on SQLite it is part of the transaction.
  func define(_ statement: String) throws { try connection.run(raw: statement) }
}
