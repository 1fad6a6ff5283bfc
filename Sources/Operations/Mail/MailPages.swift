import Platform

/// `/mail`, `/mail/{id}` and, in the sample installation, `/mailbox`.
struct MailPages: Sendable {
  var routes: [Route] {
    [
      Route(.get, "/mail", access: .permission(.mailRead), summary: "Show messages that went out.", handler: list),
      Route(.get, "/mail/{id}", access: .permission(.mailRead), summary: "Show a message.", handler: show),
      Route(
        .post, "/mail/{id}/retry", access: .permission(.mailRetry), summary: "Send a message again by form.",
        handler: retry),
      Route(
        .get, "/mailbox", access: .permission(.mailboxRead),
        summary: "Show what people got by mail, in the sample installation.", handler: mailbox),
    ]
  }

  @Sendable func list(_ request: Request) async throws -> Response {
    let (limit, cursor) = try request.listing()
    let filter = try MailFilter(request.query)
    let found = try await MailStore.page(
      filter, limit: limit, before: cursor, request.services.ledger, try request.principal.tenant)
    return try request.page(MailPage(request, found.messages, filter, next: try request.nextCursor(found.next)))
  }

  @Sendable func show(_ request: Request) async throws -> Response {
    try request.page(MessagePage(request, try await MailStore.message(try request.id("id"), request)))
  }

  @Sendable func retry(_ request: Request) async throws -> Response {
    let (id, receipt) = try await MailStore.retry(request)
    return Response.seeOther("/mail/\(id)").receipt(receipt).flash("mail_was_retried")
  }

  @Sendable func mailbox(_ request: Request) async throws -> Response {
    let (limit, cursor) = try request.listing()
    // What a sample installation kept opens accounts: once its directory is served in earnest, nobody reads it any more.
    guard request.services.outbox.hasMailbox else { return try request.page(MailboxPage(request, [], next: nil)) }
    let tenant = try request.principal.tenant
    let found = try await request.services.ledger.read(tenant) { reader in
      try reader.fetch(MailboxRecord.self, "AND id < \(cursor ?? "z") ORDER BY id DESC LIMIT \(limit + 1)")
    }
    let next = found.count > limit ? found[limit - 1].key : nil
    return try request.page(MailboxPage(request, Array(found.prefix(limit)), next: try request.nextCursor(next)))
  }
}

