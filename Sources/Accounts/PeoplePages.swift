import Platform

/// `/people`: the list, and for owners the form that adds someone.
struct PeoplePages: Sendable {
  let accounts: Accounts

  var routes: [Route] {
    [
      Route(.get, "/people", access: .permission(.peopleRead), summary: "Show people.", handler: show),
      Route(.post, "/people", access: .permission(.peopleManage), summary: "Add a person by form.", handler: add),
      Route(
        .post, "/people/{id}/disable", access: .permission(.peopleManage), summary: "Disable a person by form.",
        handler: disable),
      Route(
        .post, "/people/{id}/readmit", access: .permission(.peopleManage), summary: "Make a new set-up link by form.",
        handler: readmit),
    ]
  }

  @Sendable func show(_ request: Request) async throws -> Response {
    try request.page(try await page(request))
  }

  @Sendable func add(_ request: Request) async throws -> Response {
    let form = try await request.form()
    let principal = try request.principal
    do {
      let input = try PersonInput(name: form["name"] ?? "", email: form["email"] ?? "", roles: form.all("roles"))
      let invited = try await accounts.invite(
        principal.tenant, input, by: principal.actor, mailing: try InvitationLetter(request))
      return try await shown(invited.link, for: input.name, request).receipt(invited.receipt)
    } catch let problem as Problem where !problem.errors.isEmpty {
      return try request.page(try await page(request, form: form, problem: problem), status: problem.code.status)
    }
  }

  @Sendable func disable(_ request: Request) async throws -> Response {
    let principal = try request.principal
    let receipt = try await accounts.disabled(principal.tenant, try request.id("id"), by: principal.actor)
    return Response.seeOther("/people").receipt(receipt).flash("people_was_disabled")
  }

  @Sendable func readmit(_ request: Request) async throws -> Response {
    let principal = try request.principal
    let id: PersonID = try request.id("id")
    let readmitted = try await accounts.readmit(
      principal.tenant, id, by: principal.actor, mailing: try InvitationLetter(request))
    let name = try await accounts.person(id, in: principal.tenant)?.name ?? ""
    return try await shown(readmitted.link, for: name, request).receipt(readmitted.receipt)
  }

  /// The page that shows a link this once. It is the answer to the form itself, so the link stands in no address.
  private func shown(_ link: String, for name: String, _ request: Request) async throws -> Response {
    let isMailed = request.services.outbox.isOpen
    let lead = request.text(isMailed ? "people_link_lead_mailed" : "people_link_lead", ["name": name])
    let shown = PeoplePage.ShownLink(lead: lead, address: request.services.installation.origin + link)
    return try request.page(try await page(request, shown: shown), status: 201)
  }

  private func page(
    _ request: Request, form: Form? = nil, problem: Problem? = nil, shown: PeoplePage.ShownLink? = nil
  ) async throws -> PeoplePage {
    let principal = try request.principal
    let roles = Dictionary(
      try await accounts.people(in: principal.tenant).map { ($0.id, $0.roles) }, uniquingKeysWith: { first, _ in first }
    )
    let canManage = principal.has(.peopleManage)
    let rows = try await accounts.ledger.view(PersonRecord.self, principal.tenant).rows.map { person in
      PeoplePage.Row(
        request, person, roles: roles[person.id] ?? [], canManage: canManage, isSelf: person.id == principal.person,
        canErase: canManage && principal.has(.erasuresPropose))
    }
    return PeoplePage(
      request, rows: rows, form: canManage ? PeoplePage.AddForm(request, form, problem) : nil, shown: shown)
  }
}

