@testable import Backup
import Custody
import Foundation
import Kernel
import Ledger
import Storage
import Testing
import TransparencyLog

@Suite("The end of backups")
struct TermTests {
  private static let day = 86_400

  private func keys(_ bench: Bench) -> TermKeys { bench.keyStore.termKeys(.backups) }

  /// With all that there is: today's root key and key store.
  private func opens(_ backup: BackupID, _ path: String, _ bench: Bench) throws -> Bool {
    try BackupVerification.opens(
      backup, at: try DirectoryPlace(path), pinned: bench.ledger.installation.verifierKey,
      keyring: bench.keyStore.backupKeyring)
  }

  private func copy(_ bench: Bench) throws -> String {
    let path = "\(bench.directory)/copy-\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: bench.placePath, toPath: path)
    return path
  }

  @Test("a copy of an expired chain opens with nothing of today; that of the next one does")
  func expired() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    let base = try await bench.maker().create()
    try await bench.add("two")
    bench.clock.advance(seconds: 3_600)
    let increment = try await bench.maker().create()
    bench.clock.advance(seconds: Self.day)
    try await bench.add("three")
    let next = try await bench.maker().create()
    let kept = try copy(bench)
    for id in [base.id, increment.id, next.id] { #expect(try opens(id, kept, bench)) }
    bench.clock.advance(seconds: 30 * Self.day - 60)
    let last = try await bench.maker().create()
    #expect(last.expired == [increment.id, base.id])
    #expect(last.ends.map(\.backup) == [base.id.text, increment.id.text] && last.ends.allSatisfy { $0.isComplete })
    #expect(try !opens(base.id, kept, bench) && !opens(increment.id, kept, bench))
    #expect(try opens(next.id, kept, bench))
    #expect(try keys(bench).held().map(\.backup) == [next.id.text, last.id.text])
    // A verification names what it cannot open and goes on with the rest; a restore says why it is refused.
    var verification = BackupVerification(try DirectoryPlace(kept), keyring: bench.keyStore.backupKeyring)
    let findings = try verification.run().findings
    #expect(findings.map(\.backup) == [base.id, increment.id] && findings[0].reason.contains("destroyed"))
    let refused = await #expect(throws: Problem.self) {
      try await Restore(
        from: try DirectoryPlace(kept), to: bench.directory + "/late", keys: KeyLocation(bench.keys),
        opening: { try Ledger(installation: $0, tables: tables) }
      ).run(backup: base.id)
    }
    #expect(refused?.code == .gone)
    #expect(try bench.verify().isGood)
    await bench.ledger.close()
  }

  @Test("sabotage: an end that leaves the key leaves a copy that opens")
  func keyLeft() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    let first = try await bench.maker().create()
    let kept = try copy(bench)
    let stale = bench.directory + "/stale.keys"
    try FileManager.default.copyItem(atPath: bench.keys, toPath: stale)
    bench.clock.advance(seconds: 31 * Self.day)
    _ = try await bench.maker().create()
    #expect(try !opens(first.id, kept, bench))
    // As if what is said of it and its file were never touched.
    for name in ["book", "1"] {
      try? FileManager.default.removeItem(atPath: "\(bench.keys)/backups/\(name)")
      try FileManager.default.copyItem(atPath: "\(stale)/backups/\(name)", toPath: "\(bench.keys)/backups/\(name)")
    }
    #expect(try opens(first.id, kept, bench))
    await bench.ledger.close()
  }

  @Test("broken off after it was foreseen, and after its objects went, an end is finished by the next")
  func brokenOff() async throws {
    for isGone in [false, true] {
      let bench = try await Bench()
      try await bench.add("one")
      let first = try await bench.maker().create()
      let kept = try copy(bench)
      bench.clock.advance(seconds: 29 * Self.day)
      _ = try await bench.maker().create()
      // A second of the last day: the rule of time alone would wait for it.
      try keys(bench).foresee([try #require(TermKeyName("backups/1"))], now: bench.clock.now)
      if isGone { try FileManager.default.removeItem(atPath: "\(bench.placePath)/\(first.id)") }
      bench.clock.advance(seconds: 60)
      let ends = try BackupEnd.endKeys(of: bench.ledger.installation, now: bench.clock.now)
      #expect(ends.map(\.backup) == [first.id.text])
      #expect(try !opens(first.id, kept, bench))
      await bench.ledger.close()
    }
  }

  @Test("the key of a backup that its place lost ends with its time, and not before")
  func lost() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    let first = try await bench.maker().create()
    let kept = try copy(bench)
    try FileManager.default.removeItem(atPath: bench.placePath)
    bench.clock.advance(seconds: 29 * Self.day)
    #expect(try await bench.maker().create().ends.isEmpty)
    #expect(try opens(first.id, kept, bench))
    bench.clock.advance(seconds: 2 * Self.day)
    #expect(try await bench.maker().create().ends.map(\.backup) == [first.id.text])
    #expect(try !opens(first.id, kept, bench))
    await bench.ledger.close()
  }

  @Test("by hand a chain ends as a whole, at the end of its last; its keys do though the place is away")
  func byHand() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    let base = try await bench.maker().create(keepDays: 7)
    bench.clock.advance(seconds: 3_600)
    try await bench.add("two")
    let increment = try await bench.maker().create(keepDays: 7)
    let installation = bench.ledger.installation
    bench.clock.advance(seconds: 7 * Self.day - 1_800)
    #expect(
      try BackupEnd.remove(at: try bench.place(), of: installation, now: bench.clock.now) == [base.id, increment.id])
    #expect(try BackupEnd.endKeys(of: installation, now: bench.clock.now).isEmpty)
    #expect(try opens(increment.id, bench.placePath, bench))
    let away = bench.directory + "/away"
    try FileManager.default.moveItem(atPath: bench.placePath, toPath: away)
    bench.clock.advance(seconds: 3_600)
    #expect(try BackupEnd.endKeys(of: installation, now: bench.clock.now).count == 2)
    #expect(try !opens(base.id, away, bench) && !opens(increment.id, away, bench))
    try FileManager.default.moveItem(atPath: away, toPath: bench.placePath)
    #expect(try BackupEnd.remove(at: try bench.place(), of: installation, now: bench.clock.now).isEmpty)
    #expect(try bench.objects().isEmpty)
    await bench.ledger.close()
  }

  @Test("one from before there were such keys opens and comes back as before; one with an unknown line is refused")
  func earlierFormat() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    let made = try await bench.maker().create()
    try Self.makeEarlier(made.id, bench)
    #expect(try Shelf(try bench.place()).entries[0].manifest.term == nil)
    #expect(try bench.verify().isGood)
    _ = try await bench.restore("again")
    let ledger = try bench.opened("again")
    #expect(try await ledger.view(Memo.self, bench.acme).rows.map(\.title) == ["one"])
    await ledger.close()
    bench.clock.advance(seconds: 31 * Self.day)
    #expect(try await bench.maker().create(base: true).expired == [made.id])
    let text = try Shelf(try bench.place()).entries[0].manifest.text
    #expect(text.contains("\nterm backups/2\n"))
    for other in ["term backups/02", "term", "other backups/2", "term backups/2\nterm backups/2"] {
      let changed = text.replacingOccurrences(of: "term backups/2", with: other)
      #expect(throws: Damage.self) { try Manifest(parsing: changed) }
    }
    await bench.ledger.close()
  }

  /// Wraps the key of a backup as an earlier version did: everything that names it is written anew.
  private static func makeEarlier(_ id: BackupID, _ bench: Bench) throws {
    let source = try PartSource(try bench.place(), try #require(try Shelf(try bench.place()).entry(id)))
    let (manifest, installation) = (source.entry.manifest, bench.ledger.installation)
    let key = try source.key(bench.keyStore.backupKeyring)
    let wrapped = try bench.keyStore.backupKeyring.wrap(
      key.secret, installation: manifest.installation, backup: id.text)
    var lines: [PartIndex.Line] = []
    for line in source.index.lines {
      let path = "\(bench.placePath)/\(ObjectName(id, line.item))"
      let old = Array(manifest.keyID.utf8)
      var bytes = try source.bytes(line)
      let start = try #require((0..<200).first { Array(bytes[$0..<($0 + old.count)]) == old })
      bytes.replaceSubrange(start..<(start + old.count), with: BackupKey.keyID(of: wrapped).utf8)
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      lines.append(PartIndex.Line(item: line.item, digest: Digest(sha256: bytes), size: bytes.count))
    }
    let index = PartIndex(lines: lines)
    let earlier = Manifest(
      installation: manifest.installation, verifier: manifest.verifier, backup: id, made: manifest.made,
      number: manifest.number, scope: manifest.scope, previous: nil, parent: nil, wrappedKey: wrapped,
      indexDigest: Digest(sha256: index.bytes), indexSize: index.bytes.count)
    try bench.place().put(ObjectName(id, .index), PlaceObject(index))
    try bench.place().put(
      ObjectName(id, .manifest), PlaceObject(try SignedManifest(signing: earlier, by: installation)))
  }

  @Test("restored with the kit and a replica that is 30 backups behind; with none it says what to do")
  func oldReplica() async throws {
    let bench = try await Bench()
    try await bench.add("one")
    _ = try await bench.maker().create(base: true)
    let old = bench.directory + "/old.keys"
    try FileManager.default.copyItem(atPath: bench.keys, toPath: old)
    for _ in 0..<30 { _ = try await bench.maker().create(base: true) }
    let kit = bench.keyStore.recoveryKit(
      id: bench.ledger.installation.id.text, verifierKey: bench.ledger.installation.verifierKey, now: bench.clock.now)
    let keys = KeyLocation(bench.directory + "/again.keys")
    try kit.makeKeyStore(at: keys, from: [old])
    let report = try await Restore(
      from: try bench.place(), to: bench.directory + "/again", keys: keys,
      opening: { [clock = bench.clock] in try Ledger(installation: $0, tables: tables, clock: clock) }
    ).run()
    #expect(report.tenants.count == 2)
    let number = try Shelf(try bench.place()).entries.last?.manifest.term?.number
    #expect(number == 31)
    try FileManager.default.removeItem(atPath: old + "/backups")
    let bare = KeyLocation(bench.directory + "/bare.keys")
    try kit.makeKeyStore(at: bare, from: [old])
    let refused = await #expect(throws: Problem.self) {
      try await Restore(
        from: try bench.place(), to: bench.directory + "/bare", keys: bare,
        opening: { try Ledger(installation: $0, tables: tables) }
      ).run()
    }
    #expect(refused?.message.contains("--keys-from") == true)
    await bench.ledger.close()
  }
}
