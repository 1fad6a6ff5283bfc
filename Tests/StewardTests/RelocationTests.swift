import Backup
import Foundation
import Logging
import Platform
@testable import Server
import Storage
import TestDatabase
import TestKit
import Testing

/// An installation with a finished case, closed, and where it is moved to.
private struct Van {
  let house: House
  let database: TestDatabase
  let certified: String
  let vendor: JSON
  let receipt: (index: Int, bytes: [UInt8])

  var keys: String { "\(house.directory)/data.keys" }
  var first: Relocation.Side {
    Relocation.Side(directory: house.directory + "/data", database: house.database?.settings)
  }
  var second: Relocation.Side {
    Relocation.Side(directory: house.directory + "/second", database: database.settings)
  }
  var third: Relocation.Side { Relocation.Side(directory: house.directory + "/third") }

  static func loaded() async throws -> Van {
    let house = try await House.open()
    let certified = try await Job(house: house).certified()
    let made = try await house.anna.post("/v1/vendors", ["name": "Initech"])
    let entries = try await house.adam.get("/v1/audit?limit=1").json()["items"]?.array
    let index = try #require(entries?.first?["index"]?.integer)
    let receipt = try await house.adam.get("/v1/audit/\(index)/receipt")
    #expect(receipt.status == 200)
    let van = Van(
      house: house, database: try TestDatabase.another(tables: ModuleList.everyTable), certified: certified,
      vendor: try made.json(), receipt: (index, receipt.body))
    _ = try await house.app.tenants.system()
    await house.app.close()
    return van
  }

  func leave() {
    removeTree(house.directory)
    database.drop()
    house.database?.drop()
  }

  func move(
    _ from: Relocation.Side, _ to: Relocation.Side, slugs: [String] = [],
    beforeVerifying: @Sendable () throws -> Void = {}
  ) async throws -> Relocation.Report {
    try await Relocation(
      from: from, to: to, keys: "\(keys)", carried: ModuleList.tablesThatMove, derivations: ModuleList.derivations,
      opening: { try StewardApp.ledger(of: $0) }
    ).run(slugs: slugs, beforeVerifying: beforeVerifying)
  }

  func open(_ directory: String, _ settings: DatabaseSettings?) throws -> StewardApp {
    var configuration = ServerConfiguration(
      dataDirectory: house.directory + directory, keysDirectory: keys,
      listen: ListenAddress(host: "localhost", port: 8080))
    configuration.database = settings
    var logger = StewardApp.logger()
    logger.logLevel = .critical
    let app = try StewardApp(configuration, clock: house.clock, logger: logger)
    app.readiness.declare()
    return app
  }

