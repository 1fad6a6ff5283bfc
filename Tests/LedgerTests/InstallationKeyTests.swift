import Custody
import Foundation
import Kernel
@testable import Ledger
import Storage
import TestDatabase
import Testing
import TransparencyLog

@Suite("The key of the installation")
struct InstallationKeyTests {
  private static let somebody = Actor.system("test")

  private func reopened(_ bench: Bench) throws -> Ledger {
    try Ledger(installation: try bench.installation(), tables: [Memo.table, MemoIndex.table], clock: bench.clock)
  }

  private func trust(_ pin: String, _ chain: [UInt8] = []) throws -> InstallationTrust {
    try InstallationTrust(pin: try VerifierKey(parsing: pin), chain: chain)
  }

  @Test(
    "after a rotation what is new verifies with the new key, or with the old one and the chain; and so does what is old"
  )
  func rotation() async throws {
    let bench = try await Bench(replicas: ["replica"])
    let system = try await bench.ledger.createTenant(slug: "system", isHidden: true).id
    let before = try await bench.add("one").receipt
    let old = bench.ledger.installation.verifierKey
    bench.clock.advance(seconds: 60)
    let rotation = try await bench.ledger.rotateInstallationKey(by: Self.somebody)
    bench.clock.advance(seconds: 60)
    let after = try await bench.add("two").receipt
    let chain = bench.ledger.installation.chain
    #expect(
      rotation.number == 2 && rotation.old == old && rotation.verifierKey == bench.ledger.installation.verifierKey)
    #expect(throws: Never.self) { try trust(rotation.verifierKey).open(after.certificate) }
    #expect(throws: LogError.self) { try trust(old).open(after.certificate) }
    #expect(throws: Never.self) { try trust(old, chain).open(after.certificate) }
    #expect(throws: Never.self) { try trust(old).open(before.certificate) }
    #expect(throws: LogError.self) { try trust(rotation.verifierKey).open(before.certificate) }
    #expect(throws: Never.self) { try trust(rotation.verifierKey, chain).open(before.certificate) }
    // Of its own log it is told in public.
    let told = try await bench.ledger.read(system) { reader in
      var filter = EntryFilter()
      filter.action = "key.rotate"
      return try reader.entries(filter).compactMap(\.object)
    }
    let key = try VerifierKey(parsing: rotation.verifierKey).publicKey
    #expect(told == ["installation-key:\(Hex.encode(key))"])
    #expect(try DurableFile.read(bench.data + "/steward.vkey") == Array("\(rotation.verifierKey)\n".utf8))
    #expect(try DurableFile.read(bench.data + "/steward.chain") == chain)
    #expect(try DurableFile.read("\(bench.directory)/replica/installation-2.note") == chain)
    await bench.ledger.close()
    #expect(try bench.verified().isEmpty)
    #expect(try Verification.run(dataDirectory: bench.data, installationKey: old).allSatisfy(\.isIntact))
  }

  @Test("an auditor who has the new key and not the chain is told that the old certificates are not of it")
  func withoutChain() async throws {
    let bench = try await Bench()
    _ = try await bench.ledger.createTenant(slug: "globex")
    await bench.ledger.close()
    let ledger = try reopened(bench)
    _ = try await ledger.rotateInstallationKey(by: Self.somebody)
    await ledger.close()
    // Neither tenant was open, so both still have the old key's word.
    #expect(try bench.verified().isEmpty)
    let reasons = try Verification.run(dataDirectory: bench.data, chain: []).flatMap(\.findings).map(\.reason)
    #expect(reasons == Array(repeating: "the log's key is not certified by the installation key", count: 2))
  }

  @Test("a tenant that was closed is certified anew when it is opened, with every key that its log had")
  func lazily() async throws {
    let bench = try await Bench()
    let early = try await bench.add("one").receipt
    _ = try await bench.ledger.rotateLogKey(bench.tenant, by: Self.somebody)
    await bench.ledger.close()
    let ledger = try reopened(bench)
    let rotation = try await ledger.rotateInstallationKey(by: Self.somebody)
    let again = try await ledger.receipt(bench.tenant, index: early.index)
    #expect(throws: Never.self) { try trust(rotation.verifierKey).open(again.certificate) }
    #expect(again.proof.checkpoint == early.proof.checkpoint)
    await ledger.close()
    #expect(try Verification.run(dataDirectory: bench.data, chain: []).allSatisfy(\.isIntact))
  }

  @Test("an older directory takes over the key that the key store has, and a tenant made there is certified by it")
  func olderData() async throws {
    let bench = try await Bench()
    _ = try await bench.ledger.rotateInstallationKey(by: Self.somebody)
    let newest = bench.ledger.installation.verifierKey
    let first = try #require(try InstallationTrust.links(bench.ledger.installation.chain).first).old
    await bench.ledger.close()
    // As it would be in a copy from before.
    try DurableFile.write(Array("\(first)\n".utf8), to: bench.data + "/steward.vkey")
    unlink(bench.data + "/steward.chain")
    let ledger = try reopened(bench)
    #expect(ledger.installation.verifierKey == newest)
    #expect(try DurableFile.read(bench.data + "/steward.vkey") == Array("\(newest)\n".utf8))
    let made = try await ledger.createTenant(slug: "globex")
    #expect(throws: Never.self) { try trust(newest).open(made.certificate) }
    await ledger.close()
    #expect(try bench.verified().isEmpty)
  }

  @Test("a key that was made and not yet named changes nothing, and the next rotation takes it")
  func brokenOff() async throws {
    let bench = try await Bench()
    let installation = bench.ledger.installation
    let before = installation.verifierKey
    try installation.keyStore.makeInstallationKey(id: installation.id.text, number: 2)
    let seed = try installation.keyStore.installationSeed(id: installation.id.text, number: 2)
    await bench.ledger.close()
    let ledger = try reopened(bench)
    #expect(ledger.installation.verifierKey == before)
    let rotation = try await ledger.rotateInstallationKey(by: Self.somebody)
    let key = try NoteSigner(name: "steward/\(installation.id)", seed: seed).verifierKey
    #expect(rotation.verifierKey == key.description)
    await ledger.close()
    #expect(try bench.verified().isEmpty)
  }

  @Test("a server beside the one that changed the key certifies new tenants by the new key")
  func severalServers() async throws {
    guard TestDatabase.isWanted else { return }
    let bench = try await Bench()
    let other = try reopened(bench)
    let rotation = try await bench.ledger.rotateInstallationKey(by: Self.somebody)
    let made = try await other.createTenant(slug: "globex")
    #expect(throws: Never.self) { try trust(rotation.verifierKey).open(made.certificate) }
    await other.close()
    await bench.ledger.close()
    #expect(try bench.verified().isEmpty)
  }

  @Test("a statement that somebody else put into the key store is refused at the start")
  func forged() async throws {
    let bench = try await Bench()
    let installation = bench.ledger.installation
    let old = try NoteSigner(name: "steward/\(installation.id)", seed: .random())
    let new = try NoteSigner(name: "steward/\(installation.id)", seed: .random())
    let link = InstallationLink(number: 2, old: old.verifierKey, new: new.verifierKey, since: noon)
    try installation.keyStore.makeInstallationKey(id: installation.id.text, number: 2)
    try installation.keyStore.addInstallationLink(try link.signed(old: old, new: new), number: 2)
    await bench.ledger.close()
    #expect(throws: Problem.self) { try bench.installation() }
  }
}

