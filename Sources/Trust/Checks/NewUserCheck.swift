import Platform

/// A15: a new user sees nothing but their own account.
///
/// Crawls every route that reads as somebody newly invited without a role and as a member to whom nothing was assigned, on
/// things that exist, and looks for what the tenant holds in every answer.
enum NewUserCheck {
  static func run(_ probe: Probe) async throws -> String {
    let tenant = probe.first
    let fixtures = try await RouteFixtures.make(probe, in: tenant)
    try await isSeenByOwner(fixtures)
    let newcomer = try await probe.invite([], in: tenant, name: "Probe newcomer")
    let fresh = try await probe.signIn(with: newcomer.link)
    var calls = 0
    for (who, caller) in [
      ("a new user without a role", fresh), ("a member to whom nothing was assigned", tenant.member.caller),
    ] {
      for route in probe.environment.routes where route.method == .get && !route.path.hasPrefix("/assets/") {
        guard let target = fixtures.target(of: route) else { continue }
        for accept in ["application/json", "text/html"] {
          try seesNothing(try await caller.get(target, accept: accept), route, who, fixtures)
          calls += 1
        }
      }
    }
    _ = try await tenant.owner.caller.send(.post, "/v1/people/\(newcomer.id)/disable")
    return """
      Invited a user without a role and took a member without any assignment; crawled every route that reads, on things that \
      exist, as JSON and as page, in \(calls) calls. Beside their own account they got “not found” or empty lists, and none \
      of \(fixtures.markers.count) marks of the tenant's content.
      """
  }

  /// Otherwise there would be nothing to hide.
  private static func isSeenByOwner(_ fixtures: RouteFixtures) async throws {
    let shown = try await fixtures.tenant.manager.caller.get("/v1/vendors/\(fixtures.vendor)")
    guard shown.status == 200, let mark = fixtures.markers.first, shown.text.contains(mark) else {
      throw Hindered(reason: "The planted content cannot be read by those who may.")
    }
  }

  private static func seesNothing(
    _ answer: FrontDoor.Answer, _ route: Route, _ who: String, _ fixtures: RouteFixtures
  ) throws {
    let text = answer.text
    try hold(
      !fixtures.markers.contains { text.contains($0) }, "\(route.name) shows content of the organisation to \(who).")
    switch route.access {
    case .open, .signedIn: return
    case .permission:
      try hold(answer.status == 404, "\(route.name) answers \(answer.status) to \(who).")
    case .anyOf:
      let items = (try? answer.json())?["items"]?.array
      let isEmpty = answer.status == 200 && (items?.isEmpty ?? true)
      try hold(
        answer.status == 404 || isEmpty, "\(route.name) answers \(answer.status) to \(who), and not with nothing.")
    }
  }
}
