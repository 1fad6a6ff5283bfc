import Custody
import Kernel
@testable import Ledger
import Storage
import TestDatabase
import Testing

/// Entries by actor and action, without an index over them (decision 0069).
@Suite("Facets of the log")
struct LogFacetTests {
  private static let actors = [Actor.person(ID.make(at: noon)), .person(ID.make(at: noon)), .system("test")]

  /// About 600 commands of several actors, some of them rare and some of them refused.
  private func filled(_ bench: Bench) async throws {
    struct Refused: Error {}
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<600 {
        group.addTask {
          let memo = Memo(id: ID.make(at: noon), title: "\(number)")
          let rare = number % 97 == 0
          let act = Act(
            rare ? "memo.rare" : "memo.create", on: ObjectRef("memo", memo.id),
            by: number % 150 == 7 ? Self.actors[1] : Self.actors[number % 2 * 2])
          _ = try? await bench.ledger.write(bench.tenant, act) { work in
            try work.insert(memo)
            if number % 5 == 0, !rare { throw Refused() }
          }
        }
      }
    }
  }

  private func filter(_ change: (inout EntryFilter) -> Void) -> EntryFilter {
    var filter = EntryFilter()
    filter.limit = 10_000
    change(&filter)
    return filter
  }

  /// What the whole log says, without any help.
  private func plain(_ filter: EntryFilter, _ reader: Reader) throws -> [Int64] {
    let all = try reader.entries(self.filter { $0.ascending = true }).filter { entry in
      filter.actor.map { $0 == entry.actor } ?? true && filter.action.map { $0 == entry.action } ?? true
        && filter.from.map { filter.ascending ? entry.index >= $0 : entry.index < $0 } ?? true
    }
    return Array((filter.ascending ? all : all.reversed()).map(\.index).prefix(filter.limit))
  }

  @Test("pages about an actor, an action or both are those of the whole log, in both directions")
  func pages() async throws {
    let bench = try await Bench()
    try await filled(bench)
    let actors: [String?] = [nil, "person:nobody"] + Self.actors.map(\.description)
    let actions: [String?] = [nil, "memo.create", "memo.rare", "memo.never"]
    try await bench.ledger.read(bench.tenant) { reader throws -> Void in
      for actor in actors {
        for action in actions {
          for (ascending, limit, from) in [(false, 10_000, nil), (true, 3, 200), (false, 3, 300), (true, 40, nil)]
            as [(Bool, Int, Int64?)]
          {
            let wanted = filter {
              ($0.actor, $0.action, $0.ascending, $0.limit, $0.from) = (actor, action, ascending, limit, from)
            }
            #expect(try reader.entries(wanted).map(\.index) == plain(wanted, reader), "\(wanted)")
          }
        }
      }
      #expect(try reader.values(of: .action) == ["memo.create", "memo.rare", "schema.apply"])
      #expect(try Set(reader.values(of: .actor)) == Set(Self.actors.map(\.description) + ["system:migration"]))
      #expect(try reader.occurs(.actor, from: "person:", before: "person;"))
      #expect(try !reader.occurs(.actor, from: "operator:", before: "operator;"))
    }
    #expect(try bench.verified().isEmpty)
  }

  @Test("a command finds what came before it in its batch")
  func withinBatch() async throws {
    let bench = try await Bench()
    let counts = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<40 {
        group.addTask {
          let memo = Memo(id: ID.make(at: noon), title: "\(number)")
          let act = Act("memo.note", on: ObjectRef("memo", memo.id), by: .system("test"))
          return try await bench.ledger.write(bench.tenant, act) { work in
            try work.insert(memo)
            var filter = EntryFilter()
            (filter.action, filter.limit) = ("memo.note", 100)
            return try work.entries(filter).count
          }.value
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }.sorted()
    }
    #expect(counts == Array(0..<40))
  }

  @Test(
    "a facet that is missing is found, and made again",
    arguments: [
      "DELETE FROM log_facet WHERE facet = 'action' AND value = 'memo.rare'", "DELETE FROM log_facet WHERE tile = 1",
      "DELETE FROM log_facet",
    ])
  func missing(statement: String) async throws {
    let bench = try await Bench()
    try await filled(bench)
    await bench.ledger.close()
    #expect(try bench.verified().isEmpty)
    try bench.tamper([statement])
    let findings = try bench.verified()
    #expect(Set(findings.map(\.table)) == ["log_facet"])
    #expect(statement.contains("rare") == (findings.map(\.key) == ["memo.rare"]))
    let ledger = try Ledger(
      installation: try bench.installation(), tables: [Memo.table, MemoIndex.table],
      derivations: [MemoIndex.derivation], clock: bench.clock)
    _ = try await ledger.rebuildDerived(bench.tenant)
    await ledger.close()
    #expect(try bench.verified().isEmpty)
  }

  @Test("data from before the facets gets them when it is opened, and an older program would refuse it from then on")
  func upgraded() async throws {
    let bench = try await Bench()
    try await filled(bench)
    // What the version before wrote: the same but for the facets, with its own version on the record.
    let act = Act("schema.apply", on: ObjectRef("schema", "main"), by: .system("migration"))
    _ = try await bench.ledger.write(bench.tenant, act) {
      try $0.update(TableVersion(name: TableVersion.table.name, version: 1))
    }
    await bench.ledger.close()
    if bench.database == nil {
      try bench.tamper([
        "DROP TABLE log_facet",
        "CREATE INDEX log_entry_by_actor ON log_entry (tenant, actor, idx) WHERE actor IS NOT NULL",
      ])
    } else {
      try bench.tamper(["DELETE FROM log_facet"])
    }
    #expect(try bench.verified().isEmpty, "as it was before there were facets")
    let ledger = try Ledger(
      installation: try bench.installation(), tables: [Memo.table, MemoIndex.table], clock: bench.clock)
    try await ledger.read(bench.tenant) { reader throws -> Void in
      let rare = filter { $0.action = "memo.rare" }
      #expect(try reader.entries(rare).map(\.index) == plain(rare, reader))
      #expect(try reader.find(TableVersion.self, TableVersion.table.name)?.version == TableVersion.withSubjects)
      guard reader.connection.dialect == .sqlite else { return }
      let indexes = try reader.rows("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'log_entry'")
        .map { $0[0].text }
      #expect(indexes == ["log_entry_by_object"])
    }
    await ledger.close()
    #expect(try bench.verified().isEmpty)
  }

  @Test(
    "what another server wrote into the same 256 entries does not mislead this one",
    .enabled(if: TestDatabase.isWanted, "one process alone writes a file"))
  func severalServers() async throws {
    let bench = try await Bench()
    let second = try Ledger(
      installation: try bench.installation(), tables: [Memo.table, MemoIndex.table], clock: bench.clock)
    let first = bench.ledger
    for round in 0..<20 {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for ledger in [first, second] {
          for number in 0..<10 {
            group.addTask {
              let memo = Memo(id: ID.make(at: noon), title: "\(number)")
              let act = Act("memo.create", on: ObjectRef("memo", memo.id), by: Self.actors[(round + number) % 3])
              _ = try await ledger.write(bench.tenant, act) { try $0.insert(memo) }
            }
          }
        }
        try await group.waitForAll()
      }
    }
    await second.close()
    #expect(try bench.verified().isEmpty)
  }
}
