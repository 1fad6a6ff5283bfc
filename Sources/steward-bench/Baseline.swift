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
    let application = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)))
    try await application.runService()
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
private struct Vendor: Codable, PersistableRecord, ResponseEncodable {
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
