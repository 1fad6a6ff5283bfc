import Custody
import Glibc
import Kernel
import Ledger
import Storage

/// Copies one tenant into parts: its rows from one read transaction, then its files. Needs no key: rows and files are sealed as they lie.
struct TenantSnapshot {
  /// Bytes of one piece of a file.
  static let piece = 1 << 20

  /// What the chain has of this tenant.
  struct Known {
    var size: Int64 = 0
    var checkpoint: [UInt8]?
    var files: [FileID: Int64] = [:]
  }

  /// The tenant's log is not a continuation of what the chain has: another base is needed.
  struct NotContinued: Error {}

  let tenant: TenantID
  let place: DataPlace
  let files: any SealedFileStore
  /// Nil for a base.
  let known: Known?

  private var isThere: Bool { place.server != nil || access("\(place.directory)/tenants/\(tenant).db", F_OK) == 0 }

  /// What was taken, with the statements that make its tables.
  struct Taken {
    var size: Int64 = 0
    var checkpoint: [UInt8]?
    var schema: [String] = []
    var parts: ClosedRange<Int>?
    var files: [FileID: Int64] = [:]
    var lost: [FileID] = []
  }

  func take(into writer: PartWriter) throws -> Taken {
    var taken = Taken()
    var first: Int?
    func begin() throws {
      guard first == nil else { return }
      try writer.tenant(tenant)
      first = writer.currentPart
    }
    if isThere {
      try place.tenant(tenant) { connection in try rows(connection, writer, begin, &taken) }
    } else if known.map({ $0.size > 0 }) == true {
      throw NotContinued()
    }
    try files(writer, begin, &taken)
    if let first { taken.parts = first...writer.currentPart }
    return taken
  }

  // MARK: Rows

  private func rows(
    _ connection: Connection, _ writer: PartWriter, _ begin: () throws -> Void, _ taken: inout Taken
  ) throws {
    taken.schema = try place.schema(connection)
    guard try connection.hasTable("log_head") else { return }
    let head = try connection.firstRow(raw: "SELECT size FROM log_head WHERE tenant = ?", [.text(tenant.text)])
    taken.size = head?[0].integer ?? 0
    taken.checkpoint = try checkpoint(connection, size: taken.size)
    guard let known else {
      try begin()
      return try base(connection, writer)
    }
    guard taken.size >= known.size, try checkpoint(connection, size: known.size) == known.checkpoint else {
      throw NotContinued()
    }
    if taken.size == known.size { return }
    try begin()
    try increment(since: known.size, connection, writer)
  }

  private func checkpoint(_ connection: Connection, size: Int64) throws -> [UInt8]? {
    try connection.firstRow(
      raw: "SELECT note FROM log_checkpoint WHERE tenant = ? AND size = ?", [.text(tenant.text), .integer(size)])?[0]
      .bytes
  }

  private func base(_ connection: Connection, _ writer: PartWriter) throws {
    // In the order of their keys, which is how SQLite keeps them and PostgreSQL does not.
    let order = ["log_entry": "idx", "log_change": "idx, position", "log_tile": "level, idx", "log_checkpoint": "size"]
    for table in StoredTables.journal + (try place.primaryTables(connection)) {
      let key = table == "log_head" ? "tenant" : order[table] ?? "id"
      try copy(table, "WHERE tenant = ? ORDER BY \(key)", [.text(tenant.text)], connection, writer)
    }
  }

  private func copy(
    _ table: String, _ tail: String, _ arguments: [Value], _ connection: Connection, _ writer: PartWriter
  ) throws {
    let columns = try TableDump.columns(table, connection)
    try writer.table(table, columns: columns, of: tenant)
    try connection.each(raw: "SELECT \(TableDump.list(columns)) FROM \(SQL.identifier(table)) \(tail)", arguments) {
      try writer.row($0, columns: columns.count)
      return true
    }
  }

