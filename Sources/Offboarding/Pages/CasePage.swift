import Certificate
import Platform

/// A case: its steps in order with what they need, what there is, what is missing, and what the reader can do about it.
struct CasePage: Page {
  static let template = Template(
    "offboarding-case",
    """
    <div class="page-head"><div><p class="overline">{{t.offboarding_case_of}}</p><h1>{{vendor}}</h1><p class="lead"><span class="badge {{tone}}">{{state}}</span> {{t.offboarding_contract_ended}} <time datetime="{{terminated}}">{{terminated}}</time></p></div></div>
    {{#fault}}<div class="notice bad" role="alert"><h2>{{title}}</h2><p>{{message}}</p>{{#hasErrors}}<ul class="errors">{{#errors}}<li>{{.}}</li>{{/errors}}</ul>{{/hasErrors}}</div>{{/fault}}
    {{#notice}}\(TrashNotice.template){{/notice}}
    {{#hold}}\(HoldNotice.template){{/hold}}
    {{#withdrawal}}<div class="notice wait"><h2>{{t.offboarding_withdrawn_title}}</h2><p>{{withdrawal}}</p></div>{{/withdrawal}}
    <div class="split case"><div class="case-side"><section class="card"><h2>{{t.offboarding_certificate}}</h2>
    <p class="meter"><progress max="{{total}}" value="{{done}}" aria-label="{{progress}}"></progress> <span>{{progress}}</span></p>
    {{#nextStep}}<p>{{t.offboarding_next_step}} <a href="#step-{{id}}">{{title}}</a>, <span class="muted">{{due}}</span></p>{{/nextStep}}
    {{#hasCertificate}}<p>{{t.offboarding_certificate_there}}</p><p><a class="button" href="{{path}}/certificate">{{t.offboarding_see_certificate}}</a></p>{{/hasCertificate}}
    {{#issue}}{{#isReady}}<p>{{t.offboarding_certificate_ready}}</p><form method="post" action="{{path}}/certificate"><input type="hidden" name="csrf" value="{{csrf}}"><button type="submit">{{t.offboarding_issue}}</button></form>{{/isReady}}
    {{^isReady}}<p>{{gapLead}}</p><details class="more"><summary>{{t.offboarding_gaps}}</summary><ul class="small">{{#gaps}}<li>{{.}}</li>{{/gaps}}</ul></details>{{/isReady}}{{/issue}}</section>
    <section class="card"><h2>{{t.offboarding_case_facts}}</h2><dl class="facts stacked"><dt>{{t.offboarding_case_vendor}}</dt><dd>{{#vendorPath}}<a href="{{vendorPath}}">{{vendor}}</a>{{/vendorPath}}{{^vendorPath}}{{vendor}}{{/vendorPath}}</dd>
    <dt>{{t.offboarding_case_template}}</dt><dd>{{templateName}}</dd><dt>{{t.offboarding_vendor_retention}}</dt><dd>{{retention}}</dd><dt>{{t.offboarding_case_opened_by}}</dt><dd>{{opened}}</dd>{{#closed}}<dt>{{t.offboarding_case_closed_by}}</dt><dd>{{closed}}</dd>{{/closed}}</dl>
    <details class="more"><summary>{{t.offboarding_grades}}</summary><dl class="facts stacked">{{#grades}}<dt>{{grade}}</dt><dd>{{meaning}}</dd>{{/grades}}</dl></details></section></div>
    <div><h2 class="vh">{{t.offboarding_steps}}</h2>
    <ol class="steps">{{#steps}}<li class="step {{stateClass}}" id="step-{{id}}"><div class="step-head"><h3>{{title}}</h3> <span class="badge {{tone}}">{{state}}</span> <time class="{{dueTone}}" datetime="{{due}}">{{dueText}}</time></div>
    <div class="step-body">
    {{#about}}<p class="muted small">{{about}}</p>{{/about}}
    {{#returned}}<div class="notice wait"><p>{{returned}}</p></div>{{/returned}}
    <ul class="rows needs">{{#needs}}<li><span><strong>{{label}}</strong> <span class="muted">{{grade}}</span></span><span class="badge {{tone}}">{{state}}</span></li>{{/needs}}
    {{#approval}}<li><span><strong>{{t.offboarding_approval_need}}</strong> <span class="muted">{{detail}}</span></span><span class="badge {{tone}}">{{state}}</span></li>{{/approval}}</ul>
    {{#hasEvidence}}<div class="evidence"><h4 class="overline">{{t.offboarding_evidence}}</h4><ul class="files">{{#evidence}}<li><div class="file-head"><a href="{{path}}">{{name}}</a> <span class="badge info plain" title="{{meaning}}">{{grade}}</span></div><p class="muted small">{{kind}} · {{size}} · {{who}}, {{when}}</p><p class="hash"><span>SHA-256</span> <code>{{sha256}}</code></p>{{#canTrash}}<form method="post" action="{{path}}/trash"><input type="hidden" name="csrf" value="{{csrf}}"><button class="quiet small" type="submit">{{t.offboarding_trash_evidence}}<span class="vh"> {{name}}</span></button></form>{{/canTrash}}</li>{{/evidence}}</ul></div>{{/hasEvidence}}
    {{#completion}}<div class="said"><p><strong>{{who}}</strong> <span class="muted">{{when}}</span></p>{{#note}}<p>{{note}}</p>{{/note}}{{#hasRemains}}<p><strong>{{t.offboarding_remains}}</strong></p><ul>{{#remains}}<li>{{.}}</li>{{/remains}}</ul>{{/hasRemains}}</div>{{/completion}}
    {{#approvalNote}}<p class="said">{{approvalNote}}</p>{{/approvalNote}}
    {{#next}}<p class="next">{{next}}</p>{{/next}}
    {{#review}}<form method="post" action="{{path}}/approve" class="stack"><input type="hidden" name="csrf" value="{{csrf}}"><div class="field"><label for="review-{{id}}">{{t.offboarding_review_note}}</label><textarea id="review-{{id}}" name="note" rows="2" maxlength="4000"></textarea></div><p class="toolbar"><button type="submit">{{t.offboarding_approve}}</button> <button class="quiet" type="submit" formaction="{{path}}/return">{{t.offboarding_return}}</button></p></form>{{/review}}
    {{#ownReview}}<p class="muted">{{t.offboarding_own_review}}</p>{{/ownReview}}
    {{#hasActions}}<div class="acts">{{#attach}}<details class="more"{{#isOpen}} open{{/isOpen}}><summary>{{t.offboarding_attach}}</summary><form method="post" action="{{path}}/evidence" enctype="multipart/form-data" class="stack"><input type="hidden" name="csrf" value="{{csrf}}">
    <div class="columns"><div class="field"><label for="kind-{{id}}">{{t.offboarding_attach_kind}}</label><select id="kind-{{id}}" name="kind">{{#kinds}}<option value="{{value}}">{{label}}</option>{{/kinds}}</select></div><div class="field"><label for="file-{{id}}">{{t.offboarding_attach_file}}</label><input id="file-{{id}}" name="file" type="file" required></div></div><p class="toolbar"><button{{^isOpen}} class="quiet"{{/isOpen}} type="submit">{{t.offboarding_attach_do}}</button></p></form></details>{{/attach}}
    {{#complete}}<details class="more main"><summary>{{t.offboarding_complete}}</summary><form method="post" action="{{path}}/complete" class="stack"><input type="hidden" name="csrf" value="{{csrf}}">
    <div class="field"><label for="note-{{id}}">{{t.offboarding_note}}</label><textarea id="note-{{id}}" name="note" rows="3" maxlength="4000"></textarea></div>
    <fieldset class="stack"><legend>{{t.offboarding_remains_legend}}</legend><p class="hint muted">{{t.offboarding_remains_hint}}</p>
    <div class="columns"><div class="field"><label for="what-{{id}}">{{t.offboarding_remains_what}}</label><input id="what-{{id}}" name="remains_what" maxlength="1000"></div><div class="field"><label for="where-{{id}}">{{t.offboarding_remains_where}}</label><input id="where-{{id}}" name="remains_where" maxlength="1000"></div><div class="field"><label for="until-{{id}}">{{t.offboarding_remains_until}}</label><input id="until-{{id}}" name="remains_until" type="date"></div></div>
    <div class="columns"><div class="field"><label for="what2-{{id}}">{{t.offboarding_remains_what_2}}</label><input id="what2-{{id}}" name="remains_what" maxlength="1000"></div><div class="field"><label for="where2-{{id}}">{{t.offboarding_remains_where}}</label><input id="where2-{{id}}" name="remains_where" maxlength="1000"></div><div class="field"><label for="until2-{{id}}">{{t.offboarding_remains_until}}</label><input id="until2-{{id}}" name="remains_until" type="date"></div></div></fieldset>
    <p class="toolbar"><button type="submit">{{completeLabel}}</button></p></form></details>{{/complete}}
    {{#assign}}<details class="more"><summary>{{t.offboarding_assign}}</summary><form method="post" action="{{path}}/assign" class="inline"><input type="hidden" name="csrf" value="{{csrf}}"><div class="field"><label for="person-{{id}}">{{t.offboarding_assign_person}}</label><select id="person-{{id}}" name="person">{{#people}}<option value="{{value}}"{{#isSelected}} selected{{/isSelected}}>{{label}}</option>{{/people}}</select></div><button class="quiet" type="submit">{{t.offboarding_assign_do}}</button></form></details>{{/assign}}</div>{{/hasActions}}
    </div></li>{{/steps}}</ol></div></div>
    {{#hold}}{{#path}}<p><a href="{{path}}">{{t.offboarding_hold_place}}</a></p>{{/path}}{{/hold}}
    {{#canWithdraw}}<details class="more"><summary>{{t.offboarding_withdraw}}</summary><form method="post" action="{{path}}/withdraw" class="card stack"><input type="hidden" name="csrf" value="{{csrf}}"><p>{{t.offboarding_withdraw_lead}}</p><div class="field"><label for="withdraw-note">{{t.offboarding_withdraw_note}}</label><textarea id="withdraw-note" name="note" rows="2" maxlength="4000"></textarea></div><p class="toolbar"><button class="danger" type="submit">{{t.offboarding_withdraw_do}}</button></p></form></details>{{/canWithdraw}}
    {{#trashLead}}<details class="more"><summary>{{t.offboarding_trash_of_case}}</summary><form method="post" action="{{path}}/trash" class="card stack"><input type="hidden" name="csrf" value="{{csrf}}"><p>{{trashLead}}</p><p class="toolbar"><button class="danger" type="submit">{{t.offboarding_trash_do}}</button></p></form></details>{{/trashLead}}
    """)

