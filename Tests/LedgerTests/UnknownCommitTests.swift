import Custody
import Foundation
import Kernel
@testable import Ledger
@testable import Storage
import Synchronization
import TestDatabase
import Testing
import TransparencyLog

/// One database, written by a second server whose line can be cut.
private final class TwoServers: Sendable {
  let bench: Bench
  let database: TestDatabase
  let proxy: CuttingProxy
  let second: Ledger

  init() async throws {
    bench = try await Bench(onPostgres: true)
    database = try #require(bench.database)
    let settings = database.settings
    let parts = settings.url.split(separator: ":", omittingEmptySubsequences: false)
    let tail = try #require(parts.last).split(separator: "/", maxSplits: 1)
    proxy = try CuttingProxy(to: try #require(UInt16(tail[0])))
    let url = parts.dropLast().joined(separator: ":") + ":\(proxy.port)/\(tail[1])?sslmode=disable"
    let proxied = DatabaseSettings(url: url, connections: 4, schema: settings.schema)
    second = try Ledger(
      installation: try Installation(openAt: bench.data, keys: KeyLocation(bench.keys), database: proxied),
      tables: [Memo.table, MemoIndex.table], clock: bench.clock)
    // Opened, so that what is cut is a write.
    _ = try await second.read(bench.tenant) { try $0.logSize }
  }

  deinit { proxy.close() }

  func close() async {
    await second.close()
    await bench.ledger.close()
  }

  /// Ends the server's processes of everybody who is at work, or of one of them.
  func terminate(_ tail: String = "") throws {
    _ = try PostgresLink(database.server()).query(
      """
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND usename = 'steward_app' \(tail)
      """)
  }

  func add(
    _ memo: Memo, by ledger: Ledger, to tenant: TenantID, _ body: @escaping @Sendable (Work) throws -> Void
  )
    async throws -> Receipt
  {
    try await ledger.write(tenant, bench.act("memo.create", memo)) { work in
      try work.insert(memo)
      try body(work)
    }.receipt
  }

  /// What is there, and how often it is on the record.
  func found(_ tenant: TenantID) async throws -> (rows: Set<String>, entries: [String: Int]) {
    try await bench.ledger.read(tenant) { reader in
      let rows = Set(try reader.fetch(Memo.self).map(\.title))
      let objects = try reader.rows(
        "SELECT object, count(*) FROM log_entry WHERE tenant = \(reader.tenant) AND action = 'memo.create' GROUP BY object"
      )
      return (
        rows, Dictionary(uniqueKeysWithValues: objects.map { ($0[0].text ?? "", Int($0[1].integer ?? 0)) })
      )
    }
  }
}

/// What several tasks write down.
private final class Noted: Sendable {
  let runs = Mutex(0)
  let lost = Mutex(Set<Int>())
  let isOver = Mutex(false)
}

@Suite("Commits whose outcome is unknown", .enabled(if: TestDatabase.isThere))
struct UnknownCommitTests {
  @Test(
    "a line cut around COMMIT costs nobody anything: every write is there once", arguments: CuttingProxy.Moment.allCases
  )
  func cut(moment: CuttingProxy.Moment) async throws {
    let ground = try await TwoServers()
    for round in 0..<3 {
      ground.proxy.arm(moment)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<8 {
          group.addTask {
            let memo = Memo(id: ID.make(at: noon), title: "\(round) \(number)")
            let receipt = try await ground.add(memo, by: ground.second, to: ground.bench.tenant) { _ in }
            // The other server knows the same receipt.
            let again = try await ground.bench.ledger.receipt(ground.bench.tenant, index: receipt.index)
            #expect(again.header == receipt.header)
          }
        }
        try await group.waitForAll()
      }
    }
    #expect(ground.proxy.count == 3)
    let found = try await ground.found(ground.bench.tenant)
    #expect(found.rows.count == 24 && found.entries.count == 24)
    #expect(found.entries.values.allSatisfy { $0 == 1 })
    #expect(try ground.bench.verified().isEmpty)
    await ground.close()
  }

