import Custody
import Foundation
import Kernel
@testable import Ledger
import Storage
import TestDatabase
import Testing
import TransparencyLog

@Suite("The keys of a log")
struct LogKeyTests {
  private static let somebody = Actor.system("test")

  /// What an auditor does with a receipt and the installation's key, in the words of the format.
  private func isGood(_ receipt: Receipt, _ bench: Bench) throws -> Bool {
    let installation = try VerifierKey(parsing: bench.ledger.installation.verifierKey)
    let certificate = try LogKeyCertificate.open(receipt.certificate, installationKey: installation)
    let checkpoint = try Checkpoint.open(receipt.proof.checkpoint, key: certificate.key)
    let leaf = try #require(receipt.leaf)
    return certificate.since <= (try LeafEntry(parsing: leaf)).time
      && Proofs.verifyInclusion(
        leaf: MerkleTree.leafHash(leaf), index: receipt.index, size: checkpoint.size, proof: receipt.proof.hashes,
        root: checkpoint.root)
  }

  private func key(of receipt: Receipt) throws -> String {
    try LogKeyCertificate.unidentified(receipt.certificate).key.description
  }

  @Test("after a rotation the new key signs, and receipts from before, of the change and from after all verify")
  func rotation() async throws {
    let bench = try await Bench(replicas: ["replica"])
    let before = try await bench.add("one").receipt
    let old = try await bench.ledger.logVerifierKey(bench.tenant)
    bench.clock.advance(seconds: 60)
    let rotation = try await bench.ledger.rotateLogKey(bench.tenant, by: Self.somebody)
    let after = try await bench.add("two").receipt
    #expect(rotation.number == 2 && rotation.pending.isEmpty)
    #expect(try await bench.ledger.logVerifierKey(bench.tenant) == rotation.verifierKey)
    let change = try await bench.ledger.receipt(bench.tenant, index: try #require(rotation.entry))
    #expect(try key(of: before) == old && key(of: change) == old && key(of: after) == rotation.verifierKey)
    for receipt in [before, change, after, try await bench.ledger.receipt(bench.tenant, index: before.index)] {
      #expect(try isGood(receipt, bench))
    }
    // The entry itself names the new key, so that whoever has only leaves can follow.
    let named = try VerifierKey(parsing: rotation.verifierKey).publicKey
    #expect(try LeafEntry(parsing: try #require(change.leaf)).object == "log-key:\(Hex.encode(named))")
    for place in [bench.keys, "\(bench.directory)/replica"] {
      let names = try DurableFile.names(in: "\(place)/tenants/\(bench.tenant)").filter { $0.hasPrefix("log") }
      #expect(names == ["log-2.key"])
    }
    await bench.ledger.close()
    #expect(try bench.verified().isEmpty)
  }

  @Test("a rotated log goes on after a restart, and can be rotated again")
  func again() async throws {
    let bench = try await Bench()
    for _ in 0..<3 { _ = try await bench.ledger.rotateLogKey(bench.tenant, by: Self.somebody) }
    _ = try await bench.add("one")
    await bench.ledger.close()
    let ledger = try Ledger(
      installation: try bench.installation(), tables: [Memo.table, MemoIndex.table], clock: bench.clock)
    #expect(try await ledger.rotateLogKey(bench.tenant, by: Self.somebody).number == 5)
    await ledger.close()
    #expect(try bench.verified().isEmpty)
  }

  @Test("a server that has the tenant open does not sign with the old key once another has rotated it")
  func severalServers() async throws {
    guard TestDatabase.isWanted else { return }
    let bench = try await Bench()
    let other = try Ledger(
      installation: try bench.installation(), tables: [Memo.table, MemoIndex.table], clock: bench.clock)
    let memo = Memo(id: ID.make(at: noon), title: "there")
    _ = try await other.write(bench.tenant, bench.act("memo.create", memo)) { try $0.insert(memo) }
    let rotation = try await bench.ledger.rotateLogKey(bench.tenant, by: Self.somebody)
    let second = Memo(id: ID.make(at: noon), title: "there too")
    let written = try await other.write(bench.tenant, bench.act("memo.create", second)) { try $0.insert(second) }
    #expect(try key(of: written.receipt) == rotation.verifierKey)
    await other.close()
    await bench.ledger.close()
    #expect(try bench.verified().isEmpty)
  }

  @Test("a place that cannot be reached keeps the end pending, says which it is, and the next try ends it")
  func pending() async throws {
    let bench = try await Bench(replicas: ["replica"])
    _ = try await bench.add("one")
    let replica = "\(bench.directory)/replica/tenants/\(bench.tenant)"
    // A directory of this name can neither be overwritten nor removed as a file.
    try FileManager.default.moveItem(atPath: replica + "/log.key", toPath: replica + "/kept")
    try FileManager.default.createDirectory(atPath: replica + "/log.key", withIntermediateDirectories: false)
    let rotation = try await bench.ledger.rotateLogKey(bench.tenant, by: Self.somebody)
    #expect(rotation.number == 2)
    #expect(rotation.pending.map(\.place) == ["\(bench.directory)/replica"])
    // Nothing is rotated on top of what has not ended.
    #expect(try await bench.ledger.rotateLogKey(bench.tenant, by: Self.somebody).entry == nil)
    try FileManager.default.removeItem(atPath: replica + "/log.key")
    try FileManager.default.moveItem(atPath: replica + "/kept", toPath: replica + "/log.key")
    #expect(try await bench.ledger.endLogKeys(bench.tenant, by: Self.somebody).isEmpty)
    #expect(try !DurableFile.exists(replica + "/log.key"))
    await bench.ledger.close()
    #expect(try bench.verified().isEmpty)
  }

  @Test("a replica that comes back with an ended key does not bring it back to life")
  func staleReplica() async throws {
    let bench = try await Bench(replicas: ["replica"])
    _ = try await bench.add("one")
    let path = "tenants/\(bench.tenant)/log.key"
    let seed = try #require(try DurableFile.read("\(bench.keys)/\(path)"))
    _ = try await bench.ledger.rotateLogKey(bench.tenant, by: Self.somebody)
    await bench.ledger.close()
    try DurableFile.write(seed, to: "\(bench.directory)/replica/\(path)")
    try bench.installation().close()
    #expect(try !DurableFile.exists("\(bench.keys)/\(path)"))
  }
}

extension LogKeyTests {
  @Test(
    "a bundle about an entry from before a rotation is proven and signed by the key of today, which is certified for it"
  )
  func bundles() async throws {
    let bench = try await Bench()
    let early = try await bench.add("one").receipt
    let before = try await bench.ledger.signing(bench.tenant, showing: early.index)
    #expect(before.certificate == early.certificate && before.checkpoint == early.proof.checkpoint)
    bench.clock.advance(seconds: 60)
    _ = try await bench.ledger.rotateLogKey(bench.tenant, by: Self.somebody)
    let signing = try await bench.ledger.signing(bench.tenant, showing: early.index)
    let installation = try VerifierKey(parsing: bench.ledger.installation.verifierKey)
    let certificate = try LogKeyCertificate.open(signing.certificate, installationKey: installation)
    let leaf = try #require(early.leaf)
    #expect(certificate.since <= (try LeafEntry(parsing: leaf)).time)
    let checkpoint = try Checkpoint.open(signing.checkpoint, key: certificate.key)
    #expect(checkpoint.size == signing.size)
    #expect(try Note.parse(try signing.sign(manifest: "steward/manifest/v1\n")).verifiedAlone(by: certificate.key))
    #expect(throws: Problem.self) { try signing.sign(manifest: "something else\n") }
    await bench.ledger.close()
  }
}

// MARK: - Sabotage

extension LogKeyTests {
  /// A bench whose log was rotated, and that has a batch behind it.
  private func rotated() async throws -> (bench: Bench, oldSeed: SecretBytes) {
    let bench = try await Bench()
    _ = try await bench.add("one")
    let seed = try bench.ledger.installation.keyStore.logSeed(of: bench.tenant, number: 1)
    _ = try await bench.ledger.rotateLogKey(bench.tenant, by: Self.somebody)
    _ = try await bench.add("two")
    await bench.ledger.close()
    #expect(try bench.verified().isEmpty)
    return (bench, seed)
  }

