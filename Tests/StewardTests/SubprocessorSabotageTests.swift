import Accounts
import Platform
import Server
import Synchronization
import TestKit
import Testing

@testable import Subprocessors
@testable import Trust

/// The checks of the register are green on a sound installation, and each turns red once its mechanism is broken.
@Suite("Sabotage of the register", .serialized)
struct SubprocessorSabotageTests {
  static let ids: Set<String> = ["F53", "F54", "F55", "A36", "A37"]

  @Test("on a sound installation with entries in every state each check proves its promise, twice")
  func sound() async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    for _ in 0..<2 {
      for result in try await stage.prover.prove(Self.ids, in: stage.environment) {
        #expect(result.outcome == .proven, "\(result.promise): \(result.reason)")
        #expect(!result.evidence.isEmpty)
      }
    }
    #expect(try await stage.house.app.registers.providers(in: .probes).isEmpty, "nothing is left behind")
    #expect(
      try await stage.house.app.registers.providers(in: .customers).count == 2, "the customers' register is untouched")
  }

  @Test("F53: a gate that lets more through than is listed turns it red")
  func openGate() async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    let open = try stage.environment { base, intent in
      if intent.host == "api.stripe.com" { return "subprocessor:friend" }
      return try await base.admit(intent)
    }
    try await stage.isRed("F53", in: open, saying: "names nobody")
  }

  @Test("F53: a gate that lets a listed one have what is not listed turns it red")
  func widerPurpose() async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    let wide = try stage.environment { base, intent in
      intent.host == "smtp.mail.example" && intent.port == 587 ? stage.reference : try await base.admit(intent)
    }
    try await stage.isRed("F53", in: wide, saying: "for a purpose that is not listed")
  }

  @Test("F53: a list that names somebody the gate refuses turns it red")
  func closedGate() async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    let closed = try stage.environment { _, _ in throw Problem(.forbidden, "No.") }
    try await stage.isRed("F53", in: closed, saying: "the gate says otherwise")
  }

  @Test("F53: a gate that lets an entry through that is off turns it red")
  func suspendedEntry() async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    let providers = try await stage.environment.providers.listed()
    let off = try #require(providers.first { $0["state"]?.string == "suspended" }?["id"]?.string)
    let careless = try stage.environment { base, intent in
      intent.host == "relay.acme.example" && !intent.purpose.hasPrefix("probe-")
        ? "subprocessor:\(off)" : try await base.admit(intent)
    }
    try await stage.isRed("F53", in: careless, saying: "the gate says otherwise")
  }

  @Test("F54: a gate that does not mind a lapsed contract turns it red")
  func lapsedContract() async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    let lax = try stage.environment(forgiving: "has lapsed")
    try await stage.isRed("F54", in: lax, saying: "had lapsed")
  }

  @Test("F54: announcing without written terms turns it red")
  func noTerms() async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    var environment = stage.environment
    environment.providers.announce = { _ in 1 }
    try await stage.isRed("F54", in: environment, saying: "without a clause on security")
  }

  @Test("F54: a lapse that nobody puts on the record turns it red")
  func noReview() async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    var environment = stage.environment
    environment.providers.review = {}
    try await stage.isRed("F54", in: environment, saying: "not on the record")
  }

  @Test(
    "F55: a published form that says something else turns it red",
    arguments: [
      (".json", "\"state\":\"active\"", "\"state\":\"ended\"", "differs in “state”"),
      (".json", "\"region\":\"EU\"", "\"region\":\"US\"", "differs in “region”"),
      (".atom", "<entry>", "<item>", "The feed has 0 entries"),
      (".atom", "2026-", "2025-", "with its date"),
      ("", "Example Mail", "Somebody", "does not show an entry"),
      ("", "datetime=\"2026", "datetime=\"2025", "with its date"),
    ])
  func otherForm(ending: String, from: String, to: String, saying: String) async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    let send = stage.environment.send
    var environment = stage.environment
    environment.send = { call in
      let answer = try await send(call)
      guard call.target == "/trust/subprocessors\(ending)" else { return answer }
      return FrontDoor.Answer(
        status: answer.status, headers: answer.headers, body: Array(answer.text.replacing(from, with: to).utf8))
    }
    try await stage.isRed("F55", in: environment, saying: saying)
  }

  @Test("F55: a list whose log was cut and grown anew turns it red")
  func otherLog() async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    let send = stage.environment.send
    var environment = stage.environment
    environment.send = { call in
      let answer = try await send(call)
      guard call.target.hasPrefix("/trust/subprocessors.json?from="), var json = try answer.json().object else {
        return answer
      }
      json["consistency"] = ["hashes": [.string(Base64.encode([UInt8](repeating: 7, count: 32)))]]
      return FrontDoor.Answer(status: 200, headers: answer.headers, body: JSON.object(json).canonical)
    }
    try await stage.isRed("F55", in: environment, saying: "does not follow")
  }

  @Test("A36: a gate that does not wait for the notice period turns it red")
  func hastyGate() async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    try await stage.isRed("A36", in: try stage.environment(forgiving: "notice period"), saying: "on day 29")
  }

  @Test("A36: a start on day 29 turns it red")
  func hastyStart() async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    var environment = stage.environment
    let activate = environment.providers.activate
    environment.providers.activate = { id in try await ProbeClock.later(40 * 86_400) { try await activate(id) } }
    try await stage.isRed("A36", in: environment, saying: "on day 29")
  }

  @Test("A36: a notice that leaves somebody out turns it red")
  func forgottenOwner() async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    var environment = stage.environment
    let announce = environment.providers.announce
    environment.providers.announce = { try await announce($0) - 1 }
    try await stage.isRed("A36", in: environment, saying: "notices were written to")
  }

  @Test("A37: a gate that does not mind an objection turns it red")
  func deafGate() async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    try await stage.isRed("A37", in: try stage.environment(forgiving: "objects to"), saying: "despite the objection")
  }

  @Test("A37: an objection that turns it off for everybody turns it red")
  func loudObjection() async throws {
    let stage = try await Stage()
    defer { stage.house.leave() }
    let objected = Mutex(false)
    let loud = try stage.environment { base, intent in
      do {
        let name = try await base.admit(intent)
        if objected.withLock({ $0 }) { throw Problem(.forbidden, "Somebody objected.") }
        return name
      } catch let problem as Problem where problem.message.contains("objects to") {
        objected.withLock { $0 = true }
        throw problem
      }
    }
    try await stage.isRed("A37", in: loud, saying: "Another organisation's objection")
  }
}

