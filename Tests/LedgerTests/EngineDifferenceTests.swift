import Foundation
import Kernel
@testable import Ledger
import Storage
import TestDatabase
import Testing
import TransparencyLog

/// SplitMix64: the same history for the same seed.
private struct Chance: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// One thing that happens to both engines.
private enum Step: Sendable {
  case insert([Memo], facts: Int)
  case update(Memo, facts: Int)
  case delete(ID<Memo>)
  /// Several changes in one command, some to one row; with a look at the rows and the journal in between.
  case mixed(made: Memo, changed: Memo, gone: ID<Memo>)
  /// Fails after it has written: by a thrown problem, by a key that is taken, or on the way to a derived table.
  case thrown(Memo)
  case taken(Memo, by: Memo)
  case derivedTwice(Memo)
  case freeze
  case lift
  case reopen
  case later(seconds: Int)
}

/// What a history is drawn from: knows which rows there are, so that most commands succeed.
private struct Author {
  static let states = ["open", "done", "", "Z", "a", "Ä", "é", "ß", "\u{1F600}", "z"]
  static let words = ["Grüne", "Wiese", "blue", "ÉTÉ", "zero\u{200b}width", "O'Neil", "50%", "_", "東京", "\\"]
  var chance: Chance
  var alive: [ID<Memo>] = []

  mutating func steps(_ count: Int) -> [Step] { (0..<count).map { _ in step() } }

  private mutating func memo(_ id: ID<Memo>? = nil) -> Memo {
    let title = (0..<Int.random(in: 1...4, using: &chance)).map { _ in
      Self.words.randomElement(using: &chance) ?? ""
    }
    return Memo(
      id: id ?? ID.make(at: noon), state: Self.states.randomElement(using: &chance) ?? "",
      title: title.joined(separator: " "))
  }

  private mutating func made() -> Memo {
    let memo = memo()
    alive.append(memo.id)
    return memo
  }

  private mutating func one() -> ID<Memo> { alive.randomElement(using: &chance) ?? ID.make(at: noon) }

  private mutating func removed() -> ID<Memo> {
    let id = one()
    alive.removeAll { $0 == id }
    return id
  }

  private mutating func step() -> Step {
    let facts = Int.random(in: 0...2, using: &chance)
    switch Int.random(in: 0..<100, using: &chance) {
    case 0..<30: return .insert((0..<Int.random(in: 1...3, using: &chance)).map { _ in made() }, facts: facts)
    case 30..<50: return .update(memo(one()), facts: facts)
    case 50..<58: return .delete(removed())
    case 58..<68:
      let gone = removed()
      return .mixed(made: made(), changed: memo(one()), gone: gone)
    case 68..<74: return .thrown(memo())
    case 74..<80: return .taken(memo(), by: memo(one()))
    case 80..<84: return .derivedTwice(memo())
    case 84..<87: return .freeze
    case 87..<93: return .lift
    case 93..<95: return .reopen
    default: return .later(seconds: Int.random(in: 1...5_000, using: &chance))
    }
  }
}

/// One engine with its tenants.
private final class Side: @unchecked Sendable {
  // Unchecked: a test does one step after another; only the ledger is asked by many at once.
  let bench: Bench
  var ledger: Ledger
  var tenants: [TenantID]

  init(onPostgres: Bool, clock: FixedClock) async throws {
    bench = try await Bench(clock: clock, onPostgres: onPostgres)
    ledger = bench.ledger
    tenants = [bench.tenant, try await ledger.createTenant(slug: "globex").id]
  }

