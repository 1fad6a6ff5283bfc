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
  let dataDirectory: String
  /// Nil for a base.
  let known: Known?

  private var path: String { "\(dataDirectory)/tenants/\(tenant).db" }
  private var filesDirectory: String { "\(dataDirectory)/files/\(tenant)" }

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
    if access(path, F_OK) == 0 {
      try SQLiteDatabase.readOnly(path: path) { connection in
        try rows(connection, writer, begin, &taken)
      }
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
    taken.schema = try TableDump.schema(connection)
    guard try connection.firstRow(raw: "SELECT 1 FROM sqlite_schema WHERE name = 'log_head'") != nil else { return }
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
    for table in StoredTables.journal + (try TableDump.primaryTables(connection)) {
      try copy(table, "WHERE tenant = ?", [.text(tenant.text)], connection, writer)
    }
  }

  private func copy(
    _ table: String, _ tail: String, _ arguments: [Value], _ connection: Connection, _ writer: PartWriter
  ) throws {
    let columns = try TableDump.columns(table, connection)
    try writer.table(table, columns: columns, of: tenant)
    try connection.each(raw: "SELECT \(TableDump.list(columns)) FROM \(TableDump.quoted(table)) \(tail)", arguments) {
      try writer.row($0, columns: columns.count)
      return true
    }
  }

  private func increment(since size: Int64, _ connection: Connection, _ writer: PartWriter) throws {
    let from: [Value] = [.text(tenant.text), .integer(size)]
    try copy("log_head", "WHERE tenant = ?", [.text(tenant.text)], connection, writer)
    try copy("log_entry", "WHERE tenant = ? AND idx >= ? ORDER BY idx", from, connection, writer)
    try copy("log_change", "WHERE tenant = ? AND idx >= ? ORDER BY idx, position", from, connection, writer)
    try copy("log_checkpoint", "WHERE tenant = ? AND size > ?", from, connection, writer)
    for level in 0..<8 {
      let first = Value.integer(size >> Int64(8 * (level + 1)))
      try copy(
        "log_tile", "WHERE tenant = ? AND level = ? AND idx >= ?",
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
      try connection.each(
        raw: "SELECT \(TableDump.list(columns)) FROM \(TableDump.quoted(table)) WHERE tenant = ? AND id = ?",
        [.text(tenant.text), .text(key)]
      ) {
        isThere = true
        try writer.row($0, columns: columns.count)
        return false
      }
      if !isThere { try writer.gone(table, key) }
      return true
    }
  }

  // MARK: Files

  /// Looked at after the rows: a file is there before the row that names it, so nothing that a row names can be missing. What is still being
  /// written comes along as far as it is; the sweeper removes it after a restore.
  private func files(_ writer: PartWriter, _ begin: () throws -> Void, _ taken: inout Taken) throws {
    let names = (try? DirectoryPlace.names(in: filesDirectory)) ?? []
    var present: Set<FileID> = []
    for name in names {
      guard let id = FileID(name) else { continue }
      present.insert(id)
      guard let source = try SourceFile(filesDirectory + "/" + name) else { continue }
      if known?.files[id] == source.size { continue }
      try begin()
      try writer.file(name, size: source.size)
      try source.pieces(of: TenantSnapshot.piece) { try writer.data($0) }
      taken.files[id] = source.size
    }
    taken.lost = (known?.files.keys.filter { !present.contains($0) } ?? []).sorted()
  }
}

/// A stored file while it is copied, as large as it was when it was opened.
private final class SourceFile {
  let size: Int64
  private let descriptor: Int32
  private let path: String

  /// Nil if it is gone.
  init?(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw Problem(.unavailable, "A stored file cannot be read; look at the disk.", detail: path)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      close(descriptor)
      throw Problem(.unavailable, "A stored file cannot be read; look at the disk.", detail: path)
    }
    self.path = path
    self.descriptor = descriptor
    size = Int64(status.st_size)
  }

  deinit { close(descriptor) }

  func pieces(of piece: Int, _ body: ([UInt8]) throws -> Void) throws {
    var rest = size
    while rest > 0 {
      let count = min(Int64(piece), rest)
      try body(try WholeFile.read(descriptor, count: Int(count), path: path))
      rest -= count
    }
  }
}

/// Tables as they lie, without knowing what they are for.
enum TableDump {
  /// The statements that make the database: tables first, then what stands on them.
  static func schema(_ connection: Connection) throws -> [String] {
    try connection.rows(
      raw: """
        SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
        ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 ELSE 2 END, name
        """
    ).compactMap { $0[0].text }
  }

  /// Those whose rows are on the record, by the columns that docs/format.md §2 gives each of them.
  static func primaryTables(_ connection: Connection) throws -> [String] {
    try connection.rows(
      raw: """
        SELECT m.name FROM sqlite_schema m WHERE m.type = 'table' AND EXISTS (SELECT 1 FROM pragma_table_info(m.name) c WHERE c.name = 'sealed')
        AND EXISTS (SELECT 1 FROM pragma_table_info(m.name) c WHERE c.name = 'subject') ORDER BY m.name
        """
    ).compactMap { $0[0].text }
  }

  static func columns(_ table: String, _ connection: Connection) throws -> [String] {
    let columns = try connection.rows(raw: "SELECT name FROM pragma_table_info(?) ORDER BY cid", [.text(table)])
      .compactMap { $0[0].text }
    guard !columns.isEmpty else {
      throw Problem(.internal, "The log names a table that is not there; run `steward audit verify`.", detail: table)
    }
    return columns
  }

  static func quoted(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  static func list(_ columns: [String]) -> String { columns.map(quoted).joined(separator: ", ") }

  /// The whole control database.
  static func control(_ directory: String) throws -> Contents.Control {
    try SQLiteDatabase.readOnly(path: directory + "/control.db") { connection in
      let names = try connection.rows(
        raw: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
      ).compactMap { $0[0].text }
      return Contents.Control(
        schema: try schema(connection),
        tables: try names.map { name in
          let columns = try columns(name, connection)
          let rows = try connection.rows(raw: "SELECT \(list(columns)) FROM \(quoted(name))")
          return Contents.Control.Table(name: name, columns: columns, rows: rows)
        })
    }
  }
}
