import Kernel

/// PostgreSQL behind a `Connection`: one link, one tenant, and how eagerly outcomes are waited for.
///
/// In a pipeline a statement is sent and its outcome comes with the next answer that somebody waits for. Then an error cannot be
/// told apart from the errors of other statements: whoever opens a pipeline asks `hasFailed` afterwards, and does the same again with
/// each outcome waited for.
package final class PostgresSession {
  let link: PostgresLink
  private let tenant: String?
  /// Whether statements are sent without waiting for what each says.
  package private(set) var isTogether = false
  /// Whether a statement of this transaction failed while its outcome was not waited for, or an answer was asked for after that.
  package private(set) var hasFailed = false
  /// Statements sent in this transaction that answer nothing: what would have to be taken back.
  package private(set) var sent = 0

  init(link: PostgresLink, tenant: String?) {
    self.link = link
    self.tenant = tenant
  }

  // MARK: Transactions

  /// Everything in it is seen and written as this tenant's, and past the guards; both settings end with the transaction.
  func begin() throws { try begin(together: false) }

  package func begin(together: Bool) throws {
    (hasFailed, sent, isTogether) = (false, 0, together)
    try link.queue("BEGIN ISOLATION LEVEL READ COMMITTED")
    try link.queue(
      "SELECT set_config('steward.tenant', ?, true), set_config('steward.work', 'on', true)", [.text(tenant ?? "")])
    if !together { try link.drain() }
  }

  /// A snapshot for reading.
  func beginReading() throws {
    (hasFailed, sent, isTogether) = (false, 0, false)
    try link.queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try link.queue("SELECT set_config('steward.tenant', ?, true)", [.text(tenant ?? "")])
  }

  /// Throws `CommitInDoubt` where it may have taken place without this side knowing, or not be on every machine that it should be on.
  func commit() throws {
    // What was sent before has to be without fault: COMMIT of a failed transaction is a rollback that says so only in passing.
    try drain()
    try commitTogether()
  }

  /// COMMIT sent behind what was not waited for, in one round trip: if any of that fails the server skips COMMIT, and that failure is
  /// thrown. A connection that ends meanwhile is a doubt also if what came before was at fault: only for who can look it up.
  package func commitTogether() throws {
    _ = link.takeWarnings()
    do {
      _ = try noting { try link.query("COMMIT") }
    } catch let error as StorageError where error.isConnectionLost || (error.isCancelled && !link.isInFailedTransaction)
    {
      throw CommitInDoubt(reason: error)
    }
    if let warning = link.takeWarnings().first {
      throw CommitInDoubt(reason: StorageError(sqlState: warning.sqlState, message: warning.message))
    }
  }

  func rollback() throws {
    try link.rollback()
  }

  // MARK: Statements

  func run(_ sql: String, _ arguments: [Value]) throws {
    sent += 1
    if isTogether {
      try noting { try link.queue(sql, arguments) }
    } else {
      try noting { _ = try link.query(sql, arguments) }
    }
  }

  /// Sends many rows in the fewest statements; an error comes with the next answer that is waited for.
  package func insert(into table: String, _ columns: [String], _ rows: [[Value]]) throws {
    sent += 1
    try noting { try link.queueInsert(into: table, columns, rows) }
  }

  func query(_ sql: String, _ arguments: [Value]) throws -> PostgresResult {
    try noting { try link.query(sql, arguments) }
  }

  func walk(_ sql: String, _ arguments: [Value]) throws -> PostgresWalk {
    PostgresWalk(try noting { try link.cursor(sql, arguments) })
  }

  /// Waits for what was sent.
  package func drain() throws { try noting { try link.drain() } }

  var changedRows: Int {
    get throws {
      try drain()
      return link.changedRows
    }
  }

  private func noting<T>(_ body: () throws -> T) throws -> T {
    do { return try body() } catch {
      hasFailed = true
      throw error
    }
  }
}

/// A commit whose outcome this side does not know: the connection ended before the answer, or the wait for a standby was given up.
/// It has to be looked up; it is never a success by itself.
package struct CommitInDoubt: Error, Sendable {
  package let reason: StorageError
}

/// A cursor on its way through its rows.
final class PostgresWalk {
  private let cursor: PostgresCursor

  init(_ cursor: PostgresCursor) { self.cursor = cursor }

  func next() throws -> RowCursor? { try cursor.next().map { RowCursor(.postgres($0)) } }
}
