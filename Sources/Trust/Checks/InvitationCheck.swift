import Platform

/// A14: the people you invite get the roles you give them, and no others.
///
/// Invites somebody for each role, lets them set a password as in a browser, and compares what they are and what they reach
/// with the declared matrix.
enum InvitationCheck {
  static func run(_ probe: Probe) async throws -> String {
    let sets: [Set<Role>] = Role.allCases.map { [$0] } + [[.manager, .auditor], []]
    let lists = probe.environment.routes.filter { $0.method == .get && $0.access != .open && !$0.path.contains("{") }
    var calls = 0
    for roles in sets { calls += try await invited(roles, lists, probe) }
    return """
      Invited \(sets.count) people, with each role, with two and with none. Each set a password with the link, has exactly the \
      roles given and the permissions of the matrix, and reached in \(calls) calls to \(lists.count) routes exactly what it gives.
      """
  }

  private static func invited(_ roles: Set<Role>, _ routes: [Route], _ probe: Probe) async throws -> Int {
    let tenant = probe.first
    let names = roles.map(\.rawValue).sorted()
    let what = names.isEmpty ? "no role" : names.joined(separator: " and ")
    let invited = try await probe.invite(names, in: tenant, name: "Probe invited")
    _ = try await probe.proven(invited.receipt, of: tenant, what: "inviting a person")
    let caller = try await probe.signIn(with: invited.link)
    let me = try await caller.get("/v1/me").body(200, for: "GET /v1/me")
    try hold(texts(me["roles"]) == names, "A person invited with \(what) has other roles.")
    let declared = probe.environment.permissions(of: roles)
    try hold(
      texts(me["permissions"]) == declared.map(\.rawValue).sorted(),
      "A person invited with \(what) has other permissions.")
    for route in routes {
      let answer = try await caller.get(route.path)
      let isGiven = route.access.admits(to: declared)
      try hold(
        isGiven == (answer.status != 404), "\(route.name) answers \(answer.status) to a person invited with \(what).")
    }
    let disabled = try await tenant.owner.caller.send(.post, "/v1/people/\(invited.id)/disable")
    guard disabled.status == 200 else { throw Hindered(reason: "POST …/disable answered \(disabled.status).") }
    return routes.count
  }

  private static func texts(_ json: JSON?) -> [String] { (json?.array ?? []).compactMap(\.string).sorted() }
}

extension Route.Access {
  /// Whether someone who holds these permissions gets to the handler.
  func admits(to permissions: Set<Permission>) -> Bool {
    switch self {
    case .permission(let permission): permissions.contains(permission)
    case .anyOf(let any): !permissions.isDisjoint(with: any)
    case .signedIn, .open: true
    }
  }
}
