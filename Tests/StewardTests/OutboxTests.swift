import Accounts
import Egress
import Server
import Synchronization
import TestDatabase
import TestKit
import Testing

@testable import Operations
@testable import Platform

/// A way for mail that answers as it is told and keeps what it was given.
private final class ScriptedTransport: MailTransport {
  let mails = Mutex<[OutgoingMail]>([])
  private let script: @Sendable (Int) async -> MailOutcome
  private let gate: EgressGate?

  init(gate: EgressGate? = nil, _ script: @escaping @Sendable (Int) async -> MailOutcome) {
    self.gate = gate
    self.script = script
  }

  func admit(_ mail: OutgoingMail) async throws -> EgressPermit? {
    try await gate?.admit(
      EgressIntent(
        tenant: mail.tenant, module: "mail", purpose: mail.purpose, categories: ["personal"], count: 1,
        host: "mail.example", port: 587))
  }

  func deliver(_ mail: OutgoingMail, under disclosure: Disclosure?) async -> MailOutcome {
    let number = mails.withLock { mails in
      mails.append(mail)
      return mails.count
    }
    return await script(number)
  }

  var count: Int { mails.withLock { $0.count } }
  var last: OutgoingMail? { mails.withLock { $0.last } }
}

/// Lets the test decide when an attempt ends.
private actor Door {
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private var isOpen = false
  func pass() async {
    if isOpen { return }
    await withCheckedContinuation { waiting.append($0) }
  }
  func open() {
    isOpen = true
    for one in waiting { one.resume() }
    waiting = []
  }
}

private struct Admitting: EgressPolicy {
  func admit(_ intent: EgressIntent) async throws -> String { "subprocessor:mail" }
}

extension House {
  fileprivate func outbox(_ transport: (any MailTransport)?) throws -> Outbox {
    let services = app.services
    return Outbox(
      texts: services.texts, jobs: services.jobs, ledger: services.ledger, transport: transport,
      from: try #require(MailAddress(name: "Steward", address: "steward@steward.example")))
  }

  fileprivate func gate(_ policy: any EgressPolicy, isFrozen: Bool = false) -> EgressGate {
    let tenants = app.services.tenants
    return EgressGate(
      policy: policy, ledger: app.services.ledger, systemTenant: { try await tenants.system() },
      isFrozen: { _ in isFrozen })
  }

  fileprivate func post(
    _ outbox: Outbox, in tenant: TenantID? = nil, name: String = "Zoë", email: String = "zoe@acme.example",
    expiresAt: Instant? = nil
  ) async throws -> MessageID {
    let draft = MailDraft(
      "invitation", to: name, email, values: ["name": name, "tenant": "Acme", "inviter": "Olga"],
      secrets: ["link": "https://steward.example/setup/secret"], purpose: "invitation", expiresAt: expiresAt)
    let act = Act("test.post", on: ObjectRef("test", "1"), by: .system("test"))
    return try await app.services.ledger.write(tenant ?? acme.id, act) { try outbox.post(draft, in: $0) }.value
  }

  fileprivate func message(_ id: MessageID, in tenant: TenantID? = nil) async throws -> MessageRecord {
    try #require(try await app.services.ledger.read(tenant ?? acme.id) { try $0.find(MessageRecord.self, id) })
  }

  fileprivate func disclosures() async throws -> [DisclosureRecord] {
    try await app.services.ledger.read(acme.id) { try $0.fetch(DisclosureRecord.self, "ORDER BY id") }
  }

  fileprivate func logSize() async throws -> Int64 { try await app.services.ledger.read(acme.id) { try $0.logSize } }

  fileprivate func jobs() async throws -> [String] {
    let tenant = acme.id
    return try await app.services.ledger.read(tenant) { reader in
      try reader.rows("SELECT unique_key FROM job WHERE tenant = \(tenant) AND kind = 'outbox.send' ORDER BY id")
        .compactMap { $0.first?.text }
    }
  }
}

@Suite("The outbox")
struct OutboxTests {
  @Test("an invitation is written with the person, delivered once, and its link is the recipient's alone")
  func invitation() async throws {
    let house = try await House.open(mail: MailSettings(route: .mailbox))
    defer { house.leave() }
    let added = try await house.olga.post(
      "/v1/people", ["name": "Zoë", "email": "zoe@acme.example", "roles": ["member"]])
    let link = try #require(try added.json()["setup_link"]?.string)
    let listed = try #require(try await house.olga.get("/v1/messages").json()["items"]?.array?.first)
    #expect(listed["state"] == "waiting")
    #expect(try await house.jobs().count == 1)
    let id = try #require(listed["id"]?.string.flatMap { MessageID($0) })
    #expect(try await house.app.services.outbox.send(id, of: house.acme.id) == .sent)
    #expect(try await house.app.services.outbox.send(id, of: house.acme.id) == .sent)
    let mailbox = try await house.olga.page("/mailbox").text
    #expect(mailbox.contains(link) && mailbox.contains("Olga Lindqvist invites you to Acme GmbH"))
    let secret = try #require(link.split(separator: "_").last)
    for path in ["/mail", "/mail/\(id)", "/v1/messages", "/v1/messages/\(id)"] {
      for guest in [house.olga, house.anna] {
        #expect(try await guest.page(path).text.contains(secret) == false, "\(path)")
      }
    }
    #expect(try await house.olga.page("/mail/\(id)").text.contains("•••"))
    let sent = try await house.message(id)
    #expect(sent.text.isEmpty && sent.html.isEmpty)
    #expect(try await house.anna.page("/mailbox").status == 404)
    #expect(try await house.gina.page("/mail/\(id)").status == 404)
    #expect(try await house.gina.post("/v1/messages/\(id)/retry").status == 404)
  }

