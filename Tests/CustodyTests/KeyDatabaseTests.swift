@testable import Custody
import Foundation
import Kernel
import Storage
import Testing

@Suite("Keys in a database", .enabled(if: KeyHome.server != nil, "STEWARD_TEST_POSTGRES names no server"))
struct KeyDatabaseTests {
  @Test("while the database is away nothing new is sealed and known keys are found; once it is back, all goes on")
  func away() throws {
    let home = try KeyHome(.database)
    try home.store().createTenant(home.tenant)
    let store = try home.store()
    let keys = try store.openTenant(home.tenant)
    let first = try keys.takeSlot()
    let key = try keys.key(of: first).withBytes { Array($0) }
    try home.setAway(true)
    for _ in 1..<16 { _ = try keys.takeSlot() }
    #expect { try keys.takeSlot() } throws: {
      guard let problem = $0 as? Problem else { return false }
      return problem.code == .unavailable && problem.message.contains("database of the keys cannot be reached")
    }
    #expect(try keys.key(of: first).withBytes { Array($0) } == key)
    #expect(try keys.isTaken(first))
    #expect { try keys.isTaken(SubjectRef(5_000)) } throws: { ($0 as? Problem)?.code == .unavailable }
    #expect { try store.openTenant(home.tenant) } throws: { ($0 as? Problem)?.code == .unavailable }
    try home.setAway(false)
    #expect(try keys.takeSlot().number == 16)
  }

  @Test("more tenants at once than there are connections: whoever holds a lock asks through the connection it has")
  func manyAtOnce() throws {
    let home = try KeyHome(.database)
    let store = try home.store()
    let tenants = (2..<10).map { TenantID.make(at: Instant(milliseconds: $0)) }
    let made = DispatchSemaphore(value: 0)
    for tenant in tenants {
      Thread.detachNewThread {
        if (try? store.createTenant(tenant)) != nil { made.signal() }
      }
    }
    for _ in tenants { #expect(made.wait(timeout: .now() + 20) == .success) }
  }

  @Test("a replica that is away stops what needs a new key")
  func replicaAway() throws {
    let home = try KeyHome(.database, databases: 2)
    let live = KeyLocation(home.home + "/live", rootKey: home.rootKey)
    try KeyStore.copy(
      from: [home.place], rootKey: try home.provider.rootKey(),
      to: KeyLocation(home.home + "/live", rootKey: home.home + "/other.key"))
    let store = try KeyStore(
      at: try live.place, provider: try home.provider, installation: KeyHome.id, dataDirectory: home.home + "/data",
      addingReplicas: [home.place, try home.address(1)])
    #expect(store.replicas.count == 2)
    try store.createTenant(home.tenant)
    let keys = try store.openTenant(home.tenant)
    for _ in 0..<16 { _ = try keys.takeSlot() }
    try home.setAway(true)
    #expect { try keys.takeSlot() } throws: {
      ($0 as? Problem)?.message.contains("replica of the keys cannot be written") == true
    }
    #expect(throws: Problem.self) {
      try KeyStore(
        at: try live.place, provider: try home.provider, installation: KeyHome.id, dataDirectory: home.home + "/data")
    }
    #expect(try KeyReplicas.differences(of: try home.location.place, from: try live.place) == nil)
    try home.setAway(false)
    #expect(try keys.takeSlot().number == 16)
    #expect(try KeyReplicas.differences(of: try home.location.place, from: try live.place) == 0)
    try KeyReplicas.forget(try home.address(1), at: try live.place)
    #expect(try KeyReplicas.recorded(at: try live.place).map(\.description) == [home.place])
  }

  @Test("a database is a replica, the source of a copy, and its target; the kit names it")
  func copied() throws {
    let home = try KeyHome(.database, databases: 3)
    let store = try home.settled(adding: [try home.address(1)])
    try store.createTenant(home.tenant)
    let keys = try store.openTenant(home.tenant)
    let used = try (0..<1_100).map { _ in
      let slot = try keys.takeSlot()
      return (slot, try keys.key(of: slot).withBytes { Array($0) })
    }
    let kit = store.recoveryKit(id: KeyHome.id, verifierKey: "k", now: Instant(milliseconds: 0))
    #expect(kit.keyStores == [try home.address(1), home.place])
    let paper = try kit.sealed(
      under: SecretBytes(Array("ten plain words that nobody has said before".utf8)),
      cost: PassphraseCost(memoryKiB: 64, passes: 1, lanes: 1))
    #expect(String(decoding: paper, as: UTF8.self).contains(home.place))
    let found = try KeyStore.survey(kit.keyStores, installation: KeyHome.id, rootKey: kit.rootKey)
    #expect(found.used == kit.keyStores)
    #expect(found.blocks == 2)
    let again = KeyLocation(try home.address(2), rootKey: home.home + "/again.key")
    try kit.makeKeyStore(at: again, from: [try home.address(1)])
    // Broken off before the root key was written: the same again goes on.
    try FileManager.default.removeItem(atPath: home.home + "/again.key")
    try kit.makeKeyStore(at: again, from: [home.place])
    #expect(throws: Problem.self) { try kit.makeKeyStore(at: again) }
    let copy = try KeyStore(
      at: try again.place, provider: try again.provider(dataDirectory: home.home + "/data")
    ).openTenant(home.tenant)
    for (slot, key) in used { #expect(try copy.key(of: slot).withBytes { Array($0) } == key) }
    #expect(try copy.takeSlot().number == 2_048)
  }

  @Test("the database keeps what is there: no file is replaced or removed, and no mark falls")
  func guarded() throws {
    let home = try KeyHome(.database)
    let store = try home.store()
    try store.createTenant(home.tenant)
    _ = try store.openTenant(home.tenant).takeSlot()
    for sql in [
      "UPDATE steward_keys.key_file SET data = '\\x00' WHERE path LIKE '%blocks%'",
      "UPDATE steward_keys.key_file SET data = '8\\n' WHERE path LIKE '%taken'",
      "UPDATE steward_keys.key_file SET data = 'none' WHERE path LIKE '%taken'",
      "UPDATE steward_keys.key_file SET path = 'replicas' WHERE path LIKE '%taken'",
      "DELETE FROM steward_keys.key_file", "TRUNCATE steward_keys.key_file",
    ] {
      #expect(throws: StorageError.self, "\(sql)") { try home.run(sql) }
    }
    try home.run("UPDATE steward_keys.key_file SET data = '99\\012' WHERE path LIKE '%taken'")
    #expect(try store.openTenant(home.tenant).taken == 99)
  }

  @Test("nothing in the database opens without the root key, and the root key is not in it")
  func sealed() throws {
    let home = try KeyHome(.database)
    let store = try home.store()
    try store.createTenant(home.tenant)
    let keys = try store.openTenant(home.tenant)
    let secret = try keys.key(of: try keys.takeSlot()).withBytes { Data($0) }
    let root = try home.provider.rootKey().withBytes { Data($0) }
    let files = try store.files(of: home.tenant)
    #expect(files.map(\.path).contains { $0.hasSuffix("blocks/0") })
    for (path, bytes) in files {
      #expect(Data(bytes).range(of: secret) == nil && Data(bytes).range(of: root) == nil, "\(path)")
    }
    #expect(throws: Problem.self) { try KeyLocation(home.place).rootKeyFile }
  }

  @Test("an empty database is no key store, and another installation's is refused as a replica")
  func foreign() throws {
    let home = try KeyHome(.database, databases: 2)
    let empty = try KeyPlaceName(try home.address(1))
    #expect(try !KeyStore.isMade(at: empty))
    #expect(try KeyReplicas.differences(of: empty, from: try home.location.place) == nil)
    let other = try KeyHome(.database)
    #expect { try home.settled(adding: [other.place]) } throws: { ($0 as? Problem)?.code == .conflict }
    #expect { try home.settled(adding: [home.place]) } throws: { ($0 as? Problem)?.code == .invalid }
  }
}

