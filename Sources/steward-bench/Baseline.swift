import Foundation
import GRDB
import Hummingbird

/// The server that a careful person would write in an afternoon, and the yardstick of `make bench`: Hummingbird and GRDB, the
/// vendor table in clear, one durable commit per request; no journal, no tree, no signature, no sealing, not even a token to check.
enum Baseline {
  static func serve(directory: String, port: Int) async throws {
    let database = try open(directory + "/baseline.db")
    let router = Router()
    router.get("/readyz") { _, _ in "ready\n" }
    router.post("/v1/vendors") { request, context in
      let input = try await request.decode(as: VendorInput.self, context: context)
      let vendor = Vendor(input)
      try await database.write { try vendor.insert($0) }
      return EditedResponse(status: .created, response: vendor)
    }
    addReads(to: router, database)
    let application = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)))
    try await application.runService()
  }

  /// The same questions as Steward's, asked of SQL; a word is found the way SQL finds it without an index of words.
  private static func addReads(to router: Router<BasicRequestContext>, _ database: DatabasePool) {
    router.get("/v1/vendors/:id") { _, context in
      let id = try context.parameters.require("id")
      let vendor = try await database.read { try Vendor.filter(key: ["tenant": "acme", "id": id]).fetchOne($0) }
      guard let vendor else { throw HTTPError(.notFound) }
      return vendor
    }
    router.get("/v1/vendors") { request, _ in
      let limit = request.uri.queryParameters.get("limit", as: Int.self) ?? 50
      var wanted = Vendor.filter(Column("tenant") == "acme").order(Column("id")).limit(limit)
      if let word = request.uri.queryParameters.get("q") { wanted = wanted.filter(Column("name").like("%\(word)%")) }
      let query = wanted
      return VendorPage(items: try await database.read { try query.fetchAll($0) })
    }
    router.post("/fill/:count") { _, context in
      let count = try context.parameters.require("count", as: Int.self)
      return try await database.write { db in
        try (0..<count).map { number in
          let vendor = Vendor(numbered: number)
          try vendor.insert(db)
          return vendor.id
        }
      }.joined(separator: "\n")
    }
  }

  /// WAL with a real fsync at each commit. GRDB sets `synchronous` to NORMAL when it turns WAL on, so it is set afterwards
  /// and read back: a baseline that does not wait for the disk would not be one.
  private static func open(_ path: String) throws -> DatabasePool {
    let pool = try DatabasePool(path: path)
    try pool.writeWithoutTransaction { db in
      try db.execute(sql: "PRAGMA synchronous = FULL")
      guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2 else { throw NotDurable() }
      try db.execute(sql: Vendor.schema)
    }
    return pool
  }

  private struct NotDurable: Error {}
}

/// The body of `POST /v1/vendors`.
private struct VendorInput: Decodable {
  let name: String
  let registry_id: String?
  let privacy_url: String?
  let retention_days: Int?
  let data_categories: [String]?
}

/// The same columns as Steward's vendor, in clear.
private struct Vendor: Codable, FetchableRecord, PersistableRecord, ResponseEncodable {
  static let databaseTableName = "vendor"
  static let schema = """
    CREATE TABLE IF NOT EXISTS vendor (
      tenant TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, registry_id TEXT, privacy_url TEXT,
      retention_days INTEGER, data_categories TEXT NOT NULL, relationship TEXT NOT NULL, ended_on TEXT,
      created_at INTEGER NOT NULL, PRIMARY KEY (tenant, id)
    ) WITHOUT ROWID
    """

  let tenant: String
  let id: String
  let name: String
  let registry_id: String?
  let privacy_url: String?
  let retention_days: Int?
  let data_categories: [String]
  let relationship: String
  let ended_on: String?
  let created_at: Int64

  /// As the register that Steward imports has them.
  init(numbered number: Int) {
    self.init(
      VendorInput(
        name: "Bulk vendor \(number) Ltd", registry_id: "\(2_000_000 + number)",
        privacy_url: "https://bulk-\(number).example/privacy", retention_days: 365,
        data_categories: ["IP addresses", "Device identifiers"]))
  }

  init(_ input: VendorInput) {
    tenant = "acme"
    // Ordered by time, as Steward's ids are: random keys would slow the baseline down.
    created_at = Int64(Date().timeIntervalSince1970 * 1_000)
    id = String(created_at, radix: 32) + UUID().uuidString.prefix(18)
    name = input.name
    registry_id = input.registry_id
    privacy_url = input.privacy_url
    retention_days = input.retention_days
    data_categories = input.data_categories ?? []
    relationship = "active"
    ended_on = nil
  }
}

private struct VendorPage: Encodable, ResponseEncodable {
  let items: [Vendor]
}
