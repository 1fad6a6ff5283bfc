import Custody
import Platform

/// New signing keys, asked for on the machine itself; also while the server runs.
extension ControlVerbs {
  /// A new log key for one tenant, or for every log there is, those of the installation itself included.
  func rotateLogKeys(_ request: JSON) async throws -> JSON {
    let ledger = app.services.ledger
    try await ledger.refreshTenants()
    var wanted = ledger.tenants
    if let slug = request["tenant"]?.string {
      wanted = wanted.filter { $0.slug == slug }
      guard !wanted.isEmpty else { throw Problem(.notFound, "There is no tenant of this name.") }
    }
    var logs: [JSON] = []
    for tenant in wanted {
      let rotation = try await ledger.rotateLogKey(tenant.id, by: ControlVerbs.actor)
      logs.append([
        "tenant": .string(tenant.slug), "number": .integer(rotation.number),
        "verifier_key": .string(rotation.verifierKey), "entry": rotation.entry.map { .integer($0) } ?? .null,
        "pending": .array(
          rotation.pending.map { ["place": .string($0.place), "obstacle": .string($0.obstacle)] }),
      ])
    }
    return ["logs": .array(logs)]
  }

  func rotateInstallationKey() async throws -> JSON {
    let rotation = try await app.services.ledger.rotateInstallationKey(by: ControlVerbs.actor)
    return [
      "number": .integer(rotation.number), "verifier_key": .string(rotation.verifierKey),
      "old": .string(rotation.old), "since": .string(rotation.since.description),
      "certified": .integer(Int64(rotation.certified)),
    ]
  }
}
