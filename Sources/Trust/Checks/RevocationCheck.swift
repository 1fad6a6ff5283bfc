import Platform

/// F31: sessions, tokens and accounts can be revoked; what was revoked is refused at its next use, within a second.
enum RevocationCheck {
  private static let bound = Duration.seconds(1)

  static func run(_ probe: Probe) async throws -> String {
    var slowest = Duration.zero
    slowest = max(slowest, try await token(probe))
    slowest = max(slowest, try await session(probe))
    slowest = max(slowest, try await account(probe))
    let milliseconds = slowest.components.seconds * 1_000 + slowest.components.attoseconds / 1_000_000_000_000_000
    return """
      Revoked a token, a session and a whole account with a session and a token of its own, and replayed each of the four \
      credentials at once: all were refused, the slowest \(milliseconds) ms after its revocation had been asked for.
      """
  }

  /// Calls `revoke`, then uses what was revoked; answers how long it took from asking to being refused.
  private static func replay(
    _ what: String, _ callers: [Caller], revoke: () async throws -> FrontDoor.Answer
  ) async throws -> Duration {
    for caller in callers {
      guard try await caller.get("/v1/me").status == 200 else {
        throw Hindered(reason: "A fresh \(what) is not accepted.")
      }
    }
    let start = ContinuousClock.now
    let answer = try await revoke()
    guard (200..<400).contains(answer.status) else {
      throw Hindered(reason: "Revoking a \(what) answered \(answer.status).")
    }
    for caller in callers {
      let replayed = try await caller.get("/v1/me")
      try hold(replayed.status == 401, "A revoked \(what) is still accepted: it answers \(replayed.status).")
    }
    let taken = ContinuousClock.now - start
    try hold(taken < bound, "A revoked \(what) was refused only after more than a second.")
    return taken
  }

  private static func token(_ probe: Probe) async throws -> Duration {
    let owner = probe.second.owner.caller
    let made = try await owner.send(.post, "/v1/tokens", ["label": "probe F31"]).body(201, for: "POST /v1/tokens")
    let id = try need(made["id"]?.string, "The token has no id.")
    let caller = probe.caller(token: try need(made["token"]?.string, "The token was not shown."))
    return try await replay("token", [caller]) { try await owner.send(.post, "/v1/tokens/\(id)/revoke") }
  }

  private static func session(_ probe: Probe) async throws -> Duration {
    let caller = try await probe.freshSession(in: probe.second).caller
    let page = try await caller.page("/account")
    let form = try need(formToken(in: page.text), "The account page has no form token.")
    return try await replay("session", [caller]) { try await caller.submit("/sign-out", [("csrf", form)]) }
  }

  private static func account(_ probe: Probe) async throws -> Duration {
    let (session, person) = try await probe.freshSession(in: probe.second)
    let id = try need(PersonID(person), "The person has no id.")
    let text = try await probe.services.people.issueToken(
      probe.second.id, for: id, label: "probe F31", by: .system("probe"))
    return try await replay("account", [session, probe.caller(token: text)]) {
      try await probe.second.owner.caller.send(.post, "/v1/people/\(person)/disable")
    }
  }

  /// The value of the hidden field `csrf` on a page.
  static func formToken(in html: String) -> String? {
    guard let name = html.firstRange(of: "name=\"csrf\" value=\"") else { return nil }
    let value = html[name.upperBound...].prefix { $0 != "\"" }
    return value.isEmpty ? nil : String(value)
  }
}
