@testable import Custody
import Foundation
import Kernel
import Synchronization
import Testing

@Suite("Records of destroyed keys that are put together")
struct TombstoneMergeTests {
  private static let count = TombstoneFile.mostSmall + 6

  /// So many erasures of one key each.
  private func destroyed(_ home: KeyHome, _ count: Int = count) throws {
    let keys = try home.store().openTenant(home.tenant)
    for number in 0..<count {
      let subject = SubjectRef(Int64(number))
      #expect(try keys.destroy([subject], erasure: "e\(number)", now: Instant(milliseconds: Int64(number))).isComplete)
    }
  }

  private func files(_ home: KeyHome) throws -> Int {
    try home.store().files(of: home.tenant).count { $0.path.contains("/erased-") }
  }

  @Test("many erasures leave few files, and every place and reader knows all of them", arguments: KeyHome.Kind.all)
  func merged(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    _ = try home.settled(adding: [home.home + "/one"])
    let used = try home.use(80)
    let early = try home.store().openTenant(home.tenant)
    try destroyed(home)
    #expect(try files(home) < 8)
    #expect(try KeyReplicas.differences(of: .directory(home.home + "/one"), from: try home.location.place) == 0)
    for keys in [early, try home.store().openTenant(home.tenant)] {
      let stones = try keys.tombstones()
      #expect(stones.count == Self.count)
      for (subject, stone) in stones {
        #expect(stone.erasure == "e\(subject.number)" && stone.at.milliseconds == subject.number)
      }
    }
    let victims = (0..<Self.count).map { SubjectRef(Int64($0)) }
    try home.expect(used, without: victims, try home.store().openTenant(home.tenant))
    try home.expectUsable(used, without: victims, from: home.home + "/one")
  }

  @Test("whoever opens the tenant while its epochs are turned can do so every time", arguments: KeyHome.Kind.all)
  func opening(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    _ = try home.use(2)
    let (turner, reader) = (try home.store(), try home.store())
    let keys = try turner.openTenant(home.tenant)
    let isOver = Mutex(false)
    let ended = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      for _ in 0..<60 { #expect(throws: Never.self) { try keys.turnEpoch(now: Instant(milliseconds: 1)) } }
      isOver.withLock { $0 = true }
      ended.signal()
    }
    var count = 0
    while !isOver.withLock(\.self) {
      #expect(throws: Never.self) { try reader.openTenant(home.tenant).key(of: SubjectRef(0)) }
      count += 1
    }
    ended.wait()
    #expect(count > 20)
  }

  @Test(
    "whatever step putting them together is broken off at, nobody is kept from the tenant", arguments: KeyHome.Kind.all)
  func brokenOff(_ kind: KeyHome.Kind) throws {
    var reached = 0
    for step in stride(from: 0, to: kind == .directory ? 200 : 20, by: kind == .directory ? 31 : 13) {
      let home = try KeyHome(kind)
      let used = try home.use(80)
      try destroyed(home, TombstoneFile.mostSmall)
      let fault = Steps(failingAt: step)
      let keys = try home.store(fault.disk).openTenant(home.tenant)
      let last = SubjectRef(Int64(TombstoneFile.mostSmall))
      _ = try? keys.destroy([last], erasure: "last", now: Instant(milliseconds: 1))
      let now = try home.store().openTenant(home.tenant)
      #expect(try now.tombstones().count >= TombstoneFile.mostSmall, "step \(step)")
      #expect(try now.destroy([last], erasure: "last", now: Instant(milliseconds: 1)).isComplete)
      let victims = (0...TombstoneFile.mostSmall).map { SubjectRef(Int64($0)) }
      try home.expect(used, without: victims, try home.store().openTenant(home.tenant))
      if fault.wasNotReached { break }
      reached = step
    }
    #expect(kind != .directory || reached > 60)
  }

  @Test("a replica that was put back to before loses nothing and brings nothing back")
  func putBack() throws {
    let home = try KeyHome(.directory)
    let replica = home.home + "/one"
    _ = try home.settled(adding: [replica])
    _ = try home.use(80)
    try destroyed(home, 30)
    try FileManager.default.copyItem(atPath: replica, toPath: replica + ".old")
    let keys = try home.store().openTenant(home.tenant)
    for number in 30..<Self.count {
      _ = try keys.destroy(
        [SubjectRef(Int64(number))], erasure: "e\(number)", now: Instant(milliseconds: Int64(number)))
    }
    try FileManager.default.removeItem(atPath: replica)
    try FileManager.default.moveItem(atPath: replica + ".old", toPath: replica)
    _ = try home.settled()
    #expect(try KeyReplicas.differences(of: .directory(replica), from: try home.location.place) == 0)
    #expect(try home.store().openTenant(home.tenant).tombstones().count == Self.count)
  }

  @Test("a file that is put together is never larger than a key file may be")
  func sizes() throws {
    let groups = (0..<40_000).map { number in
      TombstoneFile.Group(
        erasure: ID<TombstoneFile>.make(at: Instant(milliseconds: 1)).text,
        at: Instant(milliseconds: 1_700_000_000_000), epoch: Int64(number) + 1,
        subjects: [SubjectRef(Int64(number) * 1_000_003)])
    }
    let made = TombstoneFile.merged(groups.map { TombstoneFile(groups: [$0]) })
    #expect(made.flatMap(\.stones).count == groups.count)
    let tenant = TenantID.make(at: Instant(milliseconds: 1))
    for file in made {
      #expect(try file.seal(tenant: tenant, id: .make(at: Instant(milliseconds: 1)), root: .random()).count < 1 << 20)
      #expect(!file.isSmall || file == made.last)
    }
  }
}
