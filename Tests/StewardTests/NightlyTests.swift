import Foundation
import Platform
import Server
import TestKit
import Testing

@Suite("The nightly backup")
struct NightlyTests {
  @Test("the scheduled job backs up every night by itself, and removes what is over its time")
  func nights() async throws {
    let house = try await House.open(backsUp: true)
    defer { house.leave() }
    let (runner, services) = (house.app.composition.runner, house.app.services)
    while await runner.step() > 0 {}
    #expect(try await services.backups.facts()?.kept.isEmpty == true, "nothing before the first night")
    for _ in 0..<2 {
      house.clock.advance(seconds: 86_400)
      while await runner.step() > 0 {}
    }
    let first = try #require(try await services.backups.facts())
    #expect(
      first.kept.count == 2 && first.newest.map { house.clock.now.milliseconds - $0.milliseconds < 86_400_000 } == true)
    // A month in which nobody looked: one backup is made for all missed nights, and what is older than 31 days goes.
    house.clock.advance(seconds: 40 * 86_400)
    while await runner.step() > 0 {}
    let later = try #require(try await services.backups.facts())
    #expect(later.oldest.map { house.clock.now.milliseconds - $0.milliseconds <= 31 * 86_400_000 } == true, "\(later)")
  }
}
