import Platform

/// One vendor: what is known of it, and the cases in which it is left.
struct VendorDetailPage: Page {
  static let template = Template(
    "offboarding-vendor",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead"><span class="badge {{tone}}">{{relationship}}</span>{{#endedOn}} {{t.offboarding_ended_on_day}} <time datetime="{{endedOn}}">{{endedOn}}</time>{{/endedOn}}</p></div>
    <div class="toolbar">{{#canOpen}}<a class="button" href="/cases/new?vendor={{id}}">{{t.offboarding_offboard}}</a>{{/canOpen}} {{#canWrite}}<a class="button quiet" href="/vendors/{{id}}/edit">{{t.offboarding_edit}}</a>{{/canWrite}} {{#hold}}{{#path}}<a class="button quiet" href="{{path}}">{{t.offboarding_hold_place}}</a> {{/path}}{{/hold}}{{#canErase}}<a class="button danger" href="/erasures/new?type=vendor&amp;id={{id}}">{{t.offboarding_erase}}</a>{{/canErase}}</div></div>
    {{#notice}}\(TrashNotice.template){{/notice}}
    {{#hold}}\(HoldNotice.template){{/hold}}
    <div class="split"><section class="card"><h2>{{t.offboarding_vendor_known}}</h2><dl class="facts">
    <dt>{{t.offboarding_vendor_registry_id}}</dt><dd>{{registryID}}</dd>
    <dt>{{t.offboarding_vendor_retention}}</dt><dd>{{retention}}</dd>
    <dt>{{t.offboarding_vendor_privacy_url}}</dt><dd>{{#privacyURL}}<a href="{{privacyURL}}" rel="noreferrer noopener nofollow">{{privacyURL}}</a>{{/privacyURL}}{{^privacyURL}}–{{/privacyURL}}</dd>
    <dt>{{t.offboarding_vendor_categories}}</dt><dd>{{#hasCategories}}<ul class="tags">{{#categories}}<li>{{.}}</li>{{/categories}}</ul>{{/hasCategories}}{{^hasCategories}}–{{/hasCategories}}</dd>
    <dt>{{t.offboarding_vendor_purposes}}</dt><dd>{{#hasPurposes}}<ul class="tags">{{#purposes}}<li>{{.}}</li>{{/purposes}}</ul>{{/hasPurposes}}{{^hasPurposes}}–{{/hasPurposes}}</dd>
    </dl></section>
    <section class="card"><h2>{{t.offboarding_vendor_cases}}</h2>{{^hasCases}}<p class="empty">{{t.offboarding_vendor_cases_none}}</p>{{/hasCases}}
    {{#hasCases}}<ul class="rows">{{#cases}}<li><span class="row-main"><a href="{{path}}"><strong>{{template}}</strong></a> <span class="muted small">{{t.offboarding_opened}} {{opened}} · {{progress}}</span></span><span class="badge {{tone}}">{{state}}</span></li>{{/cases}}</ul>{{/hasCases}}</section></div>
    {{#trash}}<details class="more"><summary>{{t.offboarding_trash_of_vendor}}</summary><form method="post" action="/vendors/{{id}}/trash" class="card stack"><input type="hidden" name="csrf" value="{{csrf}}"><p>{{lead}}</p><p class="toolbar"><button class="danger" type="submit">{{t.offboarding_trash_do}}</button></p></form></details>{{/trash}}
    """)

  struct TrashForm: Equatable, Sendable {
    let lead: String
  }

  let title: String
  let id: String
  let relationship: String
  let tone: String
  let endedOn: String?
  let registryID: String
  let retention: String
  let privacyURL: String?
  let categories: [String]
  let hasCategories: Bool
  let purposes: [String]
  let hasPurposes: Bool
  let cases: [CaseRow]
  let hasCases: Bool
  let canOpen: Bool
  let canWrite: Bool
  let canErase: Bool
  let hold: HoldNotice
  let notice: TrashNotice?
  let trash: TrashForm?
  let crumbs: [Crumb]
  var section: String? { "/vendors" }

  init(_ request: Request, _ vendor: VendorRecord, cases: [CaseFile], hold: HoldNotice) throws {
    let (principal, look) = (try request.principal, VendorLook(request, vendor.details))
    title = look.name
    id = vendor.id.text
    self.hold = hold
    relationship = look.relationship
    tone = look.tone
    endedOn = vendor.details.endedOn?.description
    registryID = vendor.details.registryID ?? "–"
    retention = look.retention
    privacyURL = vendor.details.privacyURL
    categories = vendor.details.dataCategories
    hasCategories = !categories.isEmpty
    purposes = vendor.details.purposes
    hasPurposes = !purposes.isEmpty
    self.cases = cases.map { CaseRow(request, $0) }
    hasCases = !cases.isEmpty
    let isThere = vendor.trashed == nil
    canOpen = isThere && principal.has(.casesWrite)
    canWrite = isThere && principal.has(.vendorsWrite)
    notice = TrashNotice(
      request, vendor.trashed, path: "/vendors/\(vendor.id)", canRestore: principal.has(.vendorsWrite))
    trash = canWrite ? TrashForm(lead: VendorDetailPage.lead(request, cases.count)) : nil
    canErase = principal.has(.erasuresPropose)
    crumbs = [Crumb(request.text("offboarding_vendors_title"), "/vendors")]
  }

  private static func lead(_ request: Request, _ cases: Int) -> String {
    let values = ["days": String(Trash.days), "count": String(cases)]
    switch cases {
    case 0: return request.text("offboarding_trash_of_vendor_alone", values)
    case 1: return request.text("offboarding_trash_of_vendor_one", values)
    default: return request.text("offboarding_trash_of_vendor_lead", values)
    }
  }
}
