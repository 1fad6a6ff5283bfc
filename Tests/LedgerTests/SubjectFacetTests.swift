import Custody
import Kernel
@testable import Ledger
import Storage
import TestDatabase
import Testing

/// Rows and images of a subject, found without walking through a tenant (decision 0102).
@Suite("What a subject has")
struct SubjectFacetTests {
  private struct Places: Hashable {
    var rows: Set<RowRef> = []
    var images: Set<[Int64]> = []

    init(_ remains: Remains) {
      rows = Set(remains.live.map(\.row))
      images = Set(remains.images.compactMap { $0.place.map { [$0.index, $0.position] } })
    }
  }

  /// A tenant's life: rows under keys of their own and shared ones, changed, deleted, made again under another key, in commands small and large.
  private func lived(_ lab: Lab, commands: Int, seed: UInt64) async throws -> Set<SubjectRef> {
    var random = Chance(state: seed)
    var (memos, subjects) = ([ID<Memo>](), Set<SubjectRef>())
    for _ in 0..<commands {
      let steps = (0..<(random.below(10) == 0 ? 40 : 1 + random.below(3))).map { _ in
        (random.below(10), random.below(1 << 30), ID<Memo>.make(at: noon))
      }
      let (known, seen) = (memos, subjects.sorted { $0.number < $1.number })
      let (made, used) = try await lab.ledger.write(lab.tenant, lab.act) { work in
        var (made, used) = (known, Set<SubjectRef>())
        for (kind, draw, id) in steps {
          let old = made.isEmpty ? id : made[draw % made.count]
          let isThere = try work.storedRow(Memo.table, old.text) != nil
          switch kind {
          case 0...3:
            try work.insert(Memo(id: id, title: "new"))
            made.append(id)
          case 4 where !seen.isEmpty:
            try work.insert(Memo(id: id, title: "shared"), subject: seen[draw % seen.count])
            made.append(id)
          case 5 where isThere: try work.delete(Memo.self, old.text)
          case 5 where made.contains(old): try work.insert(Memo(id: old, title: "again"))
          case 6 where isThere:
            try work.delete(Memo.self, old.text)
            try work.insert(Memo(id: old, title: "replaced"))
          default: if isThere { try work.update(Memo(id: old, title: "changed")) }
          }
        }
        for id in made {
          if let row = try work.storedRow(Memo.table, id.text) { used.insert(row.subject) }
        }
        return (made, used)
      }.value
      memos = made
      subjects.formUnion(used)
    }
    return subjects
  }

  private func compare(_ lab: Lab, _ ledger: Ledger, _ subjects: Set<SubjectRef>) async throws {
    try await ledger.read(lab.tenant) { reader in
      var random = Chance(state: 5)
      let all = subjects.sorted { $0.number < $1.number }
      for size in [1, 1, 1, 1, 1, 1, 2, 7, 30, all.count] {
        let some = Set((0..<size).map { size == all.count ? all[$0] : all[random.below(all.count)] })
        let found = Places(try reader.remains(under: some, in: ["memo"]))
        #expect(found == Places(try reader.remainsByWalking(under: some, in: [Memo.table])))
        #expect(size < all.count || !found.images.isEmpty)
      }
    }
  }

  @Test("facets and histories lead to the same rows and images as a walk through everything", arguments: [1, 2, 3])
  func same(seed: UInt64) async throws {
    let lab = try await Lab()
    let subjects = try await lived(lab, commands: 150, seed: seed)
    try await compare(lab, lab.ledger, subjects)
    #expect(try lab.verified().isEmpty)
    // Some are erased, where no other row goes with them; of the others nothing is lost, and of those nothing is left.
    var gone: Set<SubjectRef> = []
    for subject in subjects.filter({ $0.number % 3 == 0 }) {
      let rows = try await lab.ledger.read(lab.tenant) { try $0.rows(under: [subject], in: ["memo"]).live }
      if let erased = try? await lab.erase(rows) { gone.formUnion(erased) }
    }
    #expect(gone.count > 5)
    try await compare(lab, lab.ledger, subjects.subtracting(gone))
    let (all, shape) = (gone, [Memo.table])
    let left = try await lab.ledger.read(lab.tenant) { Places(try $0.remainsByWalking(under: all, in: shape)) }
    #expect(left == Places(Remains(subjects: [], live: [], images: [])))
    #expect(try lab.verified().isEmpty)
  }

  @Test("data from before gets its facets when it is opened, and finds the same by them")
  func upgraded() async throws {
    let lab = try await Lab()
    let subjects = try await lived(lab, commands: 60, seed: 9)
    let act = Act("schema.apply", on: ObjectRef("schema", "main"), by: .system("migration"))
    _ = try await lab.ledger.write(lab.tenant, act) {
      try $0.update(TableVersion(name: TableVersion.table.name, version: TableVersion.withFacets))
    }
    await lab.ledger.close()
    try lab.tamper(["DELETE FROM log_facet WHERE facet IN ('subject', 'ended')"])
    #expect(try lab.verified().isEmpty, "as it was before there were facets of subjects")
    let ledger = try lab.reopened()
    try await compare(lab, ledger, subjects)
    await ledger.close()
    #expect(try lab.verified().isEmpty)
  }

  @Test("a row that an erasure would not find is named, and found again after a rebuild")
  func missing() async throws {
    let lab = try await Lab()
    let memo = try await lab.edited("one")
    await lab.ledger.close()
    try lab.tamper(["DELETE FROM log_facet WHERE facet = 'subject'"])
    #expect(try lab.verified().contains { $0.table == "log_facet" && $0.key == "memo/\(memo.key)" })
    let ledger = try lab.reopened()
    _ = try await ledger.rebuildDerived(lab.tenant)
    await ledger.close()
    #expect(try lab.verified().isEmpty)
  }
}

/// SplitMix64, so that a failure can be run again.
private struct Chance {
  var state: UInt64
  mutating func below(_ bound: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
  }
}
