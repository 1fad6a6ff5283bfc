@testable import Custody
import Crypto
import Foundation
import Kernel
import Synchronization
import Testing

private let noon = Instant(milliseconds: 1_800_000_000_000)
private let erasure = "01jd7x0000000000000000000e"
/// `STEWARD_LONG_TESTS=1` makes the loops as long as they are run by night.
private let isLong = ProcessInfo.processInfo.environment["STEWARD_LONG_TESTS"] != nil

@Suite("Keys that are destroyed")
struct DestructionTests {
  @Test("one subject's key is gone, all others open as before", arguments: KeyHome.Kind.all)
  func one(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    let used = try home.use(2_600)
    let victim = SubjectRef(1_300)
    let keys = try home.store().openTenant(home.tenant)
    let destruction = try keys.destroy([victim], erasure: erasure, now: noon)
    #expect(destruction.isComplete)
    #expect((destruction.epochBefore, destruction.epochAfter) == (1, 2))
    #expect(destruction.copies.map(\.isLive) == [true] && destruction.copies[0].endedAt == noon)
    try home.expect(used, without: [victim], keys)
    // As a process that starts later sees it.
    let later = try home.store().openTenant(home.tenant)
    try home.expect(used, without: [victim], later)
    #expect(try later.tombstones() == [victim: Tombstone(subject: victim, at: noon, erasure: erasure)])
    #expect(
      try home.store().files(of: home.tenant).map(\.path).filter { $0.contains("epoch") } == [
        "tenants/\(home.tenant)/epoch-2.key"
      ])
    let next = try keys.takeSlot()
    _ = try later.key(of: next)
  }

  @Test("a second time there is nothing left to do", arguments: KeyHome.Kind.all)
  func again(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    _ = try home.use(40)
    let keys = try home.store().openTenant(home.tenant)
    _ = try keys.destroy([SubjectRef(3)], erasure: erasure, now: noon)
    let before = try home.store().files(of: home.tenant).map(\.bytes)
    let again = try keys.destroy([SubjectRef(3)], erasure: erasure, now: noon)
    // What ended is what ended then: a try whose outcome nobody heard of is told again.
    #expect(again.isComplete && again.epochBefore == 1 && again.epochAfter == 2)
    #expect(try home.store().files(of: home.tenant).map(\.bytes) == before)
    let other = try keys.destroy([SubjectRef(3), SubjectRef(4)], erasure: "e2", now: noon)
    #expect(other.epochBefore == 2 && other.epochAfter == 3)
    let first = try keys.destroy([SubjectRef(3)], erasure: erasure, now: noon)
    #expect(first.isComplete && first.epochBefore == 1 && first.epochAfter == 3)
    #expect(throws: Problem.self) { try keys.destroy([], erasure: "e3", now: noon) }
    #expect(try keys.tombstones()[SubjectRef(4)]?.erasure == "e2")
    #expect(try keys.tombstones()[SubjectRef(3)]?.erasure == erasure)
  }

  @Test("a key that was never taken is not destroyed")
  func untaken() throws {
    let home = try KeyHome(.directory)
    _ = try home.use(3)
    let keys = try home.store().openTenant(home.tenant)
    for number in [-1, 17, 5_000] as [Int64] {
      #expect(throws: Problem.self) { try keys.destroy([SubjectRef(number)], erasure: erasure, now: noon) }
    }
    #expect(try keys.tombstones().isEmpty)
  }

  @Test("the blocks of before do not open with the keys of after, nor the other way round")
  func oldBlocks() throws {
    let home = try KeyHome(.directory)
    _ = try home.use(1_100)
    let old = try home.store().files(of: home.tenant)
    let keys = try home.store().openTenant(home.tenant)
    _ = try keys.destroy([SubjectRef(7)], erasure: erasure, now: noon)
    let root = try home.provider.rootKey()
    var today = KeyFileOpener(root: root, installation: nil)
    for file in try home.store().files(of: home.tenant) {
      #expect(today.opens(try #require(KeyFile(path: file.path)), file.bytes))
    }
    var before = KeyFileOpener(root: root, installation: nil)
    for file in old {
      let name = try #require(KeyFile(path: file.path))
      if case .epoch = name { continue }
      #expect(today.opens(name, file.bytes) == !name.isBlock, "\(file.path)")
    }
    // With the old epoch key, which is nowhere any more, it would: the check can fail.
    for file in old { #expect(before.opens(try #require(KeyFile(path: file.path)), file.bytes)) }
    #expect(
      try home.bytesAnywhere().allSatisfy { place in
        !old.contains { $0.path.contains("epoch") && place.contains(Data($0.bytes)) }
      })
  }

  // MARK: Replicas

  @Test("replicas and live store end in one state", arguments: KeyHome.Kind.all)
  func replicas(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    let places = [home.home + "/one", home.home + "/two"]
    _ = try home.settled(adding: places)
    let used = try home.use(1_500)
    let victims = [SubjectRef(2), SubjectRef(1_400)]
    let keys = try home.store().openTenant(home.tenant)
    let destruction = try keys.destroy(victims, erasure: erasure, now: noon)
    #expect(destruction.isComplete && destruction.copies.map(\.isLive) == [false, false, true])
    for place in places {
      #expect(try KeyReplicas.differences(of: .directory(place), from: try home.location.place) == 0)
      try home.expectUsable(used, without: victims, from: place)
    }
    #expect(try home.settled().settled.copied.isEmpty)
  }

  @Test(
    "a replica that is away stays pending and is named; it is brought forward when it is back",
    arguments: KeyHome.Kind.all)
  func away(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    let (place, hidden) = (home.home + "/one", home.home + "/one.away")
    _ = try home.settled(adding: [place])
    let used = try home.use(30)
    let victim = SubjectRef(12)
    let keys = try home.store().openTenant(home.tenant)
    try FileManager.default.moveItem(atPath: place, toPath: hidden)
    let pending = try keys.destroy([victim], erasure: erasure, now: noon)
    #expect(!pending.isComplete)
    #expect(pending.copies.first { !$0.isLive }?.endedAt == nil)
    #expect(pending.copies.first { !$0.isLive }?.obstacle?.isEmpty == false)
    #expect(pending.copies.first(where: \.isLive)?.endedAt == noon)
    try home.expect(used, without: [victim], keys)
    try FileManager.default.moveItem(atPath: hidden, toPath: place)
    #expect(try keys.destroy([victim], erasure: erasure, now: noon).isComplete)
    #expect(try KeyReplicas.differences(of: .directory(place), from: try home.location.place) == 0)
    try home.expectUsable(used, without: [victim], from: place)
  }

  @Test(
    "a replica that was put back to before is brought forward when the store is opened", arguments: KeyHome.Kind.all)
  func replicaPutBack(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    let (place, old) = (home.home + "/one", home.home + "/one.old")
    _ = try home.settled(adding: [place])
    let used = try home.use(1_100)
    let victim = SubjectRef(1_050)
    try FileManager.default.copyItem(atPath: place, toPath: old)
    _ = try home.store().openTenant(home.tenant).destroy([victim], erasure: erasure, now: noon)
    try FileManager.default.removeItem(atPath: place)
    try FileManager.default.moveItem(atPath: old, toPath: place)
    #expect(try KeyReplicas.differences(of: .directory(place), from: try home.location.place) ?? 0 > 0)
    let report = try home.settled().settled
    #expect(report.copied.contains { $0.contains("/one/") && $0.contains("erased-") })
    #expect(try KeyReplicas.differences(of: .directory(place), from: try home.location.place) == 0)
    try home.expectUsable(used, without: [victim], from: place)
    try home.expect(used, without: [victim], try home.store().openTenant(home.tenant))
  }

  @Test("a live store that was put back to before is brought forward from its replica")
  func livePutBack() throws {
    let home = try KeyHome(.directory)
    _ = try home.settled(adding: [home.home + "/one"])
    let used = try home.use(1_100)
    let victim = SubjectRef(1)
    let old = home.home + "/old"
    try FileManager.default.copyItem(atPath: home.place, toPath: old)
    _ = try home.store().openTenant(home.tenant).destroy([victim], erasure: erasure, now: noon)
    try FileManager.default.removeItem(atPath: home.place)
    try FileManager.default.moveItem(atPath: old, toPath: home.place)
    // Nothing else would say so: the key opens again.
    _ = try home.store().openTenant(home.tenant).key(of: victim)
    #expect(try !home.settled().settled.copied.isEmpty)
    try home.expect(used, without: [victim], try home.store().openTenant(home.tenant))
  }

  @Test("copies of one epoch that differ are refused")
  func disagree() throws {
    let home = try KeyHome(.directory)
    _ = try home.settled(adding: [home.home + "/one"])
    _ = try home.use(10)
    let keys = try home.store().openTenant(home.tenant)
    _ = try keys.destroy([SubjectRef(1)], erasure: erasure, now: noon)
    let block = "tenants/\(home.tenant)/blocks/0"
    let root = try home.provider.rootKey()
    let epoch = try Box.open(
      try #require(try DurableFile.read("\(home.place)/tenants/\(home.tenant)/epoch-2.key")), key: root,
      context: SealingContext.epoch(tenant: home.tenant, epoch: 2))
    let other = try KeyBlock.seal(
      SecretBytes.random(count: KeyBlock.plainSize), tenant: home.tenant, number: 0, epoch: 2, key: SecretBytes(epoch))
    try DurableFile.write(other, to: "\(home.home)/one/\(block)")
    #expect { try home.settled() } throws: { ($0 as? Problem)?.message.contains("differs between") == true }
  }

  @Test("a copy that is made from an old and a new place has nothing that was destroyed")
  func copied() throws {
    let home = try KeyHome(.directory)
    _ = try home.settled(adding: [home.home + "/one"])
    let used = try home.use(1_100)
    let victim = SubjectRef(9)
    try FileManager.default.copyItem(atPath: home.home + "/one", toPath: home.home + "/old")
    _ = try home.store().openTenant(home.tenant).destroy([victim], erasure: erasure, now: noon)
    for (number, places) in [["old", "one"], ["one", "old"], ["old", "keys"]].enumerated() {
      let copy = KeyLocation(home.home + "/copy\(number)")
      try KeyStore.copy(
        from: places.map { home.home + "/" + $0 }, installation: KeyHome.id, rootKey: try home.provider.rootKey(),
        to: copy)
      let keys = try KeyStore(at: try copy.place, provider: try copy.provider(dataDirectory: home.home + "/data"))
        .openTenant(home.tenant)
      try home.expect(used, without: [victim], keys)
    }
  }

  // MARK: Crashes

  @Test("whatever step it is broken off at, all other keys open, and the next try ends it")
  func brokenOff() throws {
    var step = 0
    while true {
      let home = try KeyHome(.directory)
      _ = try home.settled(adding: [home.home + "/one"])
      let used = try home.use(1_060)
      let victims = [SubjectRef(5), SubjectRef(1_040)]
      let fault = Steps(failingAt: step)
      let keys = try home.store(fault.disk).openTenant(home.tenant)
      let isOver = (try? keys.destroy(victims, erasure: erasure, now: noon))?.isComplete == true
      let now = try home.store().openTenant(home.tenant)
      for (slot, key) in used where !victims.contains(slot) {
        #expect(try now.key(of: slot).withBytes { Array($0) } == key, "step \(step)")
      }
      if step % 2 == 0 {
        #expect(try now.destroy(victims, erasure: erasure, now: noon).isComplete)
      } else if !isOver, try now.tombstones().isEmpty {
        _ = try now.destroy(victims, erasure: erasure, now: noon)
      } else {
        // A start ends it as well.
        _ = try home.settled()
      }
      try home.expect(used, without: victims, try home.store().openTenant(home.tenant))
      try home.expectUsable(used, without: victims, from: home.home + "/one")
      #expect(try KeyReplicas.differences(of: .directory(home.home + "/one"), from: try home.location.place) == 0)
      if fault.wasNotReached { break }
      // A prime to both ways of ending it, so that each step meets each in the long run.
      step += isLong ? 1 : 5
    }
    #expect(step >= 20)
  }

  // MARK: Leases

  @Test("a key in the memory of another server is used for twenty seconds at most", arguments: KeyHome.Kind.all)
  func lease(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    let used = try home.use(10)
    let clock = Clock()
    let other = try home.store().openTenant(home.tenant, lease: KeyLease { clock.now })
    let forever = try home.store().openTenant(home.tenant)
    let victim = SubjectRef(4)
    for keys in [other, forever] { _ = try keys.key(of: victim) }
    _ = try home.store().openTenant(home.tenant).destroy([victim], erasure: erasure, now: noon)
    clock.advance(9)
    _ = try other.key(of: victim)
    clock.advance(2)
    try home.expect(used, without: [victim], other)
    // Sabotage: whoever does not look goes on for ever.
    _ = try forever.key(of: victim)
  }

  @Test("a server that cannot ask uses nothing from memory after twenty seconds")
  func leaseEnds() throws {
    let home = try KeyHome(.directory)
    _ = try home.use(10)
    let clock = Clock()
    let keys = try home.store().openTenant(home.tenant, lease: KeyLease { clock.now })
    _ = try keys.takeSlot()
    _ = try keys.key(of: SubjectRef(16))
    try FileManager.default.moveItem(atPath: "\(home.place)/tenants", toPath: "\(home.place)/away")
    try Data().write(to: URL(fileURLWithPath: "\(home.place)/tenants"))
    clock.advance(15)
    _ = try keys.key(of: SubjectRef(16))
    #expect(keys.takeSlotAtHand() != nil)
    clock.advance(6)
    #expect(throws: (any Error).self) { try keys.key(of: SubjectRef(16)) }
    #expect(keys.takeSlotAtHand() == nil)
    #expect(keys.tend())
  }

  // MARK: Tenants

  @Test("of an erased tenant nothing is left but that it was", arguments: KeyHome.Kind.all)
  func tenant(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    let place = home.home + "/one"
    _ = try home.settled(adding: [place])
    _ = try home.use(2_000)
    try FileManager.default.copyItem(atPath: place, toPath: home.home + "/old")
    let store = try home.store()
    #expect(try store.endTenant(home.tenant, erasure: erasure, now: noon).isComplete)
    let again = try store.endTenant(home.tenant, erasure: "later", now: noon)
    #expect(again.isComplete && again.epochBefore == 1 && again.epochAfter == 1)
    #expect(try store.files(of: home.tenant).map(\.path) == ["tenants/\(home.tenant)/gone"])
    #expect(throws: TenantErased.self) { try store.openTenant(home.tenant) }
    #expect(throws: TenantErased.self) { try store.createTenant(home.tenant) }
    // A replica from before does not bring it back.
    try FileManager.default.removeItem(atPath: place)
    try FileManager.default.moveItem(atPath: home.home + "/old", toPath: place)
    _ = try home.settled()
    #expect(try home.store().files(of: home.tenant).count == 1)
    #expect(try DurableFile.names(in: "\(place)/tenants/\(home.tenant)").filter { $0 != "blocks" } == ["gone"])
    #expect(try DurableFile.names(in: "\(place)/tenants/\(home.tenant)/blocks").isEmpty)
  }

  @Test("the time of an end is read when the keys are gone at its place")
  func timesOfEnds() throws {
    let home = try KeyHome(.directory)
    let replica = home.home + "/one"
    _ = try home.settled(adding: [replica])
    _ = try home.use(20)
    let places = [replica, home.place].map { "\($0)/tenants/\(home.tenant)" }
    var seen: [Instant: [Bool]] = [:]
    func clock(_ file: String) -> Instant {
      let now = noon.adding(seconds: seen.count + 1)
      seen[now] = places.map { FileManager.default.fileExists(atPath: "\($0)/\(file)") }
      return now
    }
    let keys = try home.store().openTenant(home.tenant)
    let one = try keys.destroy([SubjectRef(3)], erasure: erasure, now: clock("epoch-1.key"))
    let all = try home.store().endTenant(home.tenant, erasure: erasure, now: clock("epoch-2.key"))
    for destruction in [one, all] {
      #expect(destruction.isComplete && destruction.copies.count == 2)
      for (place, copy) in destruction.copies.enumerated() {
        #expect(copy.endedAt.flatMap { seen[$0]?[place] } == false, "\(copy)")
      }
    }
    // It was there when the tombstone was made: the test can fail.
    #expect(seen[noon.adding(seconds: 1)] == [true, true])
  }

  @Test("an epoch can be turned without destroying anything", arguments: KeyHome.Kind.all)
  func turned(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    let used = try home.use(1_100)
    let keys = try home.store().openTenant(home.tenant)
    for epoch in [2, 3, 4] as [Int64] { #expect(try keys.turnEpoch(now: noon).epochAfter == epoch) }
    try home.expect(used, without: [], keys)
    try home.expect(used, without: [], try home.store().openTenant(home.tenant))
    #expect(try keys.tombstones().isEmpty)
  }
}