/// An installation with an active and a suspended entry, and gates that are put together wrongly.
private struct Stage {
  let house: House
  let environment: ProbeEnvironment
  let prover = Prover()
  /// What the gate says of the active entry.
  let reference: String

  init() async throws {
    house = try await House.open()
    let desk = OperatorDesk(house)
    let active = try await desk.activeEntry(in: house)
    reference = "subprocessor:\(active)"
    let other = try await desk.add(
      OperatorDesk.sample(["kind": "own", "contract": nil, "name": "Own relay", "hosts": ["relay.acme.example:25"]]))
    _ = try await desk.ok("activate", other)
    _ = try await desk.ask("suspend", ["id": .string(other), "reason": "Moved."])
    environment = try house.app.trust.environment(house.app.services)
  }

  /// The checks on an application whose gate asks something else.
  func environment(
    _ admit: @escaping @Sendable (any EgressPolicy, EgressIntent) async throws -> String
  ) throws -> ProbeEnvironment {
    let app = house.app
    let policy = Twisted(base: app.services.egress.policy, answer: admit)
    let composition = try Composition(
      catalogue: app.catalogue, ledger: app.ledger, tenants: app.tenants, clock: ProbeClock(house.clock),
      people: app.accounts,
      authenticator: AccountsAuthenticator(accounts: app.accounts) { app.catalogue.permissions(of: $0) },
      assets: Assets(), installation: app.services.installation, egressPolicy: policy, logger: app.logger)
    return try app.trust.environment(composition.services)
  }

  /// A gate that lets through what the register refuses for this reason.
  func environment(forgiving words: String) throws -> ProbeEnvironment {
    let registers = house.app.registers
    return try environment { base, intent in
      do { return try await base.admit(intent) } catch let problem as Problem where problem.message.contains(words) {
        let place = Endpoint(host: intent.host, port: intent.port)
        let providers = try await registers.providers(in: registers.realm(of: intent.tenant))
        return providers.first { provider in place.map(provider.details.hosts.contains) ?? false }?.reference ?? ""
      }
    }
  }

  func isRed(_ id: String, in environment: ProbeEnvironment, saying words: String) async throws {
    let check = try #require(Prover.checks.first { $0.id == id })
    let result = await prover.run(id, check.run, in: environment)
    #expect(result.outcome == .failing, "\(id) reads \(result.outcome.rawValue): \(result.reason)")
    #expect(result.reason.contains(words), "\(id): \(result.reason)")
  }
}

private struct Twisted: EgressPolicy {
  let base: any EgressPolicy
  let answer: @Sendable (any EgressPolicy, EgressIntent) async throws -> String
  func admit(_ intent: EgressIntent) async throws -> String { try await answer(base, intent) }
}
