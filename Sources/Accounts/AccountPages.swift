import Platform

/// `/account`: one's own password, sessions and tokens.
struct AccountPages: Sendable {
  let accounts: Accounts

  var routes: [Route] {
    [
      Route(.get, "/account", access: .signedIn, summary: "Show the own account.", handler: show),
      Route(
        .post, "/account/password", access: .signedIn, summary: "Change the own password by form.",
        handler: changePassword),
      Route(
        .post, "/account/sessions/{id}/end", access: .signedIn, summary: "End one of the own sessions.",
        handler: endSession),
      Route(.post, "/account/tokens", access: .signedIn, summary: "Make an API token by form.", handler: makeToken),
      Route(
        .post, "/account/tokens/{id}/revoke", access: .signedIn, summary: "Revoke an API token by form.",
        handler: revokeToken),
    ]
  }

  @Sendable func show(_ request: Request) async throws -> Response { try request.page(try await page(request)) }

  @Sendable func changePassword(_ request: Request) async throws -> Response {
    let form = try await request.form()
    do {
      let receipt = try await accounts.changePassword(
        try request.principal, from: form["current_password"] ?? "", to: form["new_password"] ?? "")
      return Response.seeOther("/account").receipt(receipt).flash("account_changed")
    } catch let problem as Problem where !problem.errors.isEmpty {
      return try request.page(try await page(request, problem: problem), status: problem.code.status)
    }
  }

  @Sendable func endSession(_ request: Request) async throws -> Response {
    let receipt = try await accounts.endSession(try request.id("id"), by: try request.principal)
    return Response.seeOther("/account").receipt(receipt).flash("account_session_ended")
  }

  @Sendable func makeToken(_ request: Request) async throws -> Response {
    let principal = try request.principal
    do {
      let made = try await accounts.makeToken(
        principal.tenant, for: principal.person, label: try await request.form()["label"] ?? "", by: principal.actor)
      return try request.page(try await page(request, token: made.text), status: 201).receipt(made.receipt)
    } catch let problem as Problem where !problem.errors.isEmpty {
      return try request.page(try await page(request, problem: problem), status: problem.code.status)
    }
  }

  @Sendable func revokeToken(_ request: Request) async throws -> Response {
    let receipt = try await accounts.revokeToken(try request.id("id"), by: try request.principal)
    return Response.seeOther("/account").receipt(receipt).flash("account_token_revoked")
  }

  private func page(_ request: Request, problem: Problem? = nil, token: String? = nil) async throws -> AccountPage {
    let principal = try request.principal
    let (sessions, tokens) = try await accounts.ledger.read(principal.tenant) { reader in
      (
        try reader.fetch(SessionRecord.self, "AND person = \(principal.person) ORDER BY id DESC"),
        try reader.fetch(TokenRecord.self, "AND person = \(principal.person) AND revoked_at IS NULL ORDER BY id DESC")
      )
    }
    let oldest = request.now.adding(seconds: -SessionRecord.absoluteSeconds)
    return AccountPage(
      request, sessions: sessions.filter { $0.createdAt > oldest }, tokens: tokens, problem: problem, token: token)
  }
}

struct AccountPage: Page {
  static let template = Template(
    "account",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{name}}, {{tenant}}</p></div></div>
    {{#token}}<section class="notice good" role="status"><h2>{{t.account_token_shown}}</h2><p>{{t.account_token_shown_lead}}</p><p><code class="secret">{{token}}</code></p></section>{{/token}}
    <section class="card"><h2>{{t.account_tokens}}</h2><p class="muted">{{t.account_tokens_lead}}</p>
    {{^hasTokens}}<p class="empty">{{t.account_tokens_none}}</p>{{/hasTokens}}
    {{#hasTokens}}<ul class="rows">{{#tokens}}<li><span><strong>{{label}}</strong> <span class="muted">{{t.account_token_created}} <time datetime="{{since}}">{{since}}</time></span></span><form method="post" action="/account/tokens/{{id}}/revoke"><input type="hidden" name="csrf" value="{{csrf}}"><button class="quiet small" type="submit">{{t.account_token_revoke}}<span class="vh"> {{label}}</span></button></form></li>{{/tokens}}</ul>{{/hasTokens}}
    <form method="post" action="/account/tokens" class="inline"><input type="hidden" name="csrf" value="{{csrf}}">
    <div class="field{{#labelFault}} wrong{{/labelFault}}"><label for="label">{{t.account_token_label}}</label><input id="label" name="label" maxlength="100" required>{{#labelFault}}<p class="error">{{labelFault}}</p>{{/labelFault}}</div>
    <button type="submit">{{t.account_token_create}}</button></form></section>
    <section class="card"><h2>{{t.account_password}}</h2><p class="muted">{{t.account_password_lead}}</p>
    <form method="post" action="/account/password" class="stack"><input type="hidden" name="csrf" value="{{csrf}}">
    <div class="field{{#currentFault}} wrong{{/currentFault}}"><label for="current">{{t.account_current}}</label><input id="current" name="current_password" type="password" required autocomplete="current-password">{{#currentFault}}<p class="error">{{currentFault}}</p>{{/currentFault}}</div>
    <div class="field{{#newFault}} wrong{{/newFault}}"><label for="new">{{t.account_new}}</label><p class="hint">{{t.setup_hint}}</p><input id="new" name="new_password" type="password" required minlength="12" autocomplete="new-password">{{#newFault}}<p class="error">{{newFault}}</p>{{/newFault}}</div>
    <button type="submit">{{t.account_change}}</button></form></section>
    <section class="card"><h2>{{t.account_sessions}}</h2><p class="muted">{{t.account_sessions_lead}}</p>
    <ul class="rows">{{#sessions}}<li><span>{{t.account_session_since}} <time datetime="{{since}}">{{since}}</time> {{#isThis}}<span class="badge good">{{t.account_session_this}}</span>{{/isThis}}</span>{{^isThis}}<form method="post" action="/account/sessions/{{id}}/end"><input type="hidden" name="csrf" value="{{csrf}}"><button class="quiet small" type="submit">{{t.account_session_end}}</button></form>{{/isThis}}</li>{{/sessions}}</ul></section>
    """)

  struct SessionRow: Equatable, Sendable {
    let id: String
    let since: String
    let isThis: Bool
  }

  struct TokenRow: Equatable, Sendable {
    let id: String
    let label: String
    let since: String
  }

  let title: String
  let name: String
  let tenant: String
  let token: String?
  let hasTokens: Bool
  let tokens: [TokenRow]
  let sessions: [SessionRow]
  let currentFault: String?
  let newFault: String?
  let labelFault: String?

  init(_ request: Request, sessions: [SessionRecord], tokens: [TokenRecord], problem: Problem?, token: String?) {
    title = request.text("account_title")
    name = request.visitor?.name ?? ""
    tenant = request.visitor?.tenantName ?? ""
    self.token = token
    hasTokens = !tokens.isEmpty
    self.tokens = tokens.map { TokenRow(id: $0.id.text, label: $0.label, since: $0.createdAt.forPeople) }
    self.sessions = sessions.map { session in
      SessionRow(
        id: session.id.text, since: session.createdAt.forPeople, isThis: session.id == request.visitor?.session)
    }
    currentFault = problem?.errors.first { $0.field == "current_password" }?.message
    newFault = problem?.errors.first { $0.field == "new_password" }?.message
    labelFault = problem?.errors.first { $0.field == "label" }?.message
  }
}