  @Test("a refused command posts nothing")
  func sameWork() async throws {
    let house = try await House.open(mail: MailSettings(route: .mailbox))
    defer { house.leave() }
    let taken = try await house.olga.post("/v1/people", ["name": "X", "email": "anna@acme.example"])
    #expect(taken.status == 409)
    #expect(try await house.olga.get("/v1/messages").json()["items"]?.array?.isEmpty == true)
    #expect(try await house.jobs().isEmpty)
  }

  @Test("without a way for mail a message is held, and goes once there is one")
  func noTransport() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let id = try await house.post(try house.outbox(nil))
    #expect(try await house.message(id).reason == .noTransport)
    #expect(try await house.olga.page("/mail").text.contains("No mail server is set up"))
    #expect(try await house.olga.page("/mailbox").text.contains("Nothing is kept here"))
    #expect(try await house.olga.post("/v1/messages/\(id)/retry").status == 409)
    let transport = ScriptedTransport { _ in .sent(said: "250") }
    let outbox = try house.outbox(transport)
    #expect(try await outbox.tend(house.acme.id) == 1)
    #expect(try await house.jobs().count == 1)
    #expect(try await outbox.send(id, of: house.acme.id) == .sent)
    #expect(try await outbox.tend(house.acme.id) == 0)
  }

  @Test("a message that waited in a backup is sent after the restore, marked as possibly repeated; later ones are not")
  func restored() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let transport = ScriptedTransport { _ in .sent(said: nil) }
    let outbox = try house.outbox(transport)
    let before = try await house.post(outbox)
    house.clock.advance(seconds: 5)
    let act = Act("restore.complete", on: ObjectRef("backup", "one"), by: .system("restore"))
    _ = try await house.app.ledger.write(house.acme.id, act) { _ in }
    house.clock.advance(seconds: 5)
    let after = try await house.post(outbox)
    for id in [before, after] { #expect(try await outbox.send(id, of: house.acme.id) == .sent) }
    #expect(try await house.message(before).isRepeat)
    #expect(try await house.message(after).isRepeat == false)
  }

