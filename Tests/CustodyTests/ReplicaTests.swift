@testable import Custody
import Foundation
import Kernel
import Synchronization
import Testing

@Suite("Replicas of the key store")
struct ReplicaTests {
  @Test("every file of the key store but the root key is on every replica, and a tenant made later is too")
  func complete() throws {
    let place = try Place()
    let store = try place.open(adding: ["a", "b"])
    let keys = try place.tenant(store)
    for _ in 0..<1_500 { _ = try keys.takeSlot() }
    let live = try place.files("keys")
    #expect(live.keys.contains { $0.hasSuffix("blocks/1") })
    for replica in ["a", "b"] { #expect(try place.files(replica) == live) }
    #expect(!FileManager.default.fileExists(atPath: place["a"] + "/root.key"))
  }

  @Test("a slot is handed out only when its block and its mark are durable on the replica, wherever a crash falls")
  func crashPoints() throws {
    var crash = 0
    var isDone = false
    while !isDone {
      let place = try Place()
      let store = try place.open(adding: ["a"])
      _ = try place.tenant(store)
      let fault = Fault(after: crash)
      let keys = try place.open(disk: fault.disk).openTenant(place.tenant)
      var used: [(SubjectRef, [UInt8])] = []
      do {
        for _ in 0..<1_100 {
          let slot = try keys.takeSlot()
          used.append((slot, try keys.key(of: slot).withBytes { Array($0) }))
          if used.count % 96 == 1 { try place.expectUsable(used.suffix(1), from: ["a"]) }
        }
        isDone = true
      } catch {}
      try place.expectUsable(used, from: ["a"])
      // After the crash, whatever is there settles, and no slot comes twice.
      let after = try place.open().openTenant(place.tenant)
      #expect(try !used.contains { $0.0 == (try after.takeSlot()) })
      #expect(try place.files("a") == place.files("keys"))
      crash += 1
    }
    #expect(crash > 8, "there are too few writes to fail between")
  }

  @Test("sabotage: a replica that loses a block afterwards turns that test red")
  func crashPointsCanFail() throws {
    let place = try Place()
    let keys = try place.tenant(try place.open(adding: ["a"]))
    let slot = try keys.takeSlot()
    let key = try keys.key(of: slot).withBytes { Array($0) }
    try FileManager.default.removeItem(atPath: "\(place["a"])/tenants/\(place.tenant)/blocks/0")
    #expect(throws: (any Error).self) { try place.expectUsable([(slot, key)], from: ["a"]) }
  }

  @Test("a disk that forgets what it was told to write is noticed before a key is used", arguments: ["a", "keys"])
  func forgetfulDisk(at forgetful: String) throws {
    let place = try Place()
    _ = try place.tenant(try place.open(adding: ["a"]))
    let prefix = place[forgetful] + "/"
    let disk = KeyDisk { bytes, path, replacing in
      if !path.hasPrefix(prefix) { try KeyDisk.real.write(bytes, path, replacing) }
    }
    let keys = try place.open(disk: disk).openTenant(place.tenant)
    #expect { try keys.takeSlot() } throws: { ($0 as? Problem)?.code == .unavailable }
    #expect(throws: Never.self) { try place.open().openTenant(place.tenant).takeSlot() }
  }

  @Test(
    "after a sync that failed, of the live store or a replica, no key is taken until the next start",
    arguments: ["a", "keys"])
  func failedSync(at failing: String) throws {
    let place = try Place()
    _ = try place.tenant(try place.open(adding: ["a"]))
    let prefix = place[failing] + "/"
    let writes = Mutex(0)
    let disk = KeyDisk { bytes, path, replacing in
      writes.withLock { $0 += 1 }
      try KeyDisk.real.write(bytes, path, replacing)
      guard path.hasPrefix(prefix) else { return }
      throw DurableFile.FileError(operation: "sync directory", path: path, number: EIO)
    }
    let keys = try place.open(disk: disk).openTenant(place.tenant)
    #expect(throws: (any Error).self) { try keys.takeSlot() }
    let before = writes.withLock { $0 }
    #expect(before > 0)
    #expect(throws: (any Error).self) { try keys.takeSlot() }
    #expect(writes.withLock { $0 } == before)
    #expect(throws: Never.self) { try place.open().openTenant(place.tenant).takeSlot() }
  }

  @Test("what a broken-off write left on a replica is taken, not replaced")
  func leftBehind() throws {
    let place = try Place()
    _ = try place.tenant(try place.open(adding: ["a", "b"]))
    let fault = Fault(after: 1)
    #expect(throws: Problem.self) { try place.open(disk: fault.disk).openTenant(place.tenant).takeSlot() }
    let left = try place.files("a")
    let block = "tenants/\(place.tenant)/blocks/0"
    #expect(left[block] != nil)
    #expect(try place.files("b")[block] == nil)
    // Not through `open`, which would settle first.
    let provider = try FileKeyProvider(path: place["keys"] + "/root.key", dataDirectory: place["data"])
    _ = try KeyStore(at: .directory(place["keys"]), provider: provider).openTenant(place.tenant).takeSlot()
    for name in ["keys", "a", "b"] { #expect(try place.files(name)[block] == left[block]) }
  }

  @Test("an unreachable replica stops what needs a new key, and nothing else; once it is back, writes go on")
  func unreachable() throws {
    let place = try Place()
    let keys = try place.tenant(try place.open(adding: ["a"]))
    let first = try keys.takeSlot()
    try FileManager.default.moveItem(atPath: place["a"], toPath: place["away"])
    // An empty directory is what an unmounted file system leaves.
    try FileManager.default.createDirectory(atPath: place["a"], withIntermediateDirectories: true)
    for _ in 1..<16 { _ = try keys.takeSlot() }
    #expect { try keys.takeSlot() } throws: { ($0 as? Problem)?.code == .unavailable }
    _ = try keys.key(of: first)
    #expect(try FileManager.default.contentsOfDirectory(atPath: place["a"]).isEmpty)
    #expect(throws: Problem.self) { try place.open() }
    try FileManager.default.removeItem(atPath: place["a"])
    try FileManager.default.moveItem(atPath: place["away"], toPath: place["a"])
    #expect(try keys.takeSlot().number == 16)
  }

  @Test("a start without a listed replica is refused until the replica is forgotten")
  func forgotten() throws {
    let place = try Place()
    _ = try place.tenant(try place.open(adding: ["a"]))
    try FileManager.default.removeItem(atPath: place["a"])
    #expect { try place.open() } throws: { ($0 as? Problem)?.message.contains(place["a"]) == true }
    #expect(throws: Problem.self) { try KeyReplicas.forget(place["b"], at: .directory(place["keys"])) }
    try KeyReplicas.forget(place["a"], at: .directory(place["keys"]))
    #expect(try place.open().replicas.isEmpty)
  }

  @Test("what a replica or the live store lacks is copied from the other; the highest mark counts")
  func lagging() throws {
    let place = try Place()
    let keys = try place.tenant(try place.open(adding: ["a", "b"]))
    for _ in 0..<1_500 { _ = try keys.takeSlot() }
    let whole = try place.files("keys")
    let tenant = "tenants/\(place.tenant)"
    for (where_, file) in [("a", "blocks/0"), ("keys", "blocks/1"), ("b", "log.key")] {
      try FileManager.default.removeItem(atPath: "\(place[where_])/\(tenant)/\(file)")
    }
    try Data("16\n".utf8).write(to: URL(fileURLWithPath: "\(place["keys"])/\(tenant)/taken"))
    let store = try place.open()
    #expect(store.settled.copied.count == 4)
    for one in ["keys", "a", "b"] { #expect(try place.files(one) == whole) }
    #expect(try store.openTenant(place.tenant).takeSlot().number >= 1_500)
  }

  @Test("what says that a tenant ended and does not open ends nothing, wherever it lies", arguments: ["keys", "a"])
  func forgedEnd(at bad: String) throws {
    let place = try Place()
    _ = try place.tenant(try place.open(adding: ["a"])).takeSlot()
    let (store, whole) = (try place.open(), try place.files("keys"))
    let file = "tenants/\(place.tenant)/gone"
    // Nothing at all, and the genuine end of another tenant.
    let other = TenantID.make(at: Instant(milliseconds: 0))
    let foreign = try TenantEnd(erasure: "e", at: Instant(milliseconds: 0), epoch: 1).seal(
      tenant: other, root: store.root)
    for bytes in [[], foreign] {
      try Data(bytes).write(to: URL(fileURLWithPath: "\(place[bad])/\(file)"))
      #expect { try place.open() } throws: { ($0 as? Problem)?.message.contains(file) == true }
      if bad == "keys" {
        #expect(throws: Problem.self) { try store.isEnded(place.tenant) }
        #expect { try store.openTenant(place.tenant) } throws: { $0 is Problem }
        #expect { try store.createTenant(place.tenant) } throws: { $0 is Problem }
      }
      try FileManager.default.removeItem(atPath: "\(place[bad])/\(file)")
      for one in ["keys", "a"] { #expect(try place.files(one) == whole) }
    }
    _ = try place.open().openTenant(place.tenant)
  }

  @Test(
    "a mark that names keys that there are none of is refused and raises no other", arguments: [5_000, 1 << 48, .max])
  func forgedMark(_ mark: Int64) throws {
    let place = try Place()
    _ = try place.tenant(try place.open(adding: ["a"])).takeSlot()
    let (file, whole) = ("tenants/\(place.tenant)/taken", try place.files("keys"))
    try Data("\(mark)\n".utf8).write(to: URL(fileURLWithPath: "\(place["a"])/\(file)"))
    #expect { try place.open() } throws: { ($0 as? Problem)?.message.contains(file) == true }
    #expect(try place.files("keys") == whole)
    try FileManager.default.removeItem(atPath: "\(place["a"])/\(file)")
    _ = try place.open().openTenant(place.tenant).takeSlot()
  }

  @Test("a damaged file is named with its place and does not spread", arguments: ["keys", "a"])
  func damaged(at bad: String) throws {
    let place = try Place()
    let keys = try place.tenant(try place.open(adding: ["a"]))
    _ = try keys.takeSlot()
    let file = "tenants/\(place.tenant)/blocks/0"
    let good = try place.files("keys")
    try place.flip(bad, file)
    #expect { try place.open() } throws: {
      guard let message = ($0 as? Problem)?.message else { return false }
      return message.contains(file) && message.contains("damaged at \(place[bad]):")
    }
    try FileManager.default.removeItem(atPath: "\(place[bad])/\(file)")
    _ = try place.open()
    #expect(try place.files(bad) == good)
    // Damaged at the one and missing at the other: nothing is copied.
    try place.flip(bad, file)
    try FileManager.default.removeItem(atPath: "\(place[bad == "a" ? "keys" : "a"])/\(file)")
    #expect(throws: Problem.self) { try place.open() }
    #expect(try place.files(bad == "a" ? "keys" : "a")[file] == nil)
  }

  @Test("another installation's replica, the data directory and the key store itself are no place for a replica")
  func refused() throws {
    let place = try Place()
    let other = try Place()
    _ = try other.open(adding: ["a"])
    _ = try place.open()
    for wrong in [other["a"], place["data"] + "/keys", place["keys"], place["keys"] + "/inside", place["."]] {
      #expect(throws: Problem.self, "\(wrong)") { try place.open(adding: [wrong]) }
    }
    #expect(try KeyReplicas.recorded(at: .directory(place["keys"])).isEmpty)
    // A link into the data directory is the data directory.
    try FileManager.default.createSymbolicLink(atPath: place["link"], withDestinationPath: place["data"])
    #expect(throws: Problem.self) { try place.open(adding: ["link/keys"]) }
  }

  @Test(
    "a block that somebody made and never came to mark is made durable once more, everywhere, before a key of it is used"
  )
  func brokenOff() throws {
    let place = try Place()
    let keys = try place.tenant(try place.open(adding: ["a"]))
    for _ in 0..<1_000 { _ = try keys.takeSlot() }
    // Two marks up to the end of the first block, then the second block, and the process is gone.
    let broken = try place.open(disk: Fault(after: 4).disk).openTenant(place.tenant)
    #expect(throws: (any Error).self) { for _ in 0..<64 { _ = try broken.takeSlot() } }
    let file = "tenants/\(place.tenant)/blocks/1"
    let left = try #require(try place.files("keys")[file])
    let written = Mutex<[String]>([])
    let disk = KeyDisk { bytes, path, replacing in
      written.withLock { $0.append(path) }
      try KeyDisk.real.write(bytes, path, replacing)
    }
    let after = try place.open(disk: disk).openTenant(place.tenant)
    for _ in 0..<64 { _ = try after.takeSlot() }
    #expect(written.withLock { $0.filter { $0.hasSuffix("blocks/1") } }.count == 2)
    #expect(try place.files("keys")[file] == left && place.files("a")[file] == left)
  }

  @Test("a block in use that is missing is not made anew, and a lost mark wastes slots but repeats none")
  func neverTwice() throws {
    let place = try Place()
    let keys = try place.tenant(try place.open())
    for _ in 0..<10 { _ = try keys.takeSlot() }
    let tenant = "\(place["keys"])/tenants/\(place.tenant)"
    try FileManager.default.removeItem(atPath: tenant + "/taken")
    #expect(try place.open().openTenant(place.tenant).takeSlot().number == 1_024)
    try FileManager.default.removeItem(atPath: tenant + "/blocks/1")
    #expect(throws: Problem.self) { try place.open().openTenant(place.tenant).takeSlot() }
    #expect(!FileManager.default.fileExists(atPath: tenant + "/blocks/1"))
  }

  @Test("a copy from what is left opens every key and skips every slot that can have been used")
  func copied() throws {
    let place = try Place()
    let store = try place.open(adding: ["a", "b"])
    let keys = try place.tenant(store)
    var used: [(SubjectRef, [UInt8])] = []
    for _ in 0..<1_100 {
      let slot = try keys.takeSlot()
      used.append((slot, try keys.key(of: slot).withBytes { Array($0) }))
    }
    let tenant = "tenants/\(place.tenant)"
    try place.flip("a", "\(tenant)/blocks/0")
    try FileManager.default.removeItem(atPath: "\(place["b"])/\(tenant)/blocks/1")
    try Data("16\n".utf8).write(to: URL(fileURLWithPath: "\(place["a"])/\(tenant)/taken"))
    try Data("16\n".utf8).write(to: URL(fileURLWithPath: "\(place["b"])/\(tenant)/taken"))
    let kit = store.recoveryKit(id: Place.id, verifierKey: "k", now: Instant(milliseconds: 0))
    #expect(kit.keyStores.map { ($0 as NSString).lastPathComponent } == ["a", "b", "keys"])
    // The live store is what the disaster took.
    let report = try kit.makeKeyStore(at: KeyLocation(place["new"]), from: [place["gone"], place["a"], place["b"]])
    #expect(report.unreachable == [place["gone"]])
    #expect(report.damaged == ["\(place["a"])/\(tenant)/blocks/0"])
    try place.expectUsable(used, from: ["new"], withRoot: false)
    #expect(throws: Problem.self) { try kit.makeKeyStore(at: KeyLocation(place["new"]), from: [place["a"]]) }
    #expect(throws: Problem.self) { try kit.makeKeyStore(at: KeyLocation(place["other"]), from: [place["gone"]]) }
    try FileManager.default.removeItem(atPath: "\(place["b"])/\(tenant)/blocks/0")
    #expect(throws: Problem.self) {
      try kit.makeKeyStore(at: KeyLocation(place["other"]), from: [place["a"], place["b"]])
    }
    #expect(!FileManager.default.fileExists(atPath: place["other"] + "/root.key"))
  }
}

/// A key store with room for replicas, in a directory of its own.
private final class Place {
  static let id = "01jd7x0000000000000000000a"
  let home = NSTemporaryDirectory() + "steward-replicas-" + UUID().uuidString
  private(set) var tenant = TenantID.make(at: Instant(milliseconds: 1))

  init() throws {
    try FileManager.default.createDirectory(atPath: self["keys"], withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: self["data"], withIntermediateDirectories: true)
    try provider.create()
    try KeyStore(at: .directory(self["keys"]), provider: provider).createInstallationKey(id: Place.id)
  }

  deinit { try? FileManager.default.removeItem(atPath: home) }

  subscript(_ name: String) -> String { name == "." ? home : "\(home)/\(name)" }

  private var provider: FileKeyProvider {
    get throws { try FileKeyProvider(path: self["keys"] + "/root.key", dataDirectory: self["data"]) }
  }

  func open(adding: [String] = [], disk: KeyDisk = .real) throws -> KeyStore {
    try KeyStore(
      at: .directory(self["keys"]), provider: try provider, installation: Place.id, dataDirectory: self["data"],
      addingReplicas: adding.map { $0.hasPrefix("/") ? $0 : self[$0] }, disk: disk)
  }

  func tenant(_ store: KeyStore) throws -> TenantKeys {
    try store.createTenant(tenant)
    return try store.openTenant(tenant)
  }

  /// What lies there, without what belongs to the live store alone.
  func files(_ name: String) throws -> [String: Data] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: self[name])
    var found: [String: Data] = [:]
    for path in names where !["root.key", "replicas", "lock"].contains(path) {
      if let data = FileManager.default.contents(atPath: self[name] + "/" + path) { found[path] = data }
    }
    return found
  }

