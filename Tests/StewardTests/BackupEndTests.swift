import Backup
import Platform
import TestKit
import Testing

@testable import Server

@Suite("the end of a backup made by hand")
struct BackupEndTests {
  private func holding(_ house: House, _ vendor: String) async throws -> [JSON] {
    let proposed = try await house.olga.post(
      "/v1/erasures", ["object": ["type": "vendor", "id": .string(vendor)], "reason": "x"]
    ).json()
    _ = try await house.olga.post("/v1/erasures/\(proposed["id"]?.string ?? "")/withdraw")
    return proposed["inventory"]?["backups"]?["holding"]?.array ?? []
  }

  @Test(
    "it has one, the inventory names it, and then it is removed, wherever it lies; not before, and none of another place"
  )
  func ends() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let vendor = try await Job(house: house).vendor()
    let desk = BackupDesk(services: house.app.services, settings: nil)
    let (short, long) = ("\(house.directory)/short", "\(house.directory)/long")
    _ = try await desk.create(at: short, tenant: nil, base: false, keepDays: 7, by: .system("test"))
    _ = try await desk.create(at: long, tenant: nil, base: false, by: .system("test"))
    #expect(
      try await holding(house, vendor).compactMap { $0["gone_by"]?.string }.sorted() == [
        "2026-03-10T09:00:00.000Z", "2026-04-02T09:00:00.000Z",
      ])
    try await desk.endByHand()
    #expect(
      try PlaceOverview(try DirectoryPlace(short)).manifests.map(\.manifest.keptUntil?.day.description) == [
        "2026-03-09"
      ])
    house.clock.advance(seconds: 8 * 86_400)
    try await desk.endByHand()
    #expect(try PlaceOverview(try DirectoryPlace(short)).manifests.isEmpty)
    #expect(try PlaceOverview(try DirectoryPlace(long)).manifests.count == 1)
    #expect(try await holding(house, vendor).count == 1)
  }

  @Test("where a schedule tends the place, its time counts")
  func tended() async throws {
    let house = try await House.open(backsUp: true)
    defer { house.leave() }
    let desk = BackupDesk(services: house.app.services, settings: house.app.configuration.backups)
    let place = "\(house.directory)/place"
    await #expect(throws: Problem.self) {
      _ = try await desk.create(at: place, tenant: nil, base: false, keepDays: 90, by: .system("test"))
    }
    let made = try await desk.create(at: place, tenant: nil, base: false, by: .system("test"))
    #expect(made["kept_until"]?.isNull == true)
  }

  @Test("at one place none ends before one that was made earlier")
  func order() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let desk = BackupDesk(services: house.app.services, settings: nil)
    let place = "\(house.directory)/hand"
    let first = try await desk.create(at: place, tenant: nil, base: false, keepDays: 90, by: .system("test"))
    let second = try await desk.create(at: place, tenant: nil, base: false, keepDays: 7, by: .system("test"))
    #expect(first["kept_until"] == second["kept_until"])
  }
}
