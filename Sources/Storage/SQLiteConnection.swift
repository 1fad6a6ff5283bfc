import GRDB
import GRDBSQLite

/// An error of the database, with SQLite's extended result code.
package struct StorageError: Error, Sendable, CustomStringConvertible {
  package let code: Int32
  package let message: String
  package init(code: Int32, message: String) {
    self.code = code
    self.message = message
  }
  package var description: String { "SQLite \(code): \(message)" }

  /// The disk or file system failed; what is durable is no longer certain in this process.
  package var isInputOutput: Bool { code & 0xff == SQLITE_IOERR || code & 0xff == SQLITE_CORRUPT }
  package var isFull: Bool { code & 0xff == SQLITE_FULL }
  package var isConstraint: Bool { code & 0xff == SQLITE_CONSTRAINT }
}

/// A connection while it is lent to a closure. Statements are prepared once and kept by GRDB's cache.
///
/// Not `Sendable`: the compiler refuses to let it out of the closure.
package final class Connection {
  private let database: Database

  init(_ database: Database) { self.database = database }

  // Statements come as `SQL`, whose holes are bound. The forms with `raw:` take a text of ours with `?`, so that the compiler can never
  // mistake an interpolated string for one.

  /// Runs one statement that returns nothing.
  package func run(raw sql: String, _ arguments: [Value] = []) throws {
    let statement = try prepared(sql, arguments)
    defer { sqlite3_reset(statement) }
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_DONE: return
      case SQLITE_ROW: continue
      default: throw lastError()
      }
    }
  }

  package func run(_ sql: SQL) throws { try run(raw: sql.text, sql.arguments) }

  /// Hands each row to `body`, which returns false to stop.
  package func each(raw sql: String, _ arguments: [Value] = [], _ body: (RowCursor) throws -> Bool) throws {
    let statement = try prepared(sql, arguments)
    defer { sqlite3_reset(statement) }
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_DONE: return
      case SQLITE_ROW: if try !body(RowCursor(statement: statement)) { return }
      default: throw lastError()
      }
    }
  }

  package func rows(raw sql: String, _ arguments: [Value] = []) throws -> [[Value]] {
    var rows: [[Value]] = []
    try each(raw: sql, arguments) { row in
      rows.append(row.values)
      return true
    }
    return rows
  }

  package func rows(_ sql: SQL) throws -> [[Value]] { try rows(raw: sql.text, sql.arguments) }

  package func firstRow(raw sql: String, _ arguments: [Value] = []) throws -> [Value]? {
    var found: [Value]?
    try each(raw: sql, arguments) { row in
      found = row.values
      return false
    }
    return found
  }

  package func begin() throws { try translating { try database.beginTransaction(.immediate) } }
  package func commit() throws { try translating { try database.commit() } }
  package func rollback() throws { try translating { try database.rollback() } }

  private func translating(_ body: () throws -> Void) throws {
    do { try body() } catch let error as DatabaseError {
      throw StorageError(code: error.extendedResultCode.rawValue, message: error.message ?? "")
    }
  }

  private func prepared(_ sql: String, _ arguments: [Value]) throws -> OpaquePointer {
    let statement: OpaquePointer
    do { statement = try database.cachedStatement(sql: sql).sqliteStatement } catch let error as DatabaseError {
      throw StorageError(code: error.extendedResultCode.rawValue, message: error.message ?? "")
    }
    sqlite3_reset(statement)
    guard sqlite3_bind_parameter_count(statement) == arguments.count else {
      throw StorageError(code: SQLITE_RANGE, message: "the statement has another number of holes")
    }
    for (position, argument) in arguments.enumerated() {
      guard bind(argument, at: Int32(position + 1), of: statement) == SQLITE_OK else { throw lastError() }
    }
    return statement
  }

  private func bind(_ value: Value, at position: Int32, of statement: OpaquePointer) -> Int32 {
    // SQLITE_TRANSIENT: SQLite copies the bytes before the call returns.
    let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    switch value {
    case .null: return sqlite3_bind_null(statement, position)
    case .integer(let value): return sqlite3_bind_int64(statement, position, value)
    case .text(var value):
      guard !value.isEmpty else {
        return sqlite3_bind_text64(statement, position, "", 0, transient, UInt8(SQLITE_UTF8))
      }
      return value.withUTF8 { utf8 in
        utf8.withMemoryRebound(to: CChar.self) {
          sqlite3_bind_text64(statement, position, $0.baseAddress, UInt64($0.count), transient, UInt8(SQLITE_UTF8))
        }
      }
    case .bytes(let value):
      guard !value.isEmpty else { return sqlite3_bind_zeroblob(statement, position, 0) }
      return value.withUnsafeBytes {
        sqlite3_bind_blob64(statement, position, $0.baseAddress, UInt64($0.count), transient)
      }
    }
  }

  private func lastError() -> StorageError {
    let handle = database.sqliteConnection
    return StorageError(
      code: sqlite3_extended_errcode(handle), message: handle.map { String(cString: sqlite3_errmsg($0)) } ?? "")
  }
}

/// The row a statement stands on.
package struct RowCursor {
  let statement: OpaquePointer

  package var values: [Value] { (0..<sqlite3_column_count(statement)).map { value(Int($0)) } }

  package func value(_ column: Int) -> Value {
    let position = Int32(column)
    switch sqlite3_column_type(statement, position) {
    case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, position))
    case SQLITE_TEXT: return .text(text(column))
    case SQLITE_BLOB: return .bytes(bytes(column))
    case SQLITE_NULL: return .null
    default: return .text(text(column))
    }
  }

  package func integer(_ column: Int) -> Int64 { sqlite3_column_int64(statement, Int32(column)) }

  package func text(_ column: Int) -> String {
    guard let start = sqlite3_column_text(statement, Int32(column)) else { return "" }
    let count = Int(sqlite3_column_bytes(statement, Int32(column)))
    return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  }

  package func bytes(_ column: Int) -> [UInt8] {
    guard let start = sqlite3_column_blob(statement, Int32(column)) else { return [] }
    let count = Int(sqlite3_column_bytes(statement, Int32(column)))
    return Array(UnsafeRawBufferPointer(start: start, count: count))
  }

  package func isNull(_ column: Int) -> Bool { sqlite3_column_type(statement, Int32(column)) == SQLITE_NULL }
}
