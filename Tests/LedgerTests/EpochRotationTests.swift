import Custody
import Foundation
import Kernel
import Ledger
import Testing

@Suite("A tenant's epoch key is changed")
struct EpochRotationTests {
  private static let somebody = Actor.system("test")

  private func files(_ place: String, _ bench: Bench) throws -> [String] {
    try DurableFile.names(in: "\(place)/tenants/\(bench.tenant)").filter { $0.hasPrefix("epoch") }
  }

  /// What the record says of epochs, the oldest first.
  private func told(_ bench: Bench) async throws -> [String] {
    try await bench.ledger.read(bench.tenant) { reader in
      try reader.entries(EntryFilter()).reversed().compactMap { entry in
        guard let object = entry.object, object.hasPrefix("epoch:") else { return nil }
        return "\(entry.action ?? "") \(object)"
      }
    }
  }

  @Test("the old key is gone at every place, what it sealed is read all the same, and the record tells of it")
  func rotated() async throws {
    let bench = try await Bench(replicas: ["replica"])
    let memo = try await bench.add("one").value
    let places = [bench.keys, "\(bench.directory)/replica"]
    let old = try places.map { try DurableFile.read("\($0)/tenants/\(bench.tenant)/epoch-1.key") }
    #expect(old.allSatisfy { $0 != nil })
    for number in [2, 3] as [Int64] {
      let turned = try await bench.ledger.rotateEpoch(bench.tenant, by: Self.somebody)
      #expect(turned.isComplete && turned.copies.count == 2)
      #expect(turned.epochBefore == number - 1 && turned.epochAfter == number)
      for place in places { #expect(try files(place, bench) == ["epoch-\(number).key"]) }
    }
    #expect(try await bench.ledger.read(bench.tenant) { try $0.find(Memo.self, memo.key) }?.title == "one")
    _ = try await bench.add("two")
    #expect(
      try await told(bench) == ["key.turn epoch:1", "key.end epoch:1", "key.turn epoch:2", "key.end epoch:2"])
    await bench.ledger.close()
    #expect(try bench.verified().isEmpty)
  }

  @Test(
    "a place that is away keeps the old key, is named, and ends it with the next try; until then no end is on the record"
  )
  func pending() async throws {
    let bench = try await Bench(replicas: ["replica"])
    _ = try await bench.add("one")
    let replica = "\(bench.directory)/replica"
    try FileManager.default.moveItem(atPath: replica, toPath: replica + ".away")
    let turned = try await bench.ledger.rotateEpoch(bench.tenant, by: Self.somebody)
    #expect(turned.copies.filter { $0.endedAt == nil }.map(\.place) == [replica])
    #expect(try await told(bench) == ["key.turn epoch:1"])
    try? FileManager.default.removeItem(atPath: replica)
    try FileManager.default.moveItem(atPath: replica + ".away", toPath: replica)
    #expect(try files(replica, bench) == ["epoch-1.key"])
    #expect(try await bench.ledger.rotateEpoch(bench.tenant, by: Self.somebody).isComplete)
    #expect(try files(replica, bench) == ["epoch-3.key"])
    #expect(try await told(bench) == ["key.turn epoch:1", "key.turn epoch:2", "key.end epoch:2"])
    await bench.ledger.close()
    #expect(try bench.verified().isEmpty)
  }
}
