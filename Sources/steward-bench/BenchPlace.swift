import Custody
import Ledger
import Platform
import Server
import Storage

// Kernel has a name for the noun, Ledger the thing itself: the scoped import says which one is meant here.
import class Ledger.Installation

/// Where a measurement keeps its data: in a directory, or in a database with the configuration in the directory.
struct BenchPlace: Sendable {
  let directory: String
  /// The application's role; nil: SQLite.
  let database: String?
  let owner: String?

  /// To a database; as many as pgbench has beside it.
  private static let connections = 16

  var data: String { directory + "/data" }
  var keys: String { directory + "/data.keys" }

  private func settings(_ tables: [Table]) -> DatabaseSettings? {
    database.map {
      DatabaseSettings(
        url: $0, owner: owner, connections: BenchPlace.connections, schema: PostgresSchema(tables: tables))
    }
  }

  /// A new installation with nothing on it but the table that is written; in a database that has one already the same with another key.
  func ledger(keyReplicas: Int = 0) throws -> Ledger {
    let installation = try Installation.create(
      at: data, keys: KeyLocation(keys), replicas: (0..<keyReplicas).map { "\(keys).replica-\($0 + 1)" },
      database: settings([Entry.table]), now: SystemClock().now)
    return try Ledger(installation: installation, tables: [Entry.table])
  }

  /// The whole product on it, listening on loopback.
  func app(port: Int, further: [any Module] = []) throws -> StewardApp {
    let database = settings(ModuleList.everyTable + further.flatMap(\.manifest.tables))
    if !Installation.exists(at: data) {
      try Installation.create(at: data, keys: KeyLocation(keys), database: database, now: SystemClock().now).close()
    }
    var configuration = ServerConfiguration(
      dataDirectory: data, keysDirectory: keys, listen: try ListenAddress("127.0.0.1:\(port)"))
    configuration.database = database
    // One token hammers; what is measured is not the limit.
    configuration.limits.token = LimitSettings.Rate(perSecond: 1_000_000, burst: 1_000_000)
    configuration.mail = MailSettings(route: .mailbox)
    return try StewardApp(configuration, further: further)
  }
}
