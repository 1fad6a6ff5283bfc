import CPostgres
import Glibc

/// One connection to PostgreSQL, through libpq in pipeline mode. Used by one thread at a time.
///
/// `queue` sends without waiting; `query` and `drain` wait for everything before them. After the first statement that fails, the server
/// skips what was queued behind it, up to the point at which somebody waits; that one gets the first error, and the connection can be
/// used again at once. A transaction that was open is then a failed one, until `rollback()` or `rollback(to:)`.
///
/// What is queued outside BEGIN … COMMIT is one transaction up to the next `query` or `drain`.
package final class PostgresLink {
  /// What has been sent and not been answered.
  struct Awaited {
    enum Kind {
      case prepare
      case describe
      case run
      /// A statement whose rows somebody wants.
      case rows
      case close(String)
      case sync
    }

    let kind: Kind
    let statement: PostgresStatement?
  }

  /// So much is sent before we look whether there is anything to read: enough for few system calls, less than a socket's buffers.
  private static let flushSize = 1 << 16
  /// For the end of a statement that we have cancelled: so many attempts, so long apart.
  private static let cancellations = 10
  private static let cancellationMilliseconds: Int32 = 500
  /// For a COMMIT, which may wait for a standby. Longer than a standby takes to be replaced by another, shorter than people wait.
  private static let commitMilliseconds: Int32 = 15_000

  package let server: PostgresServer
  package let limits: PostgresLimits
  /// Rows that the last statement whose result was read touched.
  package internal(set) var changedRows = 0

  /// Nil if there never was a connection.
  let handle: OpaquePointer?
  let statements = PostgresStatements()
  let cursors = PostgresCursorNames()
  /// The first error since somebody last waited.
  var failure: StorageError?
  private let notices = PostgresNotices()
  let parameters = PostgresParameters()
  private var awaited: [Awaited] = []
  /// How many of them have been answered in full, and whether the next one has in part.
  private var answered = 0
  private var isMidAnswer = false
  private var unflushed = 0
  /// Whether anything was sent since the last point at which server and we agreed where we stand.
  private var isUnsettled = false
  private var kept: OpaquePointer?
  private var lost: StorageError?

  /// Connects, and sets what every statement of ours relies on. Throws 08001 if nobody is there, 28… if we are not let in.
  package init(_ server: PostgresServer, limits: PostgresLimits = .serving) throws {
    self.server = server
    self.limits = limits
    let handle = try PostgresOpening.open(server, limits)
    self.handle = handle
    notices.listen(to: handle)
  }

  /// One that never was: every call throws `lost`.
  init(_ server: PostgresServer, lost: StorageError) {
    self.server = server
    self.limits = .serving
    self.lost = lost
    handle = nil
  }

  deinit {
    if let kept { PQclear(kept) }
    PQfinish(handle)
  }

  /// Whether the connection is of no more use.
  package var isBroken: Bool { lost != nil }
  /// Whether a transaction, sound or failed, is open, or may be: somebody has queued and not waited.
  package var isInTransaction: Bool { isUnsettled || PQtransactionStatus(handle) != PQTRANS_IDLE }
  package var isInFailedTransaction: Bool { PQtransactionStatus(handle) == PQTRANS_INERROR }
  /// Whether this server refused to write: it was the primary, perhaps, and another is now.
  package private(set) var isReadOnly = false
  package var warnings: [PostgresWarning] { notices.warnings }
  /// For example 150020.
  package var serverVersion: Int { Int(PQserverVersion(handle)) }
  /// The process of the server that serves us, for `pg_terminate_backend` and `pg_stat_activity`.
  package var serverProcess: Int { Int(PQbackendPID(handle)) }
  package var descriptor: Int32 { PQsocket(handle) }

  package func takeWarnings() -> [PostgresWarning] {
    defer { notices.warnings = [] }
    return notices.warnings
  }

  // MARK: - Statements

  /// Sends without waiting. An error of the server surfaces at the next `query` or `drain`; thrown here is only what never was sent.
  package func queue(_ sql: String, _ arguments: [Value] = []) throws { try send(sql, arguments, keep: false) }

  /// Sends everything queued and this, and waits for its rows.
  package func query(_ sql: String, _ arguments: [Value] = []) throws -> PostgresResult {
    try send(sql, arguments, keep: true)
    try finish()
    guard let result = kept else { throw breakOff("the server sent no result") }
    kept = nil
    return try PostgresResult(result)
  }

  /// Waits for everything queued.
  package func drain() throws {
    try ensureUsable()
    if isUnsettled { try finish() }
  }

  /// Takes back what was not committed, whatever state the transaction is in, queued or not, and forgets errors of what was queued.
  /// Throws only if the connection is lost.
  package func rollback() throws {
    try ensureUsable()
    if isUnsettled {
      // Behind what was queued without BEGIN, this takes it back too, with a warning that there was none.
      let before = takeWarnings()
      do { _ = try query("ROLLBACK") } catch { if isBroken { throw error } }
      notices.warnings = before + takeWarnings().filter { $0.sqlState != "25P01" }
    }
    if isInTransaction { _ = try query("ROLLBACK") }
  }

  /// Goes back to a savepoint of ours and forgets errors of what was queued behind it.
  package func rollback(to savepoint: String) throws {
    do { try drain() } catch { if isBroken { throw error } }
    _ = try query("ROLLBACK TO SAVEPOINT \(savepoint)")
  }

  func ensureUsable() throws { if let lost { throw lost } }

  private func send(_ sql: String, _ arguments: [Value], keep: Bool) throws {
    try ensureUsable()
    // The server would skip it.
    guard failure == nil else { return }
    let statement = try prepared(sql)
    // A DEALLOCATE counts as a statement, and BEGIN wants to be the first.
    if statement.role != .begin { try closeWhatIsDiscarded() }
    guard failure == nil else { return }
    guard statement.types.count == arguments.count else {
      throw StorageError(sqlState: "07001", message: "the statement has another number of holes")
    }
    try parameters.encode(arguments, as: statement.types)
    try dispatch(statement, keep: keep)
  }

  /// Sends a prepared statement with what `parameters` holds.
  func dispatch(_ statement: PostgresStatement, keep: Bool) throws {
    let sent = parameters.withPointers { count, values, lengths, formats in
      PQsendQueryPrepared(handle, statement.name, count, values, lengths, formats, 1)
    }
    try expect(sent, keep ? .rows : .run, statement)
    switch statement.role {
    case .commit, .rollback: cursors.endTransaction()
    case .rollbackToSavepoint: cursors.goBack()
    case .begin, .other: break
    }
    unflushed += parameters.byteCount + 64
    if unflushed >= Self.flushSize { try flush() }
  }

  private func expect(_ sent: Int32, _ kind: Awaited.Kind, _ statement: PostgresStatement? = nil) throws {
    guard sent == 1 else { throw breakOff(nil) }
    awaited.append(Awaited(kind: kind, statement: statement))
    isUnsettled = true
  }

  /// The statement in the form that the server knows. The first time a text with holes is used, this waits for the types of the holes;
  /// what was queued before may then turn out to have failed.
  func prepared(_ sql: String) throws -> PostgresStatement {
    if let statement = statements.find(sql) { return statement }
    let holes = try PostgresHoles(sql)
    let statement = statements.add(sql)
    try expect(PQsendPrepare(handle, statement.name, holes.text, 0, nil), .prepare, statement)
    guard holes.count > 0 else { return statement }
    try expect(PQsendDescribePrepared(handle, statement.name), .describe, statement)
    guard PQsendFlushRequest(handle) == 1 else { throw breakOff(nil) }
    try receiveAll()
    return statement
  }

  /// What is no longer needed at the server, as far as the transaction lets us.
  private func closeWhatIsDiscarded() throws {
    guard failure == nil, !isInFailedTransaction else { return }
    let names =
      statements.takeDiscarded().map { ("DEALLOCATE \($0)", $0) } + cursors.takeAbandoned().map { ("CLOSE \($0)", "") }
    for (sql, name) in names {
      try expect(PQsendQueryParams(handle, sql, 0, nil, nil, nil, nil, 1), .close(name))
    }
  }

  /// A statement that is used once, without holes and not prepared.
  func queryOnce(_ sql: String) throws -> PostgresResult {
    try ensureUsable()
    if failure == nil { try expect(PQsendQueryParams(handle, sql, 0, nil, nil, nil, nil, 1), .rows) }
    try finish()
    guard let result = kept else { throw breakOff("the server sent no result") }
    kept = nil
    return try PostgresResult(result)
  }

  // MARK: - Waiting

  /// Ends the pipeline, reads all answers, throws the first error.
  private func finish() throws {
    try expect(PQpipelineSync(handle), .sync)
    try receiveAll()
    isUnsettled = false
    if !isInTransaction { cursors.endTransaction() }
    guard let failure else { return }
    self.failure = nil
    if let kept { PQclear(kept) }
    kept = nil
    throw failure
  }

  private func receiveAll() throws {
    while answered < awaited.count {
      if PQisBusy(handle) == 0 {
        try takeAnswer()
      } else if PQstatus(handle) == CONNECTION_BAD {
        throw breakOff(nil)
      } else {
        try wait()
      }
    }
    awaited.removeAll(keepingCapacity: true)
    answered = 0
    // All that was asked for has been answered; whoever asks next hears of the end.
    if PQstatus(handle) == CONNECTION_BAD { lost = ending(nil) }
  }

  /// Sends what is in the buffer and reads what is there. Both sides may have full buffers: we never write without reading.
  private func flush() throws {
    while try wait(forAnswer: false) {}
    unflushed = 0
    while answered < awaited.count, PQisBusy(handle) == 0 { try takeAnswer() }
    awaited.removeFirst(answered)
    answered = 0
  }

  /// Waits until something can be read or written, and reads. Returns whether there still is something to write.
  @discardableResult
  func wait(forAnswer: Bool = true) throws -> Bool {
    let pending = PQflush(handle)
    guard pending >= 0 else { throw breakOff(nil) }
    let writing = pending == 1
    var socket = pollfd(fd: PQsocket(handle), events: Int16(POLLIN) | (writing ? Int16(POLLOUT) : 0), revents: 0)
    let waits = forAnswer || writing
    var ready = poll(&socket, 1, waits ? silence : 0)
    if ready == 0, waits {
      if !isCommitting { ready = cancelled(&socket) }
      if ready == 0 { throw breakOff("no answer for \(silence / 1_000) s") }
    }
    if ready < 0, errno != EINTR { throw breakOff("poll failed") }
    if ready > 0, socket.revents & ~Int16(POLLOUT) != 0, PQconsumeInput(handle) == 0 {
      // What was read before the end may still hold the answers that are waited for.
      guard forAnswer, PQstatus(handle) == CONNECTION_BAD else { throw breakOff(nil) }
    }
    return writing
  }

  /// Again and again, because the server forgets a cancellation that comes between two statements of a pipeline.
  private func cancelled(_ socket: inout pollfd) -> Int32 {
    for _ in 0..<Self.cancellations {
      PostgresCanceller(handle)?.cancel()
      let ready = poll(&socket, 1, Self.cancellationMilliseconds)
      if ready != 0 { return ready }
    }
    return 0
  }

  private var silence: Int32 {
    guard limits.silenceMilliseconds > 0 else { return -1 }
    let silence = Int32(clamping: limits.silenceMilliseconds)
    return isCommitting ? min(silence, Self.commitMilliseconds) : silence
  }

  /// A COMMIT is never cancelled: cancelled while it waits for a standby it ends as a success that no standby has, and that everybody sees.
  /// When its connection is given up instead, it goes on waiting at the server and keeps its locks, so that nobody builds on it.
  private var isCommitting: Bool { awaited.suffix(2).contains { $0.statement?.role == .commit } }

  /// One result, or the end of the results of a statement.
  private func takeAnswer() throws {
    guard let result = PQgetResult(handle) else {
      guard isMidAnswer else { throw breakOff(nil) }
      isMidAnswer = false
      answered += 1
      return
    }
    let status = PQresultStatus(result)
    settle(awaited[answered], result, status)
    // libpq ends every answer but this one with nil.
    if status == PGRES_PIPELINE_SYNC { answered += 1 } else { isMidAnswer = true }
  }

  private func settle(_ awaited: Awaited, _ result: OpaquePointer, _ status: ExecStatusType) {
    var isKept = false
    switch (awaited.kind, status) {
    case (.prepare, PGRES_COMMAND_OK), (.close, PGRES_COMMAND_OK), (.sync, PGRES_PIPELINE_SYNC): break
    case (.describe, PGRES_COMMAND_OK):
      awaited.statement?.types = (0..<PQnparams(result)).map { PostgresType(oid: PQparamtype(result, $0)) }
    case (.run, PGRES_COMMAND_OK), (.run, PGRES_TUPLES_OK), (.rows, PGRES_COMMAND_OK), (.rows, PGRES_TUPLES_OK),
      (.run, PGRES_EMPTY_QUERY), (.rows, PGRES_EMPTY_QUERY):
      succeed(awaited, result)
      if case .rows = awaited.kind { isKept = true }
    default:
      let isFirst = status != PGRES_PIPELINE_ABORTED && failure == nil
      if isFirst { failure = error(of: result) }
      fail(awaited, isFirst ? failure?.sqlState : nil)
    }
    if isKept { kept = result } else { PQclear(result) }
  }

  private func succeed(_ awaited: Awaited, _ result: OpaquePointer) {
    changedRows = PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
    // A COMMIT of a failed transaction succeeds, as a ROLLBACK.
    guard awaited.statement?.role == .commit, failure == nil, let done = PQcmdStatus(result),
      strcmp(done, "COMMIT") != 0
    else { return }
    failure = StorageError(sqlState: "25P02", message: "the transaction had failed and was rolled back")
  }

  /// `state`: of the error, if it is this one's own.
  private func fail(_ awaited: Awaited, _ state: String?) {
    switch awaited.kind {
    case .prepare, .describe: awaited.statement.map(statements.forget)
    case .close(let name): if !name.isEmpty { statements.keepDiscarded(name) }
    case .run, .rows:
      // 26000: the server does not know it (a pooler between). 0A000: its columns have changed since.
      if state == "26000" { awaited.statement.map(statements.forget) }
      if state == "0A000" { awaited.statement.map(statements.discard) }
      if state == "25006" { isReadOnly = true }
    case .sync: break
    }
  }

  // MARK: - Errors

  func error(of result: OpaquePointer) -> StorageError {
    let message = PostgresField.message.text(of: result) ?? PostgresOpening.message(of: handle)
    let error = StorageError(sqlState: PostgresField.sqlState.text(of: result) ?? "08006", message: message)
    let isFatal = ["FATAL", "PANIC"].contains(PostgresField.severity.text(of: result))
    return isFatal && !error.isConnectionLost ? StorageError(sqlState: "08006", message: message) : error
  }

  /// The connection is of no more use. Gives the error to throw: the first one, or the server's last words.
  func breakOff(_ reason: String?) -> StorageError {
    if let lost { return lost }
    // Does not block: there is no socket any more.
    var attempts = PQstatus(handle) == CONNECTION_BAD ? 2 * (awaited.count - answered) + 2 : 0
    while failure == nil, attempts > 0 {
      attempts -= 1
      guard let result = PQgetResult(handle) else { continue }
      if PQresultStatus(result) == PGRES_FATAL_ERROR { failure = error(of: result) }
      PQclear(result)
    }
    let end = ending(reason)
    let first = failure ?? end
    lost = first.isConnectionLost ? first : end
    failure = nil
    return first
  }

  private func ending(_ reason: String?) -> StorageError {
    StorageError(sqlState: "08006", message: reason ?? PostgresOpening.message(of: handle))
  }

  /// Whether an idle connection is still there, as far as can be seen without asking.
  func isStillThere() -> Bool {
    guard lost == nil else { return false }
    var socket = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
    while poll(&socket, 1, 0) > 0 {
      // The server's last words are followed by the end, which only the next attempt to read shows.
      guard PQconsumeInput(handle) == 1, PQisBusy(handle) == 0 else {
        _ = breakOff(nil)
        return false
      }
    }
    return true
  }
}
