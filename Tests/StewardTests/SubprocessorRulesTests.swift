import Platform
import Testing

@testable import Subprocessors

/// The rules of the register on values alone.
@Suite("Rules of the register")
struct SubprocessorRulesTests {
  static let now = Instant(milliseconds: 1_772_442_000_000)  // 2026-03-02T09:00:00Z
  static func day(_ number: Int) -> Instant { now.adding(seconds: number * 86_400) }

  static func input(_ changes: [String: JSON] = [:]) -> JSON {
    let sample: [String: JSON] = [
      "name": "Example Mail", "entity": "Example Mail GmbH", "address": "Musterweg 1, 10115 Berlin, DE",
      "contact": "privacy@mail.example", "description": "Delivers e-mail.", "purposes": ["mail"],
      "categories": ["personal", "operational"], "region": "EU", "hosts": ["smtp.mail.example:587"],
      "contract": [
        "dated": "2026-01-01", "expires": "2027-12-31", "reference": "file 12",
        "clauses": ["security", "confidentiality", "data-protection"],
      ],
    ]
    return .object(sample.merging(changes) { _, new in new })
  }

  static func provider(_ changes: [String: JSON] = [:]) throws -> Provider {
    let input = try ProviderInput(input(changes))
    return Provider(id: .make(at: now), details: input.details, contract: input.contract)
  }

  static func announced(_ changes: [String: JSON] = [:]) throws -> Provider {
    try provider(changes).announced(.init(id: .make(at: now), at: now))
  }

  static func active(_ changes: [String: JSON] = [:]) throws -> Provider {
    try announced(changes).notified(at: now).activated(at: day(31), hasCustomers: true)
  }

  private func contract(expires: String = "2027-12-31", without clause: String? = nil) -> JSON {
    let clauses: [String] = ["security", "confidentiality", "data-protection"].filter { $0 != clause }
    return [
      "dated": "2026-01-01", "expires": .string(expires), "reference": "file 12",
      "clauses": .array(clauses.map { .string($0) }),
    ]
  }

  // MARK: Written terms

  @Test("nobody is announced without a contract that has the required clauses", arguments: Contract.requiredClauses)
  func requiredClauses(clause: Contract.Clause) throws {
    let draft = try Self.provider(["contract": contract(without: clause.rawValue)])
    #expect(throws: Problem.self) { try draft.announced(.init(id: .make(at: Self.now), at: Self.now)) }
    #expect(throws: Problem.self) { try draft.activated(at: Self.now, hasCustomers: false) }
  }

