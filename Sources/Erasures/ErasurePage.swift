import Platform

/// One erasure: how far it is, what it took, where each copy of the keys ended, and what proves it.
struct ErasurePage: Page {
  fileprivate static let steps = """
    <ol class="steps">{{#steps}}<li class="step {{stateClass}}"><div class="step-head"><h2>{{title}}</h2>{{#lines}} <span class="muted small">{{.}}</span>{{/lines}}</div></li>{{/steps}}</ol>
    """

  static let copies = """
    <section class="card" aria-labelledby="copies"><h2 id="copies">{{t.erasures_copies}}</h2>
    {{#hasCopies}}<ul class="rows">{{#copies}}<li><span class="row-main"><strong><code>{{place}}</code></strong> <span class="muted small">{{role}}{{#obstacle}} · {{.}}{{/obstacle}}</span></span><span class="badge {{tone}}">{{end}}</span></li>{{/copies}}</ul>{{/hasCopies}}
    {{^hasCopies}}<p class="muted">{{t.erasures_copies_none}}</p>{{/hasCopies}}</section>
    """

  static let record = """
    <section class="card" aria-labelledby="record"><h2 id="record">{{t.erasures_record}}</h2>
    {{#recordPath}}<p>{{t.erasures_record_lead}}</p><pre><code>steward-verify erasure --key steward.vkey {{recordName}}</code></pre><p class="toolbar"><a class="button" href="{{recordPath}}" download="{{recordName}}">{{t.erasures_record_get}}</a> <a class="button quiet" href="/.well-known/steward.vkey" download="steward.vkey">{{t.erasures_record_vkey}}</a></p>{{/recordPath}}
    {{^recordPath}}<p class="muted">{{t.erasures_record_wait}}</p>{{/recordPath}}</section>
    """

