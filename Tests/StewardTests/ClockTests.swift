import Kernel
import Ledger
import Platform
import Synchronization
import TestKit
import Testing

/// A clock that is set back or ahead while Steward runs or between two starts. The record's time never goes back and stands still until
/// the clock has caught up; whatever ends or is due goes by the clock, and nothing waits for a moment of a clock that was wrong.
@Suite("A clock that jumps")
struct ClockTests {
  private static let hour = 3_600
  private static let year = 365 * 86_400

  /// The clock goes a year ahead, something is written there, and it comes back.
  private func excursion(_ shop: Shop) async throws {
    shop.clock.advance(seconds: ClockTests.year)
    #expect(try await shop.house.anna.post("/v1/vendors", ["name": "Of next year"]).status == 201)
    shop.clock.advance(seconds: -ClockTests.year)
  }

  @Test("the record's time stays ahead, and a job that is asked for then runs at once")
  func jobAfterExcursion() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    try await excursion(shop)
    try await shop.ask("a")
    #expect(await shop.runner.step() == 1)
    #expect(shop.effects == ["a"])
    #expect(try await shop.house.anna.post("/v1/vendors", ["name": "Of today"]).status == 201)
  }

  @Test("a job whose time is in a minute waits a minute, however far ahead the record is")
  func delayAfterExcursion() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    try await excursion(shop)
    // A command reckons with the record's time.
    try await shop.ask("a", at: shop.clock.now.adding(seconds: ClockTests.year + 60))
    #expect(await shop.runner.step() == 0)
    shop.clock.advance(seconds: 60)
    #expect(await shop.runner.step() == 1)
  }

  @Test("a job that fails after it is tried again in time, not a year later and not all at once")
  func retryAfterExcursion() async throws {
    let shop = try await Shop.open(jitter: 1)
    defer { shop.leave() }
    try await excursion(shop)
    shop.notes.fails.withLock { $0 = true }
    try await shop.ask("a")
    #expect(await shop.runner.step() == 1)
    #expect(await shop.runner.step() == 0)
    shop.clock.advance(seconds: 10)
    shop.notes.fails.withLock { $0 = false }
    #expect(await shop.runner.step() == 1)
    #expect(shop.effects == ["a"])
  }

  @Test("what waits for a moment of a clock that was wrong runs once the clock is right", arguments: [false, true])
  func waitingAcrossReturn(isRestarted: Bool) async throws {
    let shop = try await Shop.open(jitter: 1)
    defer { shop.leave() }
    shop.clock.advance(seconds: ClockTests.year)
    shop.notes.fails.withLock { $0 = true }
    try await shop.ask("a")
    #expect(await shop.runner.step() == 1)
    shop.notes.fails.withLock { $0 = false }
    shop.clock.advance(seconds: -ClockTests.year)
    let runner = isRestarted ? try shop.anotherLife() : shop.runner
    #expect(await runner.step() == 1)
    #expect(shop.effects == ["a"])
  }

  @Test("a clock that is set back by an hour delays no job that was due", arguments: [false, true])
  func hourBack(isRestarted: Bool) async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    try await shop.ask("a")
    shop.clock.advance(seconds: -ClockTests.hour)
    try await shop.ask("b")
    let runner = isRestarted ? try shop.anotherLife() : shop.runner
    #expect(await runner.step() == 2)
    #expect(shop.effects.sorted() == ["a", "b"])
  }

  @Test(
    "a schedule that was kept a year ahead is kept today too",
    arguments: [JobKind.Schedule.every(seconds: 600), .daily(hour: 6, minute: 0)], [false, true])
  func schedules(_ schedule: JobKind.Schedule, isRestarted: Bool) async throws {
    let shop = try await Shop.open(schedule: schedule)
    defer { shop.leave() }
    shop.clock.advance(seconds: ClockTests.year)
    _ = await shop.runner.step()
    shop.clock.advance(seconds: -ClockTests.year)
    let runner = isRestarted ? try shop.anotherLife() : shop.runner
    let before = shop.effects.count
    _ = await runner.step()
    shop.clock.advance(seconds: 86_400)
    _ = await runner.step()
    #expect(shop.effects.count >= before + 4, "two tenants, and each at least twice: \(shop.effects.count - before)")
    let after = shop.effects.count
    #expect(await runner.step() == 0 && shop.effects.count == after, "and no more than is due")
  }

  @Test("a session begun a year ahead ends when the clock is right again; one begun an hour ahead goes on")
  func sessions() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.setPassword("correct horse battery", for: house.anna)
    func signedIn() async throws -> Guest {
      try await house.anna.signedIn(slug: "acme", email: "anna@acme.example", password: "correct horse battery")
    }
    house.clock.advance(seconds: ClockTests.year)
    let wrong = try await signedIn()
    #expect(try await wrong.get("/v1/me").status == 200)
    house.clock.advance(seconds: ClockTests.hour - ClockTests.year)
    let early = try await signedIn()
    house.clock.advance(seconds: -ClockTests.hour)
    #expect(try await wrong.get("/v1/me").status == 401)
    #expect(try await early.get("/v1/me").status == 200)
    #expect(try await signedIn().get("/v1/me").status == 200)
  }

  @Test("a set-up link made a year ahead is over when the clock is right again, and a new one counts")
  func links() async throws {
    let house = try await House.open()
    defer { house.leave() }
    func invited(_ name: String) async throws -> String {
      let added = try await house.olga.post(
        "/v1/people", ["name": .string(name), "email": .string("\(name)@acme.example")])
      return String(try #require(try added.json()["setup_link"]?.string?.dropFirst("http://localhost:8080".count)))
    }
    house.clock.advance(seconds: ClockTests.year)
    let wrong = try await invited("zoe")
    house.clock.advance(seconds: -ClockTests.year)
    #expect(try await house.stranger.page(wrong).status == 404)
    #expect(try await house.stranger.page(try await invited("yan")).status == 200)
  }

  @Test("who guessed too often a year ahead may try again when the clock is right")
  func throttle() async throws {
    let house = try await House.open()
    defer { house.leave() }
    func guess() async throws -> Int {
      try await house.stranger.submit("/t/acme", [("email", "anna@acme.example"), ("password", "wrong")]).status
    }
    house.clock.advance(seconds: ClockTests.year)
    for _ in 0..<10 { #expect(try await guess() == 401) }
    #expect(try await guess() == 429)
    house.clock.advance(seconds: -ClockTests.year)
    #expect(try await guess() == 401)
  }
}
