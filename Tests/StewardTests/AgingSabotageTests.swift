import Backup
import Foundation
import Platform
import Server
import TestKit
import Testing

@testable import Trust

/// The check that what was erased stays erased in restores and ages out of the backups: green on a sound installation, red once a clause is broken.
@Suite("Sabotage of the promise that deleted data ages out of backups")
struct AgingSabotageTests {
  @Test("A42: a sound installation proves it, and leaves nothing of the drill behind")
  func sound() async throws {
    let bench = try await AgingBench()
    defer { bench.house.leave() }
    let result = try await bench.run(bench.environment)
    #expect(result.outcome == .proven, "\(result.reason)")
    let data = bench.house.app.ledger.installation.directory
    #expect(!FileManager.default.fileExists(atPath: data + "/probe-drill"))
    let end = try #require(Prover.checks.first { $0.id == "A56" })
    #expect(await Prover().run("A56", end.run, in: bench.environment).outcome == .proven)
    #expect(!bench.house.app.ledger.tenants.contains { $0.slug.hasPrefix(ProbeTenants.passingPrefix) })
  }

  @Test("A42: without a place for backups it stays unknown, and says why")
  func noPlace() async throws {
    let bench = try await AgingBench(backsUp: false)
    defer { bench.house.leave() }
    let result = try await bench.run(bench.environment)
    #expect(result.outcome == .couldNotRun && result.reason.contains("No place"), "\(result.reason)")
  }

  @Test("A42: a rule of more than 30 days, or a backup that is older, turns it red")
  func configured() async throws {
    let bench = try await AgingBench()
    defer { bench.house.leave() }
    let now = bench.house.clock.now
    for (days, age, words) in [(31, 1, "kept for 31 days"), (30, 32, "after more than 31 days")] {
      var environment = bench.environment
      let old = BackupFacts.Kept(
        id: "x", made: now.adding(seconds: -age * 86_400), isBase: true, manifest: Digest(sha256: []))
      environment.backups = { BackupFacts(kept: [old], retentionDays: days, objects: 1, sealedObjects: 1) }
      let result = try await bench.run(environment)
      #expect(result.outcome == .failing && result.reason.contains(words), "\(result.reason)")
    }
  }

  @Test("A42: keys that nobody destroyed, so that a restore brings back what was erased, turn it red")
  func comesBack() async throws {
    try await isRed("came back from a backup") { drill, first in
      // As if today's keys were those of before.
      drill.restore = { _ in first }
    }
  }

  @Test("A42: ciphertext of what was erased that lies in what was restored turns it red")
  func ciphertext() async throws {
    try await isRed("came back in 1 restored files") { drill, first in
      let restore = drill.restore
      drill.restore = { backup in
        let restored = try await restore(backup)
        try FileManager.default.copyItem(atPath: first.directory + ".left", toPath: restored.directory + "/left")
        return restored
      }
    }
  }

  @Test("A42: a restore that loses what was not erased turns it red")
  func loses() async throws {
    try await isRed("did not come back") { drill, _ in
      let restore = drill.restore
      drill.restore = { backup in
        let restored = try await restore(backup)
        return BackupDrill.Restored(directory: restored.directory, rows: restored.rows, opening: [])
      }
    }
  }

  @Test("A42: backups that are removed too soon, or never, turn it red")
  func age() async throws {
    try await isRed("before its time") { drill, _ in drill.lying = { [] } }
    try await isRed("still there after 31 days") { drill, _ in
      let seen = try await drill.lying()
      drill.lying = { seen }
    }
  }

  @Test("A42: a later backup that holds what was erased turns it red")
  func laterBackup() async throws {
    try await isRed("later backup holds") { drill, first in
      let restore = drill.restore
      let name = try await drill.lying().first
      drill.restore = { backup in backup == name ? try await restore(backup) : first }
    }
  }

  /// Breaks the drill after the control, in which the backup still brings everything back.
  private func isRed(
    _ words: String,
    _ sabotage: @escaping @Sendable (inout BackupDrill, BackupDrill.Restored) async throws -> Void
  ) async throws {
    let bench = try await AgingBench()
    defer { bench.house.leave() }
    var environment = bench.environment
    let make = environment.backupDrill
    environment.backupDrill = { tenant in
      let sound = try await make(tenant)
      let broken = Broken()
      var drill = sound
      drill.restore = { backup in
        if let drill = await broken.drill { return try await drill.restore(backup) }
        let first = try await sound.restore(backup)
        try FileManager.default.copyItem(
          atPath: first.directory + "/tenants/\(tenant).db", toPath: first.directory + ".left")
        var next = sound
        try await sabotage(&next, first)
        await broken.set(next)
        return first
      }
      drill.lying = { try await (broken.drill ?? sound).lying() }
      return drill
    }
    let result = try await bench.run(environment)
    #expect(result.outcome == .failing && result.reason.contains(words), "\(result.outcome): \(result.reason)")
  }

  private actor Broken {
    var drill: BackupDrill?
    func set(_ drill: BackupDrill) { self.drill = drill }
  }
}

private struct AgingBench {
  let house: House
  let environment: ProbeEnvironment

  init(backsUp: Bool = true) async throws {
    house = try await House.open(backsUp: backsUp)
    var environment = try house.app.trust.environment(house.app.services)
    environment.wait = { [house] in house.clock.advance(seconds: $0) }
    self.environment = environment
  }

  func run(_ environment: ProbeEnvironment) async throws -> CheckResult {
    let check = try #require(Prover.checks.first { $0.id == "A42" })
    return await Prover().run(check.id, check.run, in: environment)
  }
}