  /// How it ended, in words that are the same on both engines.
  func perform(_ step: Step, _ tenant: TenantID) async throws -> String {
    switch step {
    case .insert(let memos, let facts):
      return await command("memo.create", memos[0], tenant) { work in
        for memo in memos { try work.insert(memo) }
        try Self.commit(facts, memos[0], work)
      }
    case .update(let memo, let facts):
      return await command("memo.edit", memo, tenant) { work in
        try work.update(memo)
        try Self.commit(facts, memo, work)
      }
    case .delete(let id):
      return await command("memo.delete", Memo(id: id, title: ""), tenant) { try $0.delete(Memo.self, id.text) }
    case .mixed(let made, let changed, let gone):
      return await command("memo.mix", made, tenant) { try Self.mix($0, made, changed, gone) }
    case .thrown(let memo):
      return await command("memo.create", memo, tenant) { work in
        try work.insert(memo)
        throw Problem.notFound
      }
    case .taken(let memo, let other):
      return await command("memo.create", memo, tenant) { work in
        try work.insert(memo)
        try work.insert(other)
      }
    case .derivedTwice(let memo):
      return await command("memo.create", memo, tenant) { work in
        try work.insert(memo)
        for _ in 0..<2 { try Self.index(memo, work) }
      }
    case .freeze, .lift, .reopen, .later: return try await happen(step, tenant)
    }
  }

  private func happen(_ step: Step, _ tenant: TenantID) async throws -> String {
    let subject = ObjectRef("freeze", "main")
    switch step {
    case .freeze:
      return await outcome {
        _ = try await self.ledger.write(tenant, Act("freeze.begin", on: subject, by: .system("test"))) { work in
          try work.insert(FreezeRecord(since: work.now, actor: .system("test"), reason: "a reason"))
        }
      }
    case .lift:
      return await outcome {
        _ = try await self.ledger.write(tenant, Act("freeze.lift", on: subject, by: .system("test"))) {
          try $0.delete(FreezeRecord.self, FreezeRecord.key)
        }
      }
    case .reopen:
      await ledger.close()
      ledger = try Ledger(
        installation: try bench.installation(), tables: [Memo.table, MemoIndex.table], clock: bench.clock)
      return "reopened"
    default: return "later"
    }
  }

  private static func mix(_ work: Work, _ made: Memo, _ changed: Memo, _ gone: ID<Memo>) throws {
    try work.insert(made)
    let before = try work.fetch(Memo.self).count
    if try work.find(Memo.self, changed.id) != nil { try work.update(changed) }
    if try work.find(Memo.self, gone) != nil { try work.delete(Memo.self, gone.text) }
    try work.update(Memo(id: made.id, state: "done", title: made.title + " \(before)"))
    var filter = EntryFilter()
    filter.limit = 3
    let seen = try work.entries(filter).map(\.index)
    try work.commit(
      ["seen": .string("\(seen) \(try work.logSize)")], subject: try work.subject(of: Memo.self, made.key))
    try index(made, work)
  }

  private static func index(_ memo: Memo, _ work: Work) throws {
    let hash = work.keyedHash("title", memo.id.text)
    try work.run("INSERT INTO memo_title (tenant, hash) VALUES (\(work.tenant), \(hash))", on: MemoIndex.table)
  }

  private static func commit(_ facts: Int, _ memo: Memo, _ work: Work) throws {
    for number in 0..<facts {
      try work.commit(["fact": .string("\(number)")], subject: try work.subject(of: Memo.self, memo.key))
    }
  }

  private func command(
    _ action: StaticString, _ memo: Memo, _ tenant: TenantID, _ body: @escaping @Sendable (Work) throws -> Void
  ) async -> String {
    await outcome { _ = try await self.ledger.write(tenant, self.bench.act(action, memo), body) }
  }

  private func outcome(_ body: () async throws -> Void) async -> String {
    do {
      try await body()
      return "written"
    } catch let problem as Problem { return "\(problem.code) \(problem.message)" } catch { return "\(type(of: error))" }
  }

  // MARK: What is there

