@testable import Platform
import Server
import Synchronization
import TestKit
import Testing

/// Background work with a runner that is stepped by hand and a clock that stands still.
@Suite("Jobs")
struct JobTests {
  @Test("a job that is asked for in a command runs after it, once")
  func runsOnce() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    try await shop.ask("a")
    #expect(await shop.runner.step() == 1)
    #expect(await shop.runner.step() == 0)
    #expect(shop.effects == ["a"])
    #expect(try await shop.states() == [.done])
  }

  @Test("a command that fails asks for nothing")
  func failedCommand() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    struct Refused: Error {}
    let jobs = shop.services.jobs
    await #expect(throws: Refused.self) {
      _ = try await shop.services.ledger.write(shop.tenant, Shop.act) { work in
        try jobs.enqueue("shop.note", ["word": "a"], in: work)
        throw Refused()
      }
    }
    #expect(await shop.runner.step() == 0)
    #expect(try await shop.states() == [])
  }

  @Test("a second unfinished job with the same key is not added; after the first has ended it is")
  func uniqueKeys() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    #expect(try await shop.ask("a", key: "k"))
    #expect(try await !shop.ask("b", key: "k"))
    await shop.runner.step()
    #expect(try await shop.ask("c", key: "k"))
    await shop.runner.step()
    #expect(shop.effects == ["a", "c"])
  }

  @Test("a job does not begin before its time")
  func runAt() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    try await shop.ask("a", at: shop.clock.now.adding(seconds: 60))
    #expect(await shop.runner.step() == 0)
    shop.clock.advance(seconds: 60)
    #expect(await shop.runner.step() == 1)
  }

  @Test("a job that fails is tried again, later each time, until it is given up; a retry begins anew")
  func retries() async throws {
    let shop = try await Shop.open(jitter: 1)
    defer { shop.leave() }
    shop.notes.fails.withLock { $0 = true }
    try await shop.ask("a")
    #expect(await shop.runner.step() == 1)
    #expect(await shop.runner.step() == 0)
    shop.clock.advance(seconds: 9)
    #expect(await shop.runner.step() == 0)
    shop.clock.advance(seconds: 1)
    #expect(await shop.runner.step() == 1)
    shop.clock.advance(seconds: 10)
    #expect(await shop.runner.step() == 0)
    shop.clock.advance(seconds: 10)
    #expect(await shop.runner.step() == 1)
    let dead = try #require(try await shop.jobs().first)
    #expect(dead.state == .dead && dead.problem == "unavailable" && dead.attempts == 3)

    shop.notes.fails.withLock { $0 = false }
    let jobs = shop.services.jobs
    _ = try await shop.services.ledger.write(shop.tenant, Shop.act) { try jobs.retry(dead.id, in: $0) }
    #expect(await shop.runner.step() == 1)
    #expect(shop.effects == ["a"])
    #expect(try await shop.states() == [.done])
  }

  @Test("half of the wait for a retry is chance")
  func jitter() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    func seconds(_ jitter: Double) -> [Int] {
      let queue = JobQueue(ledger: shop.services.ledger, kinds: [:], life: "x", jitter: { jitter })
      return [1, 2, 3, 12].map(queue.retrySeconds(afterAttempt:))
    }
    #expect(seconds(0) == [5, 10, 20, 1_800])
    #expect(seconds(1) == [10, 20, 40, 3_600])
  }

  @Test("a run whose lease is lost has no effect: neither with its settling nor in between")
  func lostLease() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    let second = try shop.anotherLife()
    try await shop.ask("a")
    // While the first run is in the middle, a process of another life takes the job over and ends it.
    shop.notes.meanwhile.withLock { meanwhile in
      meanwhile = {
        shop.notes.meanwhile.withLock { $0 = nil }
        if shop.services.ledger.isShared { shop.clock.advance(seconds: 20) }
        #expect(await second.step() == 1)
      }
    }
    #expect(await shop.runner.step() == 1)
    #expect(shop.effects == ["a"], "twice to effect")
    #expect(try await shop.states() == [.done])
  }

  @Test("what a killed process left running is taken over by the next life at once")
  func killed() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    try await shop.ask("a")
    // As if killed: the run ended without a word to the queue.
    try await shop.forge(state: "running", lease: "01m7ynpg49a26wkbgqvnqam7my.x", leaseSeconds: shop.lapsedSeconds)
    #expect(try await shop.anotherLife().step() == 1)
    #expect(shop.effects == ["a"])
  }

  @Test("a job whose runs are lost again and again is given up")
  func poison() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    try await shop.ask("a")
    try await shop.forge(
      state: "running", lease: "01m7ynpg49a26wkbgqvnqam7my.x", leaseSeconds: shop.lapsedSeconds, attempts: 3)
    #expect(await shop.runner.step() == 0)
    let dead = try #require(try await shop.jobs().first)
    #expect(dead.state == .dead && dead.problem == "lost")
  }

  @Test("a job that was cancelled while it ran ends at its next checkpoint, without effect")
  func cancelled() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    try await shop.ask("a")
    let jobs = shop.services.jobs
    shop.notes.meanwhile.withLock { meanwhile in
      meanwhile = {
        let id = try #require(try await shop.jobs().first?.id)
        _ = try await shop.services.ledger.write(shop.tenant, Shop.act) { try jobs.cancel(id, in: $0) }
      }
    }
    await shop.runner.step()
    #expect(shop.effects == [])
    #expect(try await shop.states() == [.cancelled])
  }

  @Test("tenants take turns: one with many jobs does not keep another's from beginning")
  func fairness() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    for word in ["1", "2", "3", "4", "5", "6"] {
      try await shop.ask(word)
      shop.clock.advance(seconds: 1)
    }
    try await shop.ask("globex", in: shop.house.globex.id)
    // One tenant may have two runs at once; the other's one job is in the first round.
    #expect(await shop.runner.step() == 3)
    #expect(Set(shop.effects) == ["1", "2", "globex"])
    #expect(await shop.runner.step() == 2)
    #expect(await shop.runner.step() == 2)
    #expect(await shop.runner.step() == 0)
  }

  @Test("no more run at once than there are slots")
  func slots() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    for number in 1...5 {
      let tenant = try await shop.house.app.tenants.create(slug: "t\(number)", name: "T", by: .system("test"))
      for word in ["x", "y"] { try await shop.ask(word, in: tenant.id) }
    }
    #expect(await shop.runner.step() == JobRunner.maximumRuns)
    #expect(await shop.runner.step() == 2)
  }

  @Test("what has ended is cleared away after a week, and only then is the queue looked at")
  func retention() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    try await shop.ask("a")
    await shop.runner.step()
    shop.clock.advance(seconds: 7 * 86_400 - 1)
    await shop.runner.step()
    #expect(try await shop.states() == [.done])
    shop.clock.advance(seconds: 2)
    await shop.runner.step()
    #expect(try await shop.states() == [])
  }
}

