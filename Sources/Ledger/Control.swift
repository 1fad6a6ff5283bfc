import Kernel
import Storage

/// The control data: who this installation is and which tenants it has. No content.
enum Control {
  static let tables = ["installation", "tenant", "schema_table", "moved"]

  static let ddl = [
    "CREATE TABLE installation (id TEXT NOT NULL PRIMARY KEY, created INTEGER NOT NULL, format INTEGER NOT NULL) STRICT",
    """
    CREATE TABLE tenant (id TEXT NOT NULL PRIMARY KEY, slug TEXT NOT NULL UNIQUE, origin TEXT NOT NULL UNIQUE,
    certificate BLOB NOT NULL, hidden INTEGER NOT NULL, created INTEGER NOT NULL) STRICT
    """,
  ]

  /// What `steward migrate` took elsewhere: tenants, or the installation as a whole (its own id). Made with the first of them, in PostgreSQL
  /// with the schema: whoever runs there may add to it only.
  static let movedTable = """
    CREATE TABLE IF NOT EXISTS moved (id TEXT NOT NULL PRIMARY KEY, target TEXT NOT NULL, time INTEGER NOT NULL) STRICT
    """

  static func installation(_ connection: Connection) throws -> ID<Kernel.Installation>? {
    guard try connection.hasTable("installation"),
      let row = try connection.firstRow(raw: "SELECT id, format FROM installation")
    else { return nil }
    try DirectoryFormat.check(row[1].integer)
    guard let text = row[0].text, let id = ID<Kernel.Installation>(text) else {
      throw Problem(.unavailable, "The control database is damaged; restore it from a backup.")
    }
    return id
  }

  static func write(_ id: ID<Kernel.Installation>, _ now: Instant, _ connection: Connection) throws {
    try connection.run(
      raw: "INSERT INTO installation (id, created, format) VALUES (?, ?, ?)",
      [.text(id.text), .integer(now.milliseconds), .integer(DirectoryFormat.current)])
  }

  /// Those that `tail` names, such as `"ORDER BY id"`, and that were not moved elsewhere; a move to `target` is not over yet.
  static func tenants(
    _ tail: SQL, exceptMovedTo target: String?, _ connection: Connection
  ) throws -> [Installation.TenantEntry] {
    let gone = try moved(exceptTo: target, connection)
    return try connection.rows("SELECT id, slug, origin, certificate, hidden FROM tenant " + tail).compactMap { row in
      guard let id = row[0].text.flatMap({ TenantID($0) }), let slug = row[1].text, let origin = row[2].text,
        let certificate = row[3].bytes, !gone.contains(id.text)
      else { return nil }
      return Installation.TenantEntry(
        id: id, slug: slug, logOrigin: origin, isHidden: row[4].integer == 1, certificate: certificate)
    }
  }

  static func add(_ tenant: Installation.TenantEntry, _ now: Instant, _ connection: Connection) throws {
    do {
      try connection.run(
        raw: "INSERT INTO tenant (id, slug, origin, certificate, hidden, created) VALUES (?,?,?,?,?,?)",
        [
          .text(tenant.id.text), .text(tenant.slug), .text(tenant.logOrigin), .bytes(tenant.certificate),
          .integer(tenant.isHidden ? 1 : 0), .integer(now.milliseconds),
        ])
    } catch let error as StorageError where error.isConstraint {
      throw Problem(.conflict, "There is already a tenant of this name; choose another one.")
    }
  }

  // MARK: What was moved

  /// The ids of what was moved, but to `target`.
  static func moved(exceptTo target: String?, _ connection: Connection) throws -> Set<String> {
    guard try connection.hasTable("moved") else { return [] }
    return Set(
      try connection.rows(raw: "SELECT id, target FROM moved").compactMap { row in
        row[1].text == target ? nil : row[0].text
      })
  }

  static func noteMoved(_ ids: [String], to target: String, _ now: Instant, _ connection: Connection) throws {
    if connection.dialect == .sqlite { try connection.run(raw: movedTable) }
    for id in ids {
      try connection.run(
        raw: "INSERT INTO moved (id, target, time) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
        [.text(id), .text(target), .integer(now.milliseconds)])
    }
  }
}
