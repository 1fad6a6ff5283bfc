import Accounts
import Platform
import Server
import TestKit
import Testing

@testable import Subprocessors

/// The register through the doors that people use: the operator's commands, the public list, the tenants' pages and API.
@Suite("The register of sub-processors")
struct SubprocessorTests {
  // MARK: Notice

  @Test("every owner is written to, and 30 days after the last was, data may go there")
  func noticePeriod() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let desk = OperatorDesk(house)
    let id = try await desk.add()
    let announced = try await desk.ok("announce", id)
    #expect(announced["posted"]?.integer == 2)
    #expect(announced["notices"]?["missing"]?.array?.compactMap { $0["tenant"]?.string } == ["acme", "globex"])
    #expect(try await house.notices(of: "acme").map(\.email) == ["olga@acme.example"])

    house.pass(days: 40)
    #expect(try await desk.refusal("activate", id).contains("Not every customer"), "nothing was sent yet")
    try await house.send("acme")
    #expect(try await desk.refusal("activate", id).contains("Not every customer"), "globex is missing")
    house.pass(days: 1)
    try await house.send("globex")
    house.pass(days: 29)
    #expect(try await desk.refusal("activate", id).contains("can be activated from"))
    #expect(try await house.gate("acme") == nil)
    house.pass(days: 2)
    #expect(try await desk.ok("activate", id)["state"]?.string == "active")
    #expect(try await house.gate("acme") == "subprocessor:\(id)")
    #expect(try await house.gate("globex") == "subprocessor:\(id)")
  }

  @Test("announcing again writes only to those whom no notice reached, and a held notice is none")
  func announcingAgain() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let desk = OperatorDesk(house)
    let id = try await desk.add()
    _ = try await desk.ok("announce", id)
    #expect(try await desk.ok("announce", id)["posted"]?.integer == 0, "they are on their way or held")
    try await house.send("acme")
    try await house.send("globex", as: .failed)
    let again = try await desk.ok("announce", id)
    #expect(again["posted"]?.integer == 1)
    #expect(again["notices"]?["sent"]?.integer == 1)
    #expect(again["notices"]?["missing"]?.array?.first?["reason"]?.string == "held in the outbox")
    #expect(try await house.notices(of: "globex").count == 2)
  }

  @Test("a tenant that comes later is given the list and holds nobody up")
  func laterTenant() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let desk = OperatorDesk(house)
    let id = try await desk.add()
    _ = try await desk.ok("announce", id)
    house.pass(days: 1)
    let made = await ControlVerbs(app: house.app).answer([
      "verb": "tenant.create", "name": "Initech", "email": "ida@initech.example",
    ])
    #expect(made["ok"] != nil)
    let initech = try #require(house.app.ledger.tenant(slug: "initech"))
    let given = try await house.app.ledger.read(initech.id) { try $0.find(GivenList.self, GivenList.key) }
    #expect(given?.list.contains("Example Mail") == true)
    try await house.send("acme")
    try await house.send("globex")
    house.pass(days: 31)
    #expect(try await desk.ok("activate", id)["state"]?.string == "active")
  }

  @Test("before anybody uses the installation a draft starts at once, afterwards never")
  func firstSetUp() async throws {
    let directory = try temporaryDirectory()
    defer { removeTree(directory) }
    let data = directory + "/data"
    let clock = FixedClock(House.beginning)
    try Installation.create(at: data, keys: "\(data).keys", now: clock.now).close()
    let listen = ListenAddress(host: "localhost", port: 8080)
    let app = try StewardApp(
      ServerConfiguration(dataDirectory: data, keysDirectory: nil, listen: listen), clock: clock)
    let desk = OperatorDesk(app)
    let made = await ControlVerbs(app: app).answer([
      "verb": "tenant.create", "name": "Acme", "email": "ida@acme.example",
    ])
    #expect(made["ok"] != nil)
    let id = try await desk.add()
    #expect(try await desk.ok("activate", id)["ground"]?.string == "initial", "the owner has not come yet")
    let acme = try #require(app.ledger.tenant(slug: "acme"))
    _ = try await app.accounts.enrol(
      acme.id, name: "Ida", email: "i@acme.example", roles: [.member], by: .system("test"))
    let second = try await desk.add(OperatorDesk.sample(["hosts": ["api.mail.example:443"]]))
    #expect(try await desk.refusal("activate", second).contains("announce it"))
    await app.close()
  }

  // MARK: Contract

  @Test("a contract that lapses turns its provider off by itself, and the daily job puts it on the record")
  func lapse() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let desk = OperatorDesk(house)
    let id = try await desk.activeEntry(in: house, expires: "2026-06-30")
    #expect(try await house.gate("acme") != nil)
    house.clock.set(try #require(Instant("2026-06-30T23:59:59.999Z")))
    #expect(try await house.gate("acme") != nil)
    house.clock.advance(seconds: 1)
    #expect(try await house.gate("acme") == nil, "the gate waits for no job")
    try await desk.register.review()
    #expect(try await desk.entry(id)["state"]?.string == "suspended")
    let list = try await house.stranger.get("/trust/subprocessors.json").json()
    #expect(list["changes"]?.array?.first?["change"]?.string == "lapsed")

    #expect(try await desk.refusal("activate", id).contains("renew"))
    let renewed = OperatorDesk.sample(expires: "2027-06-30", ["id": .string(id)])
    _ = try await desk.ask("add", ["entry": renewed])
    #expect(try await desk.ok("activate", id)["state"]?.string == "active")
    #expect(try await house.gate("acme") != nil, "the notice was given; it need not be given again")
  }

  // MARK: Objection

  @Test("an objection keeps it off for that tenant, and for no other")
  func objection() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let desk = OperatorDesk(house)
    let id = try await desk.activeEntry(in: house)
    try await house.play(
      """
      as anna
      GET /v1/subprocessors
      200
      has "Example Mail"
      has "admitted":true

      POST /v1/subprocessors/\(id)/objection
      {"reason": "I am no owner."}
      404

      as olga
      POST /v1/subprocessors/\(id)/objection
      {"reason": ""}
      422

      POST /v1/subprocessors/\(id)/objection
      {"reason": "Our data stays in the house."}
      201
      header Steward-Receipt

      POST /v1/subprocessors/\(id)/objection
      {"reason": "Again."}
      409

      GET /v1/subprocessors
      200
      has "admitted":false
      has "Our data stays in the house."

      as adam
      GET /subprocessors
      200
      has Nothing of your organisation goes there.

      as gina
      GET /v1/subprocessors
      200
      has "admitted":true
      hasn't "Our data stays"
      """)
    #expect(try await house.gate("acme") == nil)
    #expect(try await house.gate("globex") == "subprocessor:\(id)")
    #expect(try await house.stranger.get("/trust/subprocessors.json").text.contains("stays in the house") == false)
    try await house.play(
      """
      as olga
      POST /v1/subprocessors/\(id)/objection/withdraw
      200
      header Steward-Receipt

      POST /v1/subprocessors/\(id)/objection/withdraw
      409
      """)
    #expect(try await house.gate("acme") == "subprocessor:\(id)")
  }

  @Test("a draft cannot be seen, objected to, or found by its address")
  func drafts() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let id = try await OperatorDesk(house).add()
    for path in ["/trust/subprocessors", "/trust/subprocessors.json", "/trust/subprocessors.atom"] {
      #expect(try await !house.stranger.page(path).text.contains("Example Mail"), "\(path)")
    }
    #expect(try await !house.olga.get("/v1/subprocessors").text.contains("Example Mail"))
    #expect(try await house.olga.post("/v1/subprocessors/\(id)/objection", ["reason": "x"]).status == 404)
  }

  @Test("destinations and regions are the tenant's own, on its record")
  func ownChoices() async throws {
    let house = try await House.open()
    defer { house.leave() }
    _ = try await OperatorDesk(house).activeEntry(in: house)
    try await house.play(
      """
      as olga
      POST /v1/destinations
      {"destination": "hooks.acme.example:443", "purpose": "webhook", "categories": ["operational"]}
      201
      header Steward-Receipt
      keep hook = id

      POST /v1/destinations
      {"destination": "https://x", "purpose": "Web hook", "categories": ["all"]}
      422

      as gina
      GET /v1/destinations
      200
      hasn't hooks.acme

      as olga
      GET /v1/audit?action=destination.choose
      200
      has destination:{hook}

      PUT /v1/data-regions
      {"regions": ["CH"]}
      200
      header Steward-Receipt
      """)
    #expect(try await house.gate("acme") == nil)
    #expect(try await house.gate("globex") != nil)
    #expect(try await house.gate("acme", "hooks.acme.example", 443, "webhook")?.hasPrefix("destination:") == true)
    #expect(try await house.gate("globex", "hooks.acme.example", 443, "webhook") == nil)
    #expect(try await house.olga.send(.put, "/v1/data-regions", body: Array(#"{"regions":null}"#.utf8)).status == 200)
    #expect(try await house.gate("acme") != nil)
  }

  // MARK: The way out

  @Test("an owner takes whole lists along, as lines and as a table that no spreadsheet executes")
  func exports() async throws {
    let house = try await House.open()
    defer { house.leave() }
    for number in 0..<205 {
      let name = number == 7 ? "=HYPERLINK(\"x\"), Ltd" : "Vendor \(number)"
      #expect(try await house.anna.post("/v1/vendors", ["name": .string(name)]).status == 201)
    }
    let lines = try await house.olga.get("/v1/export/vendors.jsonl")
    #expect(lines.text.split(separator: "\n").count == 205)
    let table = try await house.olga.get("/v1/export/vendors.csv")
    #expect(table.text.split(separator: "\r\n").count == 206)
    #expect(table.text.contains("\"'=HYPERLINK(\"\"x\"\"), Ltd\""))
    #expect(try await house.olga.get("/v1/export/cases.jsonl").text.isEmpty)
    #expect(try await house.anna.get("/v1/export/vendors.jsonl").status == 404)
    let page = try await house.olga.page("/subprocessors/leave")
    #expect(page.status == 200)
    #expect(page.text.contains("Acme GmbH ends its use of Steward"))
  }
}

