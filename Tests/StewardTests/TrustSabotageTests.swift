import Accounts
import Glibc
import Platform
import Server
import Storage
import Synchronization
import TestDatabase
import TestKit
import Testing

@testable import Trust

/// For each promise with a check: the check is green on a sound installation, and turns red, with a reason, once the mechanism is broken.
@Suite("Sabotage of the promises", .serialized)
struct TrustSabotageTests {
  @Test("on a sound installation every check proves its promise and says what it did")
  func soundInstallation() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    let results = try await Prover().prove(in: bench.environment)
    #expect(results.map(\.promise) == Prover.checks.map(\.id))
    // Without a listener nothing can be said of some, without a place for backups of A22, A42 and F44, with the root key in a file of F11 and A12; other
    // suites have what they need.
    let elsewhere = TransportCheck.ids + ["A22", "A42", "F44", "F11", "A12"]
    for result in results where !elsewhere.contains(result.promise) {
      #expect(result.outcome == .proven, "\(result.promise): \(result.reason)")
      #expect(!result.evidence.isEmpty)
    }
    let again = try await Prover().prove(in: bench.environment)
    let doubtful = again.filter { $0.outcome != .proven && !elsewhere.contains($0.promise) }
    #expect(doubtful.isEmpty, "\(doubtful)")
  }

  @Test("F10: content in a file in the clear turns it red")
  func clearContent() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    let (send, path) = (bench.environment.send, bench.data + "/debug.log")
    var environment = bench.environment
    environment.send = { call in
      // What a careless log line would do.
      try append(call.body, to: path)
      return try await send(call)
    }
    try await bench.isRed("F10", in: environment, saying: "found in the clear")
  }

  @Test(
    "F10 and A9: content in the clear in any column of the database turns them red", .enabled(if: TestDatabase.isWanted)
  )
  func clearColumn() async throws {
    for id in ["F10", "A9"] {
      let bench = try await Bench()
      defer { bench.house.leave() }
      try await bench.isGreen(id)
      var environment = bench.environment
      let send = environment.send
      environment.send = { call in
        let text = String(decoding: call.body, as: UTF8.self)
        if call.method == .patch {
          try await bench.tamper(
            ProbeTenants.firstSlug,
            """
            INSERT INTO log_facet (tenant, facet, value, tile) SELECT tenant, 'note', '\(text)', 0 FROM vendor LIMIT 1
            """)
        }
        return try await send(call)
      }
      try await bench.isRed(id, in: environment, saying: "in the clear")
    }
  }

  @Test("A10: keys that open what is another tenant's turn it red")
  func sharedKeys() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    var environment = bench.environment
    environment.opens = { _, _, _ in true }
    try await bench.isRed("A10", in: environment, saying: "opens in the other's place")
  }

  @Test("A10: a stored row that does not open at home turns it red")
  func damagedRow() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    try await bench.isGreen("A10")
    try await bench.tamper(ProbeTenants.firstSlug, "UPDATE tenant_name SET schema = schema + 1")
    try await bench.isRed("A10", saying: "does not open where it belongs")
  }

  @Test("F15: an action that is done although its record cannot be kept turns it red")
  func unrecordedAction() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    var environment = bench.environment
    environment.failNextAppend = { _ in }
    try await bench.isRed("F15", in: environment, saying: "With a failing journal")
  }

  @Test("F15: an action whose entry is not in the trail turns it red")
  func hiddenEntry() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    let send = bench.environment.send
    var environment = bench.environment
    environment.send = { call in
      call.target.hasPrefix("/v1/audit/") ? FrontDoor.Answer(status: 404, headers: [:], body: []) : try await send(call)
    }
    try await bench.isRed("F15", in: environment, saying: "not in the audit trail")
  }

  @Test("A20: a row changed past the write path turns it red, and the row's table is named")
  func unauditedWrite() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    try await bench.isGreen("A20")
    try await bench.tamper(ProbeTenants.secondSlug, "UPDATE vendor SET entry = entry + 1")
    try await bench.isRed("A20", saying: "vendor")
  }

  @Test("A20: a write without a receipt turns it red")
  func writeWithoutReceipt() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    let send = bench.environment.send
    var environment = bench.environment
    environment.send = { call in
      let answer = try await send(call)
      var headers = answer.headers
      headers["Steward-Receipt"] = nil
      return FrontDoor.Answer(status: answer.status, headers: headers, body: answer.body)
    }
    try await bench.isRed("A20", in: environment, saying: "without a receipt")
  }

  @Test("A21: an exported line that is not what was signed turns it red")
  func forgedLine() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    try await bench.isGreen("A21")
    try await bench.tamper(
      ProbeTenants.firstSlug,
      "UPDATE log_entry SET data = CAST(replace(CAST(data AS TEXT), 'system:', 'system:not-') AS BLOB) WHERE idx = 0")
    try await bench.isRed("A21", saying: "in the signed tree")
  }

  @Test("A21: a filter that lets everything through turns it red")
  func openFilter() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    let send = bench.environment.send
    var environment = bench.environment
    environment.send = { call in
      var call = call
      if call.target.hasPrefix("/v1/audit?limit=200&actor") { call.target = "/v1/audit?limit=200" }
      return try await send(call)
    }
    try await bench.isRed("A21", in: environment, saying: "filter by actor")
  }

  @Test("A43: a record that is not what its entry says turns it red")
  func silentEdit() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    try await bench.isGreen("A43")
    let send = bench.environment.send
    var environment = bench.environment
    environment.send = { call in
      let answer = try await send(call)
      if call.method == .patch {
        try await bench.tamper(ProbeTenants.firstSlug, "UPDATE vendor SET subject = subject")
        try await bench.tamper(ProbeTenants.firstSlug, "UPDATE log_change SET after = zeroblob(32) WHERE op = 'update'")
      }
      return answer
    }
    try await bench.isRed("A43", in: environment, saying: "not those that the entry commits to")
  }

  @Test("F71: a page that does not know the time turns it red")
  func timelessPage() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    _ = try await Prover().prove(["A57"], in: bench.environment)
    try await bench.isGreen("F71")
    let stopped = try bench.composition(clock: bench.house.clock)
    try await bench.isRed("F71", in: bench.environment(of: stopped), saying: "still reads proven")
  }

  @Test("A58: a review dated otherwise than its entry in the log turns it red")
  func forgedDate() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    _ = try await Prover().prove(["A57"], in: bench.environment)
    try await bench.isGreen("A58")
    let forged = CheckResult(
      promise: "A57", outcome: .proven, evidence: "Trust me.", checkedAt: bench.house.clock.now.adding(seconds: 240))
    try await ResultStore(services: bench.environment.services).record(forged)
    try await bench.isRed("A58", saying: "dated otherwise")
  }

  @Test("A57: a badge without a report turns it red")
  func bareBadge() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    var environment = bench.environment
    environment.publishBadge = { _, _ in }
    try await bench.isRed("A57", in: environment, saying: "published without a verified report")
  }

  @Test("A54: a page without its policy turns it red")
  func noPolicy() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    let send = bench.environment.send
    var environment = bench.environment
    environment.send = { call in
      let answer = try await send(call)
      var headers = answer.headers
      headers["Content-Security-Policy"] = nil
      return FrontDoor.Answer(status: answer.status, headers: headers, body: answer.body)
    }
    try await bench.isRed("A54", in: environment, saying: "no content security policy")
  }

  @Test(
    "A54: anything that loads from elsewhere turns it red",
    arguments: [
      "<img src=https://tracker.example/pixel.gif>", "<script>fetch('/')</script>",
      "<link rel='stylesheet' href='//fonts.example/a.css'>", "<a href='/' ping='https://tracker.example/'>x</a>",
      "<form action='https://elsewhere.example/'></form>", "<p onclick='x()'>x</p>",
    ])
  func foreignOrigin(html: String) async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    let send = bench.environment.send
    var environment = bench.environment
    environment.send = { call in
      let answer = try await send(call)
      guard call.target.hasPrefix("/trust"), answer.headers["Content-Type"]?.hasPrefix("text/html") == true else {
        return answer
      }
      return FrontDoor.Answer(status: answer.status, headers: answer.headers, body: answer.body + Array(html.utf8))
    }
    try await bench.isRed("A54", in: environment, saying: "/trust")
  }
}

