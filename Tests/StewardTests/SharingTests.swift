import Accounts
import Kernel
@testable import Ledger
@testable import Operations
@testable import Platform
import Server
import Synchronization
import TestKit
import Testing

@testable import Trust

/// Jobs of two servers on one database: two runners that know of each other only what lies in the queue.
@Suite("Jobs of several servers")
struct SharedJobTests {
  @Test("what a killed server left running goes on at another within half a minute, and not before its lease is over")
  func killed() async throws {
    let shop = try await Shop.open(isShared: true)
    defer { shop.leave() }
    let other = try shop.anotherLife()
    await other.step()
    try await shop.ask("a")
    // As if the first was killed: the run ended without a word to the queue.
    try await shop.forge(state: "running", lease: "01m7ynpg49a26wkbgqvnqam7my.x", leaseSeconds: 20)
    for _ in 0..<3 {
      shop.clock.advance(seconds: JobRounds.periodSeconds)
      #expect(await other.step() == 0)
    }
    for _ in 0..<3 {
      shop.clock.advance(seconds: JobRounds.periodSeconds)
      await other.step()
    }
    #expect(shop.effects == ["a"])
    #expect(try await shop.states() == [.done])
  }

  @Test("what a killed server had not begun yet begins at another")
  func notBegun() async throws {
    let shop = try await Shop.open(isShared: true)
    defer { shop.leave() }
    let other = try shop.anotherLife()
    await other.step()
    try await shop.ask("a", at: shop.clock.now.adding(seconds: 3))
    shop.clock.advance(seconds: JobRounds.periodSeconds)
    #expect(await other.step() == 1)
    #expect(shop.effects == ["a"])
  }

  @Test("a run that lives is nobody else's, and a run whose lease another has has no effect")
  func living() async throws {
    let shop = try await Shop.open(isShared: true)
    defer { shop.leave() }
    let other = try shop.anotherLife()
    try await shop.ask("a")
    shop.notes.meanwhile.withLock { meanwhile in
      meanwhile = {
        shop.notes.meanwhile.withLock { $0 = nil }
        shop.clock.advance(seconds: 19)
        #expect(await other.step() == 0, "its lease holds")
        shop.clock.advance(seconds: JobRounds.periodSeconds)
        #expect(await other.step() == 1, "the first was held up too long")
      }
    }
    #expect(await shop.runner.step() == 1)
    #expect(shop.effects == ["a"], "twice to effect")
    #expect(try await shop.states() == [.done])
  }

  @Test("a lease is renewed while its run lives, and a run ends whose renewals do not come through")
  func renewal() async throws {
    let shop = try await Shop.open(isShared: true)
    defer { shop.leave() }
    try await shop.ask("a")
    let kinds = shop.services.jobs.kinds
    let queue = JobQueue(ledger: shop.services.ledger, kinds: kinds, life: "life", jitter: { 0 })
    let claim = try #require(try await queue.claim(shop.tenant).claim)
    func run(lease: String, seconds: Int) -> JobRun {
      JobRun(
        services: shop.services, tenant: shop.tenant, id: claim.id, kind: claim.kind.name, payload: [:], attempt: 1,
        lease: lease, leaseSeconds: seconds, stopsWhenFrozen: true)
    }
    shop.clock.advance(seconds: 15)
    let beating = Task { await JobPulse(run(lease: claim.lease, seconds: 20)).beat() }
    #expect(try await run(lease: claim.lease, seconds: 20).renew())
    shop.clock.advance(seconds: 15)
    #expect(try await queue.claim(shop.tenant).claim == nil, "the renewed lease holds")
    beating.cancel()
    // Nobody renews this one: its second is over.
    await JobPulse(run(lease: "lost", seconds: 1)).watch()
    // And this one is told that the job is another's.
    await JobPulse(run(lease: "lost", seconds: 3)).beat()
  }

