import GRDBSQLite
import Kernel

/// Which database is behind a connection. SQL of ours is what both understand; where they truly differ, the code asks this.
package enum Dialect: Sendable {
  case sqlite
  case postgres
}

/// A connection while it is lent to a closure.
///
/// Not `Sendable`: the compiler refuses to let it out of the closure.
package final class Connection {
  private enum Engine {
    case sqlite(SQLiteSession)
    case postgres(PostgresSession)
  }

  private let engine: Engine
  private var written = 0

  init(_ session: SQLiteSession) { engine = .sqlite(session) }
  init(_ session: PostgresSession) { engine = .postgres(session) }

  package var dialect: Dialect {
    switch engine {
    case .sqlite: .sqlite
    case .postgres: .postgres
    }
  }

  /// The pipelined side of the connection; nil on SQLite, which has none.
  package var pipeline: PostgresSession? {
    if case .postgres(let session) = engine { session } else { nil }
  }

  // Statements come as `SQL`, whose holes are bound. The forms with `raw:` take a text of ours with `?`, so that the compiler can never
  // mistake an interpolated string for one.

  /// Runs one statement that returns nothing. While a pipeline is open it is only sent: what it says comes with the next answer.
  package func run(raw sql: String, _ arguments: [Value] = []) throws {
    switch engine {
    case .sqlite(let session):
      try session.run(sql, arguments)
      // Only now: a statement that SQLite refuses leaves nothing.
      written += 1
    case .postgres(let session): try session.run(sql, arguments)
    }
  }

  /// Rises with every statement through `run` that would have to be taken back.
  package var statements: Int {
    switch engine {
    case .sqlite: written
    case .postgres(let session): session.sent
    }
  }

  package func run(_ sql: SQL) throws { try run(raw: sql.text, sql.arguments) }

  /// Rows that the last INSERT, UPDATE or DELETE touched.
  package var changedRows: Int {
    get throws {
      switch engine {
      case .sqlite(let session): session.changedRows
      case .postgres(let session): try session.changedRows
      }
    }
  }

  /// Hands each row to `body`, which returns false to stop. However many there are, they are never in memory all at once.
  package func each(raw sql: String, _ arguments: [Value] = [], _ body: (RowCursor) throws -> Bool) throws {
    switch engine {
    case .sqlite(let session): try session.each(sql, arguments, body)
    case .postgres(let session):
      let walk = try session.walk(sql, arguments)
      while let row = try walk.next() { if try !body(row) { return } }
    }
  }

  /// Hands each of a few rows to `body`; on PostgreSQL all of them are fetched first, in one answer.
  package func eachOfFew(raw sql: String, _ arguments: [Value] = [], _ body: (RowCursor) throws -> Void) throws {
    switch engine {
    case .sqlite(let session):
      try session.each(sql, arguments) { row in
        try body(row)
        return true
      }
    case .postgres(let session):
      let result = try session.query(sql, arguments)
      for row in 0..<result.count { try body(RowCursor(.postgres(result.row(row)))) }
    }
  }

  /// Rows one by one, for whoever walks along two tables at once. The statement must not be run otherwise meanwhile.
  package func walk(raw sql: String, _ arguments: [Value] = []) throws -> RowWalk {
    switch engine {
    case .sqlite(let session): RowWalk(.sqlite(try session.walk(sql, arguments)))
    case .postgres(let session): RowWalk(.postgres(try session.walk(sql, arguments)))
    }
  }

  package func rows(raw sql: String, _ arguments: [Value] = []) throws -> [[Value]] {
    var rows: [[Value]] = []
    try eachOfFew(raw: sql, arguments) { rows.append($0.values) }
    return rows
  }

  package func rows(_ sql: SQL) throws -> [[Value]] { try rows(raw: sql.text, sql.arguments) }

  package func firstRow(raw sql: String, _ arguments: [Value] = []) throws -> [Value]? {
    switch engine {
    case .sqlite(let session):
      var found: [Value]?
      try session.each(sql, arguments) { row in
        found = row.values
        return false
      }
      return found
    case .postgres(let session):
      let result = try session.query(sql, arguments)
      return result.count > 0 ? result.row(0).values : nil
    }
  }

  package func begin() throws {
    switch engine {
    case .sqlite(let session): try session.begin()
    case .postgres(let session): try session.begin()
    }
  }

  package func commit() throws {
    switch engine {
    case .sqlite(let session): try session.commit()
    case .postgres(let session): try session.commit()
    }
  }

  package func rollback() throws {
    switch engine {
    case .sqlite(let session): try session.rollback()
    case .postgres(let session): try session.rollback()
    }
  }
}

/// A statement on its way through its rows.
package final class RowWalk {
  enum Engine {
    case sqlite(SQLiteWalk)
    case postgres(PostgresWalk)
  }

  private let engine: Engine

  init(_ engine: Engine) { self.engine = engine }

  /// The next row, valid until the next call; nil after the last.
  package func next() throws -> RowCursor? {
    switch engine {
    case .sqlite(let walk): try walk.next()
    case .postgres(let walk): try walk.next()
    }
  }
}

