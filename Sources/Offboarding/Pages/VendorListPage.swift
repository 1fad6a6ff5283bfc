import Platform

/// The vendors with a search field.
struct VendorListPage: Page {
  static let template = Template(
    "offboarding-vendors",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{lead}}</p></div>
    {{#canWrite}}<div class="toolbar"><a class="button" href="/vendors/import">{{t.offboarding_import_register}}</a> <a class="button quiet" href="/vendors/new">{{t.offboarding_add_vendor}}</a> <a class="button quiet" href="/trash">{{t.offboarding_trash}}</a></div>{{/canWrite}}</div>
    {{#showsSearch}}<form method="get" action="/vendors" role="search" class="search"><div class="field"><label for="q">{{t.offboarding_search_label}}</label><input id="q" name="q" type="search" value="{{query}}" maxlength="200"></div><button type="submit">{{t.offboarding_search}}</button>{{#hasQuery}} <a class="button quiet" href="/vendors">{{t.offboarding_search_clear}}</a>{{/hasQuery}}</form>{{/showsSearch}}
    {{#isBare}}<section class="empty"><h2>{{t.offboarding_vendors_none}}</h2><p>{{t.offboarding_vendors_none_lead}}</p>{{#canWrite}}<p class="toolbar"><a class="button" href="/vendors/import">{{t.offboarding_import_register}}</a></p>{{/canWrite}}</section>{{/isBare}}
    {{#hasNoMatch}}<p class="empty">{{t.offboarding_vendors_no_match}}</p>{{/hasNoMatch}}
    {{#hasRows}}<table class="cards"><thead><tr><th scope="col">{{t.offboarding_vendor_name}}</th><th scope="col">{{t.offboarding_vendor_registry_id}}</th><th scope="col">{{t.offboarding_vendor_retention}}</th><th scope="col">{{t.offboarding_vendor_relationship}}</th></tr></thead>
    <tbody>{{#rows}}<tr><th scope="row" data-label="{{t.offboarding_vendor_name}}"><a href="/vendors/{{id}}">{{name}}</a></th><td data-label="{{t.offboarding_vendor_registry_id}}">{{registryID}}</td><td data-label="{{t.offboarding_vendor_retention}}">{{retention}}</td><td data-label="{{t.offboarding_vendor_relationship}}"><span class="badge {{tone}}">{{relationship}}</span></td></tr>{{/rows}}</tbody></table>{{/hasRows}}
    {{#next}}<nav class="pages" aria-label="{{t.offboarding_pages}}"><a class="button quiet" rel="next" href="{{next}}">{{t.offboarding_more}}</a></nav>{{/next}}
    """)

  struct Row: Equatable, Sendable {
    let id: String
    let name: String
    let registryID: String
    let retention: String
    let relationship: String
    let tone: String
  }

  let title: String
  let lead: String
  let query: String
  let hasQuery: Bool
  let showsSearch: Bool
  let isBare: Bool
  let hasNoMatch: Bool
  let hasRows: Bool
  let rows: [Row]
  let next: String?
  let canWrite: Bool
  var section: String? { "/vendors" }

  init(_ request: Request, _ page: VendorPage, next: String?) throws {
    query = request.query["q"] ?? ""
    hasQuery = !Words.isBlank(query)
    rows = page.items.map { Row(request, $0) }
    hasRows = !rows.isEmpty
    isBare = rows.isEmpty && !hasQuery && request.query["cursor"] == nil
    hasNoMatch = rows.isEmpty && !isBare
    showsSearch = !isBare
    self.next = next
    canWrite = try request.principal.has(.vendorsWrite)
    title = request.text("offboarding_vendors_title")
    lead = request.text(
      hasQuery ? "offboarding_vendors_found" : "offboarding_vendors_count", ["count": String(page.total)])
  }
}

extension VendorListPage.Row {
  init(_ request: Request, _ vendor: VendorRecord) {
    let look = VendorLook(request, vendor.details)
    self.init(
      id: vendor.id.text, name: look.name, registryID: vendor.details.registryID ?? "–", retention: look.retention,
      relationship: look.relationship, tone: look.tone)
  }
}

/// How a vendor's members are said.
struct VendorLook {
  let name: String
  let retention: String
  let relationship: String
  let tone: String

  init(_ request: Request, _ details: VendorDetails) {
    name = Words.shown(details.name)
    retention = VendorLook.retention(request, details.retentionDays)
    switch details.relationship {
    case .active: (relationship, tone) = (request.text("offboarding_active"), "good")
    case .ended: (relationship, tone) = (request.text("offboarding_ended"), "off")
    }
  }

  static func retention(_ request: Request, _ days: Int?) -> String {
    switch days {
    case nil: request.text("offboarding_retention_none")
    case 1: request.text("offboarding_day")
    case let days?: request.text("offboarding_days", ["count": String(days)])
    }
  }
}
