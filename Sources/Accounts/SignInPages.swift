import Platform

/// `/`, `/t/{slug}`, `/setup/{link}`, `/sign-out`.
struct SignInPages: Sendable {
  let accounts: Accounts

  var routes: [Route] {
    [
      Route(.get, "/", access: .open, summary: "Go to the first page, or ask which organisation.", handler: start),
      Route(.post, "/", access: .open, summary: "Go to an organisation's sign-in.", handler: choose),
      Route(.get, "/t/{slug}", access: .open, summary: "Show an organisation's sign-in.", handler: show),
      Route(.post, "/t/{slug}", access: .open, summary: "Sign in.", handler: signIn),
      Route(.get, "/setup/{link}", access: .open, summary: "Show the form for a first password.", handler: showSetup),
      Route(.post, "/setup/{link}", access: .open, summary: "Set a first password.", handler: setup),
      Route(.post, "/sign-out", access: .signedIn, summary: "End this session.", handler: signOut),
    ]
  }

  /// The first page that the visitor may open.
  @Sendable func start(_ request: Request) async throws -> Response {
    guard request.visitor != nil else { return try request.page(StartPage(request, slug: "", fault: nil)) }
    return .seeOther(request.firstPath ?? "/account")
  }

  @Sendable func choose(_ request: Request) async throws -> Response {
    let slug = (try await request.form()["slug"] ?? "").trimmed.lowercased()
    guard let tenant = try await accounts.tenants.find(slug: slug), !tenant.isHidden else {
      return try request.page(StartPage(request, slug: slug, fault: request.text("start_unknown")), status: 404)
    }
    return .seeOther("/t/\(tenant.slug)")
  }

  @Sendable func show(_ request: Request) async throws -> Response {
    let tenant = try await tenant(request)
    return try request.page(SignInPage(request, tenant: tenant, email: "", fault: nil))
  }

  @Sendable func signIn(_ request: Request) async throws -> Response {
    let tenant = try await tenant(request)
    let form = try await request.form()
    let email = form["email"] ?? ""
    do {
      let session = try await accounts.signIn(
        tenant.id, email: email, password: form["password"] ?? "", from: request.remoteAddress)
      return Response.seeOther("/").startingSession(session, request)
    } catch let problem as Problem where [.unauthenticated, .tooManyRequests].contains(problem.code) {
      guard request.wantsHTML else { throw problem }
      let page = SignInPage(request, tenant: tenant, email: email, fault: problem.message)
      return try request.page(page, status: problem.code.status).challenged(problem)
    }
  }

  @Sendable func showSetup(_ request: Request) async throws -> Response {
    let link = request.parameters["link"]
    guard let found = try await accounts.setup(link) else { throw SignInPages.linkOver(request) }
    return try request.page(SetupPage(request, tenant: found.tenant, person: found.person, link: link, fault: nil))
  }

  @Sendable func setup(_ request: Request) async throws -> Response {
    let link = request.parameters["link"]
    guard let found = try await accounts.setup(link) else { throw SignInPages.linkOver(request) }
    let password = try await request.form()["password"] ?? ""
    do {
      let session = try await accounts.completeSetup(link, password: password)
      return Response.seeOther("/").startingSession(session, request)
    } catch let problem as Problem where problem.code == .invalid {
      guard request.wantsHTML else { throw problem }
      let page = SetupPage(request, tenant: found.tenant, person: found.person, link: link, fault: problem.message)
      return try request.page(page, status: problem.code.status)
    }
  }

  @Sendable func signOut(_ request: Request) async throws -> Response {
    let receipt = try await accounts.signOut(try request.principal)
    let response = Response.seeOther("/").endingSession(request)
    return receipt.map(response.receipt) ?? response
  }

  /// A hidden tenant is no place that anyone can sign in to by its name.
  private func tenant(_ request: Request) async throws -> TenantProfile {
    guard let tenant = try await accounts.tenants.find(slug: request.parameters["slug"]), !tenant.isHidden else {
      throw Problem.notFound
    }
    return tenant
  }

  private static func linkOver(_ request: Request) -> Problem { Problem(.notFound, request.text("setup_over")) }
}

extension Response {
  fileprivate func startingSession(_ session: Accounts.NewSession, _ request: Request) -> Response {
    cookie(session.cookie, maxAgeSeconds: SessionRecord.absoluteSeconds, request).receipt(session.receipt)
  }

  fileprivate func endingSession(_ request: Request) -> Response { cookie("", maxAgeSeconds: 0, request) }