struct PeoplePage: Page {
  static let template = Template(
    "people",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{t.people_lead}}</p></div></div>
    {{#shown}}<section class="notice good" role="status"><h2>{{t.people_link_title}}</h2><p>{{lead}}</p><p><code class="secret">{{address}}</code></p></section>{{/shown}}
    <table class="cards">
    <thead><tr><th scope="col">{{t.people_name}}</th><th scope="col">{{t.people_email}}</th><th scope="col">{{t.people_roles}}</th><th scope="col">{{t.people_state}}</th>{{#form}}<th scope="col" class="actions"><span class="vh">{{t.people_actions}}</span></th>{{/form}}</tr></thead>
    <tbody>
    {{#rows}}<tr><th scope="row" data-label="{{t.people_name}}">{{name}}</th><td data-label="{{t.people_email}}">{{email}}</td><td data-label="{{t.people_roles}}">{{roles}}</td><td data-label="{{t.people_state}}"><span class="badge {{tone}}">{{state}}</span></td>
    {{#form}}<td class="actions"><span class="toolbar">{{#canDisable}}<form method="post" action="/people/{{id}}/disable"><input type="hidden" name="csrf" value="{{csrf}}"><button class="quiet small" type="submit">{{t.people_disable}}<span class="vh"> {{name}}</span></button></form>{{/canDisable}}{{#canReadmit}}<form method="post" action="/people/{{id}}/readmit"><input type="hidden" name="csrf" value="{{csrf}}"><button class="quiet small" type="submit">{{t.people_readmit}}<span class="vh"> {{name}}</span></button></form>{{/canReadmit}}{{#erasePath}}<a class="button quiet small" href="{{erasePath}}">{{t.people_erase}}<span class="vh"> {{name}}</span></a>{{/erasePath}}</span></td>{{/form}}</tr>
    {{/rows}}
    </tbody></table>
    {{#form}}<section class="card"><h2>{{t.people_add}}</h2><p class="muted">{{t.people_add_lead}}</p>
    <form method="post" action="/people" class="stack">
    <input type="hidden" name="csrf" value="{{csrf}}">
    <div class="columns">
    <div class="field{{#nameFault}} wrong{{/nameFault}}"><label for="name">{{t.people_name}}</label><input id="name" name="name" value="{{nameValue}}" required autocomplete="off">{{#nameFault}}<p class="error">{{nameFault}}</p>{{/nameFault}}</div>
    <div class="field{{#emailFault}} wrong{{/emailFault}}"><label for="email">{{t.people_email}}</label><input id="email" name="email" type="email" value="{{emailValue}}" required autocomplete="off">{{#emailFault}}<p class="error">{{emailFault}}</p>{{/emailFault}}</div>
    </div>
    <fieldset class="choices"><legend>{{t.people_roles}}</legend>
    {{#choices}}<label class="choice"><input type="checkbox" name="roles" value="{{value}}"{{#isOn}} checked{{/isOn}}><span><strong>{{label}}</strong> <span class="muted">{{hint}}</span></span></label>
    {{/choices}}</fieldset>
    <button type="submit">{{t.people_submit}}</button>
    </form></section>{{/form}}
    """)

  struct Row: Equatable, Sendable {
    let id: String
    let name: String
    let email: String
    let roles: String
    let state: String
    let tone: String
    let canDisable: Bool
    let canReadmit: Bool
    let erasePath: String?

    init(_ request: Request, _ person: PersonRecord, roles: Set<Role>, canManage: Bool, isSelf: Bool, canErase: Bool) {
      id = person.id.text
      name = person.name
      email = person.email
      let names = roles.map { request.text("role_\($0.rawValue)") }.sorted()
      self.roles = names.isEmpty ? request.text("people_none") : names.joined(separator: ", ")
      state = request.text("people_\(person.state.rawValue)")
      tone = [PersonRecord.State.active: "good", .invited: "wait", .disabled: "off"][person.state] ?? "off"
      canDisable = canManage && !isSelf && person.state != .disabled
      canReadmit = canManage && person.state != .active
      erasePath = canErase ? "/erasures/new?type=person&id=\(person.id)" : nil
    }
  }

  struct Choice: Equatable, Sendable {
    let value: String
    let label: String
    let hint: String
    let isOn: Bool
  }

  struct AddForm: Equatable, Sendable {
    let nameValue: String
    let emailValue: String
    let nameFault: String?
    let emailFault: String?
    let choices: [Choice]

    init(_ request: Request, _ form: Form?, _ problem: Problem?) {
      nameValue = form?["name"] ?? ""
      emailValue = form?["email"] ?? ""
      nameFault = problem?.errors.first { $0.field == "name" }?.message
      emailFault = problem?.errors.first { $0.field == "email" }?.message
      let ticked = form?.all("roles") ?? []
      choices = Role.allCases.map { role in
        Choice(
          value: role.rawValue, label: request.text("role_\(role.rawValue)"),
          hint: request.text("role_\(role.rawValue)_hint"), isOn: ticked.contains(role.rawValue))
      }
    }
  }

  struct ShownLink: Equatable, Sendable {
    let lead: String
    let address: String
  }

  let title: String
  let rows: [Row]
  let form: AddForm?
  let shown: ShownLink?
  var section: String? { "/people" }

  init(_ request: Request, rows: [Row], form: AddForm?, shown: ShownLink?) {
    title = request.text("people_title")
    self.rows = rows
    self.form = form
    self.shown = shown
  }
}
