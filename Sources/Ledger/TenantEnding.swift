import Kernel
import Storage

/// That a tenant's end has begun: from then on nothing of it can be put under legal hold any more. Written by the transaction that looked for
/// holds, so that one of the two is refused.
struct TenantEnding: Record {
  static let table = Table(
    "tenant_ending", .primary,
    columns: [
      Column("erasure", .text, .key, purpose: "which erasure ends it", nullable: false),
      Column("since", .integer, .operational, purpose: "when it began", nullable: false),
    ], retention: "goes with the tenant")

  /// A tenant ends once.
  static let onlyKey = "end"

  let erasure: String
  let since: Instant

  var key: String { TenantEnding.onlyKey }
  var plain: [String: Value] { ["erasure": .text(erasure), "since": since.value] }
  var content: [String: CBOR] { [:] }

  init(erasure: String, since: Instant) {
    self.erasure = erasure
    self.since = since
  }

  init(_ row: OpenedRow) throws {
    erasure = try row.text("erasure")
    since = try row.instant("since")
  }
}

extension Reader {
  var isEnding: Bool { get throws { try storedRow(TenantEnding.table, TenantEnding.onlyKey) != nil } }
}

extension Ledger {
  /// Says on the tenant's own record that it ends, unless anything of it is under legal hold: then it throws `Problem.conflict`. May be repeated.
  package func beginEnd(of tenant: TenantID, erasure: String) async throws {
    guard try await !read(tenant, { try $0.isEnding }) else { return }
    let act = Act("erasure.end", on: ObjectRef("tenant", tenant), by: .system("erasure"))
    _ = try await write(tenant, act) { work in
      guard try work.fetch(LegalHold.self, "LIMIT 1").isEmpty else {
        throw Problem(.conflict, "Something of this organisation is under legal hold: an owner has to lift it first.")
      }
      guard try !work.isEnding else { return }
      try work.insert(TenantEnding(erasure: erasure, since: work.now))
    }
  }
}
