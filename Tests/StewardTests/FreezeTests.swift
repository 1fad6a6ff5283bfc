@testable import Platform
import Server
import Synchronization
import TestKit
import Testing

@testable import Trust

@Suite("Freeze")
struct FreezeTests {
  @Test("an owner freezes and lifts; meanwhile everybody reads and exports, and nobody changes anything")
  func story() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.play(
      """
      as anna
      POST /v1/vendors
      {"name": "Initech"}
      201
      keep vendor = id

      # Managers cannot.
      POST /v1/freeze
      {"reason": "no"}
      404

      as olga
      POST /v1/freeze
      {}
      422
      has "Say why"
      POST /v1/freeze
      {"reason": "Court order 12/26"}
      200
      header Steward-Receipt
      has "Court order 12/26"

      POST /v1/freeze
      {"reason": "again"}
      423

      as anna
      GET /v1/freeze
      200
      has "true"
      PATCH /v1/vendors/{vendor}
      {"name": "Initrode"}
      423
      has "an owner or the operator lifts the freeze"
      POST /v1/vendors
      {"name": "Hooli"}
      423
      POST /v1/jobs
      {"kind": "offboarding.remind"}
      423
      GET /v1/vendors/{vendor}
      200
      has "Initech"
      GET /v1/audit/export
      200
      has "freeze.begin"
      as gina
      POST /v1/vendors
      {"name": "Hooli"}
      201

      as olga
      POST /v1/freeze/lift
      200
      header Steward-Receipt
      POST /v1/freeze/lift
      409

      as anna
      PATCH /v1/vendors/{vendor}
      {"name": "Initrode"}
      200
      """)
  }

  @Test("every page of a frozen organisation says so, and no page of another one")
  func banner() async throws {
    let house = try await House.open()
    defer { house.leave() }
    _ = try await house.olga.post("/v1/freeze", ["reason": "Court order 12/26"])
    for page in ["/home", "/jobs", "/freeze", "/vendors", "/cases/01m7ynpg49a26wkbgqvnqam7my"] {
      let text = try await house.anna.page(page).text
      #expect(text.contains("class=\"banner\"") && text.contains("Court order 12/26"), "\(page)")
    }
    #expect(try await !house.gina.page("/people").text.contains("class=\"banner\""))
    _ = try await house.olga.post("/v1/freeze/lift")
    #expect(try await !house.anna.page("/home").text.contains("class=\"banner\""))
  }

  @Test("the form asks for a reason and a confirmation")
  func form() async throws {
    let house = try await House.open()
    defer { house.leave() }
    #expect(try await house.olga.submit("/freeze", [("reason", "x")]).status == 422)
    #expect(try await house.olga.submit("/freeze", [("reason", ""), ("confirm", "yes")]).status == 422)
    #expect(try await house.olga.submit("/freeze", [("reason", "x"), ("confirm", "yes")]).status == 303)
    #expect(try await house.adam.page("/freeze").text.contains("This organisation is frozen"))
    #expect(try await house.olga.submit("/freeze/lift", []).status == 303)
  }

  @Test("people still sign in and out, and an owner can take access away")
  func signingIn() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.setPassword("correct horse battery", for: house.olga)
    _ = try await house.olga.post("/v1/freeze", ["reason": "x"])
    let olga = try await house.olga.signedIn(
      slug: "acme", email: "olga@acme.example", password: "correct horse battery")
    #expect(try await olga.get("/v1/me").status == 200)
    #expect(try await olga.submit("/freeze/lift", []).status == 303)
    #expect(try await olga.submit("/sign-out", []).status == 303)
  }

  @Test("a freeze and a write in one batch: the write that comes after it is refused")
  func sameBatch() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let (freezes, ledger, tenant) = (house.app.services.freezes, house.app.ledger, house.acme.id)
    let writes = Shop.act
    // Many at once end up in few batches; whatever the order, nothing is written after the freeze.
    let frozenAt = try await withThrowingTaskGroup(of: Int64?.self) { group in
      for number in 0..<60 {
        group.addTask {
          if number == 30 { return try await freezes.freeze(tenant, reason: "x", by: .system("test")).receipt.index }
          _ = try? await ledger.write(tenant, writes) { _ in }
          return nil
        }
      }
      var index: Int64?
      for try await found in group { index = found ?? index }
      return index
    }
    let at = try #require(frozenAt)
    var filter = EntryFilter()
    filter.from = at + 1
    filter.ascending = true
    let wanted = filter
    #expect(try await ledger.read(tenant) { try $0.entries(wanted) }.isEmpty)
  }

  @Test("jobs of a frozen tenant wait; one that runs ends at its next checkpoint and keeps its attempts")
  func jobs() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    try await shop.ask("a")
    let freezes = shop.services.freezes
    shop.notes.meanwhile.withLock { meanwhile in
      meanwhile = { _ = try await freezes.freeze(shop.tenant, reason: "x", by: .system("test")) }
    }
    #expect(await shop.runner.step() == 1)
    let waiting = try #require(try await shop.jobs().first)
    #expect(waiting.state == .waiting && waiting.attempts == 0 && waiting.problem == nil)
    #expect(await shop.runner.step() == 0)
    #expect(shop.effects == [])
    shop.notes.meanwhile.withLock { $0 = nil }
    _ = try await freezes.lift(shop.tenant, by: .system("test"))
    #expect(await shop.runner.step() == 1)
    #expect(shop.effects == ["a"])
  }

  @Test("the operator freezes and lifts through the control verbs; the installation's own tenant stays as it is")
  func operatorVerbs() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let verbs = ControlVerbs(app: house.app)
    let frozen = await verbs.answer(["verb": "tenant.freeze", "tenant": "acme", "reason": "x"])
    #expect(frozen["ok"] != nil)
    #expect(try await house.anna.post("/v1/vendors", ["name": "Hooli"]).status == 423)
    #expect(await verbs.answer(["verb": "tenant.lift", "tenant": "acme"])["ok"] != nil)
    _ = try await house.app.tenants.system()
    let own = await verbs.answer(["verb": "tenant.freeze", "tenant": "system", "reason": "x"])
    #expect(own["problem"]?["code"]?.string == "forbidden")
  }

  @Test("what is published is what the write path goes by, and it holds no act that changes a customer's content")
  func published() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let rule = house.app.ledger.freezeRule
    for act in ["freeze.lift", "session.start", "session.end", "token.revoke", "schema.apply", "egress.result"] {
      #expect(rule.exempts(act), "\(act)")
    }
    for act in ["vendor.update", "case.step.complete", "person.add", "token.create", "egress.disclose", "sessionx.y"] {
      #expect(!rule.exempts(act), "\(act)")
    }
    let shown = try await house.stranger.get("/trust.json").json()["promises"]?.array?
      .first { $0["id"]?.string == "A44" }?["goes_on"]?.array
    #expect(
      shown?.compactMap { $0["what"]?.string }
        == house.app.services.freezes.published(house.app.services.jobs).map(\.what))
    #expect(try await house.stranger.page("/trust").text.contains("Statutory periods run on"))
  }
}