  private func cookie(_ value: String, maxAgeSeconds: Int, _ request: Request) -> Response {
    let isTLS = request.services.installation.isTLS
    let cookie = Cookie(
      name: SessionCookie.name(isTLS: isTLS), value: value, maxAgeSeconds: maxAgeSeconds, isSecure: isTLS)
    return header("Set-Cookie", cookie.text)
  }
}

/// The front page: what this is, what is proven of it, and where to sign in.
struct StartPage: Page {
  static let template = Template(
    "start",
    """
    <div class="front">
    <div class="front-words">
    <p class="overline">{{t.start_overline}}</p>
    <h1>{{title}}</h1>
    <p class="lead">{{t.start_pitch}}</p>
    <ul class="points"><li><strong>{{t.start_point_cases}}</strong> {{t.start_point_cases_more}}</li><li><strong>{{t.start_point_record}}</strong> {{t.start_point_record_more}}</li><li><strong>{{t.start_point_certificate}}</strong> {{t.start_point_certificate_more}}</li></ul>
    <p class="toolbar"><a class="button quiet" href="/trust">{{t.start_trust}}</a></p>
    </div>
    <section class="card" aria-labelledby="start-signin">
    <h2 id="start-signin">{{t.signin_title}}</h2>
    <form method="post" action="/" class="stack">
    <div class="field{{#fault}} wrong{{/fault}}">
    <label for="slug">{{t.start_slug}}</label>
    <p class="hint" id="slug-hint">{{t.start_slug_hint}}</p>
    <input id="slug" name="slug" value="{{slug}}" required autocapitalize="none" autocomplete="organization" spellcheck="false" aria-describedby="slug-hint{{#fault}} slug-error{{/fault}}"{{#fault}} aria-invalid="true"{{/fault}}>
    {{#fault}}<p class="error" id="slug-error">{{fault}}</p>{{/fault}}
    </div>
    <button type="submit">{{t.start_continue}}</button>
    </form>
    <p class="muted small">{{t.start_direct}}</p>
    </section>
    </div>
    """)

  let title: String
  let slug: String
  let fault: String?

  init(_ request: Request, slug: String, fault: String?) {
    title = request.text("start_title")
    self.slug = slug
    self.fault = fault
  }
}

/// Address and password, for one tenant.
struct SignInPage: Page {
  static let template = Template(
    "signin",
    """
    <div class="narrow card">
    <p class="overline">{{tenant}}</p>
    <h1>{{title}}</h1>
    {{#fault}}<p class="notice bad" role="alert">{{fault}}</p>{{/fault}}
    <form method="post" action="/t/{{slug}}" class="stack">
    <div class="field"><label for="email">{{t.signin_email}}</label>
    <input id="email" name="email" type="email" value="{{email}}" required autocomplete="username"></div>
    <div class="field"><label for="password">{{t.signin_password}}</label>
    <input id="password" name="password" type="password" required autocomplete="current-password"></div>
    <button type="submit">{{t.signin_submit}}</button>
    </form>
    <p class="muted small"><a href="/">{{t.signin_other}}</a></p>
    </div>
    """)

  let title: String
  let tenant: String
  let slug: String
  let email: String
  let fault: String?

  init(_ request: Request, tenant: TenantProfile, email: String, fault: String?) {
    title = request.text("signin_title")
    self.tenant = tenant.name
    slug = tenant.slug
    self.email = email
    self.fault = fault
  }
}

/// The first password of an invited person.
struct SetupPage: Page {
  static let template = Template(
    "setup",
    """
    <div class="narrow card">
    <h1>{{title}}</h1>
    <p class="lead">{{lead}}</p>
    <form method="post" action="/setup/{{link}}" class="stack">
    <div class="field"><label for="email">{{t.signin_email}}</label>
    <input id="email" type="email" value="{{email}}" readonly autocomplete="username"></div>
    <div class="field{{#fault}} wrong{{/fault}}"><label for="password">{{t.setup_password}}</label>
    <p class="hint" id="password-hint">{{t.setup_hint}}</p>
    <input id="password" name="password" type="password" required minlength="12" autocomplete="new-password" aria-describedby="password-hint{{#fault}} password-error{{/fault}}">
    {{#fault}}<p class="error" id="password-error">{{fault}}</p>{{/fault}}</div>
    <button type="submit">{{t.setup_submit}}</button>
    </form>
    </div>
    """)

  let title: String
  let lead: String
  let email: String
  let link: String
  let fault: String?

  init(_ request: Request, tenant: TenantProfile, person: PersonRecord, link: String, fault: String?) {
    title = request.text("setup_title")
    lead = request.text("setup_lead", ["tenant": tenant.name])
    email = person.email
    self.link = link
    self.fault = fault
  }
}
