import Custody
import Glibc
import Kernel
import Storage

/// Where an installation's data lies, for whoever reads it without opening it: verification, inspection, backups. A data directory holds
/// it, or names the database that does.
package struct DataPlace: Sendable {
  package let directory: String
  /// Nil: the directory holds the data.
  package let server: PostgresServer?

  /// What this program knows of the tables; a database that all tenants share does not say which of them a tenant has.
  package let tables: [Table]

  /// Bytes; 0 for a file that is not there.
  static func size(of path: String) -> Int64 {
    var facts = stat()
    return stat(path, &facts) == 0 ? Int64(facts.st_size) : 0
  }

  /// The file of a data directory that names its database: one line, the URL of the application role.
  static let nameOfDatabaseFile = "/database"

  package init(_ directory: String, tables: [Table] = []) throws {
    self.directory = directory
    self.tables = tables
    server = try Self.databaseURL(ofDirectory: directory).map { try PostgresServer(url: $0) }
  }

  /// The application's role as a URL; nil if the directory holds its data itself.
  package static func databaseURL(ofDirectory directory: String) throws -> String? {
    try DurableFile.read(directory + nameOfDatabaseFile).map { String(decoding: $0, as: UTF8.self).trimmingLineFeed }
  }

  /// The statements that make a tenant's data as a file of its own, whichever engine holds it.
  package func schema(_ connection: Connection) throws -> [String] {
    guard server != nil else {
      return try connection.rows(
        raw: """
          SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
          ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 ELSE 2 END, name
          """
      ).compactMap { $0[0].text }
    }
    return JournalTables.ddl + tables.sorted { $0.name < $1.name }.flatMap(\.sqliteDDL)
  }

  /// The control tables in order of their names, and the statements that make them.
  package func controlTables(_ connection: Connection) throws -> [String] {
    if server == nil { return try connection.tableNames() }
    return try ["installation", "tenant", "moved"].filter { try $0 != "moved" || connection.hasTable($0) }
  }

  package func controlSchema(_ connection: Connection) throws -> [String] {
    server == nil ? try schema(connection) : Control.ddl + [Control.movedTable]
  }

  /// Tables whose rows are on the record, by the columns that docs/format.md §2 gives each of them.
  package func primaryTables(_ connection: Connection) throws -> [String] {
    try connection.tableNames().filter { name in
      let columns = try connection.columns(of: name)
      return columns.contains("sealed") && columns.contains("subject")
    }
  }

  package func control<T>(_ body: (Connection) throws -> T) throws -> T {
    guard let server else { return try SQLiteDatabase.readOnly(path: directory + "/control.db", body) }
    return try PostgresDatabase.readOnce(server, tenant: nil, body)
  }

  /// One snapshot of one tenant's data, also beside a running server. `immutable`: as in `SQLiteDatabase.readOnly`.
  package func tenant<T>(_ id: TenantID, immutable: Bool = false, _ body: (Connection) throws -> T) throws -> T {
    guard let server else {
      return try SQLiteDatabase.readOnly(path: "\(directory)/tenants/\(id).db", immutable: immutable, body)
    }
    return try PostgresDatabase.readOnce(server, tenant: id.text, body)
  }
}

extension String {
  var trimmingLineFeed: String { hasSuffix("\n") ? String(dropLast()) : self }
}
