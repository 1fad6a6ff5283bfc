import Platform

/// A41: deleted data is gone from the live database within 24 hours.
///
/// Does as a customer does: a vendor with a marker is written, changed and erased. Its ciphertext, as it lay in row and journal, is looked for
/// in the bytes of the database's files before (it must be there, or the search sees nothing) and after. Then every tenant is asked
/// whether an erasure was confirmed more than 24 hours ago and is not final.
enum ErasureCheck {
  private static let hours: Int64 = 24

  static func run(_ probe: Probe) async throws -> String {
    let services = probe.services
    guard !services.ledger.isShared else {
      throw Hindered(reason: "The data lies in a PostgreSQL database, into whose files this check cannot look.")
    }
    let tenant = probe.first
    let vendor = try await marked(probe)
    let pieces = try await ciphertext(of: vendor, in: tenant.id, services)
    try hold(pieces.count == 2, "The vendor's row and its earlier version do not lie where they should.")
    let directory = services.ledger.installation.directory
    var before = FileScan(since: probe.startedAt, pieces: pieces)
    try before.directory(directory)
    guard !before.found.isEmpty else {
      throw Hindered(reason: "The search did not find what was there, so it proves nothing.")
    }
    let seconds = try await erase(vendor, probe)
    let answer = try await tenant.manager.caller.get("/v1/vendors/\(vendor)")
    try hold(answer.status == 410, "An erased vendor answers \(answer.status).")
    let left = try await ciphertext(of: vendor, in: tenant.id, services)
    try hold(left.isEmpty, "The row or an earlier version of it is still in the database.")
    var after = FileScan(since: probe.startedAt, pieces: pieces)
    try after.directory(directory)
    try hold(after.found.isEmpty, "The ciphertext is still in \(after.found.count) files.")
    let waiting = try await overdue(services)
    try hold(waiting == 0, "\(waiting) erasures were started more than \(hours) hours ago and are not final.")
    return """
      Wrote and changed a vendor, found its ciphertext in \(before.found.count) of \(before.files) files, erased it, and found it in \
      none of \(after.files) files after \(seconds) s. No erasure of any organisation waits for more than \(hours) hours.
      """
  }

  /// A vendor of its own, with an earlier version.
  private static func marked(_ probe: Probe) async throws -> String {
    let manager = probe.first.manager.caller
    let body: JSON = ["name": .string(Marker.make())]
    let json = try await manager.send(.post, "/v1/vendors", body).body(201, for: "POST /v1/vendors")
    let id = try need(json["id"]?.string, "The vendor has no id.")
    _ = try await probe.rename(id, to: Marker.make(), in: probe.first).body(200, for: "PATCH /v1/vendors/{id}")
    return id
  }

  /// Thirty-two bytes from the middle of each box.
  private static func ciphertext(
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
  private static func erase(_ vendor: String, _ probe: Probe) async throws -> Int64 {
    let owner = probe.first.owner.caller
    let body: JSON = [
      "object": ["type": "vendor", "id": .string(vendor)], "reason": "A check of a promise.", "suppress": false,
    ]
    let proposed = try await owner.send(.post, "/v1/erasures", body).body(201, for: "POST /v1/erasures")
    let id = try need(proposed["id"]?.string, "The erasure has no id.")
    let begun = ContinuousClock.now
    _ = try await owner.send(.post, "/v1/erasures/\(id)/confirm", [:]).body(200, for: "POST …/confirm")
    // The job may be under way in the runner already.
    for _ in 0..<50 {
      _ = try await probe.services.jobs.serve(probe.first.id)
      let json = try await owner.get("/v1/erasures/\(id)").body(200, for: "GET /v1/erasures/{id}")
      if json["state"]?.string == "final" { return (ContinuousClock.now - begun).components.seconds }
      if json["state"]?.string == "pending" {
        throw Hindered(reason: "A place of the keys cannot be reached, so that no erasure becomes final.")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    throw Broken(reason: "An erasure that was confirmed is not final after a while.")
  }

  private static func overdue(_ services: Services) async throws -> Int64 {
    let limit = services.now.adding(seconds: -Int(hours) * 3_600)
    try await services.ledger.refreshTenants()
    var count: Int64 = 0
    for tenant in services.ledger.tenants {
      count += try services.ledger.peek(tenant.id) { peek in
        try peek.rows(
          """
          SELECT count(*) FROM erasure WHERE tenant = \(peek.tenant) AND state IN ('started', 'pending')
          AND coalesce(started_at, proposed_at) < \(limit)
          """
        ).first?[0].integer ?? 0
      }
    }
    return count
  }
}
