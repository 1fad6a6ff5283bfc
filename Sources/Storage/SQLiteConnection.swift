import GRDB
import GRDBSQLite
import Kernel

/// SQLite behind a `Connection`. Statements are prepared once and kept by GRDB's cache.
struct SQLiteSession {
  private let database: Database
  private let atHand = StatementsAtHand()

  init(_ database: Database) { self.database = database }

  func run(_ sql: String, _ arguments: [Value]) throws {
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

  var changedRows: Int { Int(sqlite3_changes64(database.sqliteConnection)) }

  func each(_ sql: String, _ arguments: [Value], _ body: (RowCursor) throws -> Bool) throws {
    let statement = try prepared(sql, arguments)
    defer { sqlite3_reset(statement) }
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_DONE: return
      case SQLITE_ROW: if try !body(RowCursor(.sqlite(statement))) { return }
      default: throw lastError()
      }
    }
  }

  func walk(_ sql: String, _ arguments: [Value]) throws -> SQLiteWalk {
    SQLiteWalk(statement: try prepared(sql, arguments), session: self)
  }

  /// GRDB's own forms compile these each time.
  func begin() throws { try run("BEGIN IMMEDIATE TRANSACTION", []) }
  func commit() throws { try run("COMMIT TRANSACTION", []) }
  func rollback() throws { try StorageError.translating { try database.rollback() } }

  private func prepared(_ sql: String, _ arguments: [Value]) throws -> OpaquePointer {
    let statement = try atHand.statement(sql) { sql in
      try StorageError.translating { try database.cachedStatement(sql: sql) }
    }.sqliteStatement
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

  func lastError() -> StorageError {
    let handle = database.sqliteConnection
    return StorageError(
      code: sqlite3_extended_errcode(handle), message: handle.map { String(cString: sqlite3_errmsg($0)) } ?? "")
  }
}

/// Statements found again by where their text lies, while a connection is lent: the writer runs the same few, which are constants, a hundred
/// thousand times a second, and GRDB's own cache hashes the whole text each time.
///
/// An entry keeps its text, so that no other can come to lie at its place.
private final class StatementsAtHand {
  private struct Entry {
    let place: UInt
    let text: String
    let statement: Statement
  }

  /// A power of two. An entry that falls on another's place takes it.
  private static let count = 32
  /// Texts up to this size lie within the `String` itself, which is everywhere.
  private static let shortest = 16

  private var entries: [Entry?] = []

  func statement(_ sql: String, _ prepare: (String) throws -> Statement) throws -> Statement {
    let (place, count) =
      sql.utf8.withContiguousStorageIfAvailable { (UInt(bitPattern: $0.baseAddress), $0.count) } ?? (0, 0)
    guard count >= StatementsAtHand.shortest else { return try prepare(sql) }
    if entries.isEmpty { entries = Array(repeating: nil, count: StatementsAtHand.count) }
    let slot = Int((place >> 4 ^ place >> 9) & UInt(StatementsAtHand.count - 1))
    if let found = entries[slot], found.place == place, found.text.utf8.count == count { return found.statement }
    let statement = try prepare(sql)
    entries[slot] = Entry(place: place, text: sql, statement: statement)
    return statement
  }
}

/// A statement on its way through its rows.
final class SQLiteWalk {
  private let statement: OpaquePointer
  private let session: SQLiteSession

  init(statement: OpaquePointer, session: SQLiteSession) {
    self.statement = statement
    self.session = session
  }

  deinit { sqlite3_reset(statement) }

  func next() throws -> RowCursor? {
    switch sqlite3_step(statement) {
    case SQLITE_ROW: return RowCursor(.sqlite(statement))
    case SQLITE_DONE: return nil
    default: throw session.lastError()
    }
  }
}