  @Test(
    "an attempt whose end nobody saw is made again under the same Message-ID, marked as possibly repeated",
    .enabled(if: !TestDatabase.isWanted, "where nobody else can make an attempt; `SharedOutboxTests` has the rest"))
  func interrupted() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let door = Door()
    let dying = try house.outbox(
      ScriptedTransport { _ in
        await door.pass()
        return .unknown(said: nil)
      })
    let id = try await house.post(dying)
    let attempt = Task { try await dying.send(id, of: house.acme.id) }
    while try await house.message(id).state != .sending { await Task.yield() }
    #expect(try await dying.tend(house.acme.id) == 0, "its own attempt is underway")
    // Another process after the end of the first: nothing is underway in it.
    let transport = ScriptedTransport { _ in .sent(said: nil) }
    let next = try house.outbox(transport)
    #expect(try await next.tend(house.acme.id) == 1)
    #expect(try await house.message(id).state == .unknown)
    #expect(try await next.send(id, of: house.acme.id) == .sent)
    let mail = try #require(transport.last)
    #expect(mail.attempt == 2 && mail.isRepeat)
    let text = String(decoding: MailFormat.bytes(of: mail), as: UTF8.self)
    #expect(text.contains("\r\nSteward-Attempt: 2; possibly repeated\r\n"))
    #expect(text.contains("\r\nMessage-ID: <\(id)@steward.example>\r\n"))
    #expect(try await house.olga.page("/mail/\(id)").text.contains("possibly twice"))
    await door.open()
    _ = try? await attempt.value
  }

  @Test("a first attempt carries no mark")
  func noMark() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let transport = ScriptedTransport { $0 == 1 ? .later(.deferred, said: "451 later") : .sent(said: nil) }
    let outbox = try house.outbox(transport)
    let id = try await house.post(outbox)
    #expect(try await outbox.send(id, of: house.acme.id) == .waiting)
    let waiting = try await house.message(id)
    #expect(waiting.reason == .deferred && waiting.notBefore == house.clock.now.adding(seconds: 60))
    #expect(try await outbox.send(id, of: house.acme.id) == .sent)
    #expect(transport.last?.isRepeat == false && transport.last?.attempt == 2)
    #expect(try await house.message(id).isRepeat == false)
    #expect(Set(try await house.jobs()) == ["\(id)/0", "\(id)/1"])
  }

  @Test("each outcome leads where it should")
  func outcomes() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let cases: [(MailOutcome, MessageRecord.State, MessageRecord.Reason?)] = [
      (.sent(said: "250 ok"), .sent, nil), (.refused(.refused, said: "550 no"), .failed, .refused),
      (.held(.noTLS, said: nil), .held, .noTLS), (.unknown(said: nil), .unknown, .noAnswer),
      (.later(.unreachable, said: nil), .waiting, .unreachable),
    ]
    for (outcome, state, reason) in cases {
      let outbox = try house.outbox(ScriptedTransport { _ in outcome })
      let id = try await house.post(outbox)
      #expect(try await outbox.send(id, of: house.acme.id) == state)
      let message = try await house.message(id)
      #expect(message.reason == reason && message.attempts == 1)
      #expect(message.text.isEmpty == state.isFinished)
    }
  }

  @Test("what may have arrived is marked when it is sent again")
  func unknownThenSent() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let transport = ScriptedTransport { $0 == 1 ? .unknown(said: nil) : .sent(said: nil) }
    let outbox = try house.outbox(transport)
    let id = try await house.post(outbox)
    _ = try await outbox.send(id, of: house.acme.id)
    #expect(try await outbox.send(id, of: house.acme.id) == .sent)
    #expect(transport.last?.isRepeat == true)
    #expect(try await house.message(id).isRepeat)
  }

  @Test("two runs at once make one attempt")
  func once() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let transport = ScriptedTransport { _ in .sent(said: nil) }
    let outbox = try house.outbox(transport)
    let id = try await house.post(outbox)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 { group.addTask { _ = try? await outbox.send(id, of: house.acme.id) } }
    }
    #expect(transport.count == 1)
  }

  @Test("every attempt is a disclosure that stands on the record before it is made")
  func disclosure() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let seen = Mutex<[DisclosureRecord]>([])
    let transport = ScriptedTransport(gate: house.gate(Admitting())) { _ in
      let now = (try? await house.disclosures()) ?? []
      seen.withLock { $0 = now }
      return .sent(said: nil)
    }
    let outbox = try house.outbox(transport)
    let id = try await house.post(outbox)
    _ = try await outbox.send(id, of: house.acme.id)
    #expect(seen.withLock { $0.map(\.outcome) } == [.begun])
    let record = try #require(try await house.disclosures().first)
    let mail = try #require(transport.last)
    #expect(record.outcome == .done && record.destination == "subprocessor:mail" && record.purpose == "invitation")
    #expect(record.sha256 == Digest(sha256: MailFormat.bytes(of: mail)) && record.itemCount == 1)
    let actions = try await house.anna.get("/v1/audit?limit=20").text
    #expect(actions.contains("egress.disclose") && actions.contains("egress.result"))
  }

  @Test(
    "nothing leaves for a destination that is not admitted, nor from a frozen tenant; waiting for it writes nothing")
  func notAdmitted() async throws {
    let house = try await House.open()
    defer { house.leave() }
    for gate in [house.gate(NoEgress()), house.gate(Admitting(), isFrozen: true)] {
      let transport = ScriptedTransport(gate: gate) { _ in .sent(said: nil) }
      let outbox = try house.outbox(transport)
      let id = try await house.post(outbox)
      #expect(try await outbox.send(id, of: house.acme.id) == .held)
      #expect(try await house.message(id).reason == .notAdmitted)
      #expect(try await house.message(id).said?.isEmpty == false)
      let size = try await house.logSize()
      #expect(try await outbox.send(id, of: house.acme.id) == .held)
      #expect(try await outbox.tend(house.acme.id) == 0)
      #expect(try await house.logSize() == size)
      #expect(transport.count == 0)
    }
    #expect(try await house.disclosures().isEmpty)
  }

  @Test("a call that leads elsewhere than its disclosure says is not made")
  func elsewhere() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let gate = house.gate(Admitting())
    let permit = try await gate.admit(
      EgressIntent(
        tenant: house.acme.id, module: "test", purpose: "test", categories: [], count: 1, host: "named.example",
        port: 443))
    let act = Act("egress.disclose", on: ObjectRef("test", "1"), by: .system("test"))
    let begun = try await house.app.services.ledger.write(house.acme.id, act) { try permit.begin([1], in: $0) }.value
    let other = try HTTPRequest(.get, try EgressURL("https://other.example/"))
    guard case .notSent(.refused(.badRequest)) = await gate.fetch(other, under: begun) else {
      Issue.record("it was made")
      return
    }
    await #expect(throws: Problem.self, "a disclosure belongs to the tenant whose data leaves") {
      _ = try await house.app.services.ledger.write(house.globex.id, act) { try permit.begin([1], in: $0) }
    }
  }

  @Test("nothing is ever sent from a tenant of the promises' checks")
  func probe() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let hidden = try await house.app.services.tenants.create(
      slug: "probe-x", name: "probe", isHidden: true, by: .system("test"))
    let transport = ScriptedTransport { _ in .sent(said: nil) }
    let outbox = try house.outbox(transport)
    let id = try await house.post(outbox, in: hidden.id)
    #expect(try await outbox.send(id, of: hidden.id) == .held)
    #expect(try await outbox.tend(hidden.id) == 0)
    #expect(transport.count == 0)
    // Nor does the operator's monitoring count it; states without a message are there as zero.
    let figure = try #require(QueueFigures.all.first { $0.name == "steward_messages" })
    let samples = try await figure.read(house.app.services)
    #expect(samples.compactMap { $0.labels.first?.value } == MessageRecord.State.allCases.map(\.rawValue).sorted())
    #expect(samples.first { $0.labels.first?.value == "held" }?.value == 0)
  }

  @Test("what is over, or has an address that no envelope takes, is not sent")
  func notSent() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let transport = ScriptedTransport { _ in .sent(said: nil) }
    let outbox = try house.outbox(transport)
    let over = try await house.post(outbox, expiresAt: house.clock.now.adding(seconds: 60))
    house.clock.advance(seconds: 60)
    #expect(try await outbox.send(over, of: house.acme.id) == .failed)
    #expect(try await house.message(over).reason == .expired)
    for address in ["zoë@acme.example", "a\"b@acme.example", "zoe@-.example", "zoe@acme.example\r\nBcc: x@y.example"] {
      let id = try await house.post(outbox, email: address)
      #expect(try await outbox.send(id, of: house.acme.id) == .failed)
      #expect(try await house.message(id).reason == .address)
    }
    #expect(transport.count == 0)
  }

  @Test("who cannot be reached for five days is given up; texts go after thirty")
  func patience() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let outbox = try house.outbox(ScriptedTransport { _ in .later(.unreachable, said: nil) })
    let id = try await house.post(outbox)
    _ = try await outbox.send(id, of: house.acme.id)
    house.clock.advance(seconds: 5 * 86_400)
    #expect(try await outbox.send(id, of: house.acme.id) == .failed)
    #expect(try await house.message(id).reason == .gaveUp)
    #expect(try await house.message(id).shown.isEmpty == false)
    house.clock.advance(seconds: 30 * 86_400)
    #expect(try await outbox.tend(house.acme.id) == 1)
    let bare = try await house.message(id)
    #expect(!bare.hasText && bare.shown.isEmpty)
    #expect(try await outbox.tend(house.acme.id) == 0)
    #expect(try await house.olga.page("/mail/\(id)").text.contains("has been removed"))
  }

  @Test("a person can put a held message back on its way")
  func retry() async throws {
    let house = try await House.open(mail: MailSettings(route: .mailbox))
    defer { house.leave() }
    let outbox = try house.outbox(ScriptedTransport { _ in .held(.noTLS, said: nil) })
    let id = try await house.post(outbox)
    _ = try await outbox.send(id, of: house.acme.id)
    #expect(try await house.olga.page("/mail?state=held").text.contains("offers no TLS"))
    #expect(try await house.mia.post("/v1/messages/\(id)/retry").status == 404)
    let retried = try await house.anna.post("/v1/messages/\(id)/retry")
    #expect(retried.status == 200 && retried.headers["Steward-Receipt"] != nil)
    #expect(try retried.json()["state"] == "waiting")
    #expect(try await house.anna.post("/v1/messages/\(id)/retry").status == 409)
    #expect(try await house.app.services.outbox.send(id, of: house.acme.id) == .sent)
  }
}