  @Test("a checkpoint that the old key signed after its end is found")
  func oldKeySigns() async throws {
    let (bench, seed) = try await rotated()
    let note = try DataPlace(bench.data).tenant(bench.tenant) { connection in
      try connection.firstRow(raw: "SELECT note FROM log_checkpoint ORDER BY size DESC LIMIT 1")?[0].bytes
    }
    let text = try Note.parse(try #require(note)).text
    let origin = try Checkpoint(parsing: text).origin
    let forged = try NoteSigner(name: origin, seed: seed).sign(text: text)
    let hex = Hex.encode(forged)
    let bytes = bench.database == nil ? "x'\(hex)'" : "'\\x\(hex)'::bytea"
    try bench.tamper([
      "UPDATE log_checkpoint SET note = \(bytes) WHERE size = (SELECT max(size) FROM log_checkpoint)"
    ])
    #expect(
      try bench.verified().map(\.reason) == ["there is no checkpoint signed by the log key for this batch"])
  }

  @Test("a change to a key that the installation does not certify is found")
  func uncertified() async throws {
    let (bench, _) = try await rotated()
    try bench.tamper(["DELETE FROM log_key WHERE id = '2'"])
    let reasons = try bench.verified().map(\.reason)
    #expect(reasons.contains("the log's key was changed to one that the installation key does not certify"))
  }

  @Test("a key store that is older than the rotation refuses to sign instead of going back to the old key")
  func oldKeyStore() async throws {
    let bench = try await Bench()
    let path = "\(bench.keys)/tenants/\(bench.tenant)"
    let seed = try #require(try DurableFile.read(path + "/log.key"))
    _ = try await bench.ledger.rotateLogKey(bench.tenant, by: Self.somebody)
    await bench.ledger.close()
    try DurableFile.write(seed, to: path + "/log.key")
    unlink(path + "/log-2.key")
    let ledger = try Ledger(
      installation: try bench.installation(), tables: [Memo.table, MemoIndex.table], clock: bench.clock)
    let memo = Memo(id: ID.make(at: noon), title: "three")
    await #expect(throws: Problem.self) {
      try await ledger.write(bench.tenant, bench.act("memo.create", memo)) { try $0.insert(memo) }
    }
    await ledger.close()
  }
}