// MARK: - Older data than the keys

extension LogKeyTests {
  @Test(
    "data from before a rotation goes on with the key that is there, and its record says so",
    .enabled(if: !TestDatabase.isWanted, "copies the files of SQLite"))
  func olderData() async throws {
    let bench = try await Bench()
    _ = try await bench.add("one")
    await bench.ledger.close()
    let copy = bench.directory + "/copy"
    try FileManager.default.copyItem(atPath: bench.data, toPath: copy)
    let ledger = try Ledger(
      installation: try bench.installation(), tables: [Memo.table, MemoIndex.table], clock: bench.clock)
    for _ in 0..<2 { _ = try await ledger.rotateLogKey(bench.tenant, by: .system("test")) }
    await ledger.close()
    bench.clock.advance(seconds: 60)
    let older = try Ledger(
      installation: try OpenInstallation(openAt: copy, keys: KeyLocation(bench.keys)),
      tables: [Memo.table, MemoIndex.table], clock: bench.clock)
    let memo = Memo(id: ID.make(at: noon), title: "later")
    let written = try await older.write(
      bench.tenant, Act("memo.create", on: ObjectRef("memo", memo.id), by: .system("test"))
    ) {
      try $0.insert(memo)
    }
    #expect(
      try LogKeyCertificate.unidentified(written.receipt.certificate).key.description
        == (try await older.logVerifierKey(bench.tenant)))
    await older.close()
    #expect(try Verification.run(dataDirectory: copy).flatMap(\.findings).isEmpty)
  }
}