@Suite("Sabotage of A44", .serialized)
struct FreezeSabotageTests {
  private func environment(_ house: House) throws -> ProbeEnvironment {
    try house.app.trust.environment(house.app.services)
  }

  private func result(_ environment: ProbeEnvironment) async throws -> CheckResult {
    try #require(try await Prover().prove(["A44"], in: environment).first)
  }

  @Test("on a sound installation it is proven, twice in a row")
  func sound() async throws {
    let house = try await House.open()
    defer { house.leave() }
    for _ in 0..<2 {
      let result = try await result(environment(house))
      #expect(result.outcome == .proven, "\(result.reason)")
      #expect(result.evidence.contains("4 writes were refused"))
    }
  }

  @Test("jobs that run in a frozen tenant turn it red")
  func jobsRun() async throws {
    let house = try await House.open()
    defer { house.leave() }
    var environment = try environment(house)
    let kinds = house.app.services.jobs.kinds.values.map { kind in
      JobKind(
        kind.name, summary: kind.summary, freeze: kind.isOnDemand ? .exempt(reason: "sabotage") : kind.freeze,
        run: kind.run)
    }
    // The check asks for the kinds as they were declared, and the runner goes by others.
    let jobs = try Jobs(Array(house.app.services.jobs.kinds.values), clock: house.clock)
    var careless = house.app.services
    careless.jobs = try Jobs(kinds, clock: house.clock)
    let runner = JobRunner(services: careless, logger: house.app.logger)
    jobs.open { try await runner.serve($0, only: $1) }
    environment.services.jobs = jobs
    let result = try await result(environment)
    #expect(result.outcome == .failing && result.reason.contains("were run"), "\(result)")
  }

  @Test("a write that is accepted turns it red, and the tenant is left as it was")
  func writesAccepted() async throws {
    let house = try await House.open()
    defer { house.leave() }
    var environment = try environment(house)
    let send = environment.send
    environment.send = { call in
      guard call.method == .patch else { return try await send(call) }
      return FrontDoor.Answer(status: 200, headers: [:], body: Array("{}".utf8))
    }
    let result = try await result(environment)
    #expect(result.outcome == .failing && result.reason.contains("changing a vendor"), "\(result)")
    let probe = try #require(house.app.ledger.tenant(slug: ProbeTenants.secondSlug))
    #expect(try await !house.app.services.freezes.isFrozen(probe.id))
  }

  @Test("data that changes under the freeze turns it red")
  func dataChanges() async throws {
    let house = try await House.open()
    defer { house.leave() }
    var environment = try environment(house)
    let (send, freezes) = (environment.send, house.app.services.freezes)
    environment.send = { call in
      guard call.method == .get, call.target == "/v1/audit/export",
        let probe = house.app.ledger.tenant(slug: ProbeTenants.secondSlug)
      else { return try await send(call) }
      // Somebody lifts it for a moment, without leaving a trace in the answers.
      _ = try await freezes.lift(probe.id, by: .system("test"))
      _ = try await freezes.freeze(probe.id, reason: "again", by: .system("test"))
      return try await send(call)
    }
    let result = try await result(environment)
    #expect(result.outcome == .failing && result.reason.contains("changed"), "\(result)")
  }

  @Test("a gate that does not ask turns it red")
  func gate() async throws {
    let house = try await House.open()
    defer { house.leave() }
    var environment = try environment(house)
    environment.services.egress = EgressGate(
      policy: NoEgress(), ledger: house.app.ledger, systemTenant: { try await house.app.tenants.system() })
    let result = try await result(environment)
    #expect(result.outcome == .failing && result.reason.contains("The gate"), "\(result)")
  }

  @Test("a published list that is another one turns it red")
  func otherList() async throws {
    let house = try await House.open()
    defer { house.leave() }
    var environment = try environment(house)
    let send = environment.send
    environment.send = { call in
      let answer = try await send(call)
      guard call.target == "/trust.json" else { return answer }
      let text = answer.text.replacing("Statutory periods", with: "Periods")
      return FrontDoor.Answer(status: answer.status, headers: answer.headers, body: Array(text.utf8))
    }
    let result = try await result(environment)
    #expect(result.outcome == .failing && result.reason.contains("published list"), "\(result)")
  }
}