  /// Everything about a tenant that does not come from chance, a line for each thing.
  func picture(_ tenant: TenantID) async throws -> [String] {
    let lines = try await ledger.read(tenant) { reader in try Self.rows(reader) + Self.log(reader) }
    let view = try await ledger.view(Memo.self, tenant)
    let searches = ["wiese", "GRÜNE", "été", "50%", "_", "zerowidth", "o'neil", "東", "\\"].map { word in
      "search \(word) \(view.search(word).map(\.key).sorted())"
    }
    return lines + view.rows.map { "view \($0.key) \($0.title)" } + searches
  }

  private static func rows(_ reader: Reader) throws -> [String] {
    var lines: [String] = []
    for tail: SQL in ["ORDER BY id", "ORDER BY state, id", "AND state > 'a' ORDER BY state DESC, id LIMIT 7"] {
      lines += try reader.fetch(Memo.self, tail).map { "memo \($0.id) \($0.state) \($0.title)" }
    }
    lines += try reader.rows("SELECT id, entry, schema, state FROM memo WHERE tenant = \(reader.tenant) ORDER BY id")
      .map {
        "plain \($0)"
      }
    for sql: SQL in [
      "SELECT count(*), count(DISTINCT hash) FROM memo_title WHERE tenant = \(reader.tenant)",
      "SELECT state, count(*), max(entry) FROM memo WHERE tenant = \(reader.tenant) GROUP BY state ORDER BY state",
      "SELECT size FROM log_checkpoint WHERE tenant = \(reader.tenant) ORDER BY size",
      "SELECT level, idx, length(data) FROM log_tile WHERE tenant = \(reader.tenant) ORDER BY level, idx",
    ] { lines += try reader.rows(sql).map { "\(sql.text.prefix(30)) \($0)" } }
    return lines + (try reader.fetch(FreezeRecord.self).map { "frozen \($0.since) \($0.reason)" })
  }

  private static func log(_ reader: Reader) throws -> [String] {
    var filter = EntryFilter()
    (filter.ascending, filter.withBatches, filter.limit, filter.from) = (true, true, 100_000, 0)
    return try reader.entries(filter).flatMap { entry in
      let changes = try reader.changes(ofEntry: entry.index).map {
        "change \($0.table) \($0.key) \($0.op) \($0.before == nil) \($0.after == nil)"
      }
      let facts = try reader.disclosures(ofEntry: entry.index).map { "fact \($0.fact)" }
      return [try described(entry)] + changes + facts
    }
  }

  /// An entry without its command's id, and without digests of what is sealed under other keys.
  private static func described(_ entry: LoggedEntry) throws -> String {
    switch try Leaf(parsing: entry.data) {
    case .command(let leaf):
      let words: [Any?] = [
        entry.index, leaf.time, leaf.actor, leaf.action, leaf.object, leaf.ordinal, leaf.previous, leaf.instruction,
        leaf.changeCount, leaf.commitments.count, entry.actor, entry.action, entry.object, entry.changes, entry.time,
      ]
      return words.map { $0.map { "\($0)" } ?? "-" }.joined(separator: " ")
    case .batch(let batch): return "batch \(entry.index) \(batch.time) \(batch.count) \(entry.time)"
    }
  }
}

@Suite("Both engines", .enabled(if: TestDatabase.isThere))
struct EngineDifferenceTests {
  private static let seeds: [UInt64] =
    ProcessInfo.processInfo.environment["STEWARD_TEST_SEEDS"].flatMap { UInt64($0) }.map { count in
      (0..<count).map { _ in UInt64.random(in: 0...UInt64.max) }
    } ?? [1]