@Suite("Messages in words and bytes")
struct MailFormatTests {
  private let texts = Texts([
    "mail_x_subject": "{name} invites you", "mail_x_text": "Hello {name},\n\nsee {note}:\n\n{link}\n\nBye",
    "mail_x_action": "Go on", "mail_footer": "Sent by Steward",
  ])

  private func draft(_ name: String, note: String = "this") -> MailDraft {
    MailDraft(
      "x", to: name, "zoe@acme.example", values: ["name": name, "note": note],
      secrets: ["link": "https://steward.example/setup/s3cret"], purpose: "test")
  }

  private func mail(_ name: String, _ words: MailText) throws -> OutgoingMail {
    let now = try #require(Instant("2026-11-21T12:51:19.000Z"))
    return OutgoingMail(
      tenant: .make(at: now), id: .make(at: now), purpose: "test",
      from: try #require(MailAddress(name: "Steward", address: "steward@steward.example")),
      to: try #require(MailAddress(name: name, address: "zoe@acme.example")), subject: words.subject, text: words.text,
      html: words.html, date: now, wireID: "x@steward.example", attempt: 1, isRepeat: false)
  }

  @Test("a value stays what it is: no hole, no markup, no line of its own")
  func values() throws {
    let words = try MailText(draft("{link}", note: "<b>\r\n\r\nhttps://evil.example/"), texts: texts)
    #expect(words.subject == "{link} invites you")
    #expect(words.text.contains("Hello {link},"))
    #expect(words.text.contains("see <b>    https://evil.example/:"))
    #expect(!words.html.contains("<b>") && words.html.contains("&lt;b&gt;"))
    #expect(!words.html.contains("href=\"https://evil"))
    #expect(words.html.contains("<a href=\"https://steward.example/setup/s3cret\""))
    #expect(words.text.contains("s3cret") && !words.shown.contains("s3cret"))
  }

