import Platform

/// F15: sensitive actions are on the audit log, and an action whose record cannot be kept is refused.
enum WriteAheadCheck {
  static func run(_ probe: Probe) async throws -> String {
    let done = try await sensitiveActions(probe)
    for action in done { try await isInTrail(action, probe) }
    let refused = try await refusedWithoutRecord(probe)
    return """
      Performed \(done.count) sensitive actions (\(done.map(\.name).joined(separator: ", "))) and found each in the audit trail \
      with its actor, entries \(done.map { String($0.entry.index) }.joined(separator: ", ")). Made the append fail \(refused) \
      times: every action was refused and left nothing behind.
      """
  }

  private struct Done: Sendable {
    let name: String
    let entry: ProvenEntry
    let actor: PersonID
  }

  private static func sensitiveActions(_ probe: Probe) async throws -> [Done] {
    let tenant = probe.first
    let (owner, manager) = (tenant.owner, tenant.manager)
    var done: [Done] = []
    func did(_ name: String, _ answer: FrontDoor.Answer, _ person: ProbePerson) async throws {
      let entry = try await probe.proven(answer, of: tenant, what: name)
      done.append(Done(name: name, entry: entry, actor: person.id))
    }
    let made = try await owner.caller.send(.post, "/v1/tokens", ["label": "probe F15"])
    try await did("token.create", made, owner)
    let token = try need(try made.body(201, for: "POST /v1/tokens")["id"]?.string, "The token has no id.")
    try await did("token.revoke", try await owner.caller.send(.post, "/v1/tokens/\(token)/revoke"), owner)
    let session = try await probe.freshSession(in: tenant)
    let path = "/v1/people/\(session.person)"
    try await did("person.disable", try await owner.caller.send(.post, path + "/disable"), owner)
    try await did("person.readmit", try await owner.caller.send(.post, path + "/readmit"), owner)
    let vendor = try await probe.vendor(in: tenant)
    try await did("vendor.update", try await probe.rename(vendor, to: Marker.make(), in: tenant), manager)
    return done
  }

  private static func isInTrail(_ done: Done, _ probe: Probe) async throws {
    let shown = try await probe.first.auditor.caller.get("/v1/audit/\(done.entry.index)")
    guard shown.status == 200, let entry = try? shown.json() else {
      throw Broken(reason: "The entry of \(done.name) is not in the audit trail (index \(done.entry.index)).")
    }
    try hold(
      entry["action"]?.string == done.entry.leaf.action && entry["actor"]?.string == "person:\(done.actor)",
      "The audit trail names another action or actor for \(done.name).")
    let listed = try await probe.first.auditor.caller.get("/v1/audit?limit=200&action=\(done.entry.leaf.action)")
      .body(200, for: "GET /v1/audit")
    let indexes = listed["items"]?.array?.compactMap { $0["index"]?.integer } ?? []
    try hold(indexes.contains(Int(done.entry.index)), "The audit trail does not list the entry of \(done.name).")
  }

  /// Each action runs whole and then cannot be journaled; afterwards everything is as before.
  private static func refusedWithoutRecord(_ probe: Probe) async throws -> Int {
    let tenant = probe.first
    let vendor = try await probe.vendor(in: tenant)
    let attempts: [(name: String, send: @Sendable () async throws -> FrontDoor.Answer)] = [
      ("changing a vendor", { try await probe.rename(vendor, to: Marker.make(), in: tenant) }),
      ("making a token", { try await tenant.owner.caller.send(.post, "/v1/tokens", ["label": "must not be"]) }),
      (
        "inviting a person",
        {
          let email = "\(Marker.make())@probe.invalid"
          return try await tenant.owner.caller.send(
            .post, "/v1/people", ["name": "Must not be", "email": .string(email), "roles": []])
        }
      ),
    ]
    for attempt in attempts {
      let before = try await state(probe, vendor)
      try await probe.environment.failNextAppend(tenant.id)
      let answer = try await attempt.send()
      try hold(answer.status >= 500, "With a failing journal, \(attempt.name) was answered \(answer.status).")
      try hold(answer.headers["Steward-Receipt"] == nil, "With a failing journal, \(attempt.name) got a receipt.")
      try hold(
        try await state(probe, vendor) == before, "With a failing journal, \(attempt.name) left something behind.")
    }
    return attempts.count
  }

  private struct State: Equatable {
    let vendor: String
    let people: Int
    let tokens: Int
    let logSize: Int64
  }

  private static func state(_ probe: Probe, _ vendor: String) async throws -> State {
    let tenant = probe.first
    let shown = try await tenant.manager.caller.get("/v1/vendors/\(vendor)").body(200, for: "GET /v1/vendors/{id}")
    let people = try await probe.services.people.people(in: tenant.id).count
    let tokens = try await probe.services.ledger.read(tenant.id) { reader in
      try reader.rows("SELECT count(*) FROM api_token WHERE tenant = \(tenant.id)").first?.first?.integer ?? 0
    }
    return State(vendor: shown.text, people: people, tokens: Int(tokens), logSize: try await probe.logSize(tenant))
  }
}
