import Platform

/// `/v1/people`.
struct PeopleAPI: Sendable {
  let accounts: Accounts

  var routes: [Route] {
    [
      Route(.get, "/v1/people", access: .permission(.peopleRead), summary: "List people.", handler: list),
      Route(
        .post, "/v1/people", access: .permission(.peopleManage),
        summary: "Add a person; the answer holds a single-use set-up link.", handler: add),
      Route(
        .post, "/v1/people/{id}/disable", access: .permission(.peopleManage),
        summary: "Disable a person; their sessions and tokens end at once.", handler: disable),
      Route(
        .post, "/v1/people/{id}/readmit", access: .permission(.peopleManage),
        summary: "Give a person who cannot sign in a new set-up link.", handler: readmit),
    ]
  }

  @Sendable func list(_ request: Request) async throws -> Response {
    let (limit, cursor) = try request.listing()
    let tenant = try request.principal.tenant
    let rows = try await accounts.ledger.view(PersonRecord.self, tenant).rows
    let cards = Dictionary(
      try await accounts.people(in: tenant).map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    let rest = rows.drop { row in cursor.map { row.key <= $0 } ?? false }
    let page = rest.prefix(limit)
    let next = rest.count > page.count ? page.last?.key : nil
    return try request.list(items: page.map { PeopleAPI.json($0, roles: cards[$0.id]?.roles ?? []) }, next: next)
  }

  @Sendable func add(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["name", "email", "roles"])
    let principal = try request.principal
    let input = try PersonInput(
      name: body["name"]?.string ?? "", email: body["email"]?.string ?? "", roles: try PeopleAPI.roles(body["roles"]))
    let invited = try await accounts.invite(
      principal.tenant, input, by: principal.actor, mailing: try InvitationLetter(request))
    let link = request.services.installation.origin + invited.link
    return .json(
      [
        "id": .string(invited.id.text), "name": .string(input.name), "email": .string(input.email),
        "roles": PeopleAPI.json(input.roles), "state": "invited", "setup_link": .string(link),
      ], status: 201
    ).receipt(invited.receipt)
  }

  @Sendable func disable(_ request: Request) async throws -> Response {
    let principal = try request.principal
    let id: PersonID = try request.id("id")
    let receipt = try await accounts.disabled(principal.tenant, id, by: principal.actor)
    return .json(["id": .string(id.text), "state": "disabled"]).receipt(receipt)
  }

  @Sendable func readmit(_ request: Request) async throws -> Response {
    let principal = try request.principal
    let id: PersonID = try request.id("id")
    let readmitted = try await accounts.readmit(
      principal.tenant, id, by: principal.actor, mailing: try InvitationLetter(request))
    let link = request.services.installation.origin + readmitted.link
    return .json(["id": .string(id.text), "state": "invited", "setup_link": .string(link)]).receipt(readmitted.receipt)
  }

  static func roles(_ json: JSON?) throws -> [String] {
    guard let json else { return [] }
    guard let items = json.array, items.count <= Role.allCases.count else {
      throw Problem.invalid("roles", "Give roles as a list.")
    }
    return items.map { $0.string ?? "" }
  }

  static func json(_ roles: Set<Role>) -> JSON { .array(roles.map(\.rawValue).sorted().map(JSON.string)) }

  static func json(_ person: PersonRecord, roles: Set<Role>) -> JSON {
    [
      "id": .string(person.id.text), "name": .string(person.name), "email": .string(person.email),
      "roles": json(roles), "state": .string(person.state.rawValue),
      "created_at": .string(person.createdAt.description),
    ]
  }
}
