import Platform

/// The trash as a page, and what forms do with it.
struct TrashPages: Sendable {
  let desks: Desks

  var routes: [Route] {
    let evidence = "/cases/{id}/steps/{step}/evidence/{evidence}"
    return [
      Route(.get, "/trash", access: .permission(.vendorsRead), summary: "Show the trash.", handler: show),
      Route(
        .post, "/vendors/{id}/trash", access: .permission(.vendorsWrite),
        summary: "Put a vendor into the trash by form.",
        handler: discardVendor),
      Route(
        .post, "/vendors/{id}/restore", access: .permission(.vendorsWrite), summary: "Bring a vendor back by form.",
        handler: restoreVendor),
      Route(
        .post, "/cases/{id}/trash", access: .permission(.casesWrite), summary: "Put a case into the trash by form.",
        handler: discardCase),
      Route(
        .post, "/cases/{id}/restore", access: .permission(.casesWrite), summary: "Bring a case back by form.",
        handler: restoreCase),
      Route(
        .post, "\(evidence)/trash", access: .permission(.casesWrite), summary: "Put evidence into the trash by form.",
        handler: discardEvidence),
      Route(
        .post, "\(evidence)/restore", access: .permission(.casesWrite), summary: "Bring evidence back by form.",
        handler: restoreEvidence),
    ]
  }

  private func show(_ request: Request) async throws -> Response { try await page(request) }

  private func page(_ request: Request, problem: Problem? = nil) async throws -> Response {
    try request.page(
      try TrashPage(request, try await TrashList.read(request, desks), problem: problem),
      status: problem?.code.status ?? 200)
  }

  /// What cannot be brought back is told on the page of the trash, where there is more to do about it.
  private func moved<T: Sendable>(
    _ request: Request, to place: String, flash: String, _ verb: () async throws -> Written<T>
  ) async throws -> Response {
    do {
      let written = try await verb()
      return Response.seeOther(place).receipt(written.receipt).flash(flash)
    } catch let problem as Problem where problem.code == .conflict {
      guard try request.principal.has(.vendorsRead) else { throw problem }
      return try await page(request, problem: problem)
    }
  }

  private func discardVendor(_ request: Request) async throws -> Response {
    _ = try await request.form()
    let (id, person) = (try request.id("id", of: Vendor.self), try request.principal.person)
    return try await moved(request, to: "/trash", flash: "offboarding_trash_put") {
      try await desks.vendors(request).discard(id, by: person)
    }
  }

  private func restoreVendor(_ request: Request) async throws -> Response {
    _ = try await request.form()
    let id: VendorID = try request.id("id")
    return try await moved(request, to: "/vendors/\(id)", flash: "offboarding_trash_back") {
      try await desks.vendors(request).restore(id)
    }
  }

  private func discardCase(_ request: Request) async throws -> Response {
    _ = try await request.form()
    let id: CaseID = try request.id("id")
    return try await moved(request, to: "/trash", flash: "offboarding_trash_put") {
      try await desks.cases(request).discard(id)
    }
  }

  private func restoreCase(_ request: Request) async throws -> Response {
    _ = try await request.form()
    let id: CaseID = try request.id("id")
    return try await moved(request, to: "/cases/\(id)", flash: "offboarding_trash_back") {
      try await desks.cases(request).restore(id)
    }
  }

  private func discardEvidence(_ request: Request) async throws -> Response {
    _ = try await request.form()
    let (piece, step) = (try request.id("evidence", of: EvidenceNoun.self), request.parameters["step"])
    return try await CasePages.act(request, desks, flash: "offboarding_trash_put", step: step) { id in
      try await desks.cases(request).discard(piece, of: id, step)
    }
  }