@Suite("Names of places of keys")
struct KeyPlaceNameTests {
  @Test(
    "an address with a password, or that cannot be one, is refused without repeating it",
    arguments: [
      "postgres://keys:hunter2@db.example/keys", "postgresql://keys:@db.example/keys",
      "postgres://keys@db.example/keys?sslmode=disable&password=hunter2",
      "postgres://keys@db.example/keys?sslmode=disable&sslpassword=hunter2",
      "postgres://keys@db.example/keys?sslmode=disable&pass%77ord=hunter2", "postgres://db.example/keys", "postgres://",
      "",
    ])
  func refused(_ text: String) {
    #expect { try KeyPlaceName(text) } throws: {
      guard let problem = $0 as? Problem else { return false }
      return problem.code == .invalid && !"\(problem)".contains("hunter2")
    }
  }

  @Test("a path is a directory, an address a database")
  func read() throws {
    #expect(try KeyPlaceName("/srv/keys").directory == "/srv/keys")
    #expect(try KeyPlaceName("postgres://keys@localhost/keys").directory == nil)
    #expect(try KeyLocation("/srv/keys").rootKeyFile == "/srv/keys/root.key")
    #expect(try KeyLocation("/srv/keys", rootKey: "/etc/root.key").rootKeyFile == "/etc/root.key")
  }
}
