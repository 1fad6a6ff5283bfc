import Accounts
import Foundation
@testable import Platform
import Server
import TestDatabase
import TestKit
import Testing

@testable import Trust

/// The check that an owner ends an organisation is green on a sound installation, and red once a clause of the sentence is broken.
@Suite("Sabotage of the promise that an owner ends it all")
struct OwnEndSabotageTests {
  @Test("A56: a sound installation proves it; in rounds only once a day")
  func sound() async throws {
    let bench = try await EndBench()
    defer { bench.house.leave() }
    let prover = Prover()
    func isProven() async throws -> Bool {
      let result = try await prover.prove(["A56", "A57"], in: bench.environment).first { $0.promise == "A56" }
      #expect(result?.outcome ?? .proven == .proven, "\(result?.reason ?? "")")
      return result != nil
    }
    #expect(try await isProven())
    let before = bench.house.app.ledger.tenants.count
    #expect(try await isProven())
    #expect(bench.house.app.ledger.tenants.count == before)
    #expect(!prover.isDue("A56", bench.house.clock.now))
    bench.house.clock.advance(seconds: Prover.dailySeconds)
    #expect(prover.isDue("A56", bench.house.clock.now) && prover.isDue("A57", bench.house.clock.now))
  }

  @Test("A56: what a broken-off check left, frozen and under legal hold, is ended by the next one")
  func brokenOff() async throws {
    let bench = try await EndBench()
    defer { bench.house.leave() }
    var environment = bench.environment
    let send = environment.send
    environment.send = { call in
      if call.target == "/v1/holds/lift" { throw CancellationError() }
      return try await send(call)
    }
    _ = try await bench.run(environment)
    func left() -> Int { bench.house.app.ledger.tenants.count { $0.slug.hasPrefix(ProbeTenants.passingPrefix) } }
    #expect(left() == 1)
    let result = try await bench.run(bench.environment)
    #expect(result.outcome == .proven, "\(result.reason)")
    #expect(left() == 0)
  }

  @Test("A56: a page without the button turns it red")
  func noButton() async throws {
    try await isRed("no button") { environment, _ in
      environment.replaceAnswers { call, answer in
        call.target == "/erasures" && call.method == .get ? answer.with(text: "<a href='/cases'>Cases</a>") : answer
      }
    }
  }

  @Test("A56: a copy of its database that somebody left turns it red", .enabled(if: !TestDatabase.isWanted))
  func leftCopy() async throws {
    try await isRed("still in") { environment, house in
      environment.before("/confirm") { _ in
        let data = house.app.ledger.installation.directory
        for tenant in house.app.ledger.tenants where tenant.slug.hasPrefix(ProbeTenants.passingPrefix) {
          for ending in ["", "-wal"] {
            try? FileManager.default.copyItem(
              atPath: "\(data)/tenants/\(tenant.id).db\(ending)", toPath: "\(data)/left-behind\(ending)")
          }
        }
      }
    }
  }

  @Test("A56: anything that is left turns it red")
  func remains() async throws {
    try await isRed("are left, such as vendor") { environment, _ in environment.remains = { _ in ["vendor"] } }
  }

  @Test("A56: a session that goes on turns it red")
  func session() async throws {
    try await isRed("session of an organisation that ended") { environment, _ in
      environment.replaceAnswers { call, answer in
        answer.status == 401 && call.headers["Cookie"] != nil ? answer.with(status: 200) : answer
      }
    }
  }

  @Test("A56: an owner whom an operator's freeze stops turns it red")
  func stoppedByFreeze() async throws {
    try await isRed("wish to end it was answered 423") { environment, _ in
      environment.replaceAnswers { call, answer in
        call.target == "/erasures" && call.method == .post ? answer.with(status: 423) : answer
      }
    }
  }

  @Test(
    "A56: whoever else can place a hold, lift it, or take the owner's wish back turns it red",
    arguments: [
      ("POST /v1/holds", "Placing a hold was answered"), ("POST /v1/holds/lift", "Lifting a hold was answered"),
      ("POST /v1/erasures/{id}/withdraw", "Taking the owner's wish back was answered"),
    ])
  func strangers(route: String, words: String) async throws {
    let bench = try await EndBench()
    defer { bench.house.leave() }
    var environment = bench.environment
    // As if the route did not ask who somebody is: the owner's own token goes with every call.
    let send = environment.send
    let services = environment.services
    environment.send = { call in
      let parts = call.target.split(separator: "/")
      let name = "\(call.method.rawValue) /" + parts.map { $0.count == 26 ? "{id}" : $0 }.joined(separator: "/")
      guard name == route else { return try await send(call) }
      guard let tenant = services.ledger.tenants.first(where: { $0.slug.hasPrefix(ProbeTenants.passingPrefix) }),
        let owner = try await services.people.people(in: tenant.id).first(where: { $0.roles.contains(.owner) })
      else { return try await send(call) }
      var call = call
      let token = try await services.people.issueToken(tenant.id, for: owner.id, label: "x", by: .system("test"))
      call.headers["Authorization"] = "Bearer \(token)"
      return try await send(call)
    }
    let result = try await bench.run(environment)
    #expect(result.outcome == .failing && result.reason.contains(words), "\(result.outcome): \(result.reason)")
  }

