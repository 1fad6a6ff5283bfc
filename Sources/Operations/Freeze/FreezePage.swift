import Platform

/// `/freeze`: what the switch does, what goes on regardless, and for owners the switch itself, with a confirmation.
struct FreezePage: Page {
  static let template = Template(
    "freeze",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{t.freeze_lead}}</p></div></div>
    <div class="split"><div>
    {{#freeze}}<section class="notice info" aria-labelledby="state"><h2 id="state">{{t.freeze_is}}</h2>
    <dl class="facts"><dt>{{t.freeze_since}}</dt><dd><time>{{since}}</time></dd><dt>{{t.freeze_by}}</dt><dd>{{by}}</dd><dt>{{t.freeze_reason}}</dt><dd>{{reason}}</dd></dl></section>
    {{#canSwitch}}<section class="card" aria-labelledby="lift"><h2 id="lift">{{t.freeze_lift_title}}</h2><p>{{t.freeze_lift_lead}}</p>
    <form method="post" action="/freeze/lift" class="stack"><input type="hidden" name="csrf" value="{{csrf}}">
    <button type="submit">{{t.freeze_lift}}</button></form></section>{{/canSwitch}}
    {{^canSwitch}}<p class="muted">{{t.freeze_who}}</p>{{/canSwitch}}{{/freeze}}
    {{^freeze}}<section class="notice off"><p><strong>{{t.freeze_is_not}}</strong> {{t.freeze_is_not_lead}}</p></section>
    {{#canSwitch}}<section class="card" aria-labelledby="begin"><h2 id="begin">{{t.freeze_begin_title}}</h2><p>{{t.freeze_begin_lead}}</p>
    <form method="post" action="/freeze" class="stack"><input type="hidden" name="csrf" value="{{csrf}}">
    <div class="field{{#reasonFault}} wrong{{/reasonFault}}"><label for="reason">{{t.freeze_reason}}</label><p class="hint">{{t.freeze_reason_hint}}</p><input id="reason" name="reason" value="{{reasonValue}}" maxlength="500" required autocomplete="off">{{#reasonFault}}<p class="error">{{reasonFault}}</p>{{/reasonFault}}</div>
    <fieldset class="choices{{#confirmFault}} wrong{{/confirmFault}}"><legend>{{t.freeze_confirm_title}}</legend><label class="choice"><input type="checkbox" name="confirm" value="yes" required><span>{{t.freeze_confirm}}</span></label>{{#confirmFault}}<p class="error">{{confirmFault}}</p>{{/confirmFault}}</fieldset>
    <button class="danger" type="submit">{{t.freeze_begin}}</button></form></section>{{/canSwitch}}
    {{^canSwitch}}<p class="muted">{{t.freeze_who}}</p>{{/canSwitch}}{{/freeze}}
    </div>
    <aside class="card" aria-labelledby="exempt"><h2 id="exempt">{{t.freeze_exempt}}</h2><p class="muted small">{{t.freeze_exempt_lead}}</p>
    <dl class="facts stacked">{{#exemptions}}<dt>{{what}}</dt><dd>{{reason}}</dd>{{/exemptions}}</dl></aside></div>
    """)

  struct State: Equatable, Sendable {
    let since: String
    let by: String
    let reason: String
  }

  struct Exemption: Equatable, Sendable {
    let what: String
    let reason: String
  }

  let title: String
  let section: String? = "/jobs"
  let freeze: State?
  let canSwitch: Bool
  let exemptions: [Exemption]
  let reasonValue: String
  let reasonFault: String?
  let confirmFault: String?

  static func make(_ request: Request, form: Form? = nil, problem: Problem? = nil) async throws -> FreezePage {
    let principal = try request.principal
    let freeze = try await request.services.freezes.find(principal.tenant)
    let by = try await freeze.asyncMap { try await name(of: $0.actor, request) }
    return FreezePage(
      title: request.text("freeze_title"),
      freeze: freeze.map { State(since: $0.since.forPeople, by: by ?? "", reason: $0.reason) },
      canSwitch: principal.has(.freezeSwitch),
      exemptions: request.services.freezes.published(request.services.jobs).map {
        Exemption(what: $0.what, reason: $0.reason)
      }, reasonValue: form?["reason"] ?? "", reasonFault: problem?.errors.first { $0.field == "reason" }?.message,
      confirmFault: problem?.errors.first { $0.field == "confirm" }?.message)
  }

  private static func name(of actor: String, _ request: Request) async throws -> String {
    guard actor.hasPrefix("person:"), let id = PersonID(actor.dropFirst("person:".count)) else {
      return request.text("freeze_by_operator")
    }
    return try await request.services.people.person(id, in: try request.principal.tenant)?.name
      ?? request.text("freeze_by_someone")
  }
}

extension Optional {
  fileprivate func asyncMap<T>(_ body: (Wrapped) async throws -> T) async rethrows -> T? {
    guard let self else { return nil }
    return try await body(self)
  }
}

enum FreezePages {
  static let routes = [
    Route(.get, "/freeze", access: .signedIn, summary: "Show what a freeze does, and its switch.", handler: show),
    Route(
      .post, "/freeze", access: .permission(.freezeSwitch), summary: "Freeze the organisation by form.",
      handler: freeze),
    Route(
      .post, "/freeze/lift", access: .permission(.freezeSwitch), summary: "Lift the freeze by form.", handler: lift),
  ]

  @Sendable static func show(_ request: Request) async throws -> Response {
    try request.page(try await FreezePage.make(request))
  }

  @Sendable static func freeze(_ request: Request) async throws -> Response {
    let form = try await request.form()
    let principal = try request.principal
    do {
      guard form["confirm"] == "yes" else {
        throw Problem.invalid("confirm", request.text("freeze_confirm_fault"))
      }
      let written = try await request.services.freezes.freeze(
        principal.tenant, reason: form["reason"] ?? "", by: principal.actor)
      return Response.seeOther("/freeze").receipt(written.receipt)
    } catch let problem as Problem where !problem.errors.isEmpty {
      return try request.page(
        try await FreezePage.make(request, form: form, problem: problem), status: problem.code.status)
    }
  }

  @Sendable static func lift(_ request: Request) async throws -> Response {
    let principal = try request.principal
    let written = try await request.services.freezes.lift(principal.tenant, by: principal.actor)
    return Response.seeOther("/freeze").receipt(written.receipt).flash("freeze_was_lifted")
  }
}