  func flip(_ name: String, _ file: String) throws {
    let path = "\(self[name])/\(file)"
    var data = try Data(contentsOf: URL(fileURLWithPath: path))
    data[data.count / 2] ^= 1
    try data.write(to: URL(fileURLWithPath: path))
  }

  /// From these copies and the root key alone every used key is found, and none of their slots is handed out again.
  func expectUsable(_ used: some Collection<(SubjectRef, [UInt8])>, from copies: [String], withRoot: Bool = true) throws
  {
    for name in copies {
      let path = self[name]
      let root = withRoot ? self["keys"] + "/root.key" : path + "/root.key"
      let provider = try FileKeyProvider(path: root, dataDirectory: self["data"])
      let keys = try KeyStore(at: .directory(path), provider: provider).openTenant(tenant)
      for (slot, key) in used {
        #expect(try keys.key(of: slot).withBytes { Array($0) } == key)
        #expect(try slot.number < keys.taken)
      }
    }
  }
}

/// Lets so many writes through, then fails each: the process as it was when the disk went away.
private final class Fault: Sendable {
  private let left: Mutex<Int>

  init(after writes: Int) { left = Mutex(writes) }

  var disk: KeyDisk {
    KeyDisk { bytes, path, replacing in
      let passes = self.left.withLock { left in
        left -= 1
        return left >= 0
      }
      guard passes else { throw DurableFile.FileError(operation: "write", path: path, number: EIO) }
      try KeyDisk.real.write(bytes, path, replacing)
    }
  }
}