  @Test("no name or subject can add a header; what is not ASCII is encoded; every line is short and ends as lines do")
  func bytes() throws {
    for name in [
      "Zoë\r\nBcc: x@y.example", String(repeating: "é", count: 300), "a\"b\\c", "日本語🎉", "=?utf-8?B?eA==?=",
      "a,b <x@y.example>",
    ] {
      let words = try MailText(draft(name), texts: texts)
      let bytes = MailFormat.bytes(of: try mail(name, words))
      _ = try SMTPLetter(
        host: try EgressHost("mail.example"), port: 25, security: .starttls, greeting: "a.example", from: "a@b.example",
        to: ["a@b.example"], bytes: bytes)
      let text = String(decoding: bytes, as: UTF8.self)
      let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
      #expect(lines.allSatisfy { $0.utf8.count <= 78 })
      #expect(text.utf8.allSatisfy { $0 < 127 })
      let head = text.prefix(upTo: try #require(text.firstRange(of: "\r\n\r\n")).lowerBound)
      let names = head.split(separator: "\r\n").filter { !$0.hasPrefix(" ") }.map { $0.prefix { $0 != ":" } }
      #expect(
        names == [
          "Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Auto-Submitted", "Content-Type",
        ])
    }
  }

  @Test("dates, names and bodies have the form of their standards")
  func forms() throws {
    #expect(MailFormat.date(try #require(Instant("2026-11-21T12:51:19.000Z"))) == "Sat, 21 Nov 2026 12:51:19 +0000")
    #expect(MailFormat.date(Instant(milliseconds: 0)) == "Thu, 1 Jan 1970 00:00:00 +0000")
    #expect(MailFormat.header("Subject", "Zoë") == "Subject:\r\n =?utf-8?B?Wm/Dqw==?=")
    #expect(MailFormat.quotedPrintable("a=b \nä\t\n") == "a=3Db=20\r\n=C3=A4=09\r\n")
    #expect(
      MailFormat.mailbox(try #require(MailAddress(name: "A \"B\" C", address: "a@b.example")))
        == "\"A \\\"B\\\" C\"\r\n <a@b.example>")
  }
}

