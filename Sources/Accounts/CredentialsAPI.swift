import Platform

/// `/v1/me`, `/v1/tokens`: what concerns the one who asks.
struct CredentialsAPI: Sendable {
  let accounts: Accounts

  var routes: [Route] {
    [
      Route(.get, "/v1/me", access: .signedIn, summary: "Tell who is asking.", handler: me),
      Route(
        .post, "/v1/me/password", access: .signedIn, summary: "Change the own password; other sessions end.",
        handler: changePassword),
      Route(.get, "/v1/tokens", access: .signedIn, summary: "List the own API tokens.", handler: list),
      Route(
        .post, "/v1/tokens", access: .signedIn, summary: "Make an API token; it is shown this once.", handler: create),
      Route(
        .post, "/v1/tokens/{id}/revoke", access: .signedIn, summary: "Revoke an API token.", handler: revoke),
    ]
  }

  @Sendable func me(_ request: Request) async throws -> Response {
    let principal = try request.principal
    guard let person = try await accounts.person(principal.person, in: principal.tenant),
      let tenant = try await accounts.tenants.profile(of: principal.tenant)
    else { throw Problem.notFound }
    return .json([
      "id": .string(person.id.text), "name": .string(person.name), "email": .string(person.email),
      "roles": PeopleAPI.json(principal.roles),
      "permissions": .array(principal.permissions.map(\.rawValue).sorted().map(JSON.string)),
      "tenant": ["id": .string(tenant.id.text), "name": .string(tenant.name), "slug": .string(tenant.slug)],
    ])
  }

  @Sendable func changePassword(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["current_password", "new_password"])
    let receipt = try await accounts.changePassword(
      try request.principal, from: body["current_password"]?.string ?? "", to: body["new_password"]?.string ?? "")
    return Response.noContent.receipt(receipt)
  }

  @Sendable func list(_ request: Request) async throws -> Response {
    let (limit, cursor) = try request.listing()
    let principal = try request.principal
    let rows = try await accounts.ledger.read(principal.tenant) { reader in
      try reader.fetch(
        TokenRecord.self,
        "AND person = \(principal.person) AND id > \(cursor ?? "") ORDER BY id LIMIT \(limit + 1)")
    }
    let page = rows.prefix(limit)
    let next = rows.count > limit ? page.last?.key : nil
    return try request.list(items: page.map(CredentialsAPI.json), next: next)
  }

  @Sendable func create(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["label"])
    let principal = try request.principal
    let made = try await accounts.makeToken(
      principal.tenant, for: principal.person, label: body["label"]?.string ?? "", by: principal.actor)
    return .json(
      ["id": .string(made.record.id.text), "label": .string(made.record.label), "token": .string(made.text)],
      status: 201
    ).receipt(made.receipt)
  }

  @Sendable func revoke(_ request: Request) async throws -> Response {
    let id: TokenID = try request.id("id")
    let receipt = try await accounts.revokeToken(id, by: try request.principal)
    return Response.json(["id": .string(id.text), "state": "revoked"]).receipt(receipt)
  }

  static func json(_ token: TokenRecord) -> JSON {
    [
      "id": .string(token.id.text), "label": .string(token.label), "created_at": .string(token.createdAt.description),
      "revoked_at": JSON(token.revokedAt?.description),
    ]
  }
}
