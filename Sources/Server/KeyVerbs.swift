import Custody
import Kernel
import Ledger
import Platform

/// New signing keys, asked for on the machine itself; also while the server runs.
extension ControlVerbs {
  /// A new log key for one tenant, or for every log there is, those of the installation itself included.
  func rotateLogKeys(_ request: JSON) async throws -> JSON {
    let ledger = app.services.ledger
    var logs: [JSON] = []
    for tenant in try await named(in: request) {
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

  /// A new epoch key for one tenant, or for every one.
  func rotateEpochs(_ request: JSON) async throws -> JSON {
    let ledger = app.services.ledger
    var tenants: [JSON] = []
    for tenant in try await named(in: request) {
      let turned = try await ledger.rotateEpoch(tenant.id, by: ControlVerbs.actor)
      let pending = turned.copies.filter { $0.endedAt == nil }
      tenants.append([
        "tenant": .string(tenant.slug), "epoch": .integer(turned.epochAfter), "before": .integer(turned.epochBefore),
        "pending": .array(
          pending.map { ["place": .string($0.place), "obstacle": .string($0.obstacle ?? "")] }),
      ])
    }
    return ["tenants": .array(tenants)]
  }

  /// The tenant that is named, or each there is, those of the installation itself included.
  private func named(in request: JSON) async throws -> [(id: TenantID, slug: String)] {
    let ledger = app.services.ledger
    try await ledger.refreshTenants()
    let all = ledger.tenants.map { (id: $0.id, slug: $0.slug) }
    guard let slug = request["tenant"]?.string else { return all }
    let wanted = all.filter { $0.slug == slug }
    guard !wanted.isEmpty else { throw Problem(.notFound, "There is no tenant of this name.") }
    return wanted
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
