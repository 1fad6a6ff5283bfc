import Platform
import TransparencyLog

/// A20: every write is appended to the tenant's audit log.
///
/// Writes through every kind of door, finds each write's leaf in the signed tree, counts that nothing else was written, and
/// re-verifies the tenant's whole record: every entry, and every stored row against what the log says it must be.
enum EveryWriteCheck {
  static func run(_ probe: Probe) async throws -> String {
    let tenant = probe.second
    let before = try await commands(probe, tenant, from: 0)
    let start = try await probe.logSize(tenant)
    let written = try await write(probe, tenant)
    let added = try await commands(probe, tenant, from: start)
    try hold(
      Set(written.map(\.index)).isSubset(of: added),
      "A write's entry is not among those appended to the log while it was made.")
    try hold(
      added.count == written.count, "\(written.count) writes were made, and \(added.count) entries appended.")
    let report = try await verify(probe, tenant)
    let findings = report.findings.prefix(3).map { finding in
      [finding.table.map { "table \($0)" }, finding.index.map { "entry \($0)" }, finding.reason].compactMap(\.self)
        .joined(separator: ", ")
    }
    try hold(report.isIntact, "The record does not agree with the stored rows: \(findings.joined(separator: "; ")).")
    return """
      Made \(written.count) writes through the API and found each one's leaf in the signed tree, indexes \
      \(written.map { String($0.index) }.joined(separator: ", ")), and no other entry. Reconciled \(report.rows) stored rows \
      with \(report.entries) leaves after \(before.count) earlier commands: they agree.
      """
  }

  private static func write(_ probe: Probe, _ tenant: ProbeTenant) async throws -> [ProvenEntry] {
    let (owner, manager) = (tenant.owner.caller, tenant.manager.caller)
    var written: [ProvenEntry] = []
    func did(_ what: String, _ answer: FrontDoor.Answer) async throws -> JSON {
      written.append(try await probe.proven(answer, of: tenant, what: what))
      return (try? answer.json()) ?? [:]
    }
    let vendor = try await did(
      "creating a vendor", try await manager.send(.post, "/v1/vendors", ["name": .string("Probe \(Marker.make())")]))
    let id = try need(vendor["id"]?.string, "The vendor has no id.")
    _ = try await did("changing a vendor", try await probe.rename(id, to: Marker.make(), in: tenant))
    let token = try await did("making a token", try await owner.send(.post, "/v1/tokens", ["label": "probe A20"]))
    let tokenID = try need(token["id"]?.string, "The token has no id.")
    _ = try await did("revoking a token", try await owner.send(.post, "/v1/tokens/\(tokenID)/revoke"))
    let template = try await manager.get("/v1/templates").body(200, for: "GET /v1/templates")
    let body: JSON = [
      "vendor": .string(id), "template": template["items"]?.array?.first?["id"] ?? .null,
      "terminated_on": .string(probe.startedAt.day.description),
    ]
    let open = try await did("opening a case", try await manager.send(.post, "/v1/cases", body))
    let step = try need(open["steps"]?.array?.first, "The case has no step.")
    let place = (
      id: try need(open["id"]?.string, "The case has no id."),
      step: try need(step["id"]?.string, "The step has no id."),
      kind: step["needs"]?["evidence"]?.array?.first?["kind"]?.string ?? "other"
    )
    _ = try await did(
      "attaching evidence", try await probe.attach(Array("probe".utf8), name: "probe.txt", to: place, in: tenant))
    _ = try await did(
      "withdrawing a case",
      try await manager.send(.post, "/v1/cases/\(place.id)/withdraw", ["note": "The probe is over."]))
    return written
  }

  /// Indexes of the commands in the log from an index on.
  private static func commands(_ probe: Probe, _ tenant: ProbeTenant, from: Int64) async throws -> Set<Int64> {
    try await probe.services.ledger.read(tenant.id) { reader in
      let rows = try reader.rows(
        "SELECT idx FROM log_entry WHERE tenant = \(tenant.id) AND idx >= \(from) AND action IS NOT NULL")
      return Set(rows.compactMap { $0.first?.integer })
    }
  }

  private static func verify(_ probe: Probe, _ tenant: ProbeTenant) async throws -> Verification.Report {
    let installation = probe.services.ledger.installation
    let reports = try Verification.run(
      dataDirectory: installation.directory, installationKey: installation.verifierKey, only: [tenant.id])
    return try need(reports.first, "The probe tenant's record was not found.")
  }
}
