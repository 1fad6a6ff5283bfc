import Platform

/// The way out on one page: what to take along, what to write, what happens then.
struct LeavePage: Page {
  static let template = Template(
    "subprocessors-leave",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{t.subprocessors_leave_lead}}</p></div></div>
    <section class="card" aria-labelledby="take"><h2 id="take">{{t.subprocessors_leave_take}}</h2><p class="muted">{{t.subprocessors_leave_take_lead}}</p>
    <ul class="rows">{{#parts}}<li><span class="row-main">{{title}}</span><span class="toolbar">{{#files}}<a class="button small quiet" href="{{path}}">{{kind}}<span class="vh"> {{title}}</span></a> {{/files}}</span></li>{{/parts}}</ul></section>
    <section class="card" aria-labelledby="keep"><h2 id="keep">{{t.subprocessors_leave_keep}}</h2><p>{{t.subprocessors_leave_keep_lead}}</p></section>
    <section class="card" aria-labelledby="write"><h2 id="write">{{t.subprocessors_leave_write}}</h2><p class="muted">{{t.subprocessors_leave_write_lead}}</p><pre>{{letter}}</pre></section>
    """)

  struct File: Equatable, Sendable {
    let kind: String
    let path: String
  }

  struct Part: Equatable, Sendable {
    let title: String
    let files: [File]
  }

  let title: String
  let parts: [Part]
  let letter: String
  let crumbs: [Crumb]
  var section: String? { "/subprocessors" }

  init(_ request: Request, _ items: [TenantDesk.Item], _ exports: [ExportPart]) {
    title = request.text("subprocessors_leave_title")
    crumbs = [Crumb(request.text("subprocessors_title"), "/subprocessors")]
    parts = exports.map { part in
      let files =
        part.isFile
        ? [File(kind: "JSON Lines", path: part.path)]
        : [("JSON Lines", "jsonl"), ("CSV", "csv")].map { kind, ending in
          File(kind: kind, path: "/v1/export/\(part.name).\(ending)")
        }
      return Part(title: request.text(part.titleKey), files: files)
    }
    letter = LeavePage.letter(request, items)
  }

  /// Filled in with what is known: who, when, and to whom they object.
  private static func letter(_ request: Request, _ items: [TenantDesk.Item]) -> String {
    let objected = items.filter { $0.objection != nil }.map {
      "\($0.provider.details.name) (\($0.provider.details.entity))"
    }
    let key = objected.isEmpty ? "subprocessors_letter_plain" : "subprocessors_letter_objection"
    return request.text(
      key,
      [
        "tenant": request.visitor?.tenantName ?? "", "person": request.visitor?.name ?? "",
        "day": request.now.day.description, "names": objected.joined(separator: ", "),
        "product": request.services.installation.productName,
      ])
  }
}
