import Kernel
import Storage

/// How to reach the PostgreSQL database of an installation.
package struct DatabaseSettings: Sendable {
  /// The application's role, as a URL.
  package let url: String
  /// The role that owns the schema; nil: the schema is there already.
  package let owner: String?
  /// Connections of this process.
  package let connections: Int
  package let schema: PostgresSchema

  package static let ordinaryConnections = 8
  package static let connectionRange = 2...256

  package init(url: String, owner: String? = nil, connections: Int = ordinaryConnections, schema: PostgresSchema) {
    self.url = url
    self.owner = owner
    self.connections = connections
    self.schema = schema
  }

  /// Brings the schema forward if the owner's role is named, and refuses what must not be used.
  package func open(connections: Int? = nil) throws -> PostgresPool {
    let application = try PostgresServer(url: url)
    if let owner { try schema.bringForward(owner: try PostgresServer(url: owner), application: application) }
    let pool = PostgresPool(application, size: connections ?? self.connections)
    do { try pool.runBlocking(schema.check) } catch {
      pool.close()
      throw error
    }
    return pool
  }
}
