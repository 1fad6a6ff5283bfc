@testable import Custody
import Foundation
import Kernel
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
