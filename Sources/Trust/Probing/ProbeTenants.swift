import Custody
import Platform

/// A hidden tenant in which checks may do as customers do. It is permanent, is listed nowhere, and has people of its own.
struct ProbeTenant: Sendable {
  let id: TenantID
  let slug: String
  /// Callers with a token each.
  let owner: ProbePerson
  let manager: ProbePerson
  /// A member to whom nothing was assigned.
  let member: ProbePerson
  let auditor: ProbePerson
  /// Somebody without any role.
  let nobody: ProbePerson

  var people: [ProbePerson] { [owner, manager, member, auditor, nobody] }
}

struct ProbePerson: Sendable {
  let id: PersonID
  let roles: Set<Role>
  let caller: Caller
  let token: String
}

/// Makes the two probe tenants once, and gives their people a token for each life of the process.
actor ProbeTenants {
  static let firstSlug = "probe-one"
  static let secondSlug = "probe-two"
  /// Organisations that are made to be ended have names of their own each: a name that was is not given again.
  static let passingPrefix = "probe-end-"
  /// RFC 2606: nobody gets mail there.
  private static let domain = "probe.invalid"

  private struct Held {
    let text: String
    let id: String
  }

  /// The tokens in use; all others of the probe tenants were left behind by a run that did not come to its end, or by another server,
  /// which does the same with these: one proves at a time.
  private var tokens: [PersonID: Held] = [:]

  func open(_ environment: ProbeEnvironment) async throws -> (first: ProbeTenant, second: ProbeTenant) {
    (try await tenant(ProbeTenants.firstSlug, environment), try await tenant(ProbeTenants.secondSlug, environment))
  }

  /// An organisation to be ended: one that a broken-off check left, or a new one.
  func passing(_ environment: ProbeEnvironment) async throws -> ProbeTenant {
    let ledger = environment.services.ledger
    try await ledger.refreshTenants()
    let left = try ledger.tenants.first { entry in
      try entry.slug.hasPrefix(ProbeTenants.passingPrefix) && !ledger.installation.keyStore.isEnded(entry.id)
    }
    return try await tenant(left?.slug ?? ProbeTenants.passingPrefix + Marker.make(length: 12), environment)
  }

  /// Its people are no more.
  func forget(_ tenant: ProbeTenant) { for person in tenant.people { tokens[person.id] = nil } }

  private func tenant(_ slug: String, _ environment: ProbeEnvironment) async throws -> ProbeTenant {
    let services = environment.services
    let id: TenantID
    if let known = try await services.ledger.find(slug: slug) {
      id = known.id
    } else {
      id = try await services.tenants.create(slug: slug, name: slug, isHidden: true, by: .system("probe")).id
    }
    // A check that was cut off may have left it frozen.
    if try await services.freezes.isFrozen(id) { _ = try await services.freezes.lift(id, by: .system("probe")) }
    let known = try await services.people.people(in: id)
    func person(_ name: String, _ roles: Set<Role>) async throws -> ProbePerson {
      try await self.person(name, roles, in: id, known, environment)
    }
    let tenant = ProbeTenant(
      id: id, slug: slug, owner: try await person("owner", [.owner]), manager: try await person("manager", [.manager]),
      member: try await person("member", [.member]), auditor: try await person("auditor", [.auditor]),
      nobody: try await person("nobody", []))
    for left in try await liveTokens(id, services).subtracting(tokens.values.map(\.id)).sorted() {
      _ = try await tenant.owner.caller.send(.post, "/v1/tokens/\(left)/revoke")
    }
    return tenant
  }

  private func token(of person: PersonID, in tenant: TenantID, _ services: Services) async throws -> String {
    let before = try await liveTokens(tenant, services)
    if let held = tokens[person], before.contains(held.id) { return held.text }
    let text = try await services.people.issueToken(tenant, for: person, label: "probe", by: .system("probe"))
    let made = try await liveTokens(tenant, services).subtracting(before)
    tokens[person] = made.first.map { Held(text: text, id: $0) }
    return text
  }

  private func liveTokens(_ tenant: TenantID, _ services: Services) async throws -> Set<String> {
    try await services.ledger.read(tenant) { reader in
      let rows = try reader.rows("SELECT id FROM api_token WHERE tenant = \(tenant) AND revoked_at IS NULL")
      return Set(rows.compactMap { $0.first?.text })
    }
  }

  private func person(
    _ name: String, _ roles: Set<Role>, in tenant: TenantID, _ known: [PersonCard], _ environment: ProbeEnvironment
  ) async throws -> ProbePerson {
    let people = environment.services.people
    let email = "\(name)@\(ProbeTenants.domain)"
    let id: PersonID
    if let card = known.first(where: { $0.email == email }) {
      id = card.id
    } else {
      id = try await people.enrol(tenant, name: "Probe \(name)", email: email, roles: roles, by: .system("probe"))
    }
    let token = try await self.token(of: id, in: tenant, environment.services)
    return ProbePerson(
      id: id, roles: roles, caller: Caller(send: environment.send, credential: .token(token)), token: token)
  }
}
