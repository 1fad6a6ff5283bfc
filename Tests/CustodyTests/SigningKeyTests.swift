@testable import Custody
import Foundation
import Kernel
import Testing

/// The seeds of signing keys in the key store, in a directory and in a database.
@Suite("Signing keys in a key store")
struct SigningKeyTests {
  private func bytes(_ seed: SecretBytes) -> [UInt8] { seed.withBytes { Array($0) } }

  @Test("a log key ends at every place, and only that one", arguments: KeyHome.Kind.all)
  func ends(kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    let replica = home.home + "/replica"
    let store = try home.settled(adding: [replica])
    try store.createTenant(home.tenant)
    try store.makeLogKey(of: home.tenant, number: 2)
    let second = bytes(try store.logSeed(of: home.tenant, number: 2))
    // What a rotation that was broken off left is taken, not replaced.
    try store.makeLogKey(of: home.tenant, number: 2)
    #expect(try bytes(store.logSeed(of: home.tenant, number: 2)) == second)
    let before = Set(try store.files(of: home.tenant).map(\.path))
    for _ in 0..<2 { #expect(try store.endLogKey(of: home.tenant, number: 1) == []) }
    let after = Set(try store.files(of: home.tenant).map(\.path))
    #expect(before.subtracting(after) == ["tenants/\(home.tenant)/log.key"] && after.isSubset(of: before))
    #expect(try !DurableFile.exists("\(replica)/tenants/\(home.tenant)/log.key"))
    #expect(throws: Problem.self) { try store.logSeed(of: home.tenant, number: 1) }
    #expect(try bytes(home.settled().logSeed(of: home.tenant, number: 2)) == second)
  }

  @Test("the key of an installation counts from its statement on, at every place", arguments: KeyHome.Kind.all)
  func installation(kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    let replica = home.home + "/replica"
    let store = try home.settled(adding: [replica])
    let first = bytes(try store.installationSeed(id: KeyHome.id))
    try store.makeInstallationKey(id: KeyHome.id, number: 2)
    #expect(try store.newestInstallationKey() == 1)
    #expect(try bytes(store.installationSeed(id: KeyHome.id)) == first)
    let note = Array("steward/installation-key/v1\nwhat it says\n".utf8)
    try store.addInstallationLink(note, number: 2)
    try store.addInstallationLink(Array("steward/installation-key/v1\nsomething else\n".utf8), number: 2)
    #expect(try store.newestInstallationKey() == 2)
    #expect(try store.installationChain() == note)
    #expect(try bytes(store.installationSeed(id: KeyHome.id)) != first)
    for name in ["installation-2.key", "installation-2.note"] { try #require(unlink("\(replica)/\(name)") == 0) }
    #expect(try home.settled().settled.copied.count == 2)
    #expect(try DurableFile.read(replica + "/installation-2.note") == note)
    #expect(KeyStore.installationChain(at: ["/nowhere", replica]) == note)
  }
}
