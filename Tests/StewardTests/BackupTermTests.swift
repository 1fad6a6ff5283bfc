import Backup
import Custody
import Foundation
import Platform
@testable import Server
import TestKit
import Testing

@testable import Trust

/// F44: green on a sound installation, red once an end leaves the key, or the objects, or a place of the keys behind.
@Suite("Sabotage of the promise that backups are destroyed")
struct BackupTermTests {
  @Test("F44: a sound installation proves it, and leaves nothing behind: no file, no key")
  func sound() async throws {
    let bench = try await TermBench()
    defer { bench.house.leave() }
    let result = try await bench.run(bench.environment)
    #expect(result.outcome == .proven, "\(result.reason)")
    #expect(result.evidence.contains("opens no more"))
    let installation = bench.house.app.ledger.installation
    #expect(!FileManager.default.fileExists(atPath: installation.directory + "/probe-drill"))
    let trials = installation.keyStore.termKeys(.trials)
    #expect(try trials.held().isEmpty && trials.pending().isEmpty)
    #expect(try trials.copies(of: TermKeyName(.trials, 1)).holding.isEmpty)
  }

  @Test("F44: without a place for backups, or with backups that no key ends, it stays unknown and says why")
  func unknown() async throws {
    let bench = try await TermBench(backsUp: false)
    defer { bench.house.leave() }
    let result = try await bench.run(bench.environment)
    #expect(result.outcome == .couldNotRun && result.reason.contains("No place"), "\(result.reason)")
    var environment = bench.environment
    environment.backups = { BackupFacts(kept: [], retentionDays: 30, objects: 0, sealedObjects: 0, endless: 2) }
    let endless = try await bench.run(environment)
    #expect(endless.outcome == .couldNotRun && endless.reason.contains("made before"), "\(endless.reason)")
  }

  @Test("F44: an expiry that leaves the key, or any copy of it, turns it red")
  func leavesKey() async throws {
    try await isRed("opens with the keys of today") { drill in drill.opensInCopy = { _ in true } }
    try await isRed("still have the key") { drill in
      drill.keyCopies = { _ in BackupDrill.KeyCopies(holding: 1, unknown: 0) }
    }
    try await isRed("could not be asked") { drill in
      drill.keyCopies = { _ in BackupDrill.KeyCopies(holding: 0, unknown: 1) }
    }
  }

  @Test("F44: an expiry that leaves the objects, or ends what has its time still to come, turns it red")
  func leavesObjects() async throws {
    try await isRed("still there after its time") { drill in
      let seen = try await drill.lying()
      drill.lying = { seen }
    }
    try await isRed("though its time is not over") { drill in drill.opensInCopy = { _ in false } }
  }

  @Test(
    "F44: a key that nobody ended, a place where one is still, or an old backup at the configured place turns it red")
  func leftOver() async throws {
    let bench = try await TermBench()
    defer { bench.house.leave() }
    let now = bench.house.clock.now
    func kept(_ days: Int) -> BackupFacts.Kept {
      BackupFacts.Kept(
        id: "\(days)", made: now.adding(seconds: -days * 86_400), isBase: true, manifest: Digest(sha256: []))
    }
    func facts(_ kept: [BackupFacts.Kept] = [], _ keys: Int = 0, _ places: [String] = []) -> BackupFacts {
      BackupFacts(
        kept: kept, retentionDays: 30, objects: 1, sealedObjects: 1, overdueKeys: keys, pendingPlaces: places)
    }
    for (facts, words) in [
      (facts([], 1), "have not ended"), (facts([], 0, ["replica 77ab01cd (directory)"]), "replica 77ab01cd"),
      (facts([kept(32), kept(1)]), "after more than 31 days"),
    ] {
      var environment = bench.environment
      environment.backups = { facts }
      let result = try await bench.run(environment)
      #expect(result.outcome == .failing && result.reason.contains(words), "\(result.reason)")
    }
  }

  @Test("what became of each copy of the key is on the installation's record, by the schedule and by hand")
  func recorded() async throws {
    let house = try await House.open(backsUp: true)
    defer { house.leave() }
    let desk = BackupDesk(services: house.app.services, settings: house.app.configuration.backups)
    let place = "\(house.directory)/place"
    func make(_ path: String) async throws -> BackupID {
      let made = try await desk.create(at: path, tenant: nil, base: true, by: .system("test"))
      return try #require(made["backup"]?.string.flatMap { BackupID($0) })
    }
    let (tended, byHand) = (try await make(place), try await make("\(house.directory)/hand"))
    house.clock.advance(seconds: 31 * 86_400)
    _ = try await make(place)
    try await desk.endByHand()
    let system = try await house.app.services.tenants.system()
    for id in [tended, byHand] {
      let row = try #require(try await house.app.ledger.read(system) { try $0.find(BackupRecord.self, id) })
      #expect(row.keyEnds.keys.map { $0.hasPrefix("key store ") } == [true])
      #expect(row.keyEnds.values.allSatisfy { $0 == house.clock.now } && row.removedAt == house.clock.now)
      let acts = try await house.app.ledger.read(system) { reader in
        try reader.rows(
          "SELECT action FROM log_entry WHERE tenant = \(system) AND object = \("backup:\(id)") ORDER BY idx"
        ).compactMap { $0[0].text }
      }
      #expect(acts.contains("backup.expire"), "\(acts)")
    }
    #expect(try house.app.ledger.installation.keyStore.termKeys(.backups).pending().isEmpty)
  }

  private func isRed(
    _ words: String, _ sabotage: @escaping @Sendable (inout BackupDrill) async throws -> Void
  ) async throws {
    let bench = try await TermBench()
    defer { bench.house.leave() }
    var environment = bench.environment
    let make = environment.backupDrill
    environment.backupDrill = { tenant in
      let sound = try await make(tenant)
      let later = Later()
      var drill = sound
      // The first is sound, so that the control holds; the next ones are broken.
      drill.make = { moment in
        let made = try await sound.make(moment)
        if await later.count() == 2 {
          var broken = sound
          try await sabotage(&broken)
          await later.set(broken)
        }
        return made
      }
      drill.lying = { try await (later.drill ?? sound).lying() }
      drill.opensInCopy = { try await (later.drill ?? sound).opensInCopy($0) }
      drill.keyCopies = { try await (later.drill ?? sound).keyCopies($0) }
      return drill
    }
    let result = try await bench.run(environment)
    #expect(result.outcome == .failing && result.reason.contains(words), "\(result.outcome): \(result.reason)")
  }

  private actor Later {
    var drill: BackupDrill?
    private var made = 0
    func count() -> Int {
      made += 1
      return made
    }
    func set(_ drill: BackupDrill) { self.drill = drill }
  }
}

private struct TermBench {
  let house: House
  let environment: ProbeEnvironment

  init(backsUp: Bool = true) async throws {
    house = try await House.open(backsUp: backsUp)
    environment = try house.app.trust.environment(house.app.services)
  }

  func run(_ environment: ProbeEnvironment) async throws -> CheckResult {
    let check = try #require(Prover.checks.first { $0.id == "F44" })
    return await Prover().run(check.id, check.run, in: environment)
  }
}
