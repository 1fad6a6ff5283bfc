import Certificate
import Platform

/// What a person has to do: own steps, what waits for their approval, what is due, and the open cases.
struct HomePage: Page {
  static let template = Template(
    "offboarding-home",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{lead}}</p></div>
    {{#canOpen}}<div class="toolbar"><a class="button" href="/cases/new">{{t.offboarding_open_case}}</a></div>{{/canOpen}}</div>
    {{#isEmpty}}<section class="empty"><h2>{{t.offboarding_home_empty}}</h2>
    {{#canOpen}}<p>{{t.offboarding_home_empty_lead}}</p>
    <p class="toolbar"><a class="button" href="/vendors/import">{{t.offboarding_import_register}}</a> <a class="button quiet" href="/vendors">{{t.offboarding_see_vendors}}</a></p>{{/canOpen}}
    {{^canOpen}}<p>{{t.offboarding_home_empty_member}}</p>{{/canOpen}}</section>{{/isEmpty}}
    {{^isEmpty}}<div class="figures">{{#figures}}<p class="figure {{tone}}"><strong>{{count}}</strong> <span>{{title}}</span></p>{{/figures}}</div>
    {{#isIdle}}<p class="notice good">{{t.offboarding_home_idle}}</p>{{/isIdle}}{{/isEmpty}}
    {{#groups}}<section class="card"><h2>{{title}} <span class="count">{{count}}</span></h2>
    <ul class="rows">{{#rows}}<li><span class="row-main"><a href="{{path}}"><strong>{{step}}</strong></a> <span class="muted small">{{vendor}}{{#assignee}} · {{assignee}}{{/assignee}}</span></span><span class="toolbar"><time class="{{dueTone}}" datetime="{{due}}">{{dueText}}</time> <span class="badge {{tone}}">{{state}}</span></span></li>{{/rows}}</ul></section>{{/groups}}
    {{#cases}}<section class="card"><h2>{{t.offboarding_open_cases}} <span class="count">{{count}}</span></h2>
    <ul class="rows">{{#rows}}<li><span class="row-main"><a href="{{path}}"><strong>{{vendor}}</strong></a> <span class="muted small">{{template}} · {{t.offboarding_contract_ended}} {{terminated}}</span></span><span class="meter"><progress max="{{total}}" value="{{done}}" aria-label="{{progress}}"></progress> <span>{{progress}}</span></span></li>{{/rows}}</ul></section>{{/cases}}
    """)

  struct Figure: Equatable, Sendable {
    let count: Int
    let title: String
    /// The word of the design system for its colour; empty if there is nothing to say.
    let tone: String
  }

  struct Group: Equatable, Sendable {
    let title: String
    let rows: [StepRow]
    let count: Int
  }

  struct StepRow: Equatable, Sendable {
    let path: String
    let step: String
    let vendor: String
    let assignee: String?
    let due: String
    let dueText: String
    let dueTone: String
    let state: String
    let tone: String
  }

  struct Cases: Equatable, Sendable {
    let rows: [CaseRow]
    let count: Int
  }

  let title: String
  let lead: String
  let canOpen: Bool
  let isEmpty: Bool
  /// There are cases, and none of their steps waits for the reader.
  let isIdle: Bool
  let figures: [Figure]
  let groups: [Group]
  let cases: Cases?
  var section: String? { "/home" }

  /// Days ahead that count as soon.
  static let soonDays = 14

  init(_ request: Request, _ principal: Principal, files: [CaseFile], people: PeopleNames) {
    let today = request.now.day
    let steps = files.flatMap { file in file.steps.map { (file, $0) } }
    let mine = steps.filter { $0.1.assignee == principal.person && $0.1.state == .ready }
    let toApprove = steps.filter {
      $0.1.state == .inReview && $0.1.completion?.by.id != principal.person && principal.has(.casesApprove)
    }
    let others = steps.filter {
      $0.1.state == .ready && $0.1.assignee != principal.person && $0.1.dueOn <= today.adding(days: HomePage.soonDays)
    }
    let groups: [(String, [(CaseFile, CaseStep)])] = [
      (request.text("offboarding_your_steps"), mine), (request.text("offboarding_to_approve"), toApprove),
      (request.text("offboarding_due_soon"), others),
    ]
    self.groups = groups.filter { !$0.1.isEmpty }.map { title, steps in
      Group(
        title: title,
        rows: steps.sorted { $0.1.dueOn < $1.1.dueOn }.prefix(50).map { file, step in
          StepRow(request, file, step, step.assignee == principal.person ? nil : people, today)
        }, count: steps.count)
    }
    let rows = files.prefix(20).map { CaseRow(request, $0) }
    cases = rows.isEmpty || !principal.has(.casesRead) ? nil : Cases(rows: rows, count: files.count)
    canOpen = principal.has(.casesWrite)
    isEmpty = self.groups.isEmpty && cases == nil
    isIdle = mine.isEmpty && toApprove.isEmpty
    let late = steps.count { $0.1.state != .complete && $0.1.dueOn < today }
    figures = [
      Figure(count: mine.count, title: request.text("offboarding_your_steps"), tone: mine.isEmpty ? "" : "wait"),
      Figure(
        count: toApprove.count, title: request.text("offboarding_to_approve"), tone: toApprove.isEmpty ? "" : "info"),
      Figure(count: late, title: request.text("offboarding_steps_overdue"), tone: late == 0 ? "" : "bad"),
      Figure(count: files.count, title: request.text("offboarding_open_cases"), tone: ""),
    ]
    title = request.text("offboarding_home_title")
    lead = request.visitor.map { "\($0.name), \($0.tenantName)" } ?? ""
  }
}

extension HomePage.StepRow {
  init(_ request: Request, _ file: CaseFile, _ step: CaseStep, _ people: PeopleNames?, _ today: Day) {
    path = "/cases/\(file.id)#step-\(step.id)"
    self.step = file.title(of: step.id)
    vendor = Words.shown(file.vendorName)
    assignee = people.flatMap { people in step.assignee.map { people[$0] } }
    due = step.dueOn.description
    let look = StepLook(request, step, today)
    dueText = look.due
    dueTone = look.dueTone
    state = look.state
    tone = look.tone
  }
}

/// A case as a line of a list.
struct CaseRow: Equatable, Sendable {
  let path: String
  let vendor: String
  let template: String
  let opened: String
  let terminated: String
  let done: Int
  let total: Int
  let progress: String
  let state: String
  let tone: String

  init(_ request: Request, _ file: CaseFile) {
    path = "/cases/\(file.id)"
    vendor = Words.shown(file.vendorName)
    template = "\(file.template.name) v\(file.template.version)"
    opened = file.openedAt.day.description
    terminated = file.terminatedOn.description
    done = file.steps.count { $0.state == .complete }
    total = file.steps.count
    progress = request.text("offboarding_progress", ["done": String(done), "total": String(total)])
    switch file.state {
    case .open: (state, tone) = (request.text("offboarding_state_open"), "wait")
    case .certified: (state, tone) = (request.text("offboarding_state_certified"), "good")
    case .withdrawn: (state, tone) = (request.text("offboarding_state_withdrawn"), "off")
    }
  }
}

/// How a step's state and due day are said.
struct StepLook {
  let state: String
  let tone: String
  /// ISO 8601, for machines.
  let day: String
  let due: String
  let dueTone: String

  init(_ request: Request, _ step: CaseStep, _ today: Day) {
    switch step.state {
    case .waiting: (state, tone) = (request.text("offboarding_state_waiting"), "off")
    case .ready: (state, tone) = (request.text("offboarding_state_ready"), "wait")
    case .inReview: (state, tone) = (request.text("offboarding_state_in_review"), "info")
    case .complete: (state, tone) = (request.text("offboarding_state_complete"), "good")
    }
    (day, due, dueTone) = StepLook.moment(request, step, today)
  }

  /// Until it is complete the day on which it is due, and how far that is; then the day on which it was done.
  private static func moment(_ request: Request, _ step: CaseStep, _ today: Day) -> (String, String, String) {
    if step.state == .complete, let done = (step.approval?.at ?? step.completion?.at)?.day.description {
      return (done, request.text("offboarding_done_on", ["day": done]), "muted")
    }
    let days = step.dueOn.daysSince1970 - today.daysSince1970
    let day = step.dueOn.description
    let values = ["day": day, "count": String(days.magnitude)]
    switch days {
    case -1: return (day, request.text("offboarding_overdue_one", values), "badge bad")
    case ..<0: return (day, request.text("offboarding_overdue", values), "badge bad")
    case 0: return (day, request.text("offboarding_due_today"), "badge wait")
    case 1: return (day, request.text("offboarding_due_tomorrow", values), "badge wait")
    default: return (day, request.text("offboarding_due_on", values), days <= 7 ? "badge wait" : "muted")
    }
  }
}

/// Names by id, for assignees; whoever is gone is shown as such.
struct PeopleNames: Sendable {
  let names: [PersonID: String]
  let gone: String

  init(_ request: Request) async throws {
    let people = try await request.services.people.people(in: request.principal.tenant)
    names = Dictionary(people.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
    gone = request.text("offboarding_person_gone")
  }

  subscript(_ id: PersonID) -> String { names[id] ?? gone }
}
