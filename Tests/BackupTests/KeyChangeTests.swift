@testable import Backup
import Custody
import Foundation
import Kernel
import Ledger
import Storage
import Testing
import TransparencyLog

@Suite("Backups around a change of signing keys")
struct KeyChangeTests {
  @Test("a base before and an increment behind the change are good, and both come back with the keys of today")
  func around() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    let base = try await bench.maker().create()
    let old = bench.ledger.installation.verifier
    bench.clock.advance(seconds: 60)
    _ = try await bench.ledger.rotateLogKey(bench.acme, by: .system("test"))
    _ = try await bench.ledger.rotateInstallationKey(by: .system("test"))
    try await bench.add("two")
    bench.clock.advance(seconds: 60)
    let increment = try await bench.maker().create()
    #expect(!increment.isBase)
    let keyring = bench.ledger.installation.keyStore.backupKeyring
    for pin in [old, bench.ledger.installation.verifier] {
      var verification = BackupVerification(
        try bench.place(), pinned: pin, chain: bench.ledger.installation.chain, keyring: keyring)
      #expect(try verification.run().findings == [])
      var alone = BackupVerification(try bench.place(), pinned: pin, keyring: keyring)
      let findings = try alone.run().findings.map(\.reason)
      #expect(findings.contains { $0.hasSuffix("give --chain steward.chain") })
    }
    for (name, backup, titles) in [("first", base.id, ["one"]), ("second", increment.id, ["one", "two"])] {
      _ = try await bench.restore(name, backup: backup)
      let data = "\(bench.directory)/\(name)"
      #expect(try Verification.run(dataDirectory: data).flatMap(\.findings) == [])
      // An auditor who pinned the first key; the chain lies beside the data.
      #expect(try Verification.run(dataDirectory: data, installationKey: old.description).allSatisfy(\.isIntact))
      let ledger = try bench.opened(name)
      #expect(try await ledger.view(Memo.self, bench.acme).rows.map(\.title).sorted() == titles)
      #expect(ledger.installation.verifier == bench.ledger.installation.verifier)
      await ledger.close()
    }
  }

  @Test("a manifest that a key signed after its end is a finding")
  func ended() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    bench.clock.advance(seconds: 3_600)
    _ = try await bench.maker().create()
    let old = bench.ledger.installation.verifier
    // The key ended before that backup says it was made.
    bench.clock.advance(seconds: -1_800)
    _ = try await bench.ledger.rotateInstallationKey(by: .system("test"))
    var verification = BackupVerification(
      try bench.place(), pinned: old, chain: bench.ledger.installation.chain,
      keyring: bench.ledger.installation.keyStore.backupKeyring)
    #expect(
      try verification.run().findings.map(\.reason) == [
        "the backups are not signed by the installation that was named"
      ])
  }
}