/// The row a statement stands on.
package struct RowCursor {
  enum Engine {
    case sqlite(OpaquePointer)
    case postgres(PostgresRow)
  }

  private let engine: Engine

  init(_ engine: Engine) { self.engine = engine }

  package var values: [Value] {
    switch engine {
    case .sqlite(let statement): (0..<Int(sqlite3_column_count(statement))).map(value)
    case .postgres(let row): row.values
    }
  }

  package func value(_ column: Int) -> Value {
    switch engine {
    case .sqlite(let statement):
      switch sqlite3_column_type(statement, Int32(column)) {
      case SQLITE_INTEGER: .integer(sqlite3_column_int64(statement, Int32(column)))
      case SQLITE_BLOB: .bytes(bytes(column))
      case SQLITE_NULL: .null
      default: .text(text(column))
      }
    case .postgres(let row): row.value(column)
    }
  }

  package func integer(_ column: Int) -> Int64 {
    switch engine {
    case .sqlite(let statement): sqlite3_column_int64(statement, Int32(column))
    case .postgres(let row): row.integer(column)
    }
  }

  package func text(_ column: Int) -> String {
    switch engine {
    case .sqlite(let statement):
      guard let start = sqlite3_column_text(statement, Int32(column)) else { return "" }
      let count = Int(sqlite3_column_bytes(statement, Int32(column)))
      return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    case .postgres(let row): return row.text(column)
    }
  }

  package func bytes(_ column: Int) -> [UInt8] {
    switch engine {
    case .sqlite(let statement):
      guard let start = sqlite3_column_blob(statement, Int32(column)) else { return [] }
      let count = Int(sqlite3_column_bytes(statement, Int32(column)))
      return Array(UnsafeRawBufferPointer(start: start, count: count))
    case .postgres(let row): return row.bytes(column)
    }
  }

  /// Nil unless it is a blob of 32 bytes.
  package func digest(_ column: Int) -> Digest? {
    switch engine {
    case .sqlite(let statement):
      guard let start = sqlite3_column_blob(statement, Int32(column)) else { return nil }
      return Digest(
        bytes: UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, Int32(column)))))
    case .postgres(let row): return row.digest(column)
    }
  }

  package func isNull(_ column: Int) -> Bool {
    switch engine {
    case .sqlite(let statement): sqlite3_column_type(statement, Int32(column)) == SQLITE_NULL
    case .postgres(let row): row.isNull(column)
    }
  }
}

// MARK: - What lies there

extension Connection {
  package func hasTable(_ name: String) throws -> Bool {
    switch dialect {
    case .sqlite:
      try firstRow(raw: "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", [.text(name)]) != nil
    case .postgres:
      try firstRow(raw: "SELECT 1 WHERE to_regclass('steward.' || quote_ident(?)) IS NOT NULL", [.text(name)]) != nil
    }
  }

  /// In the order of their names.
  package func tableNames() throws -> [String] {
    try rows(
      raw: dialect == .sqlite
        ? "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        : "SELECT relname::text FROM pg_catalog.pg_class WHERE relnamespace = 'steward'::regnamespace AND relkind IN ('r', 'p')"
    ).compactMap { $0[0].text }.sorted()
  }

  /// Columns of a table in their order; none if there is no such table.
  package func columns(of table: String) throws -> [String] {
    try rows(
      raw: dialect == .sqlite
        ? "SELECT name FROM pragma_table_info(?) ORDER BY cid"
        : """
        SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass('steward.' || quote_ident(?))
        AND attnum > 0 AND NOT attisdropped ORDER BY attnum
        """, [.text(table)]
    ).compactMap { $0[0].text }
  }

  /// Names an index where the planner would take another: SQLite without statistics does. PostgreSQL decides by itself.
  package func using(_ index: String) -> String { dialect == .sqlite ? "INDEXED BY \(index)" : "" }

  /// Tables without forced row-level security, which a file of one tenant does not need.
  package func tablesOpenToOtherTenants() throws -> [String] {
    guard dialect == .postgres else { return [] }
    return try rows(
      raw: """
        SELECT relname::text FROM pg_catalog.pg_class WHERE relnamespace = 'steward'::regnamespace AND relkind = 'r'
        AND NOT (relrowsecurity AND relforcerowsecurity) ORDER BY 1
        """
    ).compactMap { $0[0].text }
  }

  package func triggerNames() throws -> Set<String> {
    Set(
      try rows(
        raw: dialect == .sqlite
          ? "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
          : """
          SELECT t.tgname::text FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
          WHERE c.relnamespace = 'steward'::regnamespace AND NOT t.tgisinternal AND t.tgenabled = 'O'
          """
      ).compactMap { $0[0].text })
  }
}