  private func increment(since size: Int64, _ connection: Connection, _ writer: PartWriter) throws {
    let from: [Value] = [.text(tenant.text), .integer(size)]
    try copy("log_head", "WHERE tenant = ?", [.text(tenant.text)], connection, writer)
    try copy("log_entry", "WHERE tenant = ? AND idx >= ? ORDER BY idx", from, connection, writer)
    try copy("log_change", "WHERE tenant = ? AND idx >= ? ORDER BY idx, position", from, connection, writer)
    try copy("log_checkpoint", "WHERE tenant = ? AND size > ? ORDER BY size", from, connection, writer)
    for level in 0..<8 {
      let first = Value.integer(size >> Int64(8 * (level + 1)))
      try copy(
        "log_tile", "WHERE tenant = ? AND level = ? AND idx >= ? ORDER BY idx",
        [.text(tenant.text), .integer(Int64(level)), first], connection, writer)
    }
    try changedRows(since: size, connection, writer)
  }

  /// Every row that a newer entry wrote, found through the change records: as it is now, or gone.
  private func changedRows(since size: Int64, _ connection: Connection, _ writer: PartWriter) throws {
    var table = ""
    var columns: [String] = []
    try connection.each(
      raw: "SELECT DISTINCT tbl, row_key FROM log_change WHERE tenant = ? AND idx >= ? ORDER BY tbl, row_key",
      [.text(tenant.text), .integer(size)]
    ) { change in
      let (name, key) = (change.text(0), change.text(1))
      if name != table {
        table = name
        columns = try TableDump.columns(table, connection)
        try writer.table(table, columns: columns, of: tenant)
      }
      var isThere = false
      try connection.eachOfFew(
        raw: "SELECT \(TableDump.list(columns)) FROM \(SQL.identifier(table)) WHERE tenant = ? AND id = ?",
        [.text(tenant.text), .text(key)]
      ) {
        isThere = true
        try writer.row($0, columns: columns.count)
      }
      if !isThere { try writer.gone(table, key) }
      return true
    }
  }

  // MARK: Files

  /// Looked at after the rows: a file is there before the row that names it, so nothing that a row names can be missing. What is still being
  /// written comes along as far as it is; the sweeper removes it after a restore.
  private func files(_ writer: PartWriter, _ begin: () throws -> Void, _ taken: inout Taken) throws {
    let stored = AwaitedFiles(store: files, tenant: tenant)
    let present = try stored.list().sorted { $0.id < $1.id }
    for file in present where known?.files[file.id] != file.size {
      guard let source = try stored.open(file.id) else { continue }
      try begin()
      try writer.file(file.id.text, size: source.size)
      try source.pieces(of: TenantSnapshot.piece) { try writer.data($0) }
      taken.files[file.id] = source.size
    }
    let ids = Set(present.map(\.id))
    taken.lost = (known?.files.keys.filter { !ids.contains($0) } ?? []).sorted()
  }
}

/// Tables as they lie, without knowing what they are for.
enum TableDump {
  static func columns(_ table: String, _ connection: Connection) throws -> [String] {
    let columns = try connection.columns(of: table)
    guard !columns.isEmpty else {
      throw Problem(.internal, "The log names a table that is not there; run `steward audit verify`.", detail: table)
    }
    return columns
  }

  static func list(_ columns: [String]) -> String { columns.map(SQL.identifier).joined(separator: ", ") }

  /// The statement that writes a row.
  static func insert(_ table: String, _ columns: [String], replacing: Bool = false) -> String {
    let holes = columns.map { _ in "?" }.joined(separator: ", ")
    return """
      INSERT \(replacing ? "OR REPLACE " : "")INTO \(SQL.identifier(table)) (\(list(columns))) VALUES (\(holes))
      """
  }

  /// The whole control database, as a file of its own would hold it.
  static func control(_ place: DataPlace) throws -> Contents.Control {
    try place.control { connection in
      let names = try place.controlTables(connection)
      return Contents.Control(
        schema: try place.controlSchema(connection),
        tables: try names.map { name in
          let columns = try columns(name, connection)
          let rows = try connection.rows(raw: "SELECT \(list(columns)) FROM \(SQL.identifier(name))")
          return Contents.Control.Table(name: name, columns: columns, rows: rows)
        })
    }
  }
}