/// The same for promises about people and sessions: here the application itself is put together wrongly.
@Suite("Sabotage of access", .serialized)
struct TrustAccessSabotageTests {
  @Test(
    "F29: a route that forgot its permission turns it red",
    arguments: ["GET /v1/vendors", "POST /v1/people", "GET /audit"])
  func forgottenPermission(name: String) async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    let loose = try bench.composition { $0.name == name ? $0.with(access: .signedIn) : $0 }
    try await bench.isRed("F29", in: bench.environment(of: loose), saying: name)
  }

  @Test("F29: a route that refuses those to whom the matrix gives it turns it red")
  func overlyStrict() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    let strict = try bench.composition { $0.name == "GET /v1/audit" ? $0.with(access: .permission(.peopleManage)) : $0 }
    try await bench.isRed("F29", in: bench.environment(of: strict), saying: "GET /v1/audit answers 404 to the role")
  }

  @Test("F29: a published matrix that is not the declared one turns it red")
  func falseMatrix() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    let loose = try bench.composition { $0.name == "GET /v1/vendors" ? $0.with(access: .signedIn) : $0 }
    var environment = bench.environment(of: loose)
    environment.send = { try await loose.services.frontDoor.send($0) }
    try await bench.isRed("F29", in: environment, saying: "published matrix")
  }

  @Test("A14: a role that brings more than its permissions turns it red")
  func generousRole() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    let generous = try bench.composition(roles: { $0.contains(.member) ? $0.union([.auditor]) : $0 })
    try await bench.isRed("A14", in: bench.environment(of: generous), saying: "invited with member")
  }

  @Test("A15: a list that shows everything to everybody turns it red")
  func openList() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    let loose = try bench.composition { $0.name == "GET /v1/vendors" ? $0.with(access: .signedIn) : $0 }
    try await bench.isRed("A15", in: bench.environment(of: loose), saying: "GET /v1/vendors")
  }

  @Test("F30: a server that does not look at the time turns it red")
  func endlessSession() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    let now = bench.house.clock.now
    let endless = try bench.composition(authenticator: { Timeless(base: $0, now: now) })
    try await bench.isRed("F30", in: bench.environment(of: endless), saying: "lives on after its idle time")
  }

  @Test("F31: a server that remembers credentials turns it red")
  func rememberedCredential() async throws {
    let bench = try await Bench()
    defer { bench.house.leave() }
    let trusting = try bench.composition(authenticator: { Trusting(base: $0) })
    try await bench.isRed("F31", in: bench.environment(of: trusting), saying: "revoked token is still accepted")
  }
}