  let title: String
  let path: String
  let vendor: String
  let state: String
  let tone: String
  let progress: String
  let done: Int
  let total: Int
  let templateName: String
  let terminated: String
  let vendorPath: String?
  let retention: String
  let opened: String
  let closed: String?
  /// What E0 to E5 mean.
  let grades: [GradeLine]
  let hasCertificate: Bool
  let fault: Fault?
  let withdrawal: String?
  let issue: Issue?
  /// The ready step that is due first.
  let nextStep: NextStep?
  let steps: [StepCard]
  let canWithdraw: Bool
  let hold: HoldNotice
  let notice: TrashNotice?
  /// Nil for who cannot put it there.
  let trashLead: String?
  let crumbs: [Crumb]
  var section: String? { "/cases" }

  struct GradeLine: Equatable, Sendable {
    let grade: String
    let meaning: String
  }

  struct Fault: Equatable, Sendable {
    let title: String
    let message: String
    let errors: [String]
    let hasErrors: Bool
  }

  struct NextStep: Equatable, Sendable {
    let id: String
    let title: String
    let due: String
  }

  struct Issue: Equatable, Sendable {
    let isReady: Bool
    let gapLead: String
    let gaps: [String]
  }

  struct Option: Equatable, Sendable {
    let value: String
    let label: String
    let isSelected: Bool
  }

