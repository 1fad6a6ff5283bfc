import Platform

/// `/subprocessors` inside the app, and `/subprocessors/leave`: the way out.
struct TenantPages: Sendable {
  let registers: Registers
  let exports: [ExportPart]

  var routes: [Route] {
    [
      Route(
        .get, "/subprocessors", access: .permission(.subprocessorsRead),
        summary: "The sub-processors for one's own organisation.",
        handler: show),
      Route(
        .get, "/subprocessors/leave", access: .permission(.dataExport),
        summary: "How to take everything along and leave.", handler: leave),
      Route(
        .post, "/subprocessors/{id}/objection", access: .permission(.subprocessorsObject),
        summary: "Object to a sub-processor by form.", handler: object),
      Route(
        .post, "/subprocessors/{id}/objection/withdraw", access: .permission(.subprocessorsObject),
        summary: "Take an objection back by form.", handler: withdraw),
      Route(
        .post, "/subprocessors/destinations", access: .permission(.subprocessorsObject),
        summary: "Choose a destination by form.", handler: choose),
      Route(
        .post, "/subprocessors/destinations/{id}/remove", access: .permission(.subprocessorsObject),
        summary: "Remove a destination by form.", handler: remove),
      Route(
        .post, "/subprocessors/regions", access: .permission(.subprocessorsObject),
        summary: "Choose regions by form.", handler: allow),
    ]
  }

  @Sendable private func show(_ request: Request) async throws -> Response {
    try request.page(try await page(request))
  }

  private func page(_ request: Request, _ wrong: TenantPage.Wrong? = nil) async throws -> TenantPage {
    let desk = try TenantDesk(request, registers)
    return TenantPage(
      request, items: try await desk.list(), destinations: try await desk.destinations(),
      regions: try await desk.regions(), canObject: try request.principal.has(.subprocessorsObject),
      canLeave: try request.principal.has(.dataExport), wrong: wrong)
  }

  @Sendable private func leave(_ request: Request) async throws -> Response {
    let items = try await TenantDesk(request, registers).list()
    return try request.page(LeavePage(request, items, exports))
  }

  @Sendable private func object(_ request: Request) async throws -> Response {
    let form = try await request.form()
    let id: SubprocessorID = try request.id("id")
    return try await trying(request, TenantPage.Wrong(provider: id.text, form: form)) {
      let written = try await TenantDesk(request, registers).object(to: id, because: form["reason"] ?? "")
      return Response.seeOther("/subprocessors").receipt(written.receipt).flash("subprocessors_objected")
    }
  }

  @Sendable private func withdraw(_ request: Request) async throws -> Response {
    let written = try await TenantDesk(request, registers).withdraw(try request.id("id"))
    return Response.seeOther("/subprocessors").receipt(written.receipt).flash("subprocessors_withdrawn")
  }

  @Sendable private func choose(_ request: Request) async throws -> Response {
    let form = try await request.form()
    return try await trying(request, TenantPage.Wrong(provider: nil, form: form)) {
      let input = try DestinationInput(
        destination: form["destination"], purpose: form["purpose"], categories: form.all("categories"))
      let written = try await TenantDesk(request, registers).choose(
        input.endpoint, purpose: input.purpose, categories: input.categories)
      return Response.seeOther("/subprocessors").receipt(written.receipt).flash("subprocessors_destination_chosen")
    }
  }

  @Sendable private func remove(_ request: Request) async throws -> Response {
    let receipt = try await TenantDesk(request, registers).remove(try request.id("id"))
    return Response.seeOther("/subprocessors").receipt(receipt).flash("subprocessors_destination_removed")
  }

  @Sendable private func allow(_ request: Request) async throws -> Response {
    let form = try await request.form()
    return try await trying(request, TenantPage.Wrong(provider: nil, form: form)) {
      let texts = (form["regions"] ?? "").split { $0 == "," || $0 == ";" || $0.isWhitespace }.map(String.init)
      let receipt = try await TenantDesk(request, registers).allow(try DestinationInput.regions(texts))
      return Response.seeOther("/subprocessors").receipt(receipt).flash("subprocessors_regions_chosen")
    }
  }

  /// What was refused is shown where it was typed.
  private func trying(
    _ request: Request, _ wrong: TenantPage.Wrong, _ body: () async throws -> Response
  ) async throws -> Response {
    do { return try await body() } catch let problem as Problem where !problem.errors.isEmpty {
      var wrong = wrong
      wrong.problem = problem
      return try request.page(try await page(request, wrong), status: problem.code.status)
    }
  }
}