  @Test("a schedule of several servers runs once", arguments: [JobKind.Scope.installation, .eachTenant])
  func schedule(_ scope: JobKind.Scope) async throws {
    let shop = try await Shop.open(schedule: .every(seconds: 3_600), scope: scope, isShared: true)
    defer { shop.leave() }
    let other = try shop.anotherLife()
    let tenants = scope == .installation ? 1 : 2
    // Both look before either enqueues anything, and in turns.
    await other.step()
    await shop.runner.step()
    #expect(shop.effects.count == tenants)
    for round in 2...4 {
      shop.clock.advance(seconds: 3_600)
      let turns = round == 3 ? [shop.runner, other] : [other, shop.runner]
      for runner in turns { await runner.step() }
      #expect(shop.effects.count == round * tenants)
    }
    // One of them is no more.
    for round in 5...6 {
      shop.clock.advance(seconds: 3_600)
      await other.step()
      #expect(shop.effects.count == round * tenants)
    }
  }

  @Test("a tenant that was quiet when a server began is looked at when another server gave it something to do")
  func quiet() async throws {
    let shop = try await Shop.open(schedule: .daily(hour: 6, minute: 0), isShared: true) { peek in
      try !peek.rows("SELECT 1 FROM vendor WHERE tenant = \(peek.tenant) LIMIT 1").isEmpty
    }
    defer { shop.leave() }
    #expect(await shop.runner.step() == 0)
    _ = try await shop.house.anna.at(try shop.house.neighbour()).post("/v1/vendors", ["name": "Initech"])
    shop.clock.advance(seconds: 86_400)
    #expect(await shop.runner.step() == 1)
  }

  @Test("a look that could run nothing is not repeated with every round, until the answer is another")
  func rounds() {
    let (a, b) = (TenantID.make(at: House.beginning), TenantID.make(at: House.beginning))
    func time(_ seconds: Int) -> Instant { House.beginning.adding(seconds: seconds) }
    var rounds = JobRounds()
    func begins(_ seconds: Int) -> Bool { rounds.begin(at: time(seconds)) }
    func news(_ due: [TenantID: Instant], _ seconds: Int) -> Set<TenantID> {
      Set(rounds.news(due, at: time(seconds)).keys)
    }
    #expect([0, 4, 5].map(begins) == [true, false, true])
    #expect(news([a: time(0), b: time(0)], 5) == [a, b])
    rounds.foundNothing(a, at: time(5))
    #expect(news([a: time(0), b: time(0)], 10) == [b])
    #expect(news([a: time(2)], 15) == [a], "something else")
    rounds.foundNothing(a, at: time(15))
    #expect(news([a: time(2)], 74).isEmpty)
    #expect(news([a: time(2)], 75) == [a], "after a minute")
    #expect(begins(-3_600), "a clock that was set back")
  }
}

/// What else two servers on one database must agree on.
@Suite("Several servers")
struct SharingTests {
  @Test("a tenant that another server made is found by name and by id, and stands in the list once that is asked for")
  func tenants() async throws {
    let house = try await House.open(isShared: true)
    defer { house.leave() }
    func second(isShared: Bool) throws -> Ledger {
      let first = house.app.ledger
      let tables = first.tables.values.filter { $0.kind == .transient }
      return try Ledger(installation: first.installation, tables: tables, clock: house.clock, isShared: isShared)
    }
    let (shared, alone) = (try second(isShared: true), try second(isShared: false))
    let made = try await house.app.tenants.create(slug: "initech", name: "Initech", by: .system("test"))
    let later = try await house.app.tenants.create(slug: "hooli", name: "Hooli", by: .system("test"))
    #expect(shared.tenant(slug: "initech") == nil)
    #expect(try await shared.find(slug: "initech")?.id == made.id)
    #expect(try await shared.find(later.id)?.slug == "hooli")
    #expect(try await shared.find(slug: "nobody") == nil)
    if house.database == nil {
      #expect(try await alone.find(slug: "initech") == nil, "nothing is asked where nobody else can have made one")
    }
    let last = try await house.app.tenants.create(slug: "umbrella", name: "Umbrella", by: .system("test"))
    #expect(!shared.tenants.contains { $0.id == last.id })
    try await shared.refreshTenants()
    #expect(shared.tenants.contains { $0.id == last.id })
  }

