import Custody
import Platform

/// A41: deleted data is gone from the live database within 24 hours.
///
/// Does as a customer does: a vendor with a marker is written, changed and erased. Its ciphertext, as it lay in row and journal, is looked for
/// in all that is stored (`StorageSearch`) before (it must be there, or the search sees nothing) and after; and what was kept of it here must
/// not open any more. Then every tenant is asked whether an erasure was confirmed more than 24 hours ago and is not final.
enum ErasureCheck {
  private static let hours: Int64 = 24
  /// Seconds for which the end is waited for; where several servers work on one database it takes 25.
  private static let patienceSeconds = 90

  static func run(_ probe: Probe) async throws -> String {
    let tenant = probe.first
    let search = try await StorageSearch.begin(probe)
    let vendor = try await marked(tenant, probe)
    let pieces = try await ciphertext(of: vendor, in: tenant.id, probe.services)
    try hold(pieces.count == 2, "The vendor's row and its earlier version do not lie where they should.")
    let row = try need(
      try await SealedRows.all(tenant, probe).first { $0.place.table == "vendor" && $0.place.key == vendor },
      "The vendor's row cannot be read.")
    let before = try await search.pieces(pieces)
    guard !before.found.isEmpty, try await probe.environment.opens(row.box, row.place, tenant.id) else {
      throw Hindered(reason: "The search did not find what was there, so it proves nothing.")
    }
    let seconds = try await erase(vendor, in: tenant, probe)
    let answer = try await tenant.manager.caller.get("/v1/vendors/\(vendor)")
    try hold(answer.status == 410, "An erased vendor answers \(answer.status).")
    let left = try await ciphertext(of: vendor, in: tenant.id, probe.services)
    try hold(left.isEmpty, "The row or an earlier version of it is still in the database.")
    let after = try await search.pieces(pieces)
    try hold(after.found.isEmpty, "The ciphertext is still in \(after.found.count) of \(after.places).")
    try hold(try await isDead(row, tenant.id, probe), "What was kept of an erased row still opens.")
    let waiting = try await overdue(probe.services)
    try hold(
      waiting == 0,
      "\(waiting) erasures were started more than \(hours) hours ago and are not final, or left pieces in a file.")
    return """
      Wrote and changed a vendor, found its ciphertext in \(before.found.count) of \(before.places), erased it, and found it in \
      none of \(after.places) after \(seconds) s; a copy of it that was kept does not open any more. No erasure of any organisation waits for more \
      than \(hours) hours.
      """
  }

  static func isDead(_ row: SealedRows, _ tenant: TenantID, _ probe: Probe) async throws -> Bool {
    do { return try await !probe.environment.opens(row.box, row.place, tenant) } catch is SubjectErased { return true }
  }

  /// A vendor of its own, with an earlier version.
  static func marked(_ tenant: ProbeTenant, _ probe: Probe) async throws -> String {
    let manager = tenant.manager.caller
    let body: JSON = ["name": .string(Marker.make())]
    let json = try await manager.send(.post, "/v1/vendors", body).body(201, for: "POST /v1/vendors")
    let id = try need(json["id"]?.string, "The vendor has no id.")
    _ = try await probe.rename(id, to: Marker.make(), in: tenant).body(200, for: "PATCH /v1/vendors/{id}")
    return id
  }

  /// Thirty-two bytes from the middle of each box.
  static func ciphertext(
    of vendor: String, in tenant: TenantID, _ services: Services
  ) async throws -> [[UInt8]] {
    try await services.ledger.read(tenant) { reader in
      let row = try reader.rows("SELECT sealed FROM vendor WHERE tenant = \(tenant) AND id = \(vendor)")
      let images = try reader.rows(
        """
        SELECT image FROM log_change WHERE tenant = \(tenant) AND tbl = 'vendor' AND row_key = \(vendor)
        AND image IS NOT NULL
        """)
      return (row + images).compactMap { $0[0].bytes.map { Array($0.suffix(48).prefix(32)) } }
    }
  }

  /// By the owner, in two steps; answers how long it took.
  static func erase(_ vendor: String, in tenant: ProbeTenant, _ probe: Probe) async throws -> Int64 {
    let owner = tenant.owner.caller
    let body: JSON = [
      "object": ["type": "vendor", "id": .string(vendor)], "reason": "A check of a promise.", "suppress": false,
    ]
    let proposed = try await owner.send(.post, "/v1/erasures", body).body(201, for: "POST /v1/erasures")
    let id = try need(proposed["id"]?.string, "The erasure has no id.")
    let begun = ContinuousClock.now
    _ = try await owner.send(.post, "/v1/erasures/\(id)/confirm", [:]).body(200, for: "POST …/confirm")
    // The job may be under way in the runner already.
    for _ in 0..<patienceSeconds {
      _ = try await probe.services.jobs.serve(tenant.id, only: OwnEndCheck.carryingKind)
      let json = try await owner.get("/v1/erasures/\(id)").body(200, for: "GET /v1/erasures/{id}")
      if json["state"]?.string == "final" { return (ContinuousClock.now - begun).components.seconds }
      if json["state"]?.string == "pending" {
        throw Hindered(reason: "A place of the keys cannot be reached, so that no erasure becomes final.")
      }
      try await probe.environment.wait(1)
    }
    throw Broken(reason: "An erasure that was confirmed is not final after \(patienceSeconds) seconds.")
  }

  static func overdue(_ services: Services) async throws -> Int64 {
    let limit = services.now.adding(seconds: -Int(hours) * 3_600)
    try await services.ledger.refreshTenants()
    var count: Int64 = 0
    for tenant in services.ledger.tenants {
      try Task.checkCancellation()
      count += try services.ledger.peek(tenant.id) { peek in
        try peek.rows(
          """
          SELECT count(*) FROM erasure WHERE tenant = \(peek.tenant) AND (state IN ('started', 'pending')
          AND coalesce(started_at, proposed_at) < \(limit) OR ciphertext = 'waiting' AND final_at < \(limit))
          """
        ).first?[0].integer ?? 0
      }
    }
    return count
  }
}
