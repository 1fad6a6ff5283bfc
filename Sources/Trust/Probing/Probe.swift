import Platform

/// One run of one check: the environment, the two tenants, and what checks do again and again.
struct Probe: Sendable {
  let environment: ProbeEnvironment
  let tenants: ProbeTenants
  let first: ProbeTenant
  let second: ProbeTenant
  let startedAt: Instant

  var services: Services { environment.services }
  var stranger: Caller { Caller(send: environment.send, credential: .none) }

  func caller(cookie: String) -> Caller { Caller(send: environment.send, credential: .cookie(cookie)) }
  func caller(token: String) -> Caller { Caller(send: environment.send, credential: .token(token)) }

  // MARK: People

  struct Invited: Sendable {
    let id: String
    /// Path of the set-up link.
    let link: String
    let receipt: String
  }

  /// Invites somebody as the owner would.
  func invite(_ roles: [String], in tenant: ProbeTenant, name: String) async throws -> Invited {
    let body: JSON = [
      "name": .string(name), "email": .string("\(Marker.make())@probe.invalid"),
      "roles": .array(roles.map(JSON.string)),
    ]
    let answer = try await tenant.owner.caller.send(.post, "/v1/people", body)
    let json = try answer.body(201, for: "POST /v1/people")
    return Invited(
      id: try need(json["id"]?.string, "The invitation has no id."), link: try link(in: json),
      receipt: try need(answer.headers["Steward-Receipt"], "The invitation has no receipt."))
  }

  func link(in json: JSON) throws -> String {
    let text = try need(json["setup_link"]?.string, "The invitation has no set-up link.")
    guard let start = text.firstRange(of: "/setup/") else { throw Hindered(reason: "The set-up link leads nowhere.") }
    return String(text[start.lowerBound...])
  }

  /// Sets a password with the link, as in a browser, and comes out signed in.
  func signIn(with link: String, password: String = Marker.make(length: 24)) async throws -> Caller {
    let answer = try await stranger.submit(link, [("password", password), ("password_again", password)])
    return caller(
      cookie: try need(answer.sessionCookie, "Setting a password answered \(answer.status) without a session."))
  }

  /// A fresh session of somebody who exists for sessions only; the same person every time.
  func freshSession(in tenant: ProbeTenant) async throws -> (caller: Caller, person: String) {
    let email = "session@probe.invalid"
    let cards = try await services.people.people(in: tenant.id)
    guard let card = cards.first(where: { $0.email == email }) else {
      let body: JSON = ["name": "Probe session", "email": .string(email), "roles": ["auditor"]]
      let json = try await tenant.owner.caller.send(.post, "/v1/people", body).body(201, for: "POST /v1/people")
      return (try await signIn(with: try link(in: json)), try need(json["id"]?.string, "The invitation has no id."))
    }
    let path = "/v1/people/\(card.id)"
    _ = try await tenant.owner.caller.send(.post, path + "/disable").body(200, for: "POST …/disable")
    let json = try await tenant.owner.caller.send(.post, path + "/readmit").body(200, for: "POST …/readmit")
    return (try await signIn(with: try link(in: json)), card.id.text)
  }

  // MARK: Records

  /// A vendor that belongs to the probe; the same one every time.
  func vendor(in tenant: ProbeTenant) async throws -> String {
    let list = try await tenant.manager.caller.get("/v1/vendors?limit=1").body(200, for: "GET /v1/vendors")
    if let id = list["items"]?.array?.first?["id"]?.string { return id }
    let body: JSON = ["name": .string("Probe vendor \(Marker.make())"), "relationship": "active"]
    let json = try await tenant.manager.caller.send(.post, "/v1/vendors", body).body(201, for: "POST /v1/vendors")
    return try need(json["id"]?.string, "The vendor has no id.")
  }

  /// Renames the vendor; answers the index of the entry.
  func rename(_ vendor: String, to name: String, in tenant: ProbeTenant) async throws -> FrontDoor.Answer {
    try await tenant.manager.caller.send(.patch, "/v1/vendors/\(vendor)", ["name": .string(name)])
  }

  /// An open case of the probe's vendor with its first step; the same one every time.
  func openCase(in tenant: ProbeTenant) async throws -> (id: String, step: String, kind: String) {
    let manager = tenant.manager.caller
    let list = try await manager.get("/v1/cases?limit=200").body(200, for: "GET /v1/cases")
    let known = list["items"]?.array?.first { $0["state"]?.string == "open" }?["id"]?.string
    let detail =
      if let known {
        try await manager.get("/v1/cases/\(known)").body(200, for: "GET /v1/cases/{id}")
      } else {
        try await makeCase(manager, vendor: try await vendor(in: tenant))
      }
    let step = try need(detail["steps"]?.array?.first, "The case has no step.")
    let kind = step["needs"]?["evidence"]?.array?.first?["kind"]?.string ?? "other"
    return (
      try need(detail["id"]?.string, "The case has no id."), try need(step["id"]?.string, "The step has no id."), kind
    )
  }

  private func makeCase(_ manager: Caller, vendor: String) async throws -> JSON {
    let templates = try await manager.get("/v1/templates").body(200, for: "GET /v1/templates")
    let template = try need(templates["items"]?.array?.first?["id"]?.string, "There is no template.")
    let body: JSON = [
      "vendor": .string(vendor), "template": .string(template), "terminated_on": .string(startedAt.day.description),
    ]
    return try await manager.send(.post, "/v1/cases", body).body(201, for: "POST /v1/cases")
  }

  /// Attaches a file to the case; answers the id of the evidence and the answer itself.
  func attach(
    _ bytes: [UInt8], name: String, to open: (id: String, step: String, kind: String), in tenant: ProbeTenant
  ) async throws -> FrontDoor.Answer {
    try await tenant.manager.caller.send(
      .post, "/v1/cases/\(open.id)/steps/\(open.step)/evidence?kind=\(PercentEncoding.encode(open.kind))",
      type: "text/plain", body: bytes, ["Content-Disposition": "attachment; filename=\"\(name)\""])
  }

  // MARK: The log

  func logSize(_ tenant: ProbeTenant) async throws -> Int64 {
    try await services.ledger.read(tenant.id) { try $0.logSize }
  }
}
