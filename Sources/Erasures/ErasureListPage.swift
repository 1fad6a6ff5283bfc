import Platform

/// Everything that was or is being erased, what is under legal hold, and where to begin.
struct ErasureListPage: Page {
  static let template = Template(
    "erasures",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{t.erasures_lead}}</p></div></div>
    {{#isEmpty}}<section class="empty"><h2>{{t.erasures_none}}</h2><p>{{t.erasures_none_lead}}</p><p class="toolbar"><a class="button" href="/vendors">{{t.erasures_see_vendors}}</a></p></section>{{/isEmpty}}
    {{^isEmpty}}<table class="cards"><caption class="vh">{{title}}</caption><thead><tr><th scope="col">{{t.erasures_object}}</th><th scope="col">{{t.erasures_state}}</th><th scope="col">{{t.erasures_proposed}}</th><th scope="col">{{t.erasures_ended}}</th></tr></thead><tbody>
    {{#rows}}<tr><th scope="row" data-label="{{t.erasures_object}}"><a href="{{path}}">{{#look}}{{type}}{{/look}} {{#name}}{{.}}{{/name}}{{^name}}{{#look}}<code>{{shortID}}</code>{{/look}}{{/name}}</a></th><td data-label="{{t.erasures_state}}">{{#look}}<span class="badge {{tone}}">{{state}}</span>{{/look}}</td><td data-label="{{t.erasures_proposed}}">{{proposed}}</td><td data-label="{{t.erasures_ended}}">{{ended}}</td></tr>
    {{/rows}}</tbody></table>{{/isEmpty}}
    {{#next}}<nav class="pages" aria-label="{{title}}"><a class="button quiet" rel="next" href="{{.}}">{{t.erasures_more}}</a></nav>{{/next}}
    <section class="card" id="holds" aria-labelledby="holds-title"><h2 id="holds-title">{{t.erasures_holds}}</h2><p class="muted">{{t.erasures_holds_lead}}</p>
    {{#hasHolds}}<ul class="rows">{{#holds}}<li><span class="row-main"><strong>{{what}}</strong> <span class="muted small">{{since}}</span></span>{{#canLift}}<details class="more"{{#fault}} open{{/fault}}><summary>{{t.erasures_hold_lift}}</summary><form method="post" action="/holds/lift" class="stack"><input type="hidden" name="csrf" value="{{csrf}}"><input type="hidden" name="type" value="{{type}}"><input type="hidden" name="id" value="{{id}}"><div class="field{{#fault}} wrong{{/fault}}"><label for="lift-{{id}}">{{t.erasures_password}}</label><input id="lift-{{id}}" name="password" type="password" required autocomplete="current-password">{{#fault}}<p class="error">{{.}}</p>{{/fault}}</div><button class="quiet" type="submit">{{t.erasures_hold_lift}}</button></form></details>{{/canLift}}</li>{{/holds}}</ul>{{/hasHolds}}
    {{^hasHolds}}<p>{{t.erasures_holds_none}}</p>{{/hasHolds}}
    {{#form}}<details class="more"{{#isOpen}} open{{/isOpen}}><summary>{{t.erasures_hold_place}}</summary><form method="post" action="/holds" class="stack"><input type="hidden" name="csrf" value="{{csrf}}">
    {{#fault}}<p class="notice bad" role="alert">{{fault}}</p>{{/fault}}
    <div class="columns"><div class="field"><label for="hold-type">{{t.erasures_hold_type}}</label><select id="hold-type" name="type">{{#kinds}}<option value="{{value}}"{{#isChosen}} selected{{/isChosen}}>{{label}}</option>{{/kinds}}</select></div>
    <div class="field"><label for="hold-id">{{t.erasures_hold_id}}</label><input id="hold-id" name="id" value="{{id}}" maxlength="200" required autocomplete="off" spellcheck="false"></div></div>
    <div class="field"><label for="hold-reason">{{t.erasures_hold_reason}}</label><input id="hold-reason" name="reason" value="{{reason}}" maxlength="500" required autocomplete="off"></div>
    <button class="quiet" type="submit">{{t.erasures_hold_place}}</button></form></details>{{/form}}</section>
    {{#wholePath}}<section class="card" aria-labelledby="whole"><h2 id="whole">{{t.erasures_whole}}</h2><p class="muted">{{t.erasures_whole_lead}}</p><p><a class="button danger" href="{{.}}">{{t.erasures_whole_link}}</a></p></section>{{/wholePath}}
    """)

  struct Row: Equatable, Sendable {
    let path: String
    let look: ErasureLook
    /// While it is there, and proposed only: what it is called is nowhere on the record.
    let name: String?
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
    struct Kind: Equatable, Sendable {
      let value: String
      let label: String
      let isChosen: Bool
    }

    let kinds: [Kind]
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
    let found = try await desk.holds()
    let open = page.items.filter { $0.state == .proposed }.map(\.target)
    let names = try await desk.titles(of: open + found.compactMap { ErasureTarget($0) })
    let holds = found.map { found in
      var hold = Hold(request, found, names, canLift: canHold)
      if hold.type == lifting?.kind.rawValue, hold.id == lifting?.id { hold.fault = fault }
      return hold
    }
    return ErasureListPage(
      title: request.text("erasures_title"), rows: page.items.map { Row(request, $0, names) },
      isEmpty: page.items.isEmpty,
      next: next, holds: holds, hasHolds: !holds.isEmpty,
      form: canHold ? HoldForm(request, form, problem) : nil,
      wholePath: principal.has(.erasuresConfirm) ? "/erasures/new?type=tenant&id=\(principal.tenant)" : nil)
  }
}

extension ErasureListPage.Row {
  init(_ request: Request, _ erasure: Erasure, _ names: [ErasureTarget: String]) {
    name = erasure.state == .proposed ? names[erasure.target] : nil
    path = "/erasures/\(erasure.id)"
    look = ErasureLook(request, erasure.target, erasure.state)
    proposed = request.text(
      "erasures_by", ["name": erasure.proposedBy.name, "when": erasure.proposedAt.forPeople])
    ended = erasure.finalAt?.forPeople ?? "–"
  }
}

extension ErasureListPage.Hold {
  init(_ request: Request, _ hold: LegalHold, _ names: [ErasureTarget: String], canLift: Bool) {
    let halves = hold.object.split(separator: ":", maxSplits: 1).map(String.init)
    type = halves.first ?? ""
    id = halves.last ?? ""
    let key = "erasures_type_\(type)"
    let name = ErasureTarget(hold).flatMap { names[$0] } ?? "…\(id.suffix(8))"
    what = (request.services.texts.has(key) ? request.text(key) : type) + " " + name
    since = request.text("erasures_hold_since", ["since": hold.since.forPeople, "reason": hold.reason])
    self.canLift = canLift
  }
}

extension ErasureListPage.HoldForm {
  /// What may be held, and what the texts call it.
  private static let kinds = [
    ("vendor", "erasures_type_vendor"), ("case", "erasures_type_case"), ("person", "erasures_type_person"),
    ("tenant", "erasures_type_tenant"),
  ]

  /// Filled in as it was sent, or as the link on the page of what is to be held says.
  init(_ request: Request, _ form: Form?, _ problem: Problem?) {
    let chosen = form?["type"] ?? request.query["hold"]
    kinds = Self.kinds.map { Kind(value: $0, label: request.text($1), isChosen: $0 == chosen) }
    id = form?["id"] ?? (request.query["hold"] == nil ? "" : request.query["id"] ?? "")
    reason = form?["reason"] ?? ""
    fault = problem?.message
    isOpen = problem != nil || !id.isEmpty
  }
}

extension ErasureTarget {
  /// What is held.
  fileprivate init?(_ hold: LegalHold) {
    let halves = hold.object.split(separator: ":", maxSplits: 1).map(String.init)
    self.init(type: halves.first, id: halves.count == 2 ? halves[1] : nil)
  }
}