  @Test("A56: a hold that does not count turns it red")
  func looseHold() async throws {
    try await isRed("Under legal hold") { environment, _ in
      environment.replaceAnswers { call, answer in
        call.target.hasSuffix("/confirm") && answer.status == 409 ? answer.with(status: 200) : answer
      }
    }
  }

  @Test("A56: an owner's word without the password turns it red")
  func noPassword() async throws {
    let bench = try await EndBench()
    defer { bench.house.leave() }
    let app = bench.house.app
    let credulous = try Composition(
      catalogue: app.catalogue, ledger: app.ledger, tenants: app.tenants, clock: ProbeClock(bench.house.clock),
      people: Credulous(base: app.accounts),
      authenticator: AccountsAuthenticator(accounts: app.accounts) { app.catalogue.permissions(of: $0) },
      assets: Assets(), installation: app.services.installation, logger: app.logger)
    var environment = bench.environment
    environment.services = credulous.services
    environment.send = { try await credulous.services.frontDoor.send($0) }
    let result = try await bench.run(environment)
    #expect(result.outcome == .failing && result.reason.contains("Without the password"), "\(result.reason)")
  }

  @Test("A56: an end that needs an operator, or that comes late or never, turns it red")
  func late() async throws {
    try await isRed("more than 24 hours") { environment, house in
      environment.before("/v1/erased/") { _ in house.clock.advance(seconds: 25 * 3_600) }
      let jobs = environment.services.jobs
      // Nobody carries it on for a day.
      environment.services.jobs = try Jobs(
        jobs.kinds.values.filter { $0.name != OwnEndCheck.carryingKind }, clock: house.clock)
      environment.services.jobs.open { tenant, kind in
        house.clock.now < House.beginning.adding(seconds: 86_400) ? 0 : try await jobs.serve(tenant, only: kind)
      }
    }
    try await isRed("is not final after") { environment, _ in
      environment.replaceAnswers { call, answer in
        call.target.hasPrefix("/v1/erased/") ? answer.with(status: 404) : answer
      }
    }
    try await isRed("needed somebody else than an owner") { environment, _ in
      environment.replaceAnswers { call, answer in
        call.target.hasPrefix("/v1/erased/")
          ? answer.with(text: answer.text.replacing("system:erasure", with: "system:operator")) : answer
      }
    }
  }

  private func isRed(
    _ words: String, _ sabotage: (inout ProbeEnvironment, House) throws -> Void
  ) async throws {
    let bench = try await EndBench()
    defer { bench.house.leave() }
    var environment = bench.environment
    try sabotage(&environment, bench.house)
    let result = try await bench.run(environment)
    #expect(result.outcome == .failing && result.reason.contains(words), "\(result.outcome): \(result.reason)")
  }
}

private struct EndBench {
  let house: House
  let environment: ProbeEnvironment

  init() async throws {
    house = try await House.open()
    var environment = try house.app.trust.environment(house.app.services)
    environment.wait = { [house] in house.clock.advance(seconds: $0) }
    self.environment = environment
  }

  func run(_ environment: ProbeEnvironment) async throws -> CheckResult {
    let check = try #require(Prover.checks.first { $0.id == "A56" })
    return await Prover().run(check.id, check.run, in: environment)
  }
}

/// Takes any password.
private struct Credulous: PeopleDirectory {
  let base: any PeopleDirectory

  func person(_ id: PersonID, in tenant: TenantID) async throws -> PersonCard? { try await base.person(id, in: tenant) }
  func people(in tenant: TenantID) async throws -> [PersonCard] { try await base.people(in: tenant) }
  func enrol(
    _ tenant: TenantID, name: String, email: String, roles: Set<Role>, by actor: Actor
  ) async throws -> PersonID { try await base.enrol(tenant, name: name, email: email, roles: roles, by: actor) }
  func issueToken(_ tenant: TenantID, for person: PersonID, label: String, by actor: Actor) async throws -> String {
    try await base.issueToken(tenant, for: person, label: label, by: actor)
  }
  func confirm(_ principal: Principal, password: String) async throws {}
  func disable(_ tenant: TenantID, _ person: PersonID, by actor: Actor) async throws {
    try await base.disable(tenant, person, by: actor)
  }
}

extension ProbeEnvironment {
  /// Answers others than those that the application gave.
  fileprivate mutating func replaceAnswers(
    _ change: @escaping @Sendable (FrontDoor.Call, FrontDoor.Answer) -> FrontDoor.Answer
  ) {
    let send = send
    self.send = { call in change(call, try await send(call)) }
  }

  /// Does something before each call whose target holds `part`.
  fileprivate mutating func before(_ part: String, _ act: @escaping @Sendable (FrontDoor.Call) -> Void) {
    let send = send
    self.send = { call in
      if call.target.contains(part) { act(call) }
      return try await send(call)
    }
  }
}

extension FrontDoor.Answer {
  fileprivate func with(status: Int) -> FrontDoor.Answer {
    FrontDoor.Answer(status: status, headers: headers, body: body)
  }

  fileprivate func with(text: String) -> FrontDoor.Answer {
    FrontDoor.Answer(status: status, headers: headers, body: Array(text.utf8))
  }
}