struct TenantPage: Page {
  static let template = Template(
    "subprocessors",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{t.subprocessors_lead}}</p></div>
    <div class="toolbar"><a class="button quiet" href="/trust/subprocessors">{{t.subprocessors_public_link}}</a>{{#canLeave}} <a class="button quiet" href="/subprocessors/leave">{{t.subprocessors_leave_link}}</a>{{/canLeave}}</div></div>
    {{#isEmpty}}<p class="empty">{{t.subprocessors_none}}</p>{{/isEmpty}}
    {{#cards}}<section class="card" id="{{id}}" aria-labelledby="name-{{id}}"><div class="page-head"><h2 id="name-{{id}}">{{name}}</h2><span class="badge {{tone}}">{{state}}</span></div>
    <p>{{description}}</p>
    <p class="notice {{verdictTone}}">{{verdict}}</p>
    {{#note}}<p class="muted">{{note}}</p>{{/note}}
    {{#objection}}<div class="said"><p class="muted small">{{when}}</p><p>{{reason}}</p></div>{{/objection}}
    <dl class="facts">
    <dt>{{t.subprocessors_entity}}</dt><dd>{{entity}}</dd>
    <dt>{{t.subprocessors_purposes}}</dt><dd>{{purposes}}</dd>
    <dt>{{t.subprocessors_categories}}</dt><dd>{{categories}}</dd>
    <dt>{{t.subprocessors_region}}</dt><dd>{{region}}</dd>
    </dl>
    {{#canObject}}<details class="more"{{#isOpen}} open{{/isOpen}}><summary>{{t.subprocessors_object}}</summary>
    <form method="post" action="/subprocessors/{{id}}/objection" class="stack"><input type="hidden" name="csrf" value="{{csrf}}">
    <p class="muted">{{t.subprocessors_object_lead}} <a href="/subprocessors/leave">{{t.subprocessors_leave_link}}</a></p>
    <div class="field{{#fault}} wrong{{/fault}}"><label for="reason-{{id}}">{{t.subprocessors_reason}}</label><textarea id="reason-{{id}}" name="reason" required maxlength="2000">{{reason}}</textarea>{{#fault}}<p class="error">{{fault}}</p>{{/fault}}</div>
    <button class="danger" type="submit">{{t.subprocessors_object_submit}}</button></form></details>{{/canObject}}
    {{#canWithdraw}}<form method="post" action="/subprocessors/{{id}}/objection/withdraw"><input type="hidden" name="csrf" value="{{csrf}}"><button class="quiet" type="submit">{{t.subprocessors_withdraw}}</button></form>{{/canWithdraw}}
    </section>
    {{/cards}}
    <section class="card" aria-labelledby="destinations"><h2 id="destinations">{{t.subprocessors_destinations}}</h2><p class="muted">{{t.subprocessors_destinations_lead}}</p>
    {{#hasDestinations}}<ul class="rows">{{#destinations}}<li><div class="row-main"><code>{{place}}</code><span class="muted small">{{purpose}} · {{categories}}</span></div>{{#canRemove}}<form method="post" action="/subprocessors/destinations/{{id}}/remove"><input type="hidden" name="csrf" value="{{csrf}}"><button class="quiet small" type="submit">{{t.subprocessors_remove}}<span class="vh"> {{place}}</span></button></form>{{/canRemove}}</li>{{/destinations}}</ul>{{/hasDestinations}}
    {{^hasDestinations}}<p class="muted">{{t.subprocessors_destinations_none}}</p>{{/hasDestinations}}
    {{#form}}<details class="more"{{#isOpen}} open{{/isOpen}}><summary>{{t.subprocessors_destination_add}}</summary>
    <form method="post" action="/subprocessors/destinations" class="stack"><input type="hidden" name="csrf" value="{{csrf}}">
    <div class="columns">
    <div class="field{{#placeFault}} wrong{{/placeFault}}"><label for="destination">{{t.subprocessors_destination}}</label><p class="hint">{{t.subprocessors_destination_hint}}</p><input id="destination" name="destination" value="{{place}}" required autocomplete="off">{{#placeFault}}<p class="error">{{placeFault}}</p>{{/placeFault}}</div>
    <div class="field{{#purposeFault}} wrong{{/purposeFault}}"><label for="purpose">{{t.subprocessors_purpose}}</label><p class="hint">{{t.subprocessors_purpose_hint}}</p><input id="purpose" name="purpose" value="{{purpose}}" required autocomplete="off">{{#purposeFault}}<p class="error">{{purposeFault}}</p>{{/purposeFault}}</div>
    </div>
    <fieldset class="choices{{#categoryFault}} wrong{{/categoryFault}}"><legend>{{t.subprocessors_categories}}</legend>{{#choices}}<label class="choice"><input type="checkbox" name="categories" value="{{value}}"{{#isOn}} checked{{/isOn}}><span>{{label}}</span></label>{{/choices}}{{#categoryFault}}<p class="error">{{categoryFault}}</p>{{/categoryFault}}</fieldset>
    <button type="submit">{{t.subprocessors_destination_submit}}</button></form></details>{{/form}}
    </section>
    <section class="card" aria-labelledby="regions"><h2 id="regions">{{t.subprocessors_regions}}</h2><p>{{regionsLine}}</p>
    {{#form}}<form method="post" action="/subprocessors/regions" class="inline"><input type="hidden" name="csrf" value="{{csrf}}"><div class="field{{#regionFault}} wrong{{/regionFault}}"><label for="regions-allowed">{{t.subprocessors_regions_label}}</label><p class="hint">{{t.subprocessors_regions_hint}}</p><input id="regions-allowed" name="regions" value="{{regions}}" autocomplete="off">{{#regionFault}}<p class="error">{{regionFault}}</p>{{/regionFault}}</div><button class="quiet" type="submit">{{t.subprocessors_regions_submit}}</button></form>{{/form}}
    </section>
    """)

  /// What was typed and why it was refused.
  struct Wrong: Sendable {
    /// Nil: a form that is not about an entry.
    let provider: String?
    let form: Form
    var problem: Problem?

    func fault(_ field: String) -> String? { problem?.errors.first { $0.field == field }?.message }
  }

  struct Said: Equatable, Sendable {
    let when: String
    let reason: String
  }

  struct Card: Equatable, Sendable {
    let id: String
    let name: String
    let state: String
    let tone: String
    let description: String
    let verdict: String
    let verdictTone: String
    let note: String?
    let objection: Said?
    let entity: String
    let purposes: String
    let categories: String
    let region: String
    let canObject: Bool
    let canWithdraw: Bool
    let isOpen: Bool
    let reason: String
    let fault: String?
  }

  struct Place: Equatable, Sendable {
    let id: String
    let place: String
    let purpose: String
    let categories: String
    let canRemove: Bool
  }

  struct Choice: Equatable, Sendable {
    let value: String
    let label: String
    let isOn: Bool
  }

  struct ChoiceForm: Equatable, Sendable {
    let isOpen: Bool
    let place: String
    let placeFault: String?
    let purpose: String
    let purposeFault: String?
    let choices: [Choice]
    let categoryFault: String?
    let regions: String
    let regionFault: String?
  }

  let title: String
  let canLeave: Bool
  let isEmpty: Bool
  let cards: [Card]
  let hasDestinations: Bool
  let destinations: [Place]
  let regionsLine: String
  let form: ChoiceForm?
  var section: String? { "/subprocessors" }

  init(
    _ request: Request, items: [TenantDesk.Item], destinations: [Destination], regions: Set<Region>?, canObject: Bool,
    canLeave: Bool, wrong: Wrong?
  ) {
    self.canLeave = canLeave
    title = request.text("subprocessors_title")
    cards = items.filter { $0.provider.state != .ended }.map { Card($0, request, canObject: canObject, wrong: wrong) }
    isEmpty = cards.isEmpty
    self.destinations = destinations.map { destination in
      Place(
        id: destination.id.text, place: destination.endpoint.description, purpose: destination.purpose,
        categories: TenantPage.words(destination.categories, request), canRemove: canObject)
    }
    hasDestinations = !destinations.isEmpty
    let names = (regions ?? []).sorted().map(\.description).joined(separator: ", ")
    regionsLine =
      regions == nil
      ? request.text("subprocessors_regions_any") : request.text("subprocessors_regions_only", ["regions": names])
    form = canObject ? ChoiceForm(request, names, wrong?.provider == nil ? wrong : nil) : nil
  }

  static func words(_ categories: [DataCategory], _ request: Request) -> String {
    categories.map { request.text("subprocessors_category_\($0.rawValue)") }.joined(separator: ", ")
  }
}

extension TenantPage.Card {
  init(_ item: TenantDesk.Item, _ request: Request, canObject: Bool, wrong: TenantPage.Wrong?) {
    let (provider, details) = (item.provider, item.provider.details)
    let look = ProviderLook(provider, request.now, request)
    let wrong = wrong?.provider == provider.id.text ? wrong : nil
    self.init(
      id: provider.id.text, name: details.name, state: look.state, tone: look.tone, description: details.description,
      verdict: item.refusal.map { request.text("subprocessors_verdict_off", ["reason": $0.reason]) }
        ?? request.text("subprocessors_verdict_on"),
      verdictTone: item.refusal == nil ? "info" : "good", note: look.note,
      objection: item.objection.map { objection in
        TenantPage.Said(
          when: request.text("subprocessors_objected_on", ["when": objection.objectedAt.forPeople]),
          reason: objection.reason)
      },
      entity: "\(details.entity), \(details.address)", purposes: details.purposes.joined(separator: ", "),
      categories: look.categories, region: details.region.description,
      canObject: canObject && item.objection == nil && details.kind == .subprocessor,
      canWithdraw: canObject && item.objection != nil, isOpen: wrong != nil, reason: wrong?.form["reason"] ?? "",
      fault: wrong?.fault("reason"))
  }
}

extension TenantPage.ChoiceForm {
  init(_ request: Request, _ regions: String, _ wrong: TenantPage.Wrong?) {
    let ticked = wrong?.form.all("categories") ?? []
    let regionFault = wrong?.fault("regions")
    self.init(
      isOpen: wrong != nil && regionFault == nil, place: wrong?.form["destination"] ?? "",
      placeFault: wrong?.fault("destination"), purpose: wrong?.form["purpose"] ?? "",
      purposeFault: wrong?.fault("purpose"),
      choices: DataCategory.allCases.map { category in
        TenantPage.Choice(
          value: category.rawValue, label: request.text("subprocessors_category_\(category.rawValue)"),
          isOn: ticked.contains(category.rawValue))
      }, categoryFault: wrong?.fault("categories"), regions: wrong?.form["regions"] ?? regions,
      regionFault: regionFault)
  }
}
