import GRDB
import GRDBSQLite

/// An error of the database: SQLite's extended result code, or PostgreSQL's SQLSTATE.
package struct StorageError: Error, Sendable, CustomStringConvertible {
  /// 0 where `sqlState` is given.
  package let code: Int32
  /// Five characters (PostgreSQL, appendix A); `08006` also for a connection that ended without saying why.
  package let sqlState: String?
  package let message: String

  package init(code: Int32, message: String) {
    self.code = code
    self.message = message
    sqlState = nil
  }

  package init(sqlState: String, message: String) {
    code = 0
    self.sqlState = sqlState
    self.message = message
  }

  package var description: String { sqlState.map { "PostgreSQL \($0): \(message)" } ?? "SQLite \(code): \(message)" }

  /// The disk or file system under this process failed; what is durable is no longer certain in it.
  package var isInputOutput: Bool {
    sqlState == nil && ((code & 0xff == SQLITE_IOERR && !isAboutSharedMemory) || code & 0xff == SQLITE_CORRUPT)
  }

  /// No room: nothing of the transaction is on the disk, and the next one may find room again.
  package var isFull: Bool {
    sqlState == "53100" || code & 0xff == SQLITE_FULL || code == StorageError.sharedMemorySize
  }

  package var isMissingTable: Bool { sqlState == "42P01" || (sqlState == nil && message.hasPrefix("no such table")) }

  /// Nothing of the transaction in which it came can stand.
  package var endsTransaction: Bool { isInputOutput || isFull || isConnectionLost || isRetryable || isCancelled }

  package var isConstraint: Bool { sqlState?.hasPrefix("23") ?? (code & 0xff == SQLITE_CONSTRAINT) }

  /// The connection is no more, or of no more use, because its server no longer takes writes (25006): the transaction that was open on it
  /// is rolled back, unless its commit had been sent.
  package var isConnectionLost: Bool {
    guard let sqlState else { return false }
    return sqlState.hasPrefix("08") || ["57P01", "57P02", "57P03", "25P03", "57P05", "25006"].contains(sqlState)
  }

  /// Nobody waited for its end: a time-out, or somebody cancelled it.
  package var isCancelled: Bool { sqlState == "57014" }

  /// The server gave this transaction up for another's sake: the same again may succeed.
  package var isRetryable: Bool { sqlState.map { ["40001", "40P01", "55P03"].contains($0) } ?? false }

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
  package static let afterFailure = StorageError(
    code: SQLITE_IOERR, message: "the disk failed under this database before")
}