  @Test("nobody is announced without a contract, before it begins or after it has ended")
  func contractHolds() throws {
    let announcement = Provider.Announced(id: .make(at: Self.now), at: Self.now)
    #expect(throws: Problem.self) { try Self.provider(["contract": nil]).announced(announcement) }
    #expect(throws: Problem.self) {
      try Self.provider(["contract": self.contract(expires: "2026-03-01")]).announced(announcement)
    }
    let future: JSON = [
      "dated": "2026-03-03", "expires": "2027-01-01", "reference": "x",
      "clauses": ["security", "confidentiality", "data-protection"],
    ]
    #expect(throws: Problem.self) { try Self.provider(["contract": future]).announced(announcement) }
    let lastDay = try Self.provider(["contract": contract(expires: "2026-03-02")])
    #expect(try lastDay.announced(announcement).state == .announced)
  }

  // MARK: Notice

  @Test("on day 29 it cannot start, on day 31 it can, and 30 days are 30 days to the second")
  func noticePeriod() throws {
    let told = try Self.announced().notified(at: Self.now)
    #expect(throws: Problem.self) { try told.activated(at: Self.day(29), hasCustomers: true) }
    #expect(throws: Problem.self) {
      try told.activated(at: Self.day(30).adding(seconds: -1), hasCustomers: true)
    }
    #expect(try told.activated(at: Self.day(30), hasCustomers: true).state == .active)
    #expect(try told.activated(at: Self.day(31), hasCustomers: true).ground == .notice)
  }

  @Test("without its notices sent it cannot start, however long one waits")
  func unsentNotices() throws {
    let untold = try Self.announced()
    #expect(throws: Problem.self) { try untold.activated(at: Self.day(400), hasCustomers: true) }
  }

  @Test("a draft can start at once only while there is no customer; the operator's own system always can")
  func firstSetUp() throws {
    #expect(throws: Problem.self) { try Self.provider().activated(at: Self.now, hasCustomers: true) }
    #expect(try Self.provider().activated(at: Self.now, hasCustomers: false).ground == .initial)
    let own = try Self.provider(["kind": "own", "contract": nil])
    #expect(try own.activated(at: Self.now, hasCustomers: true).ground == .own)
    #expect(throws: Problem.self) { try own.announced(.init(id: .make(at: Self.now), at: Self.now)) }
  }

  @Test("the clock starts with the last notice, and only when nobody is missing")
  func standing() throws {
    let (olga, ida) = (PersonID.make(at: Self.now), PersonID.make(at: Self.now))
    func standing(_ deliveries: [PersonID: NoticeStanding.Delivery], _ owners: [PersonID]) -> NoticeStanding {
      NoticeStanding.of(tenant: "acme", owners: owners, deliveries: deliveries)
    }
    let both = standing([olga: .sent(Self.day(1)), ida: .sent(Self.day(3))], [olga, ida])
    #expect(both.completeAt == Self.day(3))
    for late in [NoticeStanding.Delivery.waiting, .held, .failed] {
      let one = standing([olga: .sent(Self.day(1)), ida: late], [olga, ida])
      #expect(one.completeAt == nil)
      #expect(one.missing.map(\.person) == [ida])
      #expect(NoticeStanding.of([both, one], begun: Self.now).completeAt == nil)
    }
    #expect(standing([:], [olga]).missing.map(\.reason) == [.notPosted])
    #expect(standing([:], []).missing.map(\.reason) == [.noOwner], "nobody to write to holds it up as well")
    #expect(standing([ida: .failed], []).completeAt == nil, "a former owner who was not told does not count")
    #expect(standing([ida: .sent(Self.day(2))], [olga]).completeAt == Self.day(2), "a later owner holds nobody up")
    #expect(NoticeStanding.of([], begun: Self.now).completeAt == Self.now)
  }

  // MARK: Changes

  @Test("once customers were told, only the contract can change")
  func fixedOnceTold() throws {
    let told = try Self.announced()
    let other = try ProviderInput(Self.input(["hosts": ["smtp.mail.example:587", "api.mail.example:443"]]))
    #expect(throws: Problem.self) { try told.rewritten(other) }
    let renewed = try told.rewritten(try ProviderInput(Self.input(["contract": contract(expires: "2030-01-01")])))
    #expect(renewed.contract?.expires.description == "2030-01-01")
    #expect(renewed.announced == told.announced)
    #expect(try Self.provider().rewritten(other).details == other.details)
  }

  @Test("what is suspended starts again without a new notice, what ended never")
  func suspending() throws {
    let suspended = try Self.active().suspended()
    #expect(try suspended.activated(at: Self.day(40), hasCustomers: true).state == .active)
    let ended = try suspended.ended()
    #expect(throws: Problem.self) { try ended.activated(at: Self.day(40), hasCustomers: true) }
    #expect(throws: Problem.self) { try ended.rewritten(try ProviderInput(Self.input())) }
  }

  // MARK: Input

  @Test(
    "input that is not right is refused, and says which member",
    arguments: [
      ("name", ""), ("name", JSON.string(String(repeating: "x", count: 201))), ("entity", "a\u{0}b"),
      ("name", "a\u{202e}b"), ("purposes", []), ("purposes", ["Mail!"]), ("purposes", "mail"),
      ("purposes", ["mail", "mail"]), ("categories", ["everything"]), ("region", "Europe!"), ("hosts", ["*:443"]),
      ("hosts", ["mail.example"]), ("hosts", ["https://mail.example:443"]), ("hosts", ["mail.example:0"]),
      ("hosts", ["mail.example:70000"]), ("hosts", ["mail.example:+25"]), ("kind", "friend"), ("surprise", 1),
      ("id", "1"),
    ] as [(String, JSON)])
  func badInput(member: String, value: JSON) throws {
    let error = #expect(throws: Problem.self) { try ProviderInput(Self.input([member: value])) }
    #expect(error?.errors.map(\.field) == [member])
  }

  @Test("a host is what it says, however it is written")
  func endpoints() {
    #expect(Endpoint("SMTP.Mail.Example.:587") == Endpoint(host: "smtp.mail.example", port: 587))
    #expect(Endpoint("[2001:db8::1]:25")?.host == "2001:db8::1")
    #expect(Endpoint(host: "[2001:db8::1]", port: 25) == Endpoint("[2001:db8::1]:25"))
    for text in ["2001:db8::1:25", "mail.example:025", ":25", "a b:25", "mail.example:", "-x:1", "bücher.example:25"] {
      #expect(Endpoint(text) == nil, "\(text)")
    }
  }
}

/// What the gate is told, for every reason there is.
@Suite("Admission")
struct AdmissionTests {
  private let now = SubprocessorRulesTests.day(32)

  private func intent(
    _ host: String = "smtp.mail.example", _ port: Int = 587, purpose: String = "mail",
    _ categories: [String] = ["personal"]
  ) -> EgressIntent {
    EgressIntent(
      tenant: nil, module: "test", purpose: purpose, categories: categories, count: 1, host: host, port: port)
  }

  private func decide(
    _ provider: Provider, _ intent: EgressIntent, _ side: TenantSide = .installation, at now: Instant? = nil
  ) -> Result<String, Refusal> {
    Admission(providers: [provider], tenant: side).decide(intent, at: now ?? self.now)
  }

