import Synchronization

/// One tenant's data, or with no tenant the control data, in a PostgreSQL database that all tenants and any number of servers share.
///
/// The pool's connections are lent out for one job at a time, so the only order between two writers is the one that the database
/// gives: whoever writes locks the tenant's head first.
package final class PostgresDatabase: TenantDatabase {
  private let pool: PostgresPool
  private let tenant: String?

  package var isShared: Bool { true }

  package init(pool: PostgresPool, tenant: String?) {
    self.pool = pool
    self.tenant = tenant
  }

  package func onWriter(_ body: @escaping @Sendable (WriterAccess) -> Void) {
    pool.run { [tenant] link in
      body(WriterAccess(connection: Connection(PostgresSession(link: link, tenant: tenant)), gate: .always))
    }
  }

  package func onWriterBlocking<T>(_ body: (Connection, WorkGate) throws -> T) throws -> T {
    try pool.runBlocking { link in
      let connection = Connection(PostgresSession(link: link, tenant: tenant))
      do { return try body(connection, .always) } catch {
        if link.isInTransaction { try? connection.rollback() }
        throw error
      }
    }
  }

  package func read<T: Sendable>(_ body: @escaping @Sendable (Connection) throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      pool.run { [tenant] link in
        continuation.resume(with: Result { try Self.read(link, tenant, body) })
      }
    }
  }

  /// Runs `body` in a snapshot of the tenant's data and waits.
  package func readBlocking<T>(_ body: (Connection) throws -> T) throws -> T {
    try pool.runBlocking { try Self.read($0, tenant, body) }
  }

  /// A connection of its own for one look.
  package static func readOnce<T>(
    _ server: PostgresServer, tenant: String?, _ body: (Connection) throws -> T
  ) throws -> T {
    let link = try PostgresLink(server)
    return try read(link, tenant, body)
  }

  static func read<T>(_ link: PostgresLink, _ tenant: String?, _ body: (Connection) throws -> T) throws -> T {
    let session = PostgresSession(link: link, tenant: tenant)
    try session.beginReading()
    // Nothing was written, so how it ends says nothing; the connection's next user must not find it open.
    defer { try? session.rollback() }
    return try body(Connection(session))
  }

  /// What fails here fails on the server's machine, which says so itself.
  package var hasFailed: Bool { false }
  package func declareFailed() {}
  /// The pool belongs to the installation.
  package func close() {}
}