  @Test(
    "a connection lost in any command of a batch, by the server or by the line, is a batch run again",
    arguments: [true, false])
  func lostInside(isTerminated: Bool) async throws {
    let ground = try await TwoServers()
    let noted = Noted()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<9 {
        group.addTask {
          let memo = Memo(id: ID.make(at: noon), title: "\(number)")
          _ = try await ground.add(memo, by: ground.second, to: ground.bench.tenant) { work in
            noted.runs.withLock { $0 += 1 }
            guard number % 3 == 0, noted.lost.withLock({ $0.insert(number).inserted }),
              let pipeline = work.connection.pipeline
            else { return }
            if isTerminated {
              try ground.terminate("AND pid = \(pipeline.link.serverProcess)")
            } else {
              shutdown(pipeline.link.descriptor, Int32(SHUT_RDWR))
            }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(noted.lost.withLock { $0.count } == 3)
    #expect(noted.runs.withLock { $0 } > 9)
    let found = try await ground.found(ground.bench.tenant)
    #expect(found.rows.count == 9 && found.entries.count == 9 && found.entries.values.allSatisfy { $0 == 1 })
    #expect(try ground.bench.verified().isEmpty)
    await ground.close()
  }

  @Test(
    "two servers, the same tenants, 64 writers, connections ended and cut by chance: one order, nothing lost or doubled"
  )
  func chance() async throws {
    let ground = try await TwoServers()
    let tenants = [ground.bench.tenant, try await ground.bench.ledger.createTenant(slug: "globex").id]
    try await ground.second.refreshTenants()
    for tenant in tenants { _ = try await ground.second.read(tenant) { try $0.logSize } }
    let noted = Noted()
    let chaos = Task.detached {
      var ended = 0
      // Not faster than a batch takes: then none would ever end, and after a while that is what writers are told.
      while ended < 6, !noted.isOver.withLock({ $0 }) {
        try ground.terminate("AND state <> 'idle' ORDER BY random() LIMIT 1")
        ground.proxy.arm(CuttingProxy.Moment.allCases.randomElement() ?? .atOnce)
        ended += 1
        try await Task.sleep(for: .milliseconds(300))
      }
      return ended
    }
    let results = await write(ground, tenants)
    noted.isOver.withLock { $0 = true }
    #expect(try await chaos.value > 0)
    ground.proxy.disarm()
    try await judge(results, ground, tenants)
    #expect(try ground.bench.verified().isEmpty)
    await ground.close()
  }

  private struct Outcome: Sendable {
    let memo: Memo
    let tenant: Int
    let receipt: Receipt?
    let error: String
  }

  private func write(_ ground: TwoServers, _ tenants: [TenantID]) async -> [Outcome] {
    await withTaskGroup(of: [Outcome].self) { group in
      for caller in 0..<64 {
        group.addTask {
          var outcomes: [Outcome] = []
          for turn in 0..<6 {
            let memo = Memo(id: ID.make(at: noon), title: "\(caller) \(turn)")
            let ledger = caller % 2 == 0 ? ground.second : ground.bench.ledger
            let place = (caller / 2 + turn) % 2
            do {
              let receipt = try await ground.add(memo, by: ledger, to: tenants[place]) { _ in }
              outcomes.append(Outcome(memo: memo, tenant: place, receipt: receipt, error: ""))
            } catch { outcomes.append(Outcome(memo: memo, tenant: place, receipt: nil, error: "\(error)")) }
          }
          return outcomes
        }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
  }

  private func judge(_ results: [Outcome], _ ground: TwoServers, _ tenants: [TenantID]) async throws {
    let failures = results.filter { $0.receipt == nil }.map(\.error)
    #expect(failures.isEmpty, "\(Set(failures))")
    for (place, tenant) in tenants.enumerated() {
      let found = try await ground.found(tenant)
      let mine = results.filter { $0.tenant == place }
      for outcome in mine {
        let count = found.entries[ObjectRef("memo", outcome.memo.id).description, default: 0]
        #expect(found.rows.contains(outcome.memo.title) == (count == 1))
        // What was refused may be there only if that was said.
        let isThere = outcome.receipt != nil
        #expect(count == (isThere ? 1 : 0) || outcome.error.contains("may or may not"), "\(count) \(outcome.error)")
        guard let receipt = outcome.receipt else { continue }
        #expect(try await ground.bench.ledger.receipt(tenant, index: receipt.index).header == receipt.header)
      }
      #expect(found.entries.count <= mine.count)
      // One order: no place was given twice.
      let indexes = mine.compactMap { $0.receipt?.index }
      #expect(Set(indexes).count == indexes.count)
    }
  }
}
