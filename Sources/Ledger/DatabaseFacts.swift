import Storage

/// What a PostgreSQL database says of how durable its commits are and how much room it has, asked as the application's role.
package struct DatabaseFacts: Sendable, Equatable {
  package var version = ""
  /// Whether this connection is inside TLS.
  package var isEncrypted = false
  /// Whether every host of the URL is this machine.
  package var isLocal = false
  /// `fsync` and `full_page_writes`: without either a power cut may destroy the database.
  package var isCrashSafe = true
  /// `synchronous_standby_names`: who has to have a commit before it is acknowledged. Empty: nobody.
  package var standbys = ""
  package var connections: Int64 = 0
  package var largestConnections: Int64 = 0

  package init() {}

  /// Nil if the data directory names no database. Throws if it cannot be reached.
  package init?(dataDirectory: String) throws {
    guard let server = try DataPlace(dataDirectory).server else { return nil }
    let found = try PostgresDatabase.readOnce(server, tenant: nil) { try $0.firstRow(raw: Self.question) } ?? []
    guard found.count == 6 else {
      throw StorageError(sqlState: "XX000", message: "the database does not say how it is set")
    }
    version = found[0].text ?? ""
    isEncrypted = found[1].integer == 1
    isLocal = server.isLocal
    isCrashSafe = found[2].integer == 1
    standbys = found[3].text ?? ""
    connections = found[4].integer ?? 0
    largestConnections = found[5].integer ?? 0
  }

  private static let question = """
    SELECT current_setting('server_version'), coalesce((SELECT ssl::int FROM pg_stat_ssl WHERE pid = pg_backend_pid()), 0),
    (current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on')::int, current_setting('synchronous_standby_names'),
    (SELECT count(*) FROM pg_stat_activity), current_setting('max_connections')::bigint
    """
}