/// What is published, checked as an outsider would.
@Suite("The published list")
struct PublishedListTests {
  @Test("page, JSON and feed say what the register says, and drop nothing when it changes")
  func threeForms() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let desk = OperatorDesk(house)
    let id = try await desk.activeEntry(in: house)
    _ = try await desk.ask("suspend", ["id": .string(id), "reason": "Incident <1> & co."])
    let json = try await house.stranger.get("/trust/subprocessors.json").json()
    let entry = try #require(json["subprocessors"]?.array?.first)
    #expect(entry["name"]?.string == "Example Mail")
    #expect(entry["state"]?.string == "suspended")
    #expect(entry["contract"]?["reference"] == nil, "where the contract lies is not published")
    let changes = json["changes"]?.array ?? []
    #expect(changes.compactMap { $0["change"]?.string } == ["suspended", "activated", "notified", "announced"])
    #expect(changes.first?["note"]?.string == "Incident <1> & co.")
    let feed = try await house.stranger.get("/trust/subprocessors.atom")
    #expect(feed.headers["Content-Type"] == "application/atom+xml; charset=utf-8")
    #expect(feed.text.components("<entry>") == 4)
    #expect(feed.text.contains("Incident &lt;1&gt; &amp; co."))
    let page = try await house.stranger.page("/trust/subprocessors").text
    #expect(page.contains("Example Mail GmbH") && page.contains("Incident &lt;1&gt; &amp; co."))
    #expect(try await house.stranger.page("/trust").text.contains("/trust/subprocessors"))
  }

  @Test("every change has the receipt of its entry, and a later list follows from an earlier one")
  func proofs() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let desk = OperatorDesk(house)
    let id = try await desk.activeEntry(in: house)
    let first = try await house.stranger.get("/trust/subprocessors.json").json()
    _ = try await desk.ask("end", ["id": .string(id), "reason": "Over."])
    let size = try #require(first["log"]?["size"]?.integer)
    let second = try await house.stranger.get("/trust/subprocessors.json?from=\(size)").json()
    let key = try VerifierKey(parsing: house.app.ledger.installation.verifierKey)
    let (old, new) = (try checkpoint(first, key), try checkpoint(second, key))
    let hashes = try #require(second["consistency"]?["hashes"]?.array).map { hash in
      try #require(hash.string.flatMap { Base64.decode($0) }.flatMap { Digest(bytes: $0) })
    }
    #expect(
      Proofs.verifyConsistency(from: old.size, to: new.size, proof: hashes, fromRoot: old.root, toRoot: new.root))
    for change in second["changes"]?.array ?? [] {
      let answer = try await house.stranger.get(try #require(change["receipt"]?.string))
      let receipt = try Receipt(parsing: answer.body)
      #expect(receipt.index == change["entry"]?.integer.map(Int64.init))
      let leaf = try LeafEntry(parsing: try #require(receipt.leaf))
      #expect(leaf.object == "subprocessor:\(id)")
    }
    #expect(try await house.stranger.get("/trust/subprocessors.json?from=999999").status == 400)
    #expect(try await house.stranger.get("/trust/subprocessors.json?from=x").status == 400)
  }

  private func checkpoint(_ list: JSON, _ key: VerifierKey) throws -> Checkpoint {
    let note = Array(try #require(list["log"]?["checkpoint"]?.string).utf8)
    let certificate = Array(try #require(list["log"]?["certificate"]?.string).utf8)
    return try Checkpoint.open(note, key: try LogKeyCertificate.open(certificate, installationKey: key).key)
  }

  @Test("the feed is what was reviewed")
  func feed() throws {
    let at = SubprocessorRulesTests.now
    let provider = try SubprocessorRulesTests.announced(["name": "A & B <Mail>"])
    let change = RegisterChange(
      id: try #require(ID("01m7ynpg49a26wkbgqvnqam7my")), provider: provider.id, kind: .announced, at: at,
      note: "Why \"so\".")
    let feed = AtomFeed(
      list: PublicList(at: at, providers: [provider], changes: [change]), origin: "https://steward.example",
      author: "Steward", installation: "01m7ynpg49a26wkbgqvnqam7my", texts: Texts(SubprocessorsTexts.english))
    let expected = """
      <?xml version="1.0" encoding="utf-8"?>
      <feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
      <id>urn:uuid:FEED</id>
      <title>Changes of the sub-processors</title>
      <updated>2026-03-02T09:00:00.000Z</updated>
      <author><name>Steward</name></author>
      <link rel="self" type="application/atom+xml" href="https://steward.example/trust/subprocessors.atom"/>
      <link rel="alternate" type="text/html" href="https://steward.example/trust/subprocessors"/>
      <entry>
      <id>urn:uuid:CHANGE</id>
      <title>A &amp; B &lt;Mail&gt; is announced</title>
      <updated>2026-03-02T09:00:00.000Z</updated>
      <link rel="alternate" type="text/html" href="https://steward.example/trust/subprocessors#PROVIDER"/>
      <content type="text">announced; nothing goes there before 30 days after the last notice Why &quot;so&quot;. Entry -1 of the installation&#39;s log.</content>
      </entry>
      </feed>

      """
    let feedID = AtomFeed.permanentID("feed", "01m7ynpg49a26wkbgqvnqam7my")
    let changeID = AtomFeed.permanentID("change", "01m7ynpg49a26wkbgqvnqam7my")
    let text = feed.document.replacing(feedID, with: "urn:uuid:FEED").replacing(changeID, with: "urn:uuid:CHANGE")
      .replacing(provider.id.text, with: "PROVIDER")
    #expect(text == expected)
    #expect(feedID != changeID && feedID.count == "urn:uuid:".count + 36)
  }
}

// MARK: - Fixtures

extension String {
  fileprivate func components(_ word: String) -> Int { ranges(of: word).count }
}

extension House {
  func pass(days: Int) { clock.advance(seconds: days * 86_400) }

  /// The notices in a tenant's outbox.
  func notices(of slug: String) async throws -> [MessageRecord] {
    let tenant = try #require(app.ledger.tenant(slug: slug))
    return try await app.ledger.read(tenant.id) { reader in
      try reader.fetch(MessageRecord.self).filter { $0.template == NoticePost.template }
    }
  }

  /// What the mail server would have made of the notices that wait.
  func send(_ slug: String, as state: MessageRecord.State = .sent) async throws {
    let tenant = try #require(app.ledger.tenant(slug: slug))
    let now = clock.now
    let act = Act("message.test", on: ObjectRef("tenant", tenant.id), by: .system("test"))
    _ = try await app.ledger.write(tenant.id, act) { work in
      for var message in try work.fetch(MessageRecord.self) where message.template == NoticePost.template {
        message.state = state
        message.changedAt = now
        try work.update(message)
      }
    }
  }

  /// Under what name the gate lets it through; nil if it does not.
  func gate(
    _ slug: String, _ host: String = "smtp.mail.example", _ port: Int = 587, _ purpose: String = "mail"
  ) async throws -> String? {
    let tenant = try #require(app.ledger.tenant(slug: slug))
    let intent = EgressIntent(
      tenant: tenant.id, module: "test", purpose: purpose, categories: ["operational"], count: 1, host: host,
      port: port)
    do { return try await app.services.egress.admit(intent).destination } catch let problem as Problem
      where problem.code == .forbidden
    {
      return nil
    }
  }
}

/// The operator at the command line.
struct OperatorDesk {
  let app: StewardApp

  init(_ app: StewardApp) { self.app = app }
  init(_ house: House) { app = house.app }

  var register: Register {
    Register(services: app.services, registers: app.registers, actor: .system("operator"))
  }

  static func sample(expires: String = "2027-12-31", _ changes: [String: JSON] = [:]) -> JSON {
    let contract: JSON = [
      "dated": "2026-01-01", "expires": .string(expires), "reference": "file 12",
      "clauses": ["security", "confidentiality", "data-protection"],
    ]
    return SubprocessorRulesTests.input(changes.merging(["contract": contract]) { mine, _ in mine })
  }

  func ask(_ verb: String, _ members: [String: JSON]) async throws -> JSON {
    let request = members.merging(["verb": .string("subprocessor.\(verb)")]) { mine, _ in mine }
    let answer = await ControlVerbs(app: app).answer(.object(request))
    return try #require(answer["ok"], "\(answer.text)")
  }

  func ok(_ verb: String, _ id: String) async throws -> JSON { try await ask(verb, ["id": .string(id)]) }

  func refusal(_ verb: String, _ id: String) async throws -> String {
    let answer = await ControlVerbs(app: app).answer([
      "verb": .string("subprocessor.\(verb)"), "id": .string(id),
    ])
    return try #require(answer["problem"]?["message"]?.string, "\(answer.text)")
  }

  func add(_ entry: JSON = sample()) async throws -> String {
    try #require(try await ask("add", ["entry": entry])["id"]?.string)
  }

  func entry(_ id: String) async throws -> JSON {
    let items = try await ask("list", [:])["subprocessors"]?.array ?? []
    return try #require(items.first { $0["id"]?.string == id })
  }

  /// Announced, told to everybody, and 31 days later active.
  func activeEntry(in house: House, expires: String = "2027-12-31") async throws -> String {
    let id = try await add(Self.sample(expires: expires))
    _ = try await ok("announce", id)
    try await house.send("acme")
    try await house.send("globex")
    house.pass(days: 31)
    _ = try await ok("activate", id)
    return id
  }
}
