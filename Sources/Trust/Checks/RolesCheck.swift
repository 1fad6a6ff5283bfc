import Platform

/// F29: access follows roles. Walks every route as every role and compares with the declared and the published matrix.
enum RolesCheck {
  static func run(_ probe: Probe) async throws -> String {
    try await published(probe)
    let fixtures = try await RouteFixtures.make(probe, in: probe.first, withTokens: true)
    var walk = RoleWalk(probe: probe, fixtures: fixtures)
    for route in probe.environment.routes where !route.path.hasPrefix("/assets/") { try await walk.visit(route) }
    let foreign = try await otherTenant(probe, fixtures)
    return """
      Walked \(walk.routes) routes as \(walk.actors.count) kinds of people and as a stranger in \(walk.calls) calls: \
      \(walk.reached) reached what the matrix gives, \(walk.refused) were refused what it does not give, and \(foreign) \
      calls by the owner of another organisation found nothing. The published matrix is the declared one.
      """
  }

  /// What /openapi.json says of each route is what is declared.
  private static func published(_ probe: Probe) async throws {
    let document = try await probe.stranger.get("/openapi.json").body(200, for: "GET /openapi.json")
    for route in probe.environment.routes where !route.path.hasPrefix("/assets/") {
      let path = route.path.replacing("+}", with: "}")
      let shown = document["paths"]?[path]?[route.method.rawValue.lowercased()]?["x-access"]?.string
      try hold(
        shown == PermissionMatrix.access(route.access), "The published matrix does not say what \(route.name) needs.")
    }
  }

  /// Ids of one organisation name nothing in another, whatever the role.
  private static func otherTenant(_ probe: Probe, _ fixtures: RouteFixtures) async throws -> Int {
    var calls = 0
    let nouns = ["vendors", "cases", "people"]
    for route in probe.environment.routes where route.method == .get && route.access != .open {
      guard nouns.contains(where: { route.path.contains("/\($0)/{id}") }), let target = fixtures.target(of: route)
      else { continue }
      let answer = try await probe.second.owner.caller.get(target)
      try hold(answer.status == 404, "\(route.name) answers \(answer.status) to the owner of another organisation.")
      calls += 1
    }
    return calls
  }
}

/// The walk with its counts.
struct RoleWalk {
  let probe: Probe
  let fixtures: RouteFixtures
  private(set) var routes = 0
  private(set) var calls = 0
  private(set) var reached = 0
  private(set) var refused = 0

  init(probe: Probe, fixtures: RouteFixtures) {
    self.probe = probe
    self.fixtures = fixtures
  }

  /// The assigned member stands for what members reach; those to whom nothing is given are the subject of A15.
  var actors: [ProbePerson] {
    let tenant = fixtures.tenant
    return [tenant.owner, tenant.manager, tenant.auditor, fixtures.helper, tenant.nobody]
  }

  mutating func visit(_ route: Route) async throws {
    guard route.access != .open else { return }
    routes += 1
    guard let target = fixtures.target(of: route) else {
      if route.path.contains("/sessions/{") { return }
      throw Hindered(reason: "The check does not know what to put into \(route.path).")
    }
    try await visitAsStranger(route, target)
    // Whoever is refused goes first: who is let in may change what the route is about.
    let ordered = actors.filter { !admits($0, route) } + actors.filter { admits($0, route) }
    for person in ordered { try await visit(route, fixtures.target(of: route, for: person) ?? target, as: person) }
  }

  private func admits(_ person: ProbePerson, _ route: Route) -> Bool {
    let held = probe.environment.permissions(of: person.roles)
    switch route.access {
    case .permission(let permission): return held.contains(permission)
    case .anyOf(let permissions): return !held.isDisjoint(with: permissions)
    case .signedIn, .open: return true
    }
  }

  private mutating func visit(_ route: Route, _ target: String, as person: ProbePerson) async throws {
    let role = person.roles.map(\.rawValue).joined().isEmpty ? "nobody" : person.roles.map(\.rawValue).joined()
    let isAdmitted = admits(person, route)
    if isAdmitted, !isHarmless(route) { return }
    let answer = try await call(route, target, as: person.caller)
    calls += 1
    if isAdmitted {
      let isReached = !isRefusal(answer) && answer.status != 401 && answer.status < 500
      try hold(isReached, "\(route.name) answers \(answer.status) to the role \(role), to which the matrix gives it.")
      reached += 1
    } else {
      try hold(
        isRefusal(answer),
        "\(route.name) answers \(answer.status) to the role \(role), to which the matrix does not give it.")
      refused += 1
    }
  }

  private mutating func visitAsStranger(_ route: Route, _ target: String) async throws {
    let answer = try await call(route, target, as: probe.stranger)
    calls += 1
    try hold(answer.status == 401, "\(route.name) answers \(answer.status) to a stranger.")
    refused += 1
  }

  /// Refused is what looks like a thing that does not exist; a handler that was reached and found nothing says so in words of its own.
  private func isRefusal(_ answer: FrontDoor.Answer) -> Bool {
    guard answer.status == 404 else { return false }
    return (try? answer.json())?["detail"]?.string == Problem.notFound.message
  }

  /// Forms of pages act on what they get, so those who may are not sent through them; their twins in the API are.
  private func isHarmless(_ route: Route) -> Bool { route.method.isSafe || route.kind == .api }

  /// A body that no handler accepts: it shows who gets to the handler and changes nothing.
  private func call(_ route: Route, _ target: String, as caller: Caller) async throws -> FrontDoor.Answer {
    guard !route.method.isSafe else { return try await caller.get(target) }
    return try await caller.send(route.method, target, type: "application/json", body: Array("[".utf8))
  }
}