/// What went out and what did not, newest first.
struct MailPage: Page {
  static let template = Template(
    "mail",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{t.mail_lead}}</p></div>{{#showsMailbox}}<div class="toolbar"><a class="button quiet" href="/mailbox">{{t.mailbox_open}}</a></div>{{/showsMailbox}}</div>
    {{^isOpen}}<section class="notice wait"><h2>{{t.mail_closed}}</h2><p>{{t.mail_closed_lead}}</p></section>{{/isOpen}}
    <nav class="toolbar" aria-label="{{t.mail_states}}">{{#tabs}}<a class="button {{^isCurrent}}quiet {{/isCurrent}}small" href="{{path}}"{{#isCurrent}} aria-current="true"{{/isCurrent}}>{{title}}</a> {{/tabs}}</nav>
    {{^hasRows}}<p class="empty">{{t.mail_none}}</p>{{/hasRows}}
    {{#hasRows}}<table class="cards"><thead><tr><th scope="col">{{t.mail_subject}}</th><th scope="col">{{t.mail_to}}</th><th scope="col">{{t.mail_created}}</th><th scope="col">{{t.mail_state}}</th></tr></thead><tbody>
    {{#rows}}<tr><th scope="row" data-label="{{t.mail_subject}}"><a href="{{path}}">{{subject}}</a></th><td data-label="{{t.mail_to}}"><span>{{name}} <span class="muted">{{email}}</span></span></td><td data-label="{{t.mail_created}}"><time datetime="{{created}}">{{createdShown}}</time></td><td data-label="{{t.mail_state}}"><span><span class="badge {{tone}}">{{state}}</span>{{#reason}} <span class="muted small">{{.}}</span>{{/reason}}</span></td></tr>
    {{/rows}}</tbody></table>{{/hasRows}}
    {{#next}}<nav class="pages" aria-label="{{t.mail_title}}"><a class="button quiet" rel="next" href="{{.}}">{{t.mail_more}}</a></nav>{{/next}}
    """)

  struct Tab: Equatable, Sendable {
    let title: String
    let path: String
    let isCurrent: Bool
  }

  struct Row: Equatable, Sendable {
    let path: String
    let subject: String
    let name: String
    let email: String
    let created: String
    let createdShown: String
    let state: String
    let tone: String
    let reason: String?
  }

  let title: String
  let isOpen: Bool
  let showsMailbox: Bool
  let tabs: [Tab]
  let rows: [Row]
  let hasRows: Bool
  let next: String?
  var section: String? { "/mail" }

  init(_ request: Request, _ messages: [MessageRecord], _ filter: MailFilter, next: String?) throws {
    title = request.text("mail_title")
    isOpen = request.services.outbox.isOpen
    showsMailbox = try request.services.outbox.hasMailbox && request.principal.has(.mailboxRead)
    tabs = MailFilter.allCases.map { one in
      Tab(
        title: request.text("mail_tab_\(one.rawValue)"), path: one == .all ? "/mail" : "/mail?state=\(one.rawValue)",
        isCurrent: one == filter)
    }
    rows = messages.map { Row(request, $0) }
    hasRows = !rows.isEmpty
    self.next = next.map { cursor in
      "/mail?" + Query(pairs: (filter == .all ? [] : [("state", filter.rawValue)]) + [("cursor", cursor)]).text
    }
  }
}

extension MailPage.Row {
  init(_ request: Request, _ message: MessageRecord) {
    let look = MessageLook(request, message)
    self.init(
      path: "/mail/\(message.id)", subject: message.subject, name: message.name, email: message.email,
      created: message.createdAt.description, createdShown: message.createdAt.forPeople, state: look.state,
      tone: look.tone, reason: look.reason)
  }
}

/// How a message's state is said.
struct MessageLook {
  let state: String
  let tone: String
  let reason: String?

  init(_ request: Request, _ message: MessageRecord) {
    let isRepeated = message.state == .sent && message.isRepeat
    state = request.text(isRepeated ? "mail_state_repeated" : "mail_state_\(message.state.rawValue)")
    tone = isRepeated ? "wait" : MessageLook.tones[message.state] ?? "off"
    reason = message.reason.map { request.text("mail_reason_\($0.rawValue)") }
  }

  private static let tones: [MessageRecord.State: String] = [
    .waiting: "info", .sending: "info", .sent: "good", .failed: "bad", .unknown: "wait", .held: "wait",
  ]
}

/// One message: where it is, why, and what it says.
struct MessagePage: Page {
  static let template = Template(
    "mail-message",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead"><span class="badge {{tone}}">{{state}}</span>{{#reason}} {{.}}{{/reason}}</p></div></div>
    {{#repeated}}<p class="notice wait">{{.}}</p>{{/repeated}}
    <div class="split"><section class="card" aria-labelledby="text"><h2 id="text">{{t.mail_text}}</h2>
    {{#text}}<pre class="letter">{{.}}</pre><p class="muted small">{{t.mail_text_masked}}</p>{{/text}}{{^text}}<p class="empty">{{t.mail_text_gone}}</p>{{/text}}</section>
    <section class="card" aria-labelledby="facts"><h2 id="facts">{{t.mail_facts}}</h2><dl class="facts">
    {{#facts}}<dt>{{name}}</dt><dd>{{value}}</dd>
    {{/facts}}</dl>
    {{#retryPath}}<form method="post" action="{{.}}" class="toolbar"><input type="hidden" name="csrf" value="{{csrf}}"><button type="submit">{{t.mail_retry}}</button></form>{{/retryPath}}
    </section></div>
    """)

  struct Fact: Equatable, Sendable {
    let name: String
    let value: String
  }

  let title: String
  let state: String
  let tone: String
  let reason: String?
  let repeated: String?
  let text: String?
  let facts: [Fact]
  let retryPath: String?
  var section: String? { "/mail" }
  var crumbs: [Crumb] = []

  init(_ request: Request, _ message: MessageRecord) throws {
    let look = MessageLook(request, message)
    title = message.subject
    (state, tone, reason) = (look.state, look.tone, look.reason)
    repeated = message.isRepeat ? request.text("mail_repeated") : nil
    text = message.hasText ? message.shown : nil
    var facts = [
      ("mail_to", "\(message.name) <\(message.email)>"), ("mail_created", message.createdAt.forPeople),
      ("mail_changed", message.changedAt.forPeople), ("mail_attempts", String(message.attempts)),
    ]
    if let next = message.notBefore { facts.append(("mail_next", next.forPeople)) }
    if let said = message.said { facts.append(("mail_said", said)) }
    facts.append(("mail_wire_id", "<\(message.wireID)>"))
    self.facts = facts.map { Fact(name: request.text($0.0), value: $0.1) }
    let canRetry = try request.principal.has(.mailRetry) && message.canBeRetried(at: request.now)
    retryPath = canRetry && request.services.outbox.isOpen ? "/mail/\(message.id)/retry" : nil
    crumbs = [Crumb(request.text("mail_title"), "/mail")]
  }
}

/// The mail of everybody in the sample installation, where no mail leaves the machine.
struct MailboxPage: Page {
  static let template = Template(
    "mailbox",
    """
    <div class="page-head"><div><h1>{{title}}</h1><p class="lead">{{lead}}</p></div></div>
    {{^hasLetters}}<p class="empty">{{none}}</p>{{/hasLetters}}
    {{#letters}}<article class="card"><h2>{{subject}}</h2><p class="muted">{{t.mail_to}} {{to}} · <time datetime="{{delivered}}">{{deliveredShown}}</time>{{#repeated}} · <span class="badge wait">{{.}}</span>{{/repeated}}</p>
    <pre class="letter">{{text}}</pre>{{#link}}<p class="toolbar"><a class="button small" href="{{.}}">{{t.mailbox_follow}}</a></p>{{/link}}</article>
    {{/letters}}
    {{#next}}<nav class="pages" aria-label="{{t.mailbox_title}}"><a class="button quiet" rel="next" href="{{.}}">{{t.mail_more}}</a></nav>{{/next}}
    """)

  struct Letter: Equatable, Sendable {
    let subject: String
    let to: String
    let delivered: String
    let deliveredShown: String
    let repeated: String?
    let text: String
    /// The address in it that leads to this installation.
    let link: String?
  }

  let title: String
  let lead: String
  let none: String
  let letters: [Letter]
  let hasLetters: Bool
  let next: String?
  var section: String? { "/mail" }
  var crumbs: [Crumb] = []

  init(_ request: Request, _ records: [MailboxRecord], next: String?) {
    title = request.text("mailbox_title")
    let isHere = request.services.outbox.hasMailbox
    lead = request.text(isHere ? "mailbox_lead" : "mailbox_elsewhere")
    none = request.text(isHere ? "mailbox_none" : "mailbox_nothing")
    letters = records.map { Letter(request, $0) }
    hasLetters = !letters.isEmpty
    self.next = next.map { "/mailbox?" + Query(pairs: [("cursor", $0)]).text }
    crumbs = [Crumb(request.text("mail_title"), "/mail")]
  }
}

extension MailboxPage.Letter {
  init(_ request: Request, _ record: MailboxRecord) {
    let origin = request.services.installation.origin + "/"
    let link = record.text.split(whereSeparator: \.isNewline).first { $0.hasPrefix(origin) }
    self.init(
      subject: record.subject, to: "\(record.name) <\(record.email)>", delivered: record.deliveredAt.description,
      deliveredShown: record.deliveredAt.forPeople,
      repeated: record.deliveries > 1 ? request.text("mail_state_repeated") : nil, text: record.text,
      link: link.map { "/" + $0.dropFirst(origin.count) })
  }
}
