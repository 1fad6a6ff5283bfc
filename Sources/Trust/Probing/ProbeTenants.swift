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
  /// RFC 2606: nobody gets mail there.
  private static let domain = "probe.invalid"

  private var tokens: [PersonID: String] = [:]
  /// Ids of the tokens in use; all others of the probe tenants were left behind by a run that did not come to its end.
  private var tokenIDs: Set<String> = []

  func open(_ environment: ProbeEnvironment) async throws -> (first: ProbeTenant, second: ProbeTenant) {
    (try await tenant(ProbeTenants.firstSlug, environment), try await tenant(ProbeTenants.secondSlug, environment))
  }

  private func tenant(_ slug: String, _ environment: ProbeEnvironment) async throws -> ProbeTenant {
    let services = environment.services
    let id: TenantID
    if let known = services.ledger.tenant(slug: slug) {
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
    for left in try await liveTokens(id, services).subtracting(tokenIDs).sorted() {
      _ = try await tenant.owner.caller.send(.post, "/v1/tokens/\(left)/revoke")
    }
    return tenant
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
    let token: String
    if let held = tokens[id] {
      token = held
    } else {
      let before = try await liveTokens(tenant, environment.services)
      token = try await people.issueToken(tenant, for: id, label: "probe", by: .system("probe"))
      tokens[id] = token
      tokenIDs.formUnion(try await liveTokens(tenant, environment.services).subtracting(before))
    }
    return ProbePerson(
      id: id, roles: roles, caller: Caller(send: environment.send, credential: .token(token)), token: token)
  }
}