  @Test(
    "the same history leaves the same record, rows, views and refusals on SQLite and on PostgreSQL", arguments: seeds)
  func same(seed: UInt64) async throws {
    let clocks = [FixedClock(noon), FixedClock(noon)]
    let sides = [
      try await Side(onPostgres: false, clock: clocks[0]), try await Side(onPostgres: true, clock: clocks[1]),
    ]
    var chance = Chance(state: seed)
    var authors = [Author(chance: Chance(state: chance.next())), Author(chance: Chance(state: chance.next()))]
    var outcomes: [String: Int] = [:]
    for number in 0..<150 {
      let place = Int.random(in: 0...1, using: &chance)
      guard let step = authors[place].steps(1).first else { continue }
      if case .later(let seconds) = step { for clock in clocks { clock.advance(seconds: seconds) } }
      let (one, other) = (
        try await sides[0].perform(step, sides[0].tenants[place]),
        try await sides[1].perform(step, sides[1].tenants[place])
      )
      #expect(one == other, "seed \(seed), step \(number): \(step)")
      outcomes[one, default: 0] += 1
    }
    // Less would be a history that tries nothing.
    #expect(outcomes["written", default: 0] > 30 && outcomes.count >= 5, "seed \(seed): \(outcomes)")
    for place in 0...1 {
      let (one, other) = (
        try await sides[0].picture(sides[0].tenants[place]), try await sides[1].picture(sides[1].tenants[place])
      )
      let difference = zip(one, other).first { $0 != $1 }
      #expect(one == other, "seed \(seed), tenant \(place): \(String(describing: difference))")
    }
    for side in sides { #expect(try side.bench.verified().isEmpty, "seed \(seed)") }
    for side in sides { await side.ledger.close() }
  }

  @Test("good and failing commands at once: each ends as it would alone, on both engines")
  func mixedBatches() async throws {
    for onPostgres in [false, true] {
      let side = try await Side(onPostgres: onPostgres, clock: FixedClock(noon))
      let first = Memo(id: ID.make(at: noon), title: "first")
      #expect(try await side.perform(.insert([first], facts: 1), side.tenants[0]) == "written")
      let outcomes = await withTaskGroup(of: (Int, String).self) { group in
        for number in 0..<72 {
          group.addTask { (number, await Self.command(number, first, side.ledger, side.tenants[0])) }
        }
        return await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
      }
      let expected = ["written", "notFound", "constraint", "written", "written", "notFound", "constraint", "written"]
      for (number, outcome) in outcomes.sorted(by: { $0.key < $1.key }) {
        #expect(outcome == expected[number % 8], "\(onPostgres ? "PostgreSQL" : "SQLite"), command \(number)")
      }
      let titles = try await side.ledger.read(side.tenants[0]) { try $0.fetch(Memo.self).map(\.title) }
      let good = (0..<72).filter { expected[$0 % 8] == "written" }.map(String.init)
      #expect(titles.sorted() == (["first"] + good).sorted())
      #expect(try side.bench.verified().isEmpty)
      await side.ledger.close()
    }
  }

  /// Eight ways to go through a batch.
  private static func command(_ number: Int, _ first: Memo, _ ledger: Ledger, _ tenant: TenantID) async -> String {
    let memo = Memo(id: ID.make(at: noon), title: "\(number)")
    do {
      _ = try await ledger.write(tenant, Act("memo.create", on: ObjectRef("memo", memo.id), by: .system("test"))) {
        work in
        if number % 8 == 5 { throw Problem.notFound }
        try work.insert(memo)
        switch number % 8 {
        case 1: throw Problem.notFound
        case 2: try work.insert(first)
        case 3: if try work.find(Memo.self, memo.id)?.title != memo.title { throw Problem.frozen }
        case 4:
          // Every entry before this one can be read, those of this batch too.
          var filter = EntryFilter()
          filter.withBatches = true
          if try work.entries(filter).first?.index != work.entry - 1 { throw Problem.frozen }
        case 6:
          for _ in 0..<2 {
            let hash = work.keyedHash("title", memo.title)
            try work.run("INSERT INTO memo_title (tenant, hash) VALUES (\(work.tenant), \(hash))", on: MemoIndex.table)
          }
        case 7:
          try work.update(memo)
        default: break
        }
      }
      return "written"
    } catch let problem as Problem where problem == .notFound {
      return "notFound"
    } catch { return "\(error)".contains("onstraint") ? "constraint" : "\(error)" }
  }
}