// MARK: - The bench

/// A house whose application can be put together again, wrongly.
private final class Bench: Sendable {
  let house: House
  let environment: ProbeEnvironment
  private let prover = Prover()

  init() async throws {
    house = try await House.open()
    var environment = try house.app.trust.environment(house.app.services)
    environment.wait = { [house] in house.clock.advance(seconds: $0) }
    self.environment = environment
  }

  var data: String { house.app.ledger.installation.directory }

  private func run(_ id: String, in environment: ProbeEnvironment) async throws -> CheckResult {
    let check = try #require(Prover.checks.first { $0.id == id })
    return await prover.run(id, check.run, in: environment)
  }

  func isGreen(_ id: String) async throws {
    let result = try await run(id, in: environment)
    #expect(result.outcome == .proven, "\(id): \(result.reason)")
  }

  func isRed(_ id: String, in environment: ProbeEnvironment? = nil, saying words: String) async throws {
    let result = try await run(id, in: environment ?? self.environment)
    #expect(result.outcome == .failing, "\(id) reads \(result.outcome.rawValue): \(result.reason)")
    #expect(result.reason.contains(words), "\(id): \(result.reason)")
  }

  /// Statements run behind the ledger's back, with the guards taken away: what someone with the file can do.
  func tamper(_ slug: String, _ statement: String) async throws {
    let tenant = try #require(house.app.ledger.tenant(slug: slug))
    try house.tamper(tenant.id, statement)
  }

