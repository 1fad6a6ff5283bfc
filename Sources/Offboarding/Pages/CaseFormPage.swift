import Certificate
import Platform

/// Opening a case: choose the vendor, the template and the day on which the contract ends.
struct CaseFormPage: Page {
  static let template = Template(
    "offboarding-case-form",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{t.offboarding_case_form_lead}}</p></div></div>
    {{#fault}}<div class="notice bad" role="alert"><p>{{fault}}</p></div>{{/fault}}
    {{#choice}}<section class="card"><h2>{{t.offboarding_choose_vendor}}</h2><form method="get" action="/cases/new" role="search" class="search"><div class="field"><label for="q">{{t.offboarding_search_label}}</label><input id="q" name="q" type="search" value="{{query}}" maxlength="200"></div><button type="submit">{{t.offboarding_search}}</button></form>
    {{^hasRows}}<p class="empty">{{t.offboarding_vendors_no_match}}</p>{{/hasRows}}
    {{#hasRows}}<ul class="rows">{{#rows}}<li><span class="row-main"><strong>{{name}}</strong> <span class="muted small">{{registryID}} · {{retention}}</span></span><a class="button quiet small" href="/cases/new?vendor={{id}}">{{t.offboarding_choose}}<span class="vh"> {{name}}</span></a></li>{{/rows}}</ul>{{/hasRows}}</section>{{/choice}}
    {{#vendor}}<form method="post" action="/cases" class="card stack"><input type="hidden" name="csrf" value="{{csrf}}"><input type="hidden" name="vendor" value="{{id}}">
    <div><p class="overline">{{t.offboarding_case_vendor}}</p><p><strong>{{name}}</strong> <span class="muted">{{t.offboarding_vendor_retention}}: {{retention}}</span> <a href="/cases/new">{{t.offboarding_choose_other}}</a></p></div>
    <div class="field"><label for="template">{{t.offboarding_case_template}}</label><select id="template" name="template">{{#templates}}<option value="{{value}}">{{label}}</option>{{/templates}}</select></div>
    <div class="field{{#dayFault}} wrong{{/dayFault}}"><label for="terminated_on">{{t.offboarding_case_terminated_label}}</label><p class="hint">{{t.offboarding_case_terminated_hint}}</p><input id="terminated_on" name="terminated_on" type="date" value="{{day}}" required>{{#dayFault}}<p class="error">{{dayFault}}</p>{{/dayFault}}</div>
    <p class="toolbar"><button type="submit">{{t.offboarding_open_case}}</button> <a class="button quiet" href="/cases">{{t.offboarding_cancel}}</a></p></form>{{/vendor}}
    """)

  struct Choice: Equatable, Sendable {
    let query: String
    let rows: [VendorListPage.Row]
    let hasRows: Bool
  }

  struct Option: Equatable, Sendable {
    let value: String
    let label: String
  }

  let title: String
  let fault: String?
  let dayFault: String?
  let choice: Choice?
  let vendor: VendorListPage.Row?
  let templates: [Option]
  let day: String
  let crumbs: [Crumb]
  var section: String? { "/cases" }

  init(
    _ request: Request, vendor: VendorRecord?, found: [VendorRecord], templates: [CaseTemplate], form: Form? = nil,
    problem: Problem? = nil
  ) {
    title = request.text("offboarding_open_case")
    fault = problem?.message
    dayFault = problem?.errors.first { $0.field == "terminated_on" }?.message
    self.vendor = vendor.map { VendorListPage.Row(request, $0) }
    let rows = found.map { VendorListPage.Row(request, $0) }
    choice = vendor == nil ? Choice(query: request.query["q"] ?? "", rows: rows, hasRows: !rows.isEmpty) : nil
    self.templates = templates.map { template in
      Option(
        value: template.id,
        label: request.text(
          "offboarding_template_option",
          ["name": template.name, "version": String(template.version), "count": String(template.steps.count)]))
    }
    day = form?["terminated_on"] ?? vendor?.details.endedOn?.description ?? request.now.day.description
    crumbs = [Crumb(request.text("offboarding_cases_title"), "/cases")]
  }
}
