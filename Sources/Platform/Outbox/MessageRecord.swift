import Kernel
import Ledger
import Storage

/// A message on its way, or after it. Everything in it that speaks of a person is sealed.
package struct MessageRecord: Record {
  package enum State: String, Sendable, CaseIterable {
    /// Will be sent, at once or at `notBefore`.
    case waiting
    /// An attempt is on the record and its end is not. In a process that makes no attempt it is one whose end nobody saw.
    case sending
    /// The mail server has taken it.
    case sent
    /// It will not be sent any more.
    case failed
    /// It may have been taken; it is sent once more, marked as possibly repeated.
    case unknown
    /// Somebody has to do something first; `reason` says what.
    case held

    package var isFinished: Bool { self == .sent || self == .failed }
  }

  /// Why a message is where it is; the pages say it in words (`mail_reason_<code>`).
  package enum Reason: String, Sendable, CaseIterable {
    case noTransport = "no_transport"
    case notAdmitted = "not_admitted"
    /// A tenant of the promises' checks: nothing is ever sent from it.
    case probe
    case address
    case noTLS = "no_tls"
    case certificate
    case credentials
    case forbiddenPlace = "forbidden_place"
    case unreachable
    case deferred
    case refused
    case noAnswer = "no_answer"
    case interrupted
    case expired
    case gaveUp = "gave_up"
  }

  package static let table = Table(
    "message", .primary,
    columns: [
      Column("state", .text, .operational, purpose: "where the message is", nullable: false),
      Column("reason", .text, .operational, purpose: "code of why it is there"),
      Column("template", .text, .operational, purpose: "what kind of message", nullable: false),
      Column("purpose", .text, .operational, purpose: "what for, as in the register", nullable: false),
      Column("attempts", .integer, .operational, purpose: "how often it was begun", nullable: false),
      Column("is_repeat", .integer, .operational, purpose: "1 if it may have arrived twice", nullable: false),
      Column("has_text", .integer, .operational, purpose: "0 once its texts have been removed", nullable: false),
      Column("created_at", .integer, .operational, purpose: "when it was written", nullable: false),
      Column("changed_at", .integer, .operational, purpose: "when it came to its state", nullable: false),
      Column("not_before", .integer, .operational, purpose: "when it is tried next"),
      Column("expires_at", .integer, .operational, purpose: "when it is of no use any more"),
    ],
    sealed: [
      Column("name", .text, .personal, purpose: "whom it is to"),
      Column("email", .text, .personal, purpose: "where it is sent"),
      Column("subject", .text, .content, purpose: "its subject"),
      Column("text", .text, .secret, purpose: "its text, until it is sent"),
      Column("html", .text, .secret, purpose: "its text as HTML, until it is sent"),
      Column("shown", .text, .content, purpose: "its text without what only the recipient may see"),
      Column("wire_id", .text, .operational, purpose: "its Message-ID (RFC 5322 §3.6.4)"),
      Column("said", .text, .content, purpose: "what the mail server or the gate said last"),
    ], indexes: [Index(["state"])], retention: "texts 30 days, the rest as long as the tenant")

  package let id: MessageID
  package var state: State
  package var reason: Reason?
  package let template: String
  package let purpose: String
  package var attempts = 0
  package var isRepeat = false
  package var hasText = true
  package let createdAt: Instant
  package var changedAt: Instant
  package var notBefore: Instant?
  package let expiresAt: Instant?
  package let name: String
  package let email: String
  package let subject: String
  var text: String
  var html: String
  package var shown: String
  package let wireID: String
  package var said: String?

  init(_ draft: MailDraft, _ words: MailText, id: MessageID, domain: String, at now: Instant) {
    self.id = id
    state = .waiting
    template = draft.template
    purpose = draft.purpose
    createdAt = now
    changedAt = now
    expiresAt = draft.expiresAt
    name = draft.name
    email = draft.email
    subject = words.subject
    text = words.text
    html = words.html
    shown = words.shown
    wireID = "\(id)@\(domain)"
  }

  package init(_ row: OpenedRow) throws {
    id = try row.keyID()
    state = State(rawValue: try row.text("state")) ?? .failed
    reason = row.optionalText("reason").flatMap(Reason.init(rawValue:))
    template = try row.text("template")
    purpose = try row.text("purpose")
    attempts = Int(try row.integer("attempts"))
    isRepeat = try row.integer("is_repeat") == 1
    hasText = try row.integer("has_text") == 1
    createdAt = try row.instant("created_at")
    changedAt = try row.instant("changed_at")
    notBefore = row.optionalInstant("not_before")
    expiresAt = row.optionalInstant("expires_at")
    name = try row.contentText("name")
    email = try row.contentText("email")
    subject = try row.contentText("subject")
    text = row.content["text"]?.text ?? ""
    html = row.content["html"]?.text ?? ""
    shown = row.content["shown"]?.text ?? ""
    wireID = try row.contentText("wire_id")
    said = row.content["said"]?.text
  }

  package var key: String { id.text }

  package var plain: [String: Value] {
    [
      "state": .text(state.rawValue), "reason": (reason?.rawValue).value, "template": .text(template),
      "purpose": .text(purpose), "attempts": attempts.value, "is_repeat": isRepeat.value, "has_text": hasText.value,
      "created_at": createdAt.value, "changed_at": changedAt.value, "not_before": notBefore.value,
      "expires_at": expiresAt.value,
    ]
  }

  package var content: [String: CBOR] {
    var content: [String: CBOR] = [
      "name": .text(name), "email": .text(email), "subject": .text(subject), "wire_id": .text(wireID),
    ]
    if !text.isEmpty { content["text"] = .text(text) }
    if !html.isEmpty { content["html"] = .text(html) }
    if !shown.isEmpty { content["shown"] = .text(shown) }
    if let said { content["said"] = .text(said) }
    return content
  }
}

// MARK: - Rules

extension MessageRecord {
  /// Characters of what a mail server said that are kept.
  static let maximumSaidLength = 300
  /// RFC 5321 §4.5.4.1: who cannot be reached is given up after four to five days.
  static let patienceSeconds = 5 * 86_400
  /// Texts of a message go after so long; what is unfinished then is given up.
  static let retentionSeconds = 30 * 86_400

  /// How long to wait after so many attempts.
  static func delaySeconds(afterAttempts attempts: Int) -> Int {
    let delays = [60, 300, 900, 3_600, 3 * 3_600, 6 * 3_600, 12 * 3_600, 24 * 3_600]
    return delays[min(max(attempts, 1), delays.count) - 1]
  }

  mutating func move(to state: State, _ reason: Reason? = nil, said: String? = nil, at now: Instant) {
    self.state = state
    self.reason = reason
    self.said = said.map { String(MailText.flat($0).prefix(MessageRecord.maximumSaidLength)) }
    changedAt = now
    notBefore = nil
    // What opens something is not kept a moment longer than it is needed.
    if state.isFinished { (text, html) = ("", "") }
  }

  mutating func begin(at now: Instant) {
    if state == .unknown || state == .sending { isRepeat = true }
    move(to: .sending, at: now)
    attempts += 1
  }

  mutating func removeTexts() {
    (text, html, shown, said) = ("", "", "", nil)
    hasText = false
  }

  func isOver(at now: Instant) -> Bool { expiresAt.map { $0 <= now } ?? false }
}
