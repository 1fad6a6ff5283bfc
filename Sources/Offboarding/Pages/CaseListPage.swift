import Platform

/// All cases, newest first.
struct CaseListPage: Page {
  static let template = Template(
    "offboarding-cases",
    """
    <div class="page-head"><div><h1>{{title}}</h1></div>{{#canOpen}}<div class="toolbar"><a class="button" href="/cases/new">{{t.offboarding_open_case}}</a></div>{{/canOpen}}</div>
    <nav class="toolbar" aria-label="{{t.offboarding_case_states}}">{{#tabs}}<a class="button {{^isCurrent}}quiet {{/isCurrent}}small" href="{{path}}"{{#isCurrent}} aria-current="true"{{/isCurrent}}>{{title}}</a> {{/tabs}}</nav>
    {{^hasRows}}<p class="empty">{{t.offboarding_cases_none}}</p>{{/hasRows}}
    {{#hasRows}}<table class="cards"><thead><tr><th scope="col">{{t.offboarding_case_vendor}}</th><th scope="col">{{t.offboarding_case_template}}</th><th scope="col">{{t.offboarding_case_terminated}}</th><th scope="col">{{t.offboarding_case_progress}}</th><th scope="col">{{t.offboarding_case_state}}</th></tr></thead><tbody>
    {{#rows}}<tr><th scope="row" data-label="{{t.offboarding_case_vendor}}"><a href="{{path}}">{{vendor}}</a></th><td data-label="{{t.offboarding_case_template}}">{{template}}</td><td data-label="{{t.offboarding_case_terminated}}"><time datetime="{{terminated}}">{{terminated}}</time></td><td data-label="{{t.offboarding_case_progress}}"><span class="meter"><progress max="{{total}}" value="{{done}}" aria-label="{{progress}}"></progress> <span>{{progress}}</span></span></td><td data-label="{{t.offboarding_case_state}}"><span class="badge {{tone}}">{{state}}</span></td></tr>{{/rows}}</tbody></table>{{/hasRows}}
    {{#hasErased}}<section class="card" aria-labelledby="erased"><h2 id="erased">{{t.offboarding_erased_cases}}</h2><p class="muted">{{t.offboarding_erased_cases_lead}}</p><ul class="rows">{{#erased}}<li><span class="row-main"><a href="{{path}}"><strong>{{name}}</strong></a></span><span class="badge off">{{when}}</span></li>{{/erased}}</ul></section>{{/hasErased}}
    {{#next}}<nav class="pages" aria-label="{{t.offboarding_pages}}"><a class="button quiet" rel="next" href="{{next}}">{{t.offboarding_more}}</a></nav>{{/next}}
    """)

  struct Tab: Equatable, Sendable {
    let title: String
    let path: String
    let isCurrent: Bool
  }

  struct Erased: Equatable, Sendable {
    let path: String
    let name: String
    let when: String
  }

  let title: String
  let tabs: [Tab]
  let rows: [CaseRow]
  let hasRows: Bool
  let next: String?
  let canOpen: Bool
  let erased: [Erased]
  let hasErased: Bool
  var section: String? { "/cases" }

  init(_ request: Request, _ files: [CaseFile], erased marks: [ErasedRow], state: CaseState?, next: String?) throws {
    title = request.text("offboarding_cases_title")
    let all: [(CaseState?, String)] = [
      (nil, request.text("offboarding_tab_all")), (.open, request.text("offboarding_state_open")),
      (.certified, request.text("offboarding_state_certified")),
      (.withdrawn, request.text("offboarding_state_withdrawn")),
    ]
    tabs = all.map { one, title in
      Tab(title: title, path: one.map { "/cases?state=\($0.rawValue)" } ?? "/cases", isCurrent: one == state)
    }
    rows = files.map { CaseRow(request, $0) }
    hasRows = !rows.isEmpty
    self.next = next
    canOpen = try request.principal.has(.casesWrite)
    erased = marks.map { mark in
      Erased(
        path: "/erasures/\(mark.erasure)",
        name: request.text("offboarding_erased_case", ["id": String(mark.row.id.suffix(8))]),
        when: request.text("offboarding_erased_on", ["day": mark.erasedAt.day.description]))
    }
    hasErased = !erased.isEmpty
  }
}
