import Certificate
import Platform
import Server
import TestDatabase
import TestKit
import Testing

@testable import Erasures

@Suite("the last pieces of what was erased")
struct ErasureClearingTests {
  /// Carries a confirmed erasure to its end where files of more than `largest` bytes are not written anew at once.
  private func carried(_ house: House, upTo largest: Int64) async throws -> JSON {
    let eraser = Eraserhead(house: house)
    let vendor = try await Job(house: house).vendor("Gone Ltd")
    let id = try await eraser.propose("vendor", vendor)
    #expect(try await house.olga.post("/v1/erasures/\(id)/confirm").status == 200)
    let carrier = ErasureCarrier(services: house.app.services, home: house.acme.id, largestAtOnce: largest)
    while try await carrier.carry(try #require(ErasureID(id))) != nil { house.clock.advance(seconds: 31) }
    return try await house.olga.get("/v1/erasures/\(id)").json()
  }

  @Test(
    "of a small file nothing is left when the erasure is final; in PostgreSQL's files it is the owner's, and the record says so"
  )
  func small() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let erasure = try await carried(house, upTo: ErasureClearing.largestAtOnce)
    #expect(erasure["ciphertext"]?.string == (TestDatabase.isWanted ? "database" : "gone"))
    #expect((erasure["cleared_at"]?.string == nil) == TestDatabase.isWanted)
    let verdict = try await Eraserhead(house: house).verdict(erasure)
    #expect(verdict.findings.contains { $0.reason.contains("PostgreSQL server") } == TestDatabase.isWanted)
  }

  @Test(
    "of a large file the rest goes at night; until then the page and the record say what may be left",
    .enabled(if: !TestDatabase.isWanted, "there Steward reaches no file"))
  func large() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let erasure = try await carried(house, upTo: 0)
    let path = "/erasures/\(erasure["id"]?.string ?? "")"
    #expect(erasure["state"]?.string == "final" && erasure["ciphertext"]?.string == "waiting")
    #expect(erasure["cleared_at"]?.string == nil)
    let verdict = try await Eraserhead(house: house).verdict(erasure)
    #expect(verdict.outcome == .verified)
    #expect(verdict.findings.contains { $0.reason.contains("unused parts of the organisation's database file") })
    let waiting = "may hold pieces of it"
    #expect(try await house.olga.page(path).text.contains(waiting))
    // The night comes.
    #expect(try house.app.ledger.peek(house.acme.id) { try ErasureClearing.kind.isNeeded?($0) } == true)
    house.clock.advance(seconds: 10 * 3_600)
    try await ErasureClearing.clear(house.acme.id, house.app.ledger)
    let cleared = try await house.olga.get("/v1" + path).json()
    #expect(cleared["ciphertext"]?.string == "gone" && cleared["cleared_at"]?.string != nil)
    #expect(cleared["final_at"]?.string == erasure["final_at"]?.string)
    #expect(try house.app.ledger.peek(house.acme.id) { try ErasureClearing.kind.isNeeded?($0) } == false)
    #expect(try await Eraserhead(house: house).verdict(cleared).outcome == .verified)
    #expect(try await !house.olga.page(path).text.contains(waiting))
  }
}