@Suite("Schedules")
struct ScheduleTests {
  @Test("a daily schedule runs once a day in each tenant that is not hidden, and once for days that were missed")
  func daily() async throws {
    let shop = try await Shop.open(schedule: .daily(hour: 6, minute: 0))
    defer { shop.leave() }
    _ = try await shop.house.app.tenants.create(slug: "h", name: "H", isHidden: true, by: .system("test"))
    #expect(await shop.runner.step() == 0, "made at nine, due at six")
    shop.clock.advance(seconds: 21 * 3_600)
    #expect(await shop.runner.step() == 2)
    #expect(await shop.runner.step() == 0)
    shop.clock.advance(seconds: 5 * 86_400)
    #expect(await shop.runner.step() == 2)
    #expect(await shop.runner.step() == 0)
    // Another life of the process remembers.
    #expect(try await shop.anotherLife().step() == 0)
  }

  @Test("an hourly schedule of the installation runs in its own tenant, at once and then hourly")
  func hourly() async throws {
    let shop = try await Shop.open(schedule: .every(seconds: 3_600), scope: .installation)
    defer { shop.leave() }
    #expect(await shop.runner.step() == 1)
    shop.clock.advance(seconds: 3_599)
    #expect(await shop.runner.step() == 0)
    shop.clock.advance(seconds: 1)
    #expect(await shop.runner.step() == 1)
    let system = try await shop.services.tenants.system()
    #expect(try await shop.states(in: system) == [.done, .done])
  }

  @Test("a tenant that nobody uses and that has nothing to do is not opened")
  func idleTenants() async throws {
    let shop = try await Shop.open(schedule: .daily(hour: 6, minute: 0)) { peek in
      try !peek.rows("SELECT 1 FROM vendor WHERE tenant = \(peek.tenant) LIMIT 1").isEmpty
    }
    defer { shop.leave() }
    _ = try await shop.house.anna.post("/v1/vendors", ["name": "Initech"])
    let reopened = try await shop.reopened()
    reopened.clock.advance(seconds: 86_400)
    #expect(await reopened.runner.step() == 1)
    #expect(reopened.services.ledger.isOpen(shop.tenant))
    #expect(!reopened.services.ledger.isOpen(shop.house.globex.id))
  }
}

