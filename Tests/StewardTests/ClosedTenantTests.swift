import Kernel
@testable import Ledger
@testable import Platform
import Synchronization
import TestKit
import Testing

/// Work in the background of tenants that nobody uses and that are therefore closed.
@Suite("Closed tenants")
struct ClosedTenantTests {
  private func closeAll(_ shop: Shop) async {
    shop.services.ledger.opened.rules.withLock { $0.idleRounds = 0 }
    await shop.services.ledger.closeIdleTenants()
  }

  @Test("a job of a closed tenant runs at its time, and its tenant stays open while it runs")
  func jobs() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    try await shop.ask("a", at: shop.clock.now.adding(seconds: 60))
    await shop.runner.step()
    await closeAll(shop)
    #expect(!shop.services.ledger.isOpen(shop.tenant))
    shop.clock.advance(seconds: 59)
    #expect(await shop.runner.step() == 0)
    #expect(!shop.services.ledger.isOpen(shop.tenant), "nothing was due")
    shop.notes.meanwhile.withLock { meanwhile in
      meanwhile = {
        await self.closeAll(shop)
        #expect(shop.services.ledger.isOpen(shop.tenant))
      }
    }
    shop.clock.advance(seconds: 1)
    #expect(await shop.runner.step() == 1)
    #expect(shop.effects == ["a"])
    await closeAll(shop)
    #expect(!shop.services.ledger.isOpen(shop.tenant))
  }

  @Test("a tenant that was quiet, was used and is closed again has its schedule kept; a quiet one is not opened for it")
  func schedules() async throws {
    let looks = Mutex(0)
    let shop = try await Shop.open(schedule: .daily(hour: 6, minute: 0)) { peek in
      looks.withLock { $0 += 1 }
      return try !peek.rows("SELECT 1 FROM vendor WHERE tenant = \(peek.tenant) LIMIT 1").isEmpty
    }
    defer { shop.leave() }
    let ledger = shop.services.ledger
    await closeAll(shop)
    #expect(await shop.runner.step() == 0)
    _ = try await shop.house.anna.post("/v1/vendors", ["name": "Initech"])
    let openings = ledger.openings(of: shop.house.globex.id)
    for _ in 0..<3 {
      await closeAll(shop)
      looks.withLock { $0 = 0 }
      shop.clock.advance(seconds: 86_400)
      #expect(await shop.runner.step() == 1)
    }
    #expect(ledger.openings(of: shop.house.globex.id) == openings)
    // A shared database is asked each time; files are known to be as they were.
    #expect(looks.withLock { $0 } == (ledger.isShared ? 2 : 1))
  }

  @Test("a schedule that is due in many tenants at once is kept in all, and they are not all open for it")
  func manyAtOnce() async throws {
    let shop = try await Shop.open(schedule: .daily(hour: 6, minute: 0))
    defer { shop.leave() }
    let ledger = shop.services.ledger
    var tenants = [shop.tenant, shop.house.globex.id]
    for number in 0..<14 { tenants.append(try await ledger.createTenant(slug: "many-\(number)").id) }
    ledger.opened.rules.withLock { $0.mostOpen = 2 }
    await closeAll(shop)
    let mostSeen = Mutex(0)
    shop.notes.meanwhile.withLock { meanwhile in
      meanwhile = { mostSeen.withLock { $0 = max($0, ledger.openTenants) } }
    }
    shop.clock.advance(seconds: 86_400)
    var runs = 0
    for _ in 0..<tenants.count where runs < tenants.count { runs += await shop.runner.step() }
    #expect(runs == tenants.count)
    for tenant in tenants { #expect(try await shop.states(in: tenant) == [.done]) }
    #expect(mostSeen.withLock { $0 } <= JobRunner.maximumRuns + 2, "those in use, and no more")
    await closeAll(shop)
    #expect(ledger.openTenants == 0)
  }

  @Test("requests at once on more tenants than may be open are all answered, and pages show what was written")
  func requests() async throws {
    let shop = try await Shop.open()
    defer { shop.leave() }
    shop.services.ledger.opened.rules.withLock { $0.mostOpen = 1 }
    let house = shop.house
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<12 {
        group.addTask {
          let person = number % 2 == 0 ? house.anna : house.gina
          let made = try await person.post("/v1/vendors", ["name": .string("Vendor \(number)")])
          #expect(made.status == 201)
          await shop.services.ledger.closeIdleTenants()
        }
      }
      try await group.waitForAll()
    }
    for person in [house.anna, house.gina] {
      let list = try await person.get("/v1/vendors?limit=50")
      #expect(list.status == 200)
      let names = (0..<12).filter { list.text.contains("\"Vendor \($0)\"") }
      #expect(names.count == 6)
    }
  }
}
