import Ledger
import Platform
import Server
import TestKit
import Testing

@Suite("Derived tables of the product")
struct DerivedTableTests {
  @Test("every derived table says how it is made again")
  func declared() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let derived = house.app.catalogue.modules.flatMap(\.manifest.tables).filter { $0.kind == .derived }.map(\.name)
    #expect(Set(derived) == Set(ModuleList.derivations.map(\.table.name)))
  }

  @Test("what the product writes into its derived tables is what would be made again")
  func same() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.play(
      """
      as anna
      POST /v1/vendors
      {"name": "One", "registry_id": "900001"}
      201
      keep one = id
      POST /v1/vendors
      {"name": "Two", "registry_id": "900002"}
      201
      PATCH /v1/vendors/{one}
      {"registry_id": "900003"}
      200
      POST /v1/vendors
      {"name": "Three", "registry_id": "900004"}
      201
      """)
    let three = try await house.anna.get("/v1/vendors?q=Three").json()["items"]?.array?.first?["id"]?.string
    _ = try await Eraserhead(house: house).erase("vendor", try #require(three), suppress: true)
    for rebuilt in try await house.app.ledger.rebuildDerived(house.acme.id) {
      #expect(rebuilt.rows > 0 && rebuilt.added == 0 && rebuilt.removed == 0, "\(rebuilt)")
    }
  }
}
