import CPostgres
import Glibc

/// How a connection begins.
enum PostgresOpening {
  /// A connection in pipeline mode, with everything set that our statements rely on.
  static func open(_ server: PostgresServer, _ limits: PostgresLimits) throws -> OpaquePointer {
    var parameters = [
      "application_name": "steward", "gssencmode": "disable", "keepalives": "1", "keepalives_idle": "10",
      "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "20000",
      "connect_timeout": String(max(limits.connectSeconds, 0)),
      // Never a standby, not even to read: one that led before shows what was never acknowledged, until it is rewound.
      "target_session_attrs": "read-write",
    ].merging(server.parameters) { $1 }
    parameters["client_encoding"] = "UTF8"
    guard let handle = start(parameters) else {
      throw StorageError(sqlState: "53200", message: "no memory for a connection")
    }
    guard PQstatus(handle) == CONNECTION_OK else {
      let text = message(of: handle)
      defer { PQfinish(handle) }
      throw StorageError(sqlState: sqlState(ofRefusal: text), message: text)
    }
    do { try settle(handle, limits) } catch {
      PQfinish(handle)
      throw error
    }
    return handle
  }

  private static func start(_ parameters: [String: String]) -> OpaquePointer? {
    let pairs = parameters.sorted { $0.key < $1.key }
    let keys = pairs.map { strdup($0.key) }
    let values = pairs.map { strdup($0.value) }
    defer { (keys + values).forEach { free($0) } }
    return PQconnectdbParams(
      keys.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 0)
  }

  /// libpq keeps only the text of why a connection was not made. 57P03: the server is starting or ending, so that later may be better.
  private static func sqlState(ofRefusal text: String) -> String {
    if text.contains("starting up") || text.contains("shutting down") || text.contains("in recovery mode") {
      return "57P03"
    }
    if text.contains("too many clients") || text.contains("too many connections") { return "53300" }
    if text.contains("authentication failed") || text.contains("no pg_hba.conf entry") { return "28000" }
    return "08001"
  }

  /// Everything that our statements rely on, in one round trip; then pipeline mode.
  private static func settle(_ handle: OpaquePointer, _ limits: PostgresLimits) throws {
    try prepareSession(handle, limits)
    guard PQparameterStatus(handle, "server_encoding").map({ String(cString: $0) }) == "UTF8" else {
      throw StorageError(
        sqlState: "22021", message: "the database is not encoded in UTF-8: create it with ENCODING 'UTF8'")
    }
    guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
      throw StorageError(sqlState: "08006", message: message(of: handle))
    }
  }

  private static func prepareSession(_ handle: OpaquePointer, _ limits: PostgresLimits) throws {
    let settings = [
      // What is temporary comes last, so that nobody puts a table before ours.
      "search_path": "steward, pg_temp", "TimeZone": "UTC", "standard_conforming_strings": "on",
      // Cursors of ours are read to their end.
      "cursor_tuple_fraction": "1.0", "client_min_messages": "warning", "row_security": "on", "jit": "off",
      "default_transaction_isolation": "read committed",
      // Every statement of ours finds its rows by a key that begins with the tenant. A plan made while a table was small, and kept, must not
      // walk through it when it has grown.
      "enable_seqscan": "off",
      "statement_timeout": String(limits.statementMilliseconds), "lock_timeout": String(limits.lockMilliseconds),
      "idle_in_transaction_session_timeout": String(limits.idleInTransactionMilliseconds),
      // A statement for a machine that is gone ends, and with it the locks that another one waits for.
      "client_connection_check_interval": "1s",
    ]
    let calls = settings.sorted { $0.key < $1.key }.map { "set_config('\($0.key)', '\($0.value)', false)" }
    // A commit that returns is on the disk here, and on the standbys that the server was told to wait for.
    let durable =
      "CASE WHEN current_setting('synchronous_commit') IN ('on', 'remote_apply') THEN '' "
      + "ELSE set_config('synchronous_commit', 'on', false) END"
    let result = PQexec(handle, "SELECT \((calls + [durable]).joined(separator: ", "))")
    defer { PQclear(result) }
    guard let result, PQresultStatus(result) == PGRES_TUPLES_OK else {
      let state = result.flatMap { PostgresField.sqlState.text(of: $0) }
      throw StorageError(sqlState: state ?? "08006", message: message(of: handle))
    }
  }

  /// libpq's last message in one line. It names hosts and roles, never a password.
  static func message(of handle: OpaquePointer?) -> String {
    guard let text = PQerrorMessage(handle), text[0] != 0 else { return "the connection to the database ended" }
    let lines = String(cString: text).split(whereSeparator: \.isNewline)
    return lines.map { $0.drop { $0 == " " || $0 == "\t" } }.joined(separator: "; ")
  }
}

/// Cancels what a connection is doing, from any thread.
package final class PostgresCanceller: @unchecked Sendable {
  // libpq: a cancel object is a copy of what is needed, and PQcancel may be called from any thread.
  private let handle: OpaquePointer

  init?(_ connection: OpaquePointer?) {
    guard let connection, let handle = PQgetCancel(connection) else { return nil }
    self.handle = handle
  }

  deinit { PQfreeCancel(handle) }

  /// The statement, if one is running, ends with 57014; a COMMIT that waits for a standby ends with a warning.
  package func cancel() {
    var message = [CChar](repeating: 0, count: 256)
    _ = PQcancel(handle, &message, Int32(message.count))
  }
}

extension PostgresLink {
  package var canceller: PostgresCanceller? { PostgresCanceller(handle) }
}