@Suite("The outbox of several servers")
struct SharedOutboxTests {
  @Test(
    "an attempt of another server is left alone while its job has it, and is made again, marked, by who takes the job over"
  )
  func otherServer() async throws {
    let house = try await House.open(isShared: true)
    defer { house.leave() }
    let (door, entered) = (Door(), Door())
    let first = try house.outbox(
      ScriptedTransport(gate: house.gate(Admitting())) { _ in
        await entered.open()
        await door.pass()
        return .later(.unreachable, said: "late")
      })
    let transport = ScriptedTransport(gate: house.gate(Admitting())) { _ in .sent(said: "250") }
    let second = try house.outbox(transport)
    let id = try await house.post(first)
    async let attempt = first.send(id, of: house.acme.id)
    await entered.pass()
    #expect(try await second.tend(house.acme.id) == 0, "its job stands in the queue")
    #expect(try await house.message(id).state == .sending)
    // The first server hangs; its job's lease runs out, and the second takes the job over.
    #expect(try await second.send(id, of: house.acme.id) == .sent)
    #expect(transport.last?.isRepeat == true)
    await door.open()
    #expect(try await attempt == .sent, "what the first one heard late changes nothing")
    let message = try await house.message(id)
    #expect(message.state == .sent && message.attempts == 2)
    // Both are of one millisecond, so their ids have no order.
    let outcomes = try await house.disclosures().map(\.outcome)
    #expect(outcomes.count == 2 && outcomes.contains(.refused) && outcomes.contains(.done))
  }

  @Test("an attempt without a job is one whose end nobody saw, and its disclosure is closed once it is old")
  func lostJob() async throws {
    let house = try await House.open(isShared: true)
    defer { house.leave() }
    let (door, entered) = (Door(), Door())
    let first = try house.outbox(
      ScriptedTransport(gate: house.gate(Admitting())) { _ in
        await entered.open()
        await door.pass()
        return .unknown(said: nil)
      })
    let second = try house.outbox(ScriptedTransport { _ in .sent(said: nil) })
    let id = try await house.post(first)
    let tenant = house.acme.id
    async let attempt = first.send(id, of: tenant)
    await entered.pass()
    try await house.app.ledger.writeTransient(tenant, ["DELETE FROM job WHERE tenant = \(tenant)"])
    #expect(try await second.tend(tenant) == 1)
    #expect(try await house.message(id).state == .unknown)
    #expect(try await house.disclosures().map(\.outcome) == [.begun], "it may still be heard of")
    house.clock.advance(seconds: Outbox.longestAttemptSeconds)
    _ = try await second.tend(tenant)
    #expect(try await house.disclosures().map(\.outcome) == [.unknown])
    await door.open()
    _ = try await attempt
  }
}
