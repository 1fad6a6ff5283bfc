import Foundation
import Platform
import Server
import TestDatabase
import TestKit
import Testing

@testable import Trust

/// The check of what is erased is green on a sound installation, and red once something of it stays.
@Suite("Sabotage of the promise that deleted data goes")
struct ErasureSabotageTests {
  private func run(in environment: ProbeEnvironment) async throws -> CheckResult {
    let check = try #require(Prover.checks.first { $0.id == "A41" })
    return await Prover().run(check.id, check.run, in: environment)
  }

  @Test("A41: a sound installation proves it, time and again")
  func sound() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let environment = try environment(of: house)
    for _ in 0..<2 {
      let result = try await run(in: environment)
      #expect(result.outcome == .proven, "\(result.reason)")
    }
  }

  private func environment(of house: House) throws -> ProbeEnvironment {
    var environment = try house.app.trust.environment(house.app.services)
    environment.wait = { house.clock.advance(seconds: $0) }
    return environment
  }

  @Test("A41: a copy of the row that somebody keeps in another table turns it red", .enabled(if: TestDatabase.isWanted))
  func keptRow() async throws {
    let house = try await House.open()
    defer { house.leave() }
    var environment = try environment(of: house)
    let (send, ledger) = (environment.send, house.app.ledger)
    environment.send = { call in
      if call.target.hasSuffix("/confirm"), let tenant = ledger.tenant(slug: "probe-one") {
        try house.tamper(
          tenant.id,
          """
          INSERT INTO file_chunk (tenant, file, position, data)
          SELECT tenant, 'left', row_number() OVER (), sealed FROM vendor WHERE tenant = '\(tenant.id)'
          """)
      }
      return try await send(call)
    }
    let result = try await run(in: environment)
    #expect(result.outcome == .failing && result.reason.contains("still in"), "\(result.reason)")
  }

  @Test("A41: keys that were not destroyed turn it red")
  func liveKeys() async throws {
    let house = try await House.open()
    defer { house.leave() }
    var environment = try environment(of: house)
    environment.opens = { _, _, _ in true }
    let result = try await run(in: environment)
    #expect(result.outcome == .failing && result.reason.contains("still opens"), "\(result.reason)")
  }

  @Test("A41: a copy of the database that somebody left beside it turns it red", .enabled(if: !TestDatabase.isWanted))
  func leftCopy() async throws {
    let house = try await House.open()
    defer { house.leave() }
    var environment = try environment(of: house)
    let (send, data, ledger) = (environment.send, "\(house.directory)/data", house.app.ledger)
    environment.send = { call in
      if call.target.hasSuffix("/confirm"), let tenant = ledger.tenant(slug: "probe-one") {
        for ending in ["", "-wal"] {
          let path = "\(data)/tenants/\(tenant.id).db\(ending)"
          try? FileManager.default.copyItem(atPath: path, toPath: "\(data)/left-behind\(ending)")
        }
      }
      return try await send(call)
    }
    let result = try await run(in: environment)
    #expect(result.outcome == .failing && result.reason.contains("still in"), "\(result.reason)")
  }

  @Test("A41: an erasure anywhere that does not come to its end within 24 hours turns it red")
  func overdue() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let late = house.clock.now.adding(seconds: -25 * 3_600).milliseconds
    try house.tamper(
      house.acme.id,
      """
      INSERT INTO erasure (tenant, id, entry, schema, subject, sealed, object_type, object_id, state, suppress, confirmations, rows,
      files, images, proposed_at, proposed_by, started_at) VALUES ('\(house.acme.id)', 'late', 0, 1, 0, x'00', 'vendor', 'x', 'pending',
      0, 1, 0, 0, 0, \(late), 'x', \(late))
      """)
    let result = try await run(in: try environment(of: house))
    #expect(result.outcome == .failing && result.reason.contains("more than 24 hours"), "\(result.reason)")
  }
}
