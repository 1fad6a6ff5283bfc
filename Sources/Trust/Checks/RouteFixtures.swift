import Platform

/// Things of the probe tenant that stand in the holes of route paths, so that every route can be called on something real.
struct RouteFixtures: Sendable {
  let tenant: ProbeTenant
  let vendor: String
  let openCase: (id: String, step: String, kind: String)
  let evidence: String
  let message: String
  /// A person who may be disabled.
  let person: String
  /// For each person a token of their own that may be revoked, if asked for.
  let tokens: [PersonID: String]
  let index: Int64
  /// A member to whom a step of the case is assigned.
  let helper: ProbePerson
  /// Words that stand in the tenant's content.
  let markers: [String]

  /// What exists already is used again: the hidden tenants are permanent, and these run every hour.
  static func make(_ probe: Probe, in tenant: ProbeTenant, withTokens: Bool = false) async throws -> RouteFixtures {
    let vendor = try await probe.vendor(in: tenant)
    let name = Marker.make()
    let renamed = try await probe.rename(vendor, to: name, in: tenant)
    let open = try await probe.openCase(in: tenant)
    let evidence = try await evidence(probe, tenant, open)
    let helper = try await helper(probe, tenant, open)
    return RouteFixtures(
      tenant: tenant, vendor: vendor, openCase: open, evidence: evidence,
      message: try await message(probe, tenant),
      person: try await enrolled("visited", [.auditor], probe, tenant).text,
      tokens: withTokens ? try await tokens(of: tenant.people + [helper]) : [:],
      index: try await probe.proven(renamed, of: tenant, what: "changing a vendor").index, helper: helper,
      markers: [name, vendor, open.id, evidence])
  }

  private static func evidence(
    _ probe: Probe, _ tenant: ProbeTenant, _ open: (id: String, step: String, kind: String)
  ) async throws -> String {
    let detail = try await tenant.manager.caller.get("/v1/cases/\(open.id)").body(200, for: "GET /v1/cases/{id}")
    if let id = detail["steps"]?.array?.first?["evidence"]?.array?.first?["id"]?.string { return id }
    let attached = try await probe.attach(Array(Marker.make().utf8), name: "probe.txt", to: open, in: tenant)
    return try need(try attached.body(201, for: "POST …/evidence")["id"]?.string, "The evidence has no id.")
  }

  /// A message of the tenant; one that is held there for good if there is none yet.
  private static func message(_ probe: Probe, _ tenant: ProbeTenant) async throws -> String {
    let list = try await tenant.owner.caller.get("/v1/messages?limit=1").body(200, for: "GET /v1/messages")
    if let id = list["items"]?.array?.first?["id"]?.string { return id }
    let draft = MailDraft("invitation", to: "Probe", "nobody@probe.invalid", values: [:], purpose: "probe")
    let act = Act("message.probe", on: ObjectRef("tenant", tenant.id), by: .system("probe"))
    let outbox = probe.services.outbox
    return try await probe.services.ledger.write(tenant.id, act) { try outbox.post(draft, in: $0) }.value.text
  }

  private static func enrolled(
    _ name: String, _ roles: Set<Role>, _ probe: Probe, _ tenant: ProbeTenant
  ) async throws -> PersonID {
    let email = "\(name)@probe.invalid"
    let people = probe.services.people
    if let known = try await people.people(in: tenant.id).first(where: { $0.email == email }) { return known.id }
    return try await people.enrol(tenant.id, name: "Probe \(name)", email: email, roles: roles, by: .system("probe"))
  }

  private static func helper(
    _ probe: Probe, _ tenant: ProbeTenant, _ open: (id: String, step: String, kind: String)
  ) async throws -> ProbePerson {
    let helper = try await enrolled("helper", [.member], probe, tenant)
    let token = try await probe.services.people.issueToken(tenant.id, for: helper, label: "probe", by: .system("probe"))
    let caller = probe.caller(token: token)
    if try await caller.get("/v1/cases/\(open.id)").status != 200 {
      let path = "/v1/cases/\(open.id)/steps/\(open.step)/assign"
      _ = try await tenant.manager.caller.send(.post, path, ["person": .string(helper.text)]).body(
        200, for: "POST …/assign")
    }
    return ProbePerson(id: helper, roles: [.member], caller: caller, token: token)
  }

  private static func tokens(of people: [ProbePerson]) async throws -> [PersonID: String] {
    var tokens: [PersonID: String] = [:]
    for person in people {
      let made = try await person.caller.send(.post, "/v1/tokens", ["label": "probe routes"]).body(
        201, for: "POST /v1/tokens")
      tokens[person.id] = try need(made["id"]?.string, "The token has no id.")
    }
    return tokens
  }

  /// The route's path with its holes filled, for `person` (the owner if nil); nil if a hole is not known here.
  func target(of route: Route, for person: ProbePerson? = nil) -> String? {
    var parts: [String] = []
    var noun = ""
    for piece in route.path.split(separator: "/") {
      guard piece.hasPrefix("{"), piece.hasSuffix("}") else {
        noun = String(piece)
        parts.append(noun)
        continue
      }
      guard let value = value(String(piece.dropFirst().dropLast()), noun, person ?? tenant.owner) else { return nil }
      parts.append(value)
    }
    return "/" + parts.joined(separator: "/")
  }

  private func value(_ hole: String, _ noun: String, _ asker: ProbePerson) -> String? {
    switch (hole, noun) {
    case ("id", "vendors"): vendor
    case ("id", "cases"): openCase.id
    case ("id", "people"): person
    // Names no entry, and need not: what is sent there is refused before anything is looked up.
    case ("id", "subprocessors"), ("id", "destinations"): vendor
    case ("id", "tokens"): tokens[asker.id] ?? asker.id.text
    case ("id", "mail"), ("id", "messages"): message
    // A job that is not there: who may ask is told so in words of its own.
    case ("id", "jobs"), ("id", "erasures"): asker.id.text
    case ("link", "erased"): "no-such-link"
    case ("kind", "start"): "no.such"
    case ("step", _): openCase.step
    case ("evidence", _): evidence
    case ("index", _): String(index)
    case ("path+", "tile"): "0/000.p/1"
    case ("slug", _): tenant.slug
    default: nil
    }
  }
}