  @Test("what an active entry names is admitted under its reference")
  func admitted() throws {
    let provider = try SubprocessorRulesTests.active()
    #expect(decide(provider, intent()) == .success("subprocessor:\(provider.id)"))
    #expect(decide(provider, intent("SMTP.mail.example.")) == .success(provider.reference))
    #expect(decide(provider, intent(purpose: "mail", [])) == .success(provider.reference))
  }

  @Test(
    "another host, port, purpose or kind of data is not",
    arguments: [
      ("smtp.mail.example", 25, "mail", "personal"), ("mail.example", 587, "mail", "personal"),
      ("evil.smtp.mail.example", 587, "mail", "personal"), ("smtp.mail.example.evil", 587, "mail", "personal"),
      ("smtp.mail.example", 587, "backup", "personal"), ("smtp.mail.example", 587, "mail", "content"),
      ("smtp.mail.example", 587, "mail", "special"), ("smtp.mail.example", 587, "mail", "unheard of"),
      ("smtp.mail.example\u{0}", 587, "mail", "personal"),
    ])
  func otherwise(host: String, port: Int, purpose: String, category: String) throws {
    let provider = try SubprocessorRulesTests.active()
    #expect(decide(provider, intent(host, port, purpose: purpose, [category])).refusal != nil)
  }

  @Test("a state alone admits nobody: contract and notice period are looked at with every call")
  func everyCall() throws {
    var provider = try SubprocessorRulesTests.active()
    #expect(decide(provider, intent(), at: SubprocessorRulesTests.day(29)).refusal == .notice("Example Mail"))
    let afterContract = Instant(milliseconds: 1_830_297_600_000)  // 2028-01-01
    #expect(decide(provider, intent(), at: afterContract).refusal == .contract("Example Mail"))
    #expect(
      decide(provider, intent(), at: afterContract.adding(seconds: -1)) == .success(provider.reference),
      "the contract's last day counts")
    provider.notifiedAt = nil
    #expect(decide(provider, intent()).refusal == .notice("Example Mail"))
    provider.ground = nil
    #expect(decide(provider, intent()).refusal == .notice("Example Mail"))
    provider.ground = .own
    #expect(decide(provider, intent()).refusal == .notice("Example Mail"), "a sub-processor is not the operator's own")
  }

  @Test("only what is active is admitted")
  func states() throws {
    let (draft, told) = (try SubprocessorRulesTests.provider(), try SubprocessorRulesTests.announced())
    let active = try SubprocessorRulesTests.active()
    #expect(decide(draft, intent()).refusal == .unlisted("mail"))
    #expect(decide(told, intent()).refusal == .state("Example Mail", .announced))
    #expect(decide(try active.suspended(), intent()).refusal == .state("Example Mail", .suspended))
    #expect(decide(try active.ended(), intent()).refusal == .unlisted("mail"))
  }

  @Test("a tenant's objection and its regions count for it")
  func tenantSide() throws {
    let provider = try SubprocessorRulesTests.active()
    let objecting = TenantSide(objections: [provider.id])
    #expect(decide(provider, intent(), objecting).refusal == .objection("Example Mail"))
    let swiss = TenantSide(regions: Set([Region("CH")].compactMap(\.self)))
    #expect(decide(provider, intent(), swiss).refusal != nil)
    let european = TenantSide(regions: Set([Region("CH"), Region("eu")].compactMap(\.self)))
    #expect(decide(provider, intent(), european) == .success(provider.reference))
  }

  @Test("a tenant's own destination is admitted for its purpose and data, but does not go around the register")
  func destinations() throws {
    let provider = try SubprocessorRulesTests.active()
    func destination(_ place: String) throws -> Destination {
      Destination(
        id: .make(at: now), endpoint: try #require(Endpoint(place)), purpose: "webhook", categories: [.operational],
        addedAt: now)
    }
    let hook = try destination("hooks.acme.example:443")
    let side = TenantSide(
      objections: [provider.id], destinations: [hook, try destination("smtp.mail.example:587")])
    func ask(_ host: String, _ port: Int, _ purpose: String, _ category: String) -> Result<String, Refusal> {
      decide(provider, intent(host, port, purpose: purpose, [category]), side)
    }
    #expect(ask("hooks.acme.example", 443, "webhook", "operational") == .success("destination:\(hook.id)"))
    #expect(ask("hooks.acme.example", 443, "mail", "operational").refusal != nil)
    #expect(ask("hooks.acme.example", 443, "webhook", "personal").refusal != nil)
    #expect(ask("hooks.acme.example", 8443, "webhook", "operational").refusal != nil)
    #expect(ask("smtp.mail.example", 587, "webhook", "operational").refusal == .objection("Example Mail"))
  }
}
