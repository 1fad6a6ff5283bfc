import Foundation
@testable import Platform
import Server
import TestKit
import Testing

@Suite("The nightly backup")
struct NightlyTests {
  @Test("the scheduled job backs up every night by itself, and removes what is over its time")
  func nights() async throws {
    let house = try await House.open(backsUp: true)
    defer { house.leave() }
    let services = house.app.services
    let plan = JobPlan(services: services, logger: house.app.logger)
    let system = try await services.tenants.system()
    await plan.scan()
    /// What the schedule asks for, and of that the backup alone: a round of all promises takes its time.
    func pass() async throws {
      await plan.enqueueDue(now: house.clock.now)
      _ = try await services.jobs.serve(system, only: "backup.nightly")
    }
    try await pass()
    #expect(try await services.backups.facts()?.kept.isEmpty == true, "nothing before the first night")
    for _ in 0..<2 {
      house.clock.advance(seconds: 86_400)
      try await pass()
    }
    let first = try #require(try await services.backups.facts())
    #expect(
      first.kept.count == 2 && first.newest.map { house.clock.now.milliseconds - $0.milliseconds < 86_400_000 } == true)
    // A month in which nobody looked: one backup is made for all missed nights, and what is older than 31 days goes.
    house.clock.advance(seconds: 40 * 86_400)
    try await pass()
    let later = try #require(try await services.backups.facts())
    #expect(later.oldest.map { house.clock.now.milliseconds - $0.milliseconds <= 31 * 86_400_000 } == true, "\(later)")
  }
}
