import CPostgres

extension PostgresLink {
  /// Runs several statements in one text, without holes, and waits. For DDL: outside BEGIN … COMMIT they are one transaction.
  package func exec(_ script: String) throws {
    try drain()
    try outsidePipeline {
      guard PQsendQuery(handle, script) == 1 else { throw breakOff(nil) }
      _ = try receiveResults()
    }
  }

  /// The simple protocol and COPY are not to be had in pipeline mode.
  func outsidePipeline<T>(_ body: () throws -> T) throws -> T {
    try ensureUsable()
    guard PQexitPipelineMode(handle) == 1 else { throw breakOff(nil) }
    defer { if !isBroken, PQenterPipelineMode(handle) != 1 { _ = breakOff(nil) } }
    return try body()
  }

  /// Reads results up to the end and throws the first error. Stops, if the server wants data, with true.
  func receiveResults() throws -> Bool {
    var first: StorageError?
    while true {
      while PQisBusy(handle) == 1 { try wait() }
      guard let result = PQgetResult(handle) else { break }
      defer { PQclear(result) }
      switch PQresultStatus(result) {
      case PGRES_COPY_IN: return true
      case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
        changedRows = PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
      default: first = first ?? error(of: result)
      }
      if PQstatus(handle) == CONNECTION_BAD {
        failure = first
        throw breakOff(nil)
      }
    }
    if !isInTransaction { cursors.endTransaction() }
    if let first { throw first }
    return false
  }
}