  // MARK: Putting it together wrongly

  func composition(_ change: @escaping @Sendable (Route) -> Route) throws -> Composition {
    try composition(change, roles: { $0 }, clock: ProbeClock(house.clock), authenticator: { $0 })
  }

  func composition(roles: @escaping @Sendable (Set<Role>) -> Set<Role>) throws -> Composition {
    try composition({ $0 }, roles: roles, clock: ProbeClock(house.clock), authenticator: { $0 })
  }

  func composition(clock: any StewardClock) throws -> Composition {
    try composition({ $0 }, roles: { $0 }, clock: clock, authenticator: { $0 })
  }

  func composition(authenticator: (any Authenticator) -> any Authenticator) throws -> Composition {
    try composition({ $0 }, roles: { $0 }, clock: ProbeClock(house.clock), authenticator: authenticator)
  }

  private func composition(
    _ change: @escaping @Sendable (Route) -> Route, roles: @escaping @Sendable (Set<Role>) -> Set<Role>,
    clock: any StewardClock, authenticator: (any Authenticator) -> any Authenticator
  ) throws -> Composition {
    let app = house.app
    let catalogue = try Platform.Catalogue(app.catalogue.modules.map { Changed(base: $0, change: change) })
    let sound = AccountsAuthenticator(accounts: app.accounts) { catalogue.permissions(of: roles($0)) }
    return try Composition(
      catalogue: catalogue, ledger: app.ledger, tenants: app.tenants, clock: clock, people: app.accounts,
      authenticator: authenticator(sound), assets: Assets(), installation: app.services.installation, logger: app.logger
    )
  }

  /// The checks on that composition; what is declared and published stays what it is.
  func environment(of composition: Composition) -> ProbeEnvironment {
    let published = environment.send
    var environment = environment
    environment.services = composition.services
    environment.send = { call in
      call.target == "/openapi.json" ? try await published(call) : try await composition.services.frontDoor.send(call)
    }
    return environment
  }
}

/// A module whose routes were changed.
private struct Changed: Module {
  let base: any Module
  let change: @Sendable (Route) -> Route
  var manifest: ModuleManifest { base.manifest }
  var routes: [Route] { base.routes.map(change) }
}

extension Route {
  fileprivate func with(access: Access) -> Route {
    Route(
      method, path, access: access, summary: summary, bodyLimit: bodyLimit, timeoutSeconds: timeoutSeconds,
      handler: handler)
  }
}

/// Checks credentials as if no time passed.
private struct Timeless: Authenticator {
  let base: any Authenticator
  let now: Instant
  func visitor(_ credential: PresentedCredential, now: Instant) async throws -> Visitor? {
    try await base.visitor(credential, now: self.now)
  }
}

/// Believes for ever what it once found good.
private final class Trusting: Authenticator {
  private let base: any Authenticator
  private let kept = Mutex<[String: Visitor]>([:])
  init(base: any Authenticator) { self.base = base }

  func visitor(_ credential: PresentedCredential, now: Instant) async throws -> Visitor? {
    if let visitor = kept.withLock({ $0["\(credential)"] }) { return visitor }
    let visitor = try await base.visitor(credential, now: now)
    kept.withLock { $0["\(credential)"] = visitor }
    return visitor
  }
}

private func append(_ bytes: [UInt8], to path: String) throws {
  let file = try #require(fopen(path, "a"))
  defer { fclose(file) }
  fwrite(bytes, 1, bytes.count, file)
}
