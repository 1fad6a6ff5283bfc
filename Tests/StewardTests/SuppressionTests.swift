import Foundation
import Platform
import Server
import TestKit
import Testing

@testable import Offboarding

/// What was erased for good comes back by no other spelling and no other door.
@Suite("what must not come back")
struct SuppressionTests {
  private static let name = "Société Générale Café"

  @Test("another way to write the same letters is the same name")
  func spelling() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let (job, eraser) = (Job(house: house), Eraserhead(house: house))
    _ = try await eraser.erase("vendor", try await job.vendor(SuppressionTests.name), suppress: true)
    for other in [
      SuppressionTests.name, SuppressionTests.name.decomposedStringWithCanonicalMapping,
      SuppressionTests.name.replacingOccurrences(of: "C", with: "Ｃ"),
      "socie\u{301}te\u{301} ge\u{301}ne\u{301}rale café",
    ] {
      let answer = try await house.anna.post("/v1/vendors", ["name": .string(other)])
      #expect(answer.status == 409, "\(other.unicodeScalars.map(\.value))")
    }
  }

  @Test("a mark from before compatible characters were one still stops what it stopped, and its decomposed spelling")
  func oldMarks() {
    func now(_ name: String) -> Set<String> {
      Set(VendorIdentity(name: name, registryID: nil, url: nil).asked.map(\.text))
    }
    #expect(now("Société Ｃ").isSuperset(of: ["sociétéc", "sociétéｃ", "societeｃ"]))
    #expect(now("Initech") == ["initech"])
  }

  @Test("an import that gives another vendor the name of one that was erased is refused, as is changing it by hand")
  func renamedByImport() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let (job, eraser) = (Job(house: house), Eraserhead(house: house))
    let other: JSON = ["name": "Other", "registry_id": "R-7"]
    let created = try #require(try await house.anna.post("/v1/vendors", other).json()["id"]?.string)
    _ = try await eraser.erase("vendor", try await job.vendor("Initech"), suppress: true)
    let file = "name,registry_id\nInitech,R-7\n"
    let answer = try await house.anna.post("/v1/vendors/import", type: "text/csv", body: Array(file.utf8)).json()
    #expect(answer["rejected_total"]?.integer == 1 && answer["updated"]?.integer == 0, "\(answer.text)")
    #expect(try await house.anna.get("/v1/vendors/\(created)").json()["name"]?.string == "Other")
    // What is not about its identity is still taken.
    let harmless = "name,registry_id,retention_days\nOther,R-7,30\n"
    let taken = try await house.anna.post("/v1/vendors/import", type: "text/csv", body: Array(harmless.utf8)).json()
    #expect(taken["updated"]?.integer == 1, "\(taken.text)")
  }

  @Test("a mark counts from the moment it is placed, also where servers share a database and one had just looked")
  func atOnce() async throws {
    let house = try await House.open(isShared: true)
    defer { house.leave() }
    let (job, eraser) = (Job(house: house), Eraserhead(house: house))
    let id = try await eraser.propose("vendor", try await job.vendor("Initech"), suppress: true)
    _ = try await job.vendor("Hooli")
    #expect(try await house.olga.post("/v1/erasures/\(id)/confirm").status == 200)
    #expect(try await house.anna.post("/v1/vendors", ["name": "Initech"]).status == 409)
  }
}