  init(
    _ request: Request, _ file: CaseFile, people: [PersonCard], hold: HoldNotice, problem: Problem? = nil
  )
    throws
  {
    self.hold = hold
    let principal = try request.principal
    let row = CaseRow(request, file)
    title = row.vendor
    path = row.path
    vendor = row.vendor
    (state, tone, progress) = (row.state, row.tone, row.progress)
    templateName = row.template
    terminated = row.terminated
    (done, total) = (row.done, row.total)
    vendorPath = principal.has(.vendorsRead) ? "/vendors/\(file.vendor)" : nil
    retention = VendorLook.retention(request, file.declaredRetentionDays)
    opened = request.text("offboarding_by_when", ["name": file.openedBy.name, "when": file.openedAt.forPeople])
    closed = file.closing.map { request.text("offboarding_by_when", ["name": $0.by.name, "when": $0.at.forPeople]) }
    grades = Grade.allCases.map { GradeLine(grade: GradeName.text(request, $0), meaning: $0.meaning) }
    hasCertificate = file.certificate != nil && principal.has(.casesRead)
    fault = problem.map { problem in
      Fault(
        title: request.text("offboarding_not_done"), message: problem.message, errors: problem.errors.map(\.message),
        hasErrors: problem.errors.count > 1 || problem.errors.first.map { $0.message != problem.message } ?? false)
    }
    withdrawal = file.state == .withdrawn ? CasePage.withdrawal(request, file) : nil
    issue = file.state == .open && file.trashed == nil && principal.has(.casesCertify) ? Issue(request, file) : nil
    let names = Dictionary(people.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
    steps = file.steps.map { StepCard(request, principal, file, $0, people: people, names: names) }
    let ready = file.state == .open ? file.steps.filter { $0.state == .ready } : []
    nextStep = ready.min { $0.dueOn < $1.dueOn }.map { step in
      NextStep(
        id: step.id, title: file.title(of: step.id), due: StepLook(request, step, request.now.day).due)
    }
    canWithdraw = file.state == .open && file.trashed == nil && principal.has(.casesWrite)
    notice = TrashNotice(
      request, file.trashed, path: "/cases/\(file.id)", canRestore: principal.has(.casesWrite))
    trashLead =
      file.trashed == nil && principal.has(.casesWrite)
      ? request.text("offboarding_trash_of_case_lead", ["days": String(Trash.days)]) : nil
    crumbs = [Crumb(request.text("offboarding_cases_title"), "/cases")]
  }

  private static func withdrawal(_ request: Request, _ file: CaseFile) -> String {
    let by = request.text(
      "offboarding_withdrawn_by", ["name": file.closing?.by.name ?? "", "when": file.closing?.at.forPeople ?? ""])
    return [by, file.closing?.note ?? ""].filter { !$0.isEmpty }.joined(separator: ": ")
  }
}

extension CasePage.Issue {
  init(_ request: Request, _ file: CaseFile) {
    let found = file.certificateGaps
    isReady = found.isEmpty
    gaps = found.map(\.message)
    let open = file.steps.count { $0.state != .complete }
    gapLead = request.text(
      open == 1 ? "offboarding_gap_lead_one" : "offboarding_gap_lead", ["count": String(open)])
  }
}
