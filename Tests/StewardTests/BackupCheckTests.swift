import Backup
import Foundation
import Platform
@testable import Server
import TestDatabase
import TestKit
import Testing

@testable import Trust

/// The three promises about backups: green on a sound installation, red once the mechanism is broken.
@Suite("Promises about backups", .serialized)
struct BackupCheckTests {
  @Test("F23 and A9 are proven without a place for backups; A22 is unknown and says why")
  func withoutPlace() async throws {
    let bench = try await BackupBench()
    defer { bench.house.leave() }
    #expect(try await bench.result("F23").outcome == .proven)
    let volumes = try await bench.result("A9")
    #expect(volumes.outcome == .proven, "\(volumes)")
    #expect(volumes.evidence.contains("rows of the database") == TestDatabase.isWanted)
    let rolling = try await bench.result("A22")
    #expect(rolling.outcome == .couldNotRun && rolling.reason.contains("No place"))
    #expect(!FileManager.default.fileExists(atPath: bench.data + "/probe"))
  }

  @Test("F23 and A9: a backup with content in the clear, of another cipher, or open to another key turns them red")
  func openBackup() async throws {
    let bench = try await BackupBench()
    defer { bench.house.leave() }
    let sound = bench.environment.backupSpecimen
    for id in ["F23", "A9"] {
      var environment = bench.environment
      environment.backupSpecimen = { tenant in
        let specimen = try await sound(tenant)
        // What a backup of plain rows would hold.
        let names = try await bench.vendorNames(tenant)
        try Data(names.utf8).write(to: URL(fileURLWithPath: specimen.directory + "/dump.sql"))
        return specimen
      }
      try await bench.isRed(id, environment, saying: "in the clear")
      environment.backupSpecimen = { tenant in
        let specimen = try await sound(tenant)
        return specimen.with(headers: specimen.headers.map { $0.replacingOccurrences(of: "AES-256-GCM", with: "none") })
      }
      try await bench.isRed(id, environment, saying: "not sealed")
      environment.backupSpecimen = { try await sound($0).with(opensWithAnotherKey: true) }
      try await bench.isRed(id, environment, saying: "another key")
      environment.backupSpecimen = { try await sound($0).with(opensWithKey: false) }
      try await bench.isRed(id, environment, saying: "does not open with its key")
    }
  }

  @Test("A9: content on the volume in the clear turns it red")
  func openVolume() async throws {
    let bench = try await BackupBench()
    defer { bench.house.leave() }
    let (send, path) = (bench.environment.send, bench.data + "/debug.log")
    var environment = bench.environment
    environment.send = { call in
      let before = (try? Data(contentsOf: URL(fileURLWithPath: path))) ?? Data()
      try (before + Data(call.body)).write(to: URL(fileURLWithPath: path))
      return try await send(call)
    }
    try await bench.isRed("A9", environment, saying: "in the clear")
  }

  @Test("A22: a night without a backup, one that is kept too long, one that is gone too soon, one that is not sealed")
  func rolling() async throws {
    let bench = try await BackupBench(place: true)
    defer { bench.house.leave() }
    #expect(try await bench.result("A22").reason.contains("still to come"))
    for _ in 0..<3 {
      try await bench.backUp()
      bench.house.clock.advance(seconds: 86_400)
    }
    try await bench.backUp()
    let green = try await bench.result("A22")
    #expect(green.outcome == .proven, "\(green)")
    let sound = bench.environment.backups
    func broken(_ saying: String, _ change: @escaping @Sendable (inout BackupFacts) -> Void) async throws {
      var environment = bench.environment
      environment.backups = {
        var facts = try await sound()
        if var known = facts {
          change(&known)
          facts = known
        }
        return facts
      }
      try await bench.isRed("A22", environment, saying: saying)
    }
    try await broken("no longer at the place") { $0.kept.removeFirst() }
    try await broken("for more than 25 hours") { $0.kept.remove(at: 1) }
    try await broken("not sealed") { $0.sealedObjects -= 1 }
    try await broken("configured to be kept") { $0.retentionDays = 365 }
    try await broken("more than 31 days") { facts in
      let old = BackupFacts.Kept(
        id: "x", made: facts.kept[0].made.adding(seconds: -40 * 86_400), isBase: true, manifest: Digest(sha256: []))
      facts.kept.insert(old, at: 0)
    }
    bench.house.clock.advance(seconds: 26 * 3_600)
    try await bench.isRed("A22", bench.environment, saying: "more than 25 hours ago")
  }
}

private struct BackupBench {
  let house: House
  let environment: ProbeEnvironment
  let desk: BackupDesk
  var data: String { house.app.configuration.dataDirectory }

  init(place: Bool = false) async throws {
    house = try await House.open()
    let settings = place ? BackupSettings(place: house.directory + "/place") : nil
    if let settings {
      try FileManager.default.createDirectory(atPath: settings.place, withIntermediateDirectories: true)
    }
    desk = BackupDesk(services: house.app.services, settings: settings)
    desk.bind()
    environment = try house.app.trust.environment(house.app.services)
  }

  func backUp() async throws {
    _ = try await desk.create(at: house.directory + "/place", tenant: nil, base: false, by: .system("test"))
  }

  func result(_ id: String, _ environment: ProbeEnvironment? = nil) async throws -> CheckResult {
    let check = try #require(Prover.checks.first { $0.id == id })
    return await Prover().run(check.id, check.run, in: environment ?? self.environment)
  }

  func isRed(_ id: String, _ environment: ProbeEnvironment, saying words: String) async throws {
    let result = try await result(id, environment)
    #expect(result.outcome == .failing && result.reason.contains(words), "\(result)")
  }

  func vendorNames(_ tenant: TenantID) async throws -> String {
    let caller = Caller(
      send: environment.send,
      credential: .token(
        try await house.app.services.people.issueToken(
          tenant,
          for: try #require(
            try await house.app.services.people.people(in: tenant).first { $0.roles.contains(.manager) }?.id),
          label: "test", by: .system("test"))))
    return try await caller.get("/v1/vendors").text
  }
}

extension BackupSpecimen {
  fileprivate func with(
    headers: [String]? = nil, opensWithKey: Bool? = nil, opensWithAnotherKey: Bool? = nil
  ) -> BackupSpecimen {
    BackupSpecimen(
      directory: directory, control: control, headers: headers ?? self.headers,
      opensWithKey: opensWithKey ?? self.opensWithKey,
      opensWithAnotherKey: opensWithAnotherKey ?? self.opensWithAnotherKey)
  }
}