/// What the kind `shop.note` does: it notes the word of its payload, unless it is to fail.
final class NoteTaking: Sendable {
  let log = Mutex<[String]>([])
  let fails = Mutex(false)
  /// What happens between the start of a run and its effect.
  let meanwhile = Mutex<(@Sendable () async throws -> Void)?>(nil)

  @Sendable func run(_ run: JobRun) async throws {
    if fails.withLock({ $0 }) { throw Problem(.unavailable, "Not now.") }
    if let meanwhile = meanwhile.withLock({ $0 }) { try await meanwhile() }
    try await run.progress(0, of: 1)
    _ = try await run.services.ledger.write(run.tenant, Shop.act) { work in try run.settle(in: work) }
    log.withLock { $0.append(run.payload["word"]?.string ?? "") }
  }
}

/// An installation with a runner that is stepped by hand and one kind of jobs.
struct Shop: Sendable {
  static let act = Act("shop.act", on: ObjectRef("shop", "x"), by: .system("test"))

  let house: House
  let app: StewardApp
  let services: Services
  let runner: JobRunner
  let notes: NoteTaking
  private let kind: JobKind

  var tenant: TenantID { house.acme.id }
  var clock: FixedClock { house.clock }
  /// A lease of another life that counts as lost: any, or on a shared database one that has run out.
  var lapsedSeconds: Int { services.ledger.isShared ? 0 : 3_600 }
  var effects: [String] { notes.log.withLock { $0 } }

  static func open(
    jitter: Double = 0.5, schedule: JobKind.Schedule? = nil, scope: JobKind.Scope = .eachTenant,
    isShared: Bool = false, isNeeded: (@Sendable (Peek) throws -> Bool)? = nil
  ) async throws -> Shop {
    let (house, notes) = (try await House.open(isShared: isShared), NoteTaking())
    let kind = JobKind(
      "shop.note", summary: "Note a word.", schedule: schedule, scope: scope, maximumAttempts: 3, isNeeded: isNeeded,
      run: notes.run)
    return try Shop(house, house.app, notes, kind, jitter)
  }

  private init(_ house: House, _ app: StewardApp, _ notes: NoteTaking, _ kind: JobKind, _ jitter: Double = 0.5) throws {
    (self.house, self.app, self.notes, self.kind) = (house, app, notes, kind)
    var services = app.services
    services.jobs = try Jobs([kind], clock: house.clock)
    let jobs = services.jobs
    services.freezes = Freezes(ledger: app.ledger) { jobs.board.note($0, due: $1) }
    self.services = services
    runner = JobRunner(services: services, logger: app.logger, jitter: { jitter })
  }

  func leave() { house.leave() }

  /// A runner that knows nothing of the first one, as after a start.
  func anotherLife() throws -> JobRunner {
    try Shop(house, app, notes, kind).runner
  }

  /// The same directory, opened again; nobody has used it since.
  func reopened() async throws -> Shop {
    try Shop(house, try await house.reopened(), notes, kind)
  }

  @discardableResult
  func ask(_ word: String, key: String? = nil, at: Instant? = nil, in tenant: TenantID? = nil) async throws -> Bool {
    try await services.ledger.write(tenant ?? self.tenant, Shop.act) { [jobs = services.jobs] work in
      try jobs.enqueue("shop.note", ["word": .string(word)], uniqueKey: key, at: at, in: work)
    }.value
  }

  func jobs(in tenant: TenantID? = nil) async throws -> [JobState] {
    try await services.ledger.read(tenant ?? self.tenant) { [jobs = services.jobs] reader in
      try jobs.list(before: nil, limit: 100, reader)
    }
  }

  func states(in tenant: TenantID? = nil) async throws -> [JobState.State] { try await jobs(in: tenant).map(\.state) }

  /// Puts every job into this state, as somebody else left it.
  func forge(state: String, lease: String, leaseSeconds: Int, attempts: Int = 1) async throws {
    let until = clock.now.adding(seconds: leaseSeconds)
    try await services.ledger.writeTransient(
      tenant,
      [
        """
        UPDATE job SET state = \(state), lease = \(lease), lease_until = \(until), attempts = \(attempts)
        WHERE tenant = \(tenant)
        """
      ])
  }
}
