import Platform

/// A37: a customer may object to a new sub-processor, and it stays off for them.
enum ObjectionCheck {
  static func run(_ probe: Probe) async throws -> String {
    try await probe.withProviders { try await walk(probe) }
  }

  private static func walk(_ probe: Probe) async throws -> String {
    let provider = try await ProbeProvider.active(probe)
    let announced = try await ProbeProvider.draft(probe)
    _ = try await probe.environment.providers.announce(announced.id)
    return try await ProbeClock.later(31 * ProbeProvider.day) {
      try hold(try await provider.refusal(for: probe.first) == nil, "It is off although nobody objected.")
      try await notByOthers(provider)
      try await object(to: provider)
      try await withdraw(provider)
      // New ones are those that have not started yet.
      try await object(to: announced)
      for tenant in [probe.first, probe.second] {
        _ = try await probe.environment.providers.deliver(announced.id, tenant.id)
      }
      try await ProbeClock.later(62 * ProbeProvider.day) {
        try await probe.environment.providers.activate(announced.id)
        try await isOffForOne(announced)
      }
      return """
        As the owner of an organisation objected to two sub-processors of the checks' own register, one active and one only \
        announced: from the next call on the gate refused both for that organisation, also after the second had started, and \
        let them through for another. Whoever is no owner could not object. Taken back, the objection no longer counted.
        """
    }
  }

  private static func path(_ provider: ProbeProvider) -> String { "/v1/subprocessors/\(provider.id)/objection" }

  private static func notByOthers(_ provider: ProbeProvider) async throws {
    for person in [provider.probe.first.manager, provider.probe.first.auditor, provider.probe.first.member] {
      let answer = try await person.caller.send(.post, path(provider), ["reason": "Probe."])
      let role = person.roles.map(\.rawValue).joined()
      try hold(answer.status == 404, "Objecting answers \(answer.status) to the role \(role).")
    }
  }

  private static func object(to provider: ProbeProvider) async throws {
    let probe = provider.probe
    let answer = try await probe.first.owner.caller.send(.post, path(provider), ["reason": "Probe."])
    try hold(answer.status == 201, "Objecting answered \(answer.status) to the owner.")
    _ = try await probe.proven(answer, of: probe.first, what: "objecting")
    if try await probe.environment.providers.state(provider.id) == "active" { try await isOffForOne(provider) }
  }

  private static func isOffForOne(_ provider: ProbeProvider) async throws {
    let probe = provider.probe
    let list = try await probe.first.owner.caller.get("/v1/subprocessors?limit=200").body(
      200, for: "GET /v1/subprocessors")
    let shown = list["items"]?.array?.first { $0["id"]?.string == provider.id }
    try hold(shown?["admitted"]?.bool == false, "The list does not show that the objection counts.")
    try hold(
      try await provider.refusal(for: probe.first) != nil, "The gate let something through despite the objection.")
    let reason = try await provider.refusal(for: probe.second)
    try hold(reason == nil, "Another organisation's objection turned it off: \(reason ?? "")")
  }

  private static func withdraw(_ provider: ProbeProvider) async throws {
    let answer = try await provider.probe.first.owner.caller.send(.post, path(provider) + "/withdraw")
    guard answer.status == 200 else { throw Hindered(reason: "Taking the objection back answered \(answer.status).") }
    let reason = try await provider.refusal(for: provider.probe.first)
    try hold(reason == nil, "An objection that was taken back still counts: \(reason ?? "")")
  }
}