  /// As another server of the same database has it: what no move of the first one's directory reaches.
  func copyConfiguration(_ from: String, to: String) throws {
    try FileManager.default.createDirectory(
      atPath: house.directory + to, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    for name in ["/database", "/steward.vkey"] {
      try FileManager.default.copyItem(atPath: house.directory + from + name, toPath: house.directory + to + name)
    }
  }

  /// What was there is there, and it goes on.
  func isAtHome(_ app: StewardApp) async throws {
    let (anna, adam) = (house.anna.at(app), house.adam.at(app))
    #expect(try await adam.get("/v1/audit/\(receipt.index)/receipt").body == receipt.bytes)
    #expect(try await anna.get("/v1/vendors/\(vendor["id"]?.string ?? "")").json()["name"]?.string == "Initech")
    #expect(try await anna.get("/v1/cases/\(certified)/certificate", accept: "application/zip").status == 200)
    let found = try await anna.get("/v1/cases/\(certified)").json()
    let step = try #require(found["steps"]?.array?.first { $0["id"]?.string == "return" })
    let evidence = try #require(step["evidence"]?.array?.first?["id"]?.string)
    let file = try await adam.get("/v1/cases/\(certified)/steps/return/evidence/\(evidence)")
    #expect(String(decoding: file.body, as: UTF8.self) == "evidence")
    let written = try await anna.post("/v1/vendors", ["name": "Of a new place"])
    #expect(written.status == 201 && written.headers["Steward-Receipt"] != nil)
  }
}

@Suite(
  "Moving between engines", .serialized, .enabled(if: TestDatabase.isThere, "STEWARD_TEST_POSTGRES names no server"))
struct RelocationTests {
  @Test(
    "an installation moves into a database and out again: logs, rows, files and states are the same, and it goes on")
  func thereAndBack() async throws {
    let van = try await Van.loaded()
    defer { van.leave() }
    let there = try await van.move(van.first, van.second)
    #expect(there.isEqual && there.isRetired, "\(there.tenants.flatMap(\.differences))")
    #expect(there.tenants.contains { $0.slug == "acme" && $0.files > 0 && $0.entries > 20 && $0.rows > 10 })
    #expect(throws: Problem.self) { try van.open("/data", van.house.database?.settings) }
    let app = try van.open("/second", van.database.settings)
    try await van.isAtHome(app)
    await app.close()
    let back = try await van.move(van.second, van.third)
    #expect(back.isEqual, "\(back.tenants.flatMap(\.differences))")
    for tenant in back.tenants {
      let before = try #require(there.tenants.first { $0.id == tenant.id })
      #expect(tenant.entries >= before.entries && tenant.state != nil)
    }
    try van.copyConfiguration("/second", to: "/elsewhere")
    #expect(throws: Problem.self) { try van.open("/elsewhere", van.database.settings) }
    let again = try van.open("/third", nil)
    try await van.isAtHome(again)
    await again.close()
    #expect(try Verification.run(dataDirectory: van.house.directory + "/third").allSatisfy(\.isIntact))
  }

  @Test("one byte changed on the target before it is verified: not equal, and no installation")
  func sabotage() async throws {
    let van = try await Van.loaded()
    defer { van.leave() }
    let acme = van.house.acme.id
    let report = try await van.move(van.first, van.second) {
      try van.database.tamper([
        "SET steward.work = 'on'",
        """
        UPDATE vendor SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE tenant = '\(acme)'
        AND id = '\(van.vendor["id"]?.string ?? "")'
        """,
      ])
    }
    #expect(!report.isEqual && !report.isRetired)
    #expect(report.tenants.contains { $0.slug == "acme" && !$0.differences.isEmpty })
    #expect(report.tenants.contains { $0.slug == "globex" && $0.differences.isEmpty })
    #expect(throws: Problem.self) { try van.open("/second", van.database.settings) }
    let app = try van.open("/data", van.house.database?.settings)
    try await van.isAtHome(app)
    await app.close()
  }

  @Test("one tenant moves, then the rest; what was broken off goes on; a target with entries of its own is refused")
  func oneByOne() async throws {
    let van = try await Van.loaded()
    defer { van.leave() }
    struct Off: Error {}
    // As if an earlier move had ended between closing the source and opening the target.
    try Data("\(van.house.directory)/second\n".utf8).write(
      to: URL(fileURLWithPath: van.house.directory + "/data/moved"))
    await #expect(throws: Off.self) { try await van.move(van.first, van.second, slugs: ["globex"]) { throw Off() } }
    let one = try await van.move(van.first, van.second, slugs: ["globex"])
    #expect(one.isEqual && !one.isRetired)
    #expect(one.tenants.map(\.slug).sorted() == ["globex", "system"])
    let left = try van.open("/data", van.house.database?.settings)
    #expect(left.ledger.tenants.map(\.slug).sorted() == ["acme", "system"])
    await #expect(throws: Problem.self) { try await left.ledger.read(van.house.globex.id) { _ in } }
    await left.close()
    let rest = try await van.move(van.first, van.second, slugs: ["acme"])
    #expect(rest.isEqual && rest.tenants.map(\.slug) == ["acme"])
    let app = try van.open("/second", van.database.settings)
    try await van.isAtHome(app)
    await app.close()
    await #expect(throws: Problem.self) { try await van.move(van.first, van.second, slugs: ["acme"]) }
    await #expect(throws: Problem.self) { try await van.move(van.first, van.second, slugs: ["nobody"]) }
  }
}