  private func restoreEvidence(_ request: Request) async throws -> Response {
    _ = try await request.form()
    let (piece, step) = (try request.id("evidence", of: EvidenceNoun.self), request.parameters["step"])
    let id: CaseID = try request.id("id")
    return try await moved(request, to: "/cases/\(id)#step-\(step)", flash: "offboarding_trash_back") {
      try await desks.cases(request).restore(piece, of: id, step)
    }
  }
}

struct TrashPage: Page {
  static let template = Template(
    "offboarding-trash",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{lead}}</p></div></div>
    {{#fault}}<p class="notice bad" role="alert">{{fault}}</p>{{/fault}}
    {{^hasRows}}<section class="empty"><h2>{{t.offboarding_trash_none}}</h2><p>{{t.offboarding_trash_none_lead}}</p></section>{{/hasRows}}
    {{#hasRows}}<table class="cards"><caption class="vh">{{title}}</caption><thead><tr><th scope="col">{{t.offboarding_trash_what}}</th><th scope="col">{{t.offboarding_trash_since}}</th><th scope="col">{{t.offboarding_trash_until}}</th><th scope="col" class="actions"><span class="vh">{{t.offboarding_trash_actions}}</span></th></tr></thead><tbody>
    {{#rows}}<tr><th scope="row" data-label="{{t.offboarding_trash_what}}"><span class="row-main"><a href="{{page}}">{{name}}</a> <span class="muted small">{{kind}}{{#of}} · {{of}}{{/of}}</span></span></th><td data-label="{{t.offboarding_trash_since}}">{{since}}</td><td data-label="{{t.offboarding_trash_until}}"><span class="row-main"><span class="badge {{tone}}">{{left}}</span> <span class="muted small">{{until}}</span></span></td><td class="actions"><span class="toolbar">{{#canRestore}}<form method="post" action="{{path}}/restore"><input type="hidden" name="csrf" value="{{csrf}}"><button class="quiet small" type="submit">{{t.offboarding_trash_restore}}<span class="vh"> {{name}}</span></button></form>{{/canRestore}}{{#erasePath}}<a class="button quiet small" href="{{erasePath}}">{{t.offboarding_trash_erase}}<span class="vh"> {{name}}</span></a>{{/erasePath}}</span></td></tr>
    {{/rows}}</tbody></table>{{/hasRows}}
    """)

  struct Row: Equatable, Sendable {
    let name: String
    let kind: String
    let of: String?
    let since: String
    let left: String
    let until: String
    let tone: String
    let page: String
    let path: String
    let canRestore: Bool
    let erasePath: String?
  }

  let title: String
  let lead: String
  let fault: String?
  let rows: [Row]
  let hasRows: Bool
  let crumbs: [Crumb]
  var section: String? { "/vendors" }

  init(_ request: Request, _ list: TrashList, problem: Problem?) throws {
    let principal = try request.principal
    title = request.text("offboarding_trash_title")
    lead = request.text("offboarding_trash_lead", ["days": String(Trash.days)])
    fault = problem?.message
    rows = list.items.map { Row(request, principal, $0) }
    hasRows = !rows.isEmpty
    crumbs = [Crumb(request.text("offboarding_vendors_title"), "/vendors")]
  }
}

extension TrashPage.Row {
  init(_ request: Request, _ principal: Principal, _ item: TrashList.Item) {
    name = item.title
    kind = request.text("offboarding_trash_kind_\(item.kind.rawValue)")
    of = item.of
    since =
      item.by.isEmpty
      ? item.trashed.at.forPeople
      : request.text("offboarding_by_when", ["name": item.by, "when": item.trashed.at.forPeople])
    (left, tone) = TrashLook.left(request, item.trashed)
    until = request.text("offboarding_trash_until_day", ["day": item.trashed.until.day.description])
    page = item.page
    path = item.path
    canRestore = principal.has(item.kind == .vendor ? .vendorsWrite : .casesWrite)
    erasePath =
      principal.has(.erasuresPropose)
      ? "/erasures/new?" + Query(pairs: [("type", item.erase.kind.rawValue), ("id", item.erase.id)]).text : nil
  }
}

/// How long something in the trash can still be brought back, in words.
enum TrashLook {
  static func left(_ request: Request, _ trashed: Trashed) -> (String, String) {
    let days = trashed.until.day.daysSince1970 - request.now.day.daysSince1970
    let values = ["count": String(max(0, days))]
    switch days {
    case ..<1: return (request.text("offboarding_trash_left_none"), "bad")
    case 1: return (request.text("offboarding_trash_left_one"), "wait")
    default: return (request.text("offboarding_trash_left", values), days <= 7 ? "wait" : "off")
    }
  }
}

/// What stands on the page of something that lies in the trash.
struct TrashNotice: Equatable, Sendable {
  static let template = """
    <div class="notice wait"><h2>{{t.offboarding_trash_lies}}</h2><p>{{lead}}</p>{{#restorePath}}<form method="post" action="{{restorePath}}"><input type="hidden" name="csrf" value="{{csrf}}"><button type="submit">{{t.offboarding_trash_restore}}</button></form>{{/restorePath}}</div>
    """

  let lead: String
  let restorePath: String?

  init?(_ request: Request, _ trashed: Trashed?, path: String, canRestore: Bool) {
    guard let trashed else { return nil }
    lead = request.text(
      "offboarding_trash_lies_lead",
      ["since": trashed.at.day.description, "until": trashed.until.day.description])
    restorePath = canRestore ? path + "/restore" : nil
  }
}

enum TrashTexts {
  static let english: [String: String] = [
    "offboarding_trash": "Trash",
    "offboarding_trash_actions": "Actions",
    "offboarding_trash_back": "It is back where it was.",
    "offboarding_trash_do": "Put into the trash",
    "offboarding_trash_erase": "Erase now",
    "offboarding_trash_evidence": "Put into the trash",
    "offboarding_trash_kind_case": "Case",
    "offboarding_trash_kind_evidence": "Evidence",
    "offboarding_trash_kind_vendor": "Vendor, with its cases",
    "offboarding_trash_lead":
      "What lies here is in no list and counts for nothing. For {days} days it can be brought back; then it is erased: rows, files and every copy of their keys, without anybody having to ask again.",
    "offboarding_trash_left": "{count} days left",
    "offboarding_trash_left_none": "goes with the next round",
    "offboarding_trash_left_one": "1 day left",
    "offboarding_trash_lies": "In the trash",
    "offboarding_trash_lies_lead":
      "Since {since}. It is in no list, and nothing can be done with it. Until {until} it can be brought back; then it is erased.",
    "offboarding_trash_none": "The trash is empty",
    "offboarding_trash_none_lead":
      "Vendors, cases and pieces of evidence go here when somebody takes them out of the lists.",
    "offboarding_trash_of_case": "Put this case into the trash",
    "offboarding_trash_of_case_lead":
      "It leaves all lists, and its steps wait. For {days} days it can be brought back; then it is erased. Certificates that were downloaded keep verifying.",
    "offboarding_trash_of_vendor": "Put this vendor into the trash",
    "offboarding_trash_of_vendor_lead":
      "It leaves all lists, and its {count} cases with it. For {days} days it can be brought back; then it is erased.",
    "offboarding_trash_of_vendor_alone":
      "It leaves all lists. For {days} days it can be brought back; then it is erased.",
    "offboarding_trash_of_vendor_one":
      "It leaves all lists, and its case with it. For {days} days it can be brought back; then it is erased.",
    "offboarding_trash_put": "It is in the trash, and can be brought back from there.",
    "offboarding_trash_restore": "Bring back",
    "offboarding_trash_since": "Put there",
    "offboarding_trash_title": "Trash",
    "offboarding_trash_until_day": "until {day}",
    "offboarding_trash_until": "Can be brought back",
    "offboarding_trash_what": "What",
  ]
}
