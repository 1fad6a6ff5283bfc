import Custody
import Kernel
import Ledger
import Storage
import Synchronization
import Web

/// Messages that are written in the command that causes them, and sent after it.
///
///     post (in the causing Work)  →  waiting  →  sending  →  sent
///                                       ↑   ↖       │  ├──→  failed      will not be sent
///                                       │    later ─┘  ├──→  held        somebody has to do something
///                                       └──────────────┴──→  unknown     sent once more, marked as possibly repeated
///
/// `sending`, with the number of the attempt, is on the record before the mail server hears a word, and the outcome after it.
/// A process that ends in between leaves `sending` behind. Where nobody else makes attempts (one process has the data directory),
/// `tend` knows it for what it is; where several servers share a database, the attempt's job says who has it, and whoever takes the
/// job over sends once more. Thus no message is lost, and none is sent twice without saying so.
package final class Outbox: Sendable {
  /// Messages that one run of `tend` looks at, in a tenant.
  static let largestRound = 500

  private let texts: Texts
  let jobs: Jobs
  let ledger: Ledger
  let transport: (any MailTransport)?
  private let from: MailAddress
  /// Attempts of this process that have not come to their end.
  let underway = Mutex<Set<MessageID>>([])

  package init(texts: Texts, jobs: Jobs, ledger: Ledger, transport: (any MailTransport)?, from: MailAddress) {
    self.texts = texts
    self.jobs = jobs
    self.ledger = ledger
    self.transport = transport
    self.from = from
  }

  /// Whether messages go anywhere. Without a transport they are held, and sent once there is one.
  package var isOpen: Bool { transport != nil }
  /// Whether they go into the mailbox page of the sample installation.
  package var hasMailbox: Bool { transport is MailboxTransport }

  // MARK: Writing

  /// Puts a message into the outbox of the `Work`'s tenant. Under `subject` it is erased with the person it is about.
  @discardableResult
  package func post(_ draft: MailDraft, subject: SubjectRef? = nil, in work: Work) throws -> MessageID {
    var message = MessageRecord(
      draft, try MailText(draft, texts: texts), id: .make(at: work.now), domain: from.domain, at: work.now)
    if isProbe(work.tenant) {
      message.move(to: .held, .probe, at: work.now)
    } else if transport == nil {
      message.move(to: .held, .noTransport, at: work.now)
    } else {
      try enqueue(message, in: work)
    }
    try work.insert(message, subject: subject)
    return message.id
  }

  /// The promises' checks invite people all day long; nobody is there to get their mail.
  func isProbe(_ tenant: TenantID) -> Bool {
    ledger.tenant(tenant).map { $0.isHidden && $0.slug != Tenants.systemSlug } ?? true
  }

  func enqueue(_ message: MessageRecord, in work: Work) throws {
    try jobs.enqueue(
      OutboxJobs.send, ["message": .string(message.id.text)], uniqueKey: Outbox.jobKey(message),
      at: message.notBefore, in: work)
  }

  /// A message waits for one attempt at a time.
  static func jobKey(_ message: MessageRecord) -> String { "\(message.id)/\(message.attempts)" }

  // MARK: Sending

  /// Makes one attempt, unless one is underway or the message is at its end. Answers where the message is then.
  @discardableResult
  package func send(_ id: MessageID, of tenant: TenantID) async throws -> MessageRecord.State {
    guard underway.withLock({ $0.insert(id).inserted }) else { return .sending }
    defer { _ = underway.withLock { $0.remove(id) } }
    guard let message = try await ledger.read(tenant, { try Outbox.waiting(id, $0) }) else { throw Problem.notFound }
    guard !message.state.isFinished, !isProbe(tenant) else { return message.state }
    guard !message.isOver(at: ledger.clock.now) else { return try await put(message, .failed, .expired, tenant) }
    guard let transport else { return try await put(message, .held, .noTransport, tenant) }
    guard let mail = outgoing(message, tenant) else { return try await put(message, .failed, .address, tenant) }
    let permit: EgressPermit?
    do { permit = try await transport.admit(mail) } catch let problem as Problem where problem.code == .forbidden {
      return try await put(message, .held, .notAdmitted, said: problem.message, tenant)
    }
    return try await attempt(message, mail, permit, by: transport)
  }

  /// The message; one that waited in a backup counts as possibly repeated: it may have gone out between the backup and the loss.
  static func waiting(_ id: MessageID, _ reader: Reader) throws -> MessageRecord? {
    guard var message = try reader.find(MessageRecord.self, id) else { return nil }
    var filter = EntryFilter()
    filter.action = "restore.complete"
    filter.since = message.createdAt
    filter.limit = 1
    if try !reader.entries(filter).isEmpty { message.isRepeat = true }
    return message
  }

  func outgoing(_ message: MessageRecord, _ tenant: TenantID) -> OutgoingMail? {
    guard let to = MailAddress(name: message.name, address: message.email) else { return nil }
    let isRepeat = message.isRepeat || message.state == .unknown || message.state == .sending
    return OutgoingMail(
      tenant: tenant, id: message.id, purpose: message.purpose, from: from, to: to, subject: message.subject,
      text: message.text, html: message.html, date: message.createdAt, wireID: message.wireID,
      attempt: message.attempts + 1, isRepeat: isRepeat)
  }

  /// A state that no attempt led to. Nothing is written if the message is there already.
  private func put(
    _ message: MessageRecord, _ state: MessageRecord.State, _ reason: MessageRecord.Reason, said: String? = nil,
    _ tenant: TenantID
  ) async throws -> MessageRecord.State {
    guard message.state != state || message.reason != reason || message.said != said else { return state }
    let act = Act("message.hold", on: ObjectRef("message", message.id), by: .system("outbox"))
    _ = try await ledger.write(tenant, act) { work in
      var message = try Outbox.unchanged(message, in: work)
      // What may have arrived stays known as such, whatever holds it up now.
      if message.state == .unknown || message.state == .sending { message.isRepeat = true }
      message.move(to: state, reason, said: said, at: work.now)
      try work.update(message)
    }
    return state
  }

  private func attempt(
    _ message: MessageRecord, _ mail: OutgoingMail, _ permit: EgressPermit?, by transport: any MailTransport
  ) async throws -> MessageRecord.State {
    let bytes = MailFormat.bytes(of: mail)
    let object = ObjectRef("message", message.id)
    let begun = try await ledger.write(mail.tenant, Act("egress.disclose", on: object, by: .system("outbox"))) { work in
      let isRepeat = message.isRepeat
      var message = try Outbox.unchanged(message, in: work)
      message.isRepeat = message.isRepeat || isRepeat
      message.begin(at: work.now)
      try work.update(message)
      return try permit?.begin(bytes, in: work)
    }.value
    let outcome = await transport.deliver(mail, under: begun)
    return try await ledger.write(mail.tenant, Act("egress.result", on: object, by: .system("outbox"))) { [self] work in
      guard var message = try work.find(MessageRecord.self, mail.id) else { throw Problem.notFound }
      try begun?.finish(outcome.disclosed, in: work)
      // Another server took the job over meanwhile: what becomes of the message is up to its attempt.
      guard message.attempts == mail.attempt else { return message.state }
      Outbox.settle(&message, outcome, at: work.now)
      if !message.state.isFinished, message.state != .held { try enqueue(message, in: work) }
      try work.update(message)
      return message.state
    }.value
  }

  /// The message, if nothing has happened to it since it was read.
  static func unchanged(_ message: MessageRecord, in work: Work) throws -> MessageRecord {
    guard let now = try work.find(MessageRecord.self, message.key), now.state == message.state,
      now.attempts == message.attempts
    else { throw Problem(.conflict, "The message has moved on meanwhile; look again.") }
    return now
  }

  private static func settle(_ message: inout MessageRecord, _ outcome: MailOutcome, at now: Instant) {
    switch outcome {
    case .sent(let said): message.move(to: .sent, said: said, at: now)
    case .refused(let reason, let said): message.move(to: .failed, reason, said: said, at: now)
    case .held(let reason, let said): message.move(to: .held, reason, said: said, at: now)
    case .later(let reason, let said): message.move(to: .waiting, reason, said: said, at: now)
    case .unknown(let said): message.move(to: .unknown, .noAnswer, said: said, at: now)
    }
    guard !message.state.isFinished else { return }
    if now >= message.createdAt.adding(seconds: MessageRecord.patienceSeconds) {
      message.move(to: .failed, .gaveUp, said: message.said, at: now)
    } else if message.state != .held {
      message.notBefore = now.adding(seconds: MessageRecord.delaySeconds(afterAttempts: message.attempts))
    }
  }
}

extension MailOutcome {
  fileprivate var disclosed: DisclosureRecord.Outcome {
    switch self {
    case .sent: .done
    case .refused, .later, .held: .refused
    case .unknown: .unknown
    }
  }
}
