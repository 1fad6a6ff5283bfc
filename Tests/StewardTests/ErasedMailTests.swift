import Offboarding
import Server
import TestKit
import Testing

@testable import Erasures
@testable import Platform

/// Mails about a case go with it: found by the entries that wrote them, not by what they say.
@Suite("mail about what is erased")
struct ErasedMailTests {
  private func images(_ table: String, _ house: House) async throws -> Int64 {
    let tenant = house.acme.id
    return try await house.app.ledger.read(tenant) { reader in
      try reader.rows(
        "SELECT count(*) FROM log_change WHERE tenant = \(tenant) AND tbl = \(table) AND image IS NOT NULL"
      ).first?.first?.integer ?? -1
    }
  }

  private func reminded(_ house: House) async throws -> HoldReachTests.Scene {
    let scene = try await HoldReachTests.Scene(house)
    house.clock.advance(seconds: 40 * 86_400)
    try await scene.remind()
    try await house.app.services.jobs.serve(house.acme.id)
    #expect(try await house.olga.get("/v1/messages").text.contains("Initech"))
    return scene
  }

  private func age(_ house: House) async throws {
    for _ in 0..<2 {
      house.clock.advance(seconds: 31 * 86_400)
      _ = try await house.app.services.outbox.tend(house.acme.id)
    }
  }

  @Test(
    "mails whose texts went long ago go with the case, or with a vendor that has another name now",
    arguments: [true, false])
  func oldMail(byCase: Bool) async throws {
    let house = try await House.open(mail: MailSettings(route: .mailbox))
    defer { house.leave() }
    let scene = try await reminded(house)
    try await age(house)
    let renamed: JSON = ["name": "Contoso"]
    let patched = try await house.anna.send(
      .patch, "/v1/vendors/\(scene.vendor)", headers: ["Content-Type": "application/json"], body: renamed.canonical)
    #expect(patched.status == 200)
    #expect(try await images("mailbox", house) > 0)
    _ = try await scene.eraser.erase(byCase ? "case" : "vendor", byCase ? scene.caseID : scene.vendor)
    #expect(try await !house.olga.get("/v1/messages").text.contains("Initech"))
    #expect(try await images("message", house) == 0)
    #expect(try await images("mailbox", house) == 0)
  }

  @Test("a delivery that was under way leaves nothing behind, and a delivered mail lies under its message's key")
  func underWay() async throws {
    let house = try await House.open(mail: MailSettings(route: .mailbox))
    defer { house.leave() }
    let scene = try await reminded(house)
    let messages = try await scene.rows("message")
    #expect(try await scene.rows("mailbox").map(\.subject) == messages.map(\.subject))
    let first = try #require(messages.first)
    let id = try #require(MessageID(first.key))
    let tenant = house.acme.id
    let message = try #require(try await house.app.ledger.read(tenant) { try $0.find(MessageRecord.self, id) })
    let mail = try #require(house.app.services.outbox.outgoing(message, tenant))
    _ = try await scene.eraser.erase("case", scene.caseID)
    let outcome = await MailboxTransport(ledger: house.app.ledger).deliver(mail, under: nil)
    guard case .refused = outcome else { throw Problem(.internal, "It was taken: \(outcome)") }
    #expect(try await scene.rows("mailbox").isEmpty)
  }

  @Test("a vendor whose name ends like another's takes none of the other's mails")
  func nameEnds() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let scene = try await reminded(house)
    let count = try await scene.rows("message").count
    let namesake = try await Job(house: house).vendor("Initech")
    _ = try await scene.eraser.erase("vendor", namesake)
    #expect(try await scene.rows("message").count == count)
  }
}
