import Kernel
import Ledger
import Storage

/// What is written where the ledger is measured alone: nothing but 512 bytes.
struct Entry: Record {
  static let table = Table(
    "bench_entry", .primary, columns: [], sealed: [Column("body", .bytes, .content, purpose: "Weight.")],
    retention: "as long as the bench runs")
  private static let weight = (0..<512).map { UInt8(truncatingIfNeeded: $0) }

  let key: String
  private let body = Entry.weight

  init(at now: Instant) { key = ID<Entry>.make(at: now).text }

  init(key: String) { self.key = key }

  init(_ row: OpenedRow) throws { key = row.key }

  var plain: [String: Value] { [:] }
  var content: [String: CBOR] { ["body": .bytes(body)] }
}

extension Ledger {
  /// One record more, acknowledged and durable.
  func insertEntry(_ tenant: TenantID) async throws -> String {
    let entry = Entry(at: clock.now)
    let act = Act("bench.write", on: ObjectRef("entry", entry.key), by: .system("bench"))
    let sealed = try await seal(entry, for: tenant)
    _ = try await write(tenant, act) { work in try work.insert(sealed) }
    return entry.key
  }

  func updateEntry(_ key: String, _ tenant: TenantID) async throws {
    let act = Act("bench.update", on: ObjectRef("entry", key), by: .system("bench"))
    _ = try await write(tenant, act) { work in try work.update(Entry(key: key)) }
  }
}