  static let template = Template(
    "erasure",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{#look}}<span class="badge {{tone}}">{{state}}</span>{{/look}} <code>{{object}}</code></p></div></div>
    {{#confirm}}<section class="card" aria-labelledby="confirm"><h2 id="confirm">{{t.erasures_confirm_title}}</h2><p>{{lead}}</p>
    {{#fault}}<p class="notice bad" role="alert">{{fault}}</p>{{/fault}}
    <form method="post" action="{{path}}/confirm" class="stack"><input type="hidden" name="csrf" value="{{csrf}}"><input type="hidden" name="confirmation" value="{{number}}">
    <div class="field{{#passwordFault}} wrong{{/passwordFault}}"><label for="password">{{t.erasures_password}}</label><input id="password" name="password" type="password" required autocomplete="current-password">{{#passwordFault}}<p class="error">{{passwordFault}}</p>{{/passwordFault}}</div>
    <p class="toolbar"><button class="danger" type="submit">{{button}}</button></p></form></section>{{/confirm}}
    {{#waitsForOwner}}<p class="notice wait">{{t.erasures_wait_owner}}</p>{{/waitsForOwner}}
    {{#withdrawPath}}<form method="post" action="{{.}}"><input type="hidden" name="csrf" value="{{csrf}}"><button class="quiet" type="submit">{{t.erasures_withdraw}}</button></form>{{/withdrawPath}}
    <div class="split"><div>\(steps){{#inventory}}\(InventoryView.template){{/inventory}}</div>
    <div>\(record)\(copies)
    <section class="card" aria-labelledby="facts"><h2 id="facts">{{t.erasures_facts}}</h2><dl class="facts stacked"><dt>{{t.erasures_reason}}</dt><dd>{{reason}}</dd>
    {{#readmitPath}}<dt>{{t.erasures_suppressed}}</dt><dd>{{t.erasures_suppressed_yes}}{{#canReadmit}}<details class="more"{{#readmitFault}} open{{/readmitFault}}><summary>{{t.erasures_readmit}}</summary><form method="post" action="{{readmitPath}}" class="stack"><input type="hidden" name="csrf" value="{{csrf}}"><div class="field{{#readmitFault}} wrong{{/readmitFault}}"><label for="readmit-password">{{t.erasures_password}}</label><input id="readmit-password" name="password" type="password" required autocomplete="current-password">{{#readmitFault}}<p class="error">{{.}}</p>{{/readmitFault}}</div><button class="quiet" type="submit">{{t.erasures_readmit}}</button></form></details>{{/canReadmit}}</dd>{{/readmitPath}}</dl></section></div></div>
    """)

  struct Step: Equatable, Sendable {
    let title: String
    let stateClass: String
    let lines: [String]
  }

  struct Copy: Equatable, Sendable {
    let place: String
    let role: String
    let obstacle: String?
    let end: String
    let tone: String
  }

  struct Confirm: Equatable, Sendable {
    let number: Int
    let lead: String
    let button: String
    let fault: String?
    let passwordFault: String?
  }

  let title: String
  let path: String
  let look: ErasureLook
  let object: String
  let steps: [Step]
  let inventory: InventoryView
  let copies: [Copy]
  let hasCopies: Bool
  let reason: String
  let confirm: Confirm?
  let waitsForOwner: Bool
  let withdrawPath: String?
  let recordPath: String?
  let recordName: String
  let readmitPath: String?
  let canReadmit: Bool
  let readmitFault: String?
  let crumbs: [Crumb]
  var section: String? { "/erasures" }

  init(
    _ request: Request, _ erasure: Erasure, isSuppressed: Bool, taken: Inventory? = nil, problem: Problem? = nil,
    readmitFault: String? = nil
  ) throws {
    self.readmitFault = readmitFault
    let principal = try request.principal
    path = "/erasures/\(erasure.id)"
    look = ErasureLook(request, erasure.target, erasure.state)
    // While it is there still, whoever says yes is told its name.
    if let taken {
      title = request.text("erasures_new_title", ["what": look.name(erasure.target, taken, request)])
    } else {
      title = request.text("erasures_page_title", ["what": "\(look.type.lowercased()) \(look.shortID)"])
    }
    object = erasure.target.object.description
    steps = Step.all(request, erasure)
    inventory = InventoryView(request, erasure.inventory, isGone: erasure.startedAt != nil)
    copies = Copy.all(request, erasure)
    hasCopies = !copies.isEmpty
    reason = erasure.reason
    let isOpen = erasure.state == .proposed
    confirm = isOpen && principal.has(.erasuresConfirm) ? Confirm(request, erasure, problem) : nil
    waitsForOwner = isOpen && !principal.has(.erasuresConfirm)
    let mayWithdraw = principal.has(erasure.target.kind == .tenant ? .erasuresConfirm : .erasuresPropose)
    withdrawPath = isOpen && mayWithdraw ? path + "/withdraw" : nil
    recordPath = erasure.state == .final ? "/v1\(path)/record" : nil
    recordName = "erasure-\(erasure.id).json"
    readmitPath = isSuppressed ? path + "/readmit" : nil
    canReadmit = principal.has(.erasuresConfirm)
    crumbs = [Crumb(request.text("erasures_title"), "/erasures")]
  }
}

extension ErasurePage.Confirm {
  init(_ request: Request, _ erasure: Erasure, _ problem: Problem?) {
    number = erasure.nextConfirmation
    let isLast = number == erasure.confirmationsNeeded
    lead = request.text(isLast ? "erasures_confirm_lead" : "erasures_confirm_first")
    button = request.text(isLast ? "erasures_confirm" : "erasures_confirm_once")
    passwordFault = problem?.errors.first { $0.field == "password" }?.message
    fault = passwordFault == nil ? problem?.message : nil
  }
}

extension ErasurePage.Step {
  static func all(_ request: Request, _ erasure: Erasure) -> [ErasurePage.Step] {
    let (progress, state) = (erasure.progress, erasure.state)
    let isConfirmed = progress.confirmed.count == erasure.confirmationsNeeded
    let rowsGone = erasure.startedAt != nil && progress.left.isEmpty
    let keysGone = progress.keys?.isComplete == true
    var reached = [true, isConfirmed, rowsGone, keysGone, state == .final]
    let confirmed =
      erasure.confirmationsNeeded == 1 ? "erasures_step_confirmed" : "erasures_step_confirmed_twice"
    var titles = [
      progress.isOfTrash ? "erasures_step_trash" : "erasures_step_proposed",
      progress.isOfTrash ? "erasures_step_trash_ended" : confirmed,
      "erasures_step_rows", "erasures_step_keys", "erasures_step_final",
    ]
    func by(_ person: Erasure.Person, _ at: Instant) -> String {
      request.text("erasures_by", ["name": person.name, "when": at.forPeople])
    }
    var lines: [[String]] = [
      progress.isOfTrash ? [erasure.proposedBy.name] : [by(erasure.proposedBy, erasure.proposedAt)],
      progress.confirmed.map { progress.isOfTrash ? $0.at.forPeople : by($0.person, $0.at) },
      [erasure.startedAt?.forPeople].compactMap(\.self),
      keysGone ? [progress.keys?.lastEnd?.forPeople].compactMap(\.self) : [],
      [erasure.finalAt?.forPeople].compactMap(\.self),
    ]
    if let ciphertext = erasure.ciphertext {
      titles.append("erasures_step_disk")
      reached.append(ciphertext == .gone)
      lines.append([erasure.clearedAt?.forPeople ?? request.text("erasures_disk_\(ciphertext.rawValue)")])
    }
    let current = state == .withdrawn ? nil : reached.firstIndex(of: false)
    return titles.indices.map { number in
      let stateClass = reached[number] ? "complete" : number == current ? "ready" : "waiting"
      return ErasurePage.Step(
        title: request.text(titles[number]), stateClass: stateClass, lines: lines[number])
    }
  }
}

extension ErasurePage.Copy {
  static func all(_ request: Request, _ erasure: Erasure) -> [ErasurePage.Copy] {
    (erasure.progress.keys?.copies ?? []).map { copy in
      ErasurePage.Copy(
        place: copy.place, role: request.text(copy.isLive ? "erasures_copy_live" : "erasures_copy_replica"),
        obstacle: copy.obstacle, end: copy.endedAt?.forPeople ?? request.text("erasures_copy_waits"),
        tone: copy.endedAt == nil ? "bad" : "good")
    }
  }
}

/// What is left to show of an organisation that was erased, to whoever has the link.
struct FarewellPage: Page {
  static let template = Template(
    "erasure-farewell",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{t.erasures_farewell_lead}}</p></div></div>
    <div class="split"><div>\(ErasurePage.steps)</div>
    <div>\(ErasurePage.record)\(ErasurePage.copies)</div></div>
    """)

  let title: String
  let steps: [ErasurePage.Step]
  let copies: [ErasurePage.Copy]
  let hasCopies: Bool
  let recordPath: String?
  let recordName: String

  init(_ request: Request, _ erasure: Erasure) {
    title = request.text(erasure.state == .final ? "erasures_farewell_final" : "erasures_farewell")
    steps = ErasurePage.Step.all(request, erasure)
    copies = ErasurePage.Copy.all(request, erasure)
    hasCopies = !copies.isEmpty
    recordPath = erasure.state == .final ? "/v1/erased/\(Farewell.link(erasure.id, request))" : nil
    recordName = "erasure-\(erasure.id).json"
  }
}