  @Test("a session that is used at one server is not idle at another, and one that ended there is over here")
  func sessions() async throws {
    let house = try await House.open(isShared: true)
    defer { house.leave() }
    let other = try house.neighbour()
    try await house.setPassword("correct horse battery", for: house.mia)
    let here = try await house.mia.signedIn(
      slug: "acme", email: "mia@acme.example", password: "correct horse battery")
    let there = here.at(other)
    #expect(try await here.get("/v1/me").status == 200)
    for _ in 0..<3 {
      house.clock.advance(seconds: Accounts.sessionIdleSeconds - 120)
      #expect(try await there.get("/v1/me").status == 200)
    }
    #expect(try await here.get("/v1/me").status == 200, "it was in use all the time")
    _ = try await there.submit("/sign-out", [])
    #expect(try await here.get("/v1/me").status == 401)
  }

  @Test("a turn is one server's, until it is given back or lapses")
  func turns() async throws {
    let house = try await House.open(isShared: true)
    defer { house.leave() }
    let (here, there) = (house.app.services.turns, try house.neighbour().services.turns)
    let order = Mutex<[String]>([])
    @Sendable func note(_ word: String) { order.withLock { $0.append(word) } }
    try await here.take("x", patienceSeconds: 0) {
      note("here")
      await #expect(throws: Problem.self) { try await there.take("x", patienceSeconds: 0) { note("both") } }
      try await there.take("y", patienceSeconds: 0) { note("another") }
      house.clock.advance(seconds: Turns.leaseSeconds)
      try await there.take("x", patienceSeconds: 0) { note("lapsed") }
    }
    try await here.take("x", patienceSeconds: 0) { note("again") }
    #expect(order.withLock { $0 } == ["here", "another", "lapsed", "again"])
  }

  @Test("servers that hear nothing for a while were silent, whichever is heard first again")
  func silence() {
    var spans: [BeatSpan] = []
    func time(_ minute: Int) -> Instant { House.beginning.adding(seconds: minute * 60) }
    for (minute, process) in [(0, "a"), (1, "b"), (2, "a"), (10, "b"), (11, "a"), (20, "b")] {
      spans.add(time(minute), by: "process:\(process)")
    }
    let gaps = History(spans, runs: [:], now: time(20)).gaps
    #expect(gaps.map(\.reason) == [.silent, .cut], "a is heard again after the first gap, and not after the second")
  }

  @Test("two servers that begin at once fill an empty database once, and both know who can sign in")
  func demo() async throws {
    let directory = try temporaryDirectory()
    let data = directory + "/data"
    try Installation.create(at: data, keys: "\(data).keys", now: House.beginning).close()
    let configuration = ServerConfiguration(
      dataDirectory: data, keysDirectory: nil, listen: ListenAddress(host: "localhost", port: 8080))
    // A clock that stands: however slow the machine, no turn lapses.
    let clock = FixedClock(House.beginning)
    let first = try StewardApp(configuration, clock: clock, isShared: true)
    let second = try StewardApp(configuration, clock: clock, beside: first)
    let seeded = Mutex(0)
    let seed = DemoSeed { _ in seeded.withLock { $0 += 1 } }
    let demos = [first, second].map { Demo(app: $0, seeds: [seed], credentialsPath: nil) }
    async let here = demos[0].prepare(url: "http://localhost:1")
    async let there = demos[1].prepare(url: "http://localhost:2")
    let people = [try await here, try await there]
    #expect(people[0].map(\.token) == people[1].map(\.token))
    #expect(seeded.withLock { $0 } == 1)
    await first.close()
    removeTree(directory)
  }

  @Test("two servers prove one after the other, each with callers of its own")
  func proving() async throws {
    let house = try await House.open(isShared: true)
    defer { house.leave() }
    let other = try house.neighbour()
    for app in [house.app, other, house.app] {
      let results = try await app.trust.prover.prove(["F29"], in: try app.trust.environment(app.services))
      #expect(results.map(\.outcome) == [.proven], "\(results.map(\.reason))")
    }
    let seen = try await ResultStore(services: other.services).all()
    #expect(seen["F29"]?.outcome == .proven)
  }
}