// MARK: - What the tests need

/// A clock that stands still.
private final class Clock: Sendable {
  private let start = ContinuousClock.now
  private let passed = Mutex(0)
  var now: ContinuousClock.Instant { start + .seconds(passed.withLock(\.self)) }
  func advance(_ seconds: Int) { passed.withLock { $0 += seconds } }
}

/// Lets so many steps through and fails from then on, as for a process that is no more.
final class Steps: Sendable {
  private let left: Mutex<Int>
  init(failingAt step: Int) { left = Mutex(step) }
  var wasNotReached: Bool { left.withLock { $0 >= 0 } }

  private func take(_ path: String) throws {
    let passes = left.withLock { left in
      left -= 1
      return left >= 0
    }
    if !passes { throw DurableFile.FileError(operation: "stop at", path: path, number: EIO) }
  }

  var disk: KeyDisk {
    KeyDisk(
      write: { bytes, path, replacing in
        try self.take(path)
        try KeyDisk.real.write(bytes, path, replacing)
      }, before: { try self.take($0) })
  }
}

extension KeyHome {
  func store(_ disk: KeyDisk) throws -> KeyStore {
    try KeyStore(at: try location.place, provider: try provider, disk: disk)
  }

  /// Takes so many slots; their keys.
  func use(_ count: Int) throws -> [(SubjectRef, [UInt8])] {
    let store = try store()
    try store.createTenant(tenant)
    let keys = try store.openTenant(tenant)
    return try (0..<count).map { _ in
      let slot = try keys.takeSlot()
      return (slot, try keys.key(of: slot).withBytes { Array($0) })
    }
  }

  func expect(_ used: [(SubjectRef, [UInt8])], without victims: [SubjectRef], _ keys: TenantKeys) throws {
    for (slot, key) in used {
      if victims.contains(slot) {
        #expect(throws: SubjectErased.self) { try keys.key(of: slot) }
      } else if try keys.key(of: slot).withBytes({ Array($0) }) != key {
        Issue.record("the key of \(slot.number) is another")
      }
    }
  }

  /// From this place and the root key alone.
  func expectUsable(_ used: [(SubjectRef, [UInt8])], without victims: [SubjectRef], from path: String) throws {
    let keys = try KeyStore(at: .directory(path), provider: try provider).openTenant(tenant)
    try expect(used, without: victims, keys)
  }

  /// The content of every file of the key store's directory.
  func bytesAnywhere() throws -> [Data] {
    try FileManager.default.subpathsOfDirectory(atPath: place).compactMap {
      FileManager.default.contents(atPath: place + "/" + $0)
    }
  }
}
