import Platform

/// The form that takes a register, and what became of it.
struct ImportPage: Page {
  static let template = Template(
    "offboarding-import",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{t.offboarding_import_lead}}</p></div></div>
    {{#fault}}<div class="notice bad" role="alert"><p><strong>{{t.offboarding_import_refused}}</strong> {{fault}}</p></div>{{/fault}}
    {{#result}}<section class="card" role="status"><h2>{{t.offboarding_import_done}}</h2>
    <div class="figures"><p class="figure good"><strong>{{created}}</strong> <span>{{t.offboarding_import_created}}</span></p><p class="figure"><strong>{{updated}}</strong><span>{{t.offboarding_import_updated}}</span></p><p class="figure"><strong>{{unchanged}}</strong><span>{{t.offboarding_import_unchanged}}</span></p><p class="figure{{#hasRejected}} bad{{/hasRejected}}"><strong>{{rejected}}</strong><span>{{t.offboarding_import_rejected}}</span></p></div>
    {{^hasRejected}}<p class="toolbar"><a class="button" href="/vendors">{{t.offboarding_see_vendors}}</a></p>{{/hasRejected}}
    {{#hasRejected}}<h3>{{t.offboarding_import_rejected_lines}}</h3><p class="muted">{{rejectedLead}}</p>
    <table class="cards"><thead><tr><th scope="col" class="num">{{t.offboarding_import_line}}</th><th scope="col">{{t.offboarding_import_column}}</th><th scope="col">{{t.offboarding_import_reason}}</th></tr></thead><tbody>{{#lines}}<tr><td class="num" data-label="{{t.offboarding_import_line}}">{{line}}</td><td data-label="{{t.offboarding_import_column}}"><code>{{field}}</code></td><td data-label="{{t.offboarding_import_reason}}">{{reason}}</td></tr>{{/lines}}</tbody></table>
    <p class="toolbar"><a class="button quiet" href="/vendors">{{t.offboarding_see_vendors}}</a></p>{{/hasRejected}}</section>{{/result}}
    <div class="split"><form method="post" action="/vendors/import" enctype="multipart/form-data" class="card stack"><input type="hidden" name="csrf" value="{{csrf}}">
    <div class="field"><label for="file">{{t.offboarding_import_file}}</label><p class="hint">{{t.offboarding_import_hint}}</p><input id="file" name="file" type="file" accept=".csv,text/csv" required></div>
    <p class="toolbar"><button type="submit">{{t.offboarding_import}}</button> <a class="button quiet" href="/vendors">{{t.offboarding_cancel}}</a></p></form>
    <section class="card"><h2>{{t.offboarding_import_columns}}</h2><dl class="facts stacked">
    <dt><code>registry_id</code></dt><dd>{{t.offboarding_import_registry}}</dd><dt><code>name</code></dt><dd>{{t.offboarding_import_name}}</dd>
    <dt><code>privacy_url</code></dt><dd>{{t.offboarding_import_url}}</dd><dt><code>standard_retention_days</code></dt><dd>{{t.offboarding_import_retention}}</dd>
    <dt><code>data_categories</code>, <code>purposes</code></dt><dd>{{t.offboarding_import_lists}}</dd><dt><code>deleted_on</code></dt><dd>{{t.offboarding_import_deleted}}</dd></dl></section></div>
    """)

  struct Result: Equatable, Sendable {
    let created: Int
    let updated: Int
    let unchanged: Int
    let rejected: Int
    let hasRejected: Bool
    let rejectedLead: String
    let lines: [Line]
  }

  struct Line: Equatable, Sendable {
    let line: Int
    let field: String
    let reason: String
  }

  let title: String
  let fault: String?
  let result: Result?
  let crumbs: [Crumb]
  var section: String? { "/vendors" }

  init(_ request: Request, _ outcome: ImportOutcome? = nil, problem: Problem? = nil) {
    title = request.text("offboarding_import_register")
    fault = problem?.message
    crumbs = [Crumb(request.text("offboarding_vendors_title"), "/vendors")]
    result = outcome.map { outcome in
      let shown = outcome.rejected.count < outcome.rejectedTotal
      let lead =
        shown
        ? "offboarding_import_first"
        : "offboarding_import_all"
      return Result(
        created: outcome.created, updated: outcome.updated, unchanged: outcome.unchanged,
        rejected: outcome.rejectedTotal,
        hasRejected: outcome.rejectedTotal > 0,
        rejectedLead: request.text(
          lead, ["shown": String(outcome.rejected.count), "total": String(outcome.rejectedTotal)]),
        lines: outcome.rejected.map { Line(line: $0.line, field: $0.field, reason: $0.reason) })
    }
  }
}
