import Foundation
import Platform
import Server
import TestKit
import Testing

@testable import Offboarding

@Suite("Vendors, through the front door")
struct OffboardingVendorTests {
  private func importing(_ csv: String, _ guest: Guest) async throws -> FrontDoor.Answer {
    try await guest.post("/v1/vendors/import", type: "text/csv", body: Array(csv.utf8))
  }

  @Test("a vendor is added, read, changed and found")
  func vendorLife() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.play(
      """
      as anna
      POST /v1/vendors
      {"name": "Blåbær\u{200b}soft", "registry_id": "900001", "retention_days": 30, "data_categories": ["Names"], "privacy_url": "https://b.example/p"}
      201
      header Steward-Receipt
      has "relationship":"active"
      keep vendor = id
      POST /v1/vendors
      {"name": "Another", "registry_id": "900001"}
      409
      has registry_id
      PATCH /v1/vendors/{vendor}
      {"ended_on": "2026-01-31", "retention_days": null}
      200
      header Steward-Receipt
      has "relationship":"ended"
      has "retention_days":null
      has "registry_id":"900001"
      GET /v1/vendors?q=blåbærs%20900001
      200
      has {vendor}
      GET /v1/vendors?q=nothing
      200
      has "items":[]
      as gina
      GET /v1/vendors/{vendor}
      404
      PATCH /v1/vendors/{vendor}
      {"name": "Stolen"}
      404
      as adam
      GET /v1/vendors
      404
      as stranger
      GET /v1/vendors
      401
      """)
  }

  @Test(
    "what is wrong with a vendor is told field by field",
    arguments: [
      (#"{}"#, "name"), (#"{"name":""}"#, "name"), (#"{"name":"\u200b \ufeff"}"#, "name"), (#"{"name":7}"#, "name"),
      (#"{"name":"a\nb"}"#, "name"), (#"{"name":"x","privacy_url":"javascript:alert(1)"}"#, "privacy_url"),
      (#"{"name":"x","privacy_url":"https://"}"#, "privacy_url"),
      (#"{"name":"x","retention_days":-1}"#, "retention_days"),
      (#"{"name":"x","retention_days":36501}"#, "retention_days"),
      (#"{"name":"x","data_categories":"Names"}"#, "data_categories"),
      (#"{"name":"x","data_categories":[1]}"#, "data_categories"),
      (#"{"name":"x","relationship":"maybe"}"#, "relationship"),
      (#"{"name":"x","relationship":"active","ended_on":"2026-01-01"}"#, "ended_on"),
      (#"{"name":"x","ended_on":"2026-02-30"}"#, "ended_on"),
      (#"{"name":"x","colour":"red"}"#, "colour"), (#"{"name":"x","registry_id":""}"#, "registry_id"),
    ])
  func badVendors(body: String, field: String) async throws {
    let house = try await House.open()
    defer { house.leave() }
    let answer = try await house.anna.post("/v1/vendors", type: "application/json", body: Array(body.utf8))
    #expect(answer.status == 422)
    #expect(try answer.json()["errors"]?.array?.first?["field"]?.string == field)
    #expect(try await house.anna.get("/v1/vendors").json()["items"]?.array?.count == 0)
  }

  @Test("the sample register is imported once, and the second time changes nothing")
  func sampleRegister() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let first = try await importing(SampleRegister.csv(), house.anna)
    #expect(first.status == 200)
    #expect(first.headers["Steward-Receipt"] != nil)
    let outcome = try first.json()
    #expect(outcome["created"]?.integer == SampleRegister.count)
    #expect(outcome["rejected_total"]?.integer == 0)
    let size = try await house.app.ledger.read(house.acme.id) { try $0.logSize }
    let second = try await importing(SampleRegister.csv(), house.anna).json()
    #expect(second["unchanged"]?.integer == SampleRegister.count)
    #expect(second["created"]?.integer == 0)
    #expect(second["updated"]?.integer == 0)
    #expect(try await house.app.ledger.read(house.acme.id) { try $0.logSize } == size)
    let row = try await house.app.ledger.view(VendorRecord.self, house.acme.id).rows
    #expect(row.count == SampleRegister.count)
  }

  /// A public register that lies beside the repository on some machines.
  private static let register = registerPath()

  private static func registerPath(_ file: StaticString = #filePath) -> String? {
    let path = "\(file)".split(separator: "/").dropLast(4).map { "/" + $0 }.joined() + "/shared/data/vendors.csv"
    return FileManager.default.isReadableFile(atPath: path) ? path : nil
  }

  @Test(
    "a real register is imported whole, and a name with a zero-width space is kept and found",
    .enabled(if: register != nil))
  func realRegister() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let csv = try String(contentsOfFile: try #require(Self.register), encoding: .utf8)
    let first = try await importing(csv, house.anna).json()
    #expect(first["created"]?.integer == 833)
    #expect(first["rejected_total"]?.integer == 0)
    #expect(try await importing(csv, house.anna).json()["unchanged"]?.integer == 833)
    let found = try await house.anna.get("/v1/vendors?q=DOUBLEverify%20inc.").json()["items"]?.array
    #expect(found?.count == 1)
    #expect(found?.first?["name"]?.string?.unicodeScalars.contains("\u{200b}") == true)
    let newest = try await house.anna.get("/v1/vendors?limit=1").json()["items"]?.array?.first
    #expect(newest?["name"]?.string == "Exponential Interactive, Inc d/b/a VDX.tv")
    #expect(newest?["purposes"]?.array?.count == 8)
  }

  @Test("each line counts once, and a changed line changes its vendor alone")
  func counting() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let header = "registry_id,name,standard_retention_days\n"
    _ = try await importing(header + "1,One,30\n2,Two,\n", house.anna)
    let outcome = try await importing(header + "1,One,30\n2,Two,60\n3,Three,\n,Four,\n3,Five,\n", house.anna).json()
    #expect(outcome["created"]?.integer == 1)
    #expect(outcome["updated"]?.integer == 1)
    #expect(outcome["unchanged"]?.integer == 1)
    #expect(outcome["rejected_total"]?.integer == 2)
    #expect(outcome["rejected"]?.array?.compactMap { $0["line"]?.integer } == [5, 6])
  }

  @Test("more than a thousand rows are written in several commands, and one batch of rows is at most a thousand")
  func pieces() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let csv = "registry_id,name\n" + (1...2_500).map { "\($0),Vendor \($0)\n" }.joined()
    #expect(try await importing(csv, house.anna).json()["created"]?.integer == 2_500)
    let counts = try await house.app.ledger.read(house.acme.id) { reader in
      var filter = EntryFilter()
      filter.action = "vendor.import"
      return try reader.entries(filter).compactMap(\.changes)
    }
    #expect(counts.sorted() == [500, 1_000, 1_000])
    let page = try await house.anna.get("/v1/vendors?limit=200")
    let cursor = try #require(try page.json()["next"]?.string)
    let rest = try await house.anna.get("/v1/vendors?limit=200&cursor=\(cursor)")
    let ids = { (answer: FrontDoor.Answer) in
      Set(try answer.json()["items"]?.array?.compactMap { $0["id"]?.string } ?? [])
    }
    #expect(try ids(page).count == 200)
    #expect(try ids(page).isDisjoint(with: ids(rest)))
    #expect(try await house.anna.get("/v1/cases?cursor=\(cursor)").status == 400)
    #expect(try await house.gina.get("/v1/vendors?cursor=\(cursor)").status == 400)
  }

  @Test(
    "a file that is not CSV is refused whole, with the line",
    arguments: [
      ("registry_id,name\n1,\"A\n", "line 2"), ("registry_id,name\n1,A\n2,B\"C\n", "line 3"), ("", "line 1"),
      (String(repeating: "a,", count: 10_000), "line 1"), ("registry_id,name\n1,A\u{0}\u{1}\n2,\"x\"y\n", "line 3"),
    ])
  func brokenFiles(csv: String, line: String) async throws {
    let house = try await House.open()
    defer { house.leave() }
    let answer = try await importing(csv, house.anna)
    #expect(answer.status == 422)
    #expect(try answer.json()["errors"]?.array?.first?["field"]?.string == line)
    #expect(try await house.anna.get("/v1/vendors").json()["items"]?.array?.count == 0)
  }

  @Test("only those who may write vendors can import")
  func importRights() async throws {
    let house = try await House.open()
    defer { house.leave() }
    for guest in [house.mia, house.adam] {
      #expect(try await importing("registry_id,name\n1,A\n", guest).status == 404)
    }
    #expect(
      try await house.anna.post("/v1/vendors/import", type: "application/pdf", body: Array("%PDF-1.7".utf8)).status
        == 422)
  }
}
