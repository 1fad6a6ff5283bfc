import GRDB
import GRDBSQLite
import Kernel

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
  package var isInputOutput: Bool {
    (code & 0xff == SQLITE_IOERR && !isAboutSharedMemory) || code & 0xff == SQLITE_CORRUPT
  }
  /// No room: nothing of the transaction is on the disk, and the next one may find room again.
  package var isFull: Bool { code & 0xff == SQLITE_FULL || code == StorageError.sharedMemorySize }

  /// SQLITE_IOERR_SHMSIZE: the index beside the log could not grow. It holds nothing that must last.
  private static let sharedMemorySize = SQLITE_IOERR | 19 << 8
  /// SQLITE_IOERR_SHMOPEN, SHMSIZE, SHMLOCK and SHMMAP.
  private var isAboutSharedMemory: Bool { (18...21).contains(code >> 8) }

  /// What GRDB throws, as ours.
  static func translating<T>(_ body: () throws -> T) throws -> T {
    do { return try body() } catch let error as DatabaseError {
      throw StorageError(code: error.extendedResultCode.rawValue, message: error.message ?? "")
    }
  }

  /// The answer to whoever writes through a handle whose disk failed.
  static let afterFailure = StorageError(code: SQLITE_IOERR, message: "the disk failed under this database before")
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

  /// Rows that the last INSERT, UPDATE or DELETE touched.
  package var changedRows: Int { Int(sqlite3_changes64(database.sqliteConnection)) }

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

  /// Rows one by one, for whoever walks along two tables at once. The statement must not be run otherwise meanwhile.
  package func walk(raw sql: String, _ arguments: [Value] = []) throws -> RowWalk {
    RowWalk(statement: try prepared(sql, arguments), connection: self)
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

  package func begin() throws { try StorageError.translating { try database.beginTransaction(.immediate) } }
  package func commit() throws { try StorageError.translating { try database.commit() } }
  package func rollback() throws { try StorageError.translating { try database.rollback() } }

  private func prepared(_ sql: String, _ arguments: [Value]) throws -> OpaquePointer {
    let statement = try StorageError.translating { try database.cachedStatement(sql: sql).sqliteStatement }
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

  fileprivate func lastError() -> StorageError {
    let handle = database.sqliteConnection
    return StorageError(
      code: sqlite3_extended_errcode(handle), message: handle.map { String(cString: sqlite3_errmsg($0)) } ?? "")
  }
}

/// A statement on its way through its rows.
package final class RowWalk {
  private let statement: OpaquePointer
  private let connection: Connection

  init(statement: OpaquePointer, connection: Connection) {
    self.statement = statement
    self.connection = connection
  }

  deinit { sqlite3_reset(statement) }

  /// The next row, valid until the next call; nil after the last.
  package func next() throws -> RowCursor? {
    switch sqlite3_step(statement) {
    case SQLITE_ROW: return RowCursor(statement: statement)
    case SQLITE_DONE: return nil
    default: throw connection.lastError()
    }
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

  /// Nil unless it is a blob of 32 bytes.
  package func digest(_ column: Int) -> Digest? {
    guard let start = sqlite3_column_blob(statement, Int32(column)) else { return nil }
    return Digest(
      bytes: UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, Int32(column)))))
  }

  package func isNull(_ column: Int) -> Bool { sqlite3_column_type(statement, Int32(column)) == SQLITE_NULL }
}
