import Platform

/// Everything that was or is being erased, what is under legal hold, and where to begin.
struct ErasureListPage: Page {
  static let template = Template(
    "erasures",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{t.erasures_lead}}</p></div></div>
    {{#isEmpty}}<section class="empty"><h2>{{t.erasures_none}}</h2><p>{{t.erasures_none_lead}}</p><p class="toolbar"><a class="button" href="/vendors">{{t.erasures_see_vendors}}</a></p></section>{{/isEmpty}}
    {{^isEmpty}}<table class="cards"><caption class="vh">{{title}}</caption><thead><tr><th scope="col">{{t.erasures_object}}</th><th scope="col">{{t.erasures_state}}</th><th scope="col">{{t.erasures_proposed}}</th><th scope="col">{{t.erasures_ended}}</th></tr></thead><tbody>
    {{#rows}}<tr><th scope="row" data-label="{{t.erasures_object}}"><a href="{{path}}">{{#look}}{{type}} <code>{{shortID}}</code>{{/look}}</a></th><td data-label="{{t.erasures_state}}">{{#look}}<span class="badge {{tone}}">{{state}}</span>{{/look}}</td><td data-label="{{t.erasures_proposed}}">{{proposed}}</td><td data-label="{{t.erasures_ended}}">{{ended}}</td></tr>
    {{/rows}}</tbody></table>{{/isEmpty}}
    {{#next}}<nav class="pages" aria-label="{{title}}"><a class="button quiet" rel="next" href="{{.}}">{{t.erasures_more}}</a></nav>{{/next}}
    <section class="card" id="holds" aria-labelledby="holds-title"><h2 id="holds-title">{{t.erasures_holds}}</h2><p class="muted">{{t.erasures_holds_lead}}</p>
    {{#hasHolds}}<ul class="rows">{{#holds}}<li><span class="row-main"><strong>{{what}}</strong> <span class="muted small">{{since}}</span></span>{{#canLift}}<details class="more"{{#fault}} open{{/fault}}><summary>{{t.erasures_hold_lift}}</summary><form method="post" action="/holds/lift" class="stack"><input type="hidden" name="csrf" value="{{csrf}}"><input type="hidden" name="type" value="{{type}}"><input type="hidden" name="id" value="{{id}}"><div class="field{{#fault}} wrong{{/fault}}"><label for="lift-{{id}}">{{t.erasures_password}}</label><input id="lift-{{id}}" name="password" type="password" required autocomplete="current-password">{{#fault}}<p class="error">{{.}}</p>{{/fault}}</div><button class="quiet" type="submit">{{t.erasures_hold_lift}}</button></form></details>{{/canLift}}</li>{{/holds}}</ul>{{/hasHolds}}
    {{^hasHolds}}<p>{{t.erasures_holds_none}}</p>{{/hasHolds}}
    {{#form}}<details class="more"{{#isOpen}} open{{/isOpen}}><summary>{{t.erasures_hold_place}}</summary><form method="post" action="/holds" class="stack"><input type="hidden" name="csrf" value="{{csrf}}">
    {{#fault}}<p class="notice bad" role="alert">{{fault}}</p>{{/fault}}
    <div class="columns"><div class="field"><label for="hold-type">{{t.erasures_hold_type}}</label><select id="hold-type" name="type"><option value="vendor">{{t.erasures_type_vendor}}</option><option value="case">{{t.erasures_type_case}}</option><option value="person">{{t.erasures_type_person}}</option><option value="tenant">{{t.erasures_type_tenant}}</option></select></div>
    <div class="field"><label for="hold-id">{{t.erasures_hold_id}}</label><input id="hold-id" name="id" value="{{id}}" maxlength="200" required autocomplete="off" spellcheck="false"></div></div>
    <div class="field"><label for="hold-reason">{{t.erasures_hold_reason}}</label><input id="hold-reason" name="reason" value="{{reason}}" maxlength="500" required autocomplete="off"></div>
    <button class="quiet" type="submit">{{t.erasures_hold_place}}</button></form></details>{{/form}}</section>
    {{#wholePath}}<section class="card" aria-labelledby="whole"><h2 id="whole">{{t.erasures_whole}}</h2><p class="muted">{{t.erasures_whole_lead}}</p><p><a class="button danger" href="{{.}}">{{t.erasures_whole_link}}</a></p></section>{{/wholePath}}
    """)

  struct Row: Equatable, Sendable {
    let path: String
    let look: ErasureLook
    let proposed: String
    let ended: String
  }

  struct Hold: Equatable, Sendable {
    let what: String
    let since: String
    let type: String
    let id: String
    let canLift: Bool
    var fault: String?
  }

  struct HoldForm: Equatable, Sendable {
    let id: String
    let reason: String
    let fault: String?
    let isOpen: Bool
  }

  let title: String
  let rows: [Row]
  let isEmpty: Bool
  let next: String?
  let holds: [Hold]
  let hasHolds: Bool
  let form: HoldForm?
  let wholePath: String?
  var section: String? { "/erasures" }

  static func make(
    _ request: Request, form: Form? = nil, problem: Problem? = nil, lifting: ErasureTarget? = nil, fault: String? = nil
  ) async throws -> ErasureListPage {
    let principal = try request.principal
    let desk = try ErasureDesk(request)
    let cursor = try request.listing().cursor
    let page = try await desk.list(before: cursor, limit: 50)
    let next = try request.nextCursor(page.next).map { "/erasures?" + Query(pairs: [("cursor", $0)]).text }
    let canHold = principal.has(.holdsManage)
    let holds = try await desk.holds().map { found in
      var hold = Hold(request, found, canLift: canHold)
      if hold.type == lifting?.kind.rawValue, hold.id == lifting?.id { hold.fault = fault }
      return hold
    }
    return ErasureListPage(
      title: request.text("erasures_title"), rows: page.items.map { Row(request, $0) }, isEmpty: page.items.isEmpty,
      next: next, holds: holds, hasHolds: !holds.isEmpty,
      form: canHold
        ? HoldForm(
          id: form?["id"] ?? "", reason: form?["reason"] ?? "", fault: problem?.message, isOpen: problem != nil) : nil,
      wholePath: principal.has(.erasuresConfirm) ? "/erasures/new?type=tenant&id=\(principal.tenant)" : nil)
  }
}

extension ErasureListPage.Row {
  init(_ request: Request, _ erasure: Erasure) {
    path = "/erasures/\(erasure.id)"
    look = ErasureLook(request, erasure.target, erasure.state)
    proposed = request.text(
      "erasures_by", ["name": erasure.proposedBy.name, "when": erasure.proposedAt.forPeople])
    ended = erasure.finalAt?.forPeople ?? "–"
  }
}

extension ErasureListPage.Hold {
  init(_ request: Request, _ hold: LegalHold, canLift: Bool) {
    let halves = hold.object.split(separator: ":", maxSplits: 1).map(String.init)
    type = halves.first ?? ""
    id = halves.last ?? ""
    let key = "erasures_type_\(type)"
    what = (request.services.texts.has(key) ? request.text(key) : type) + " …\(id.suffix(8))"
    since = request.text("erasures_hold_since", ["since": hold.since.forPeople, "reason": hold.reason])
    self.canLift = canLift
  }
}
