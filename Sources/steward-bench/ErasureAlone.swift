import Custody
import Foundation
import Kernel
import Ledger
import Storage

/// What it takes to erase one subject of many: rows, earlier versions and every copy of its key, at the live store and two replicas. Beside it the
/// same in a tenant of a thousand.
enum ErasureAlone {
  private static let small = 1_000
  private static let rounds = 5
  private static let replicas = 2
  /// What `ErasureClearing` writes anew at once.
  private static let largestAtOnce: Int64 = 64 << 20

  static func run(_ place: BenchPlace, count: Int) async throws {
    let ledger = try place.ledger(keyReplicas: replicas)
    let few = try await Subjects(ledger, small)
    let many = try await Subjects(ledger, count)
    var (beside, costs) = ([Cost](), [Cost]())
    for round in 0..<rounds {
      beside.append(try await few.erase(round, of: rounds))
      costs.append(try await many.erase(round, of: rounds))
    }
    let clock = ContinuousClock()
    let start = clock.now
    try await ledger.scrub(many.tenant)
    let anew = (clock.now - start) / .seconds(1)
    try await many.expectOthers()
    await ledger.close()
    func list(_ costs: [Cost], _ read: (Cost) -> Double) -> String {
      "[" + costs.map { "\(read($0))" }.joined(separator: ", ") + "]"
    }
    print(
      """
      {"subjects": \(count), "work_s": \(list(costs, \.work)), "rows_s": \(list(costs, \.rows)), "keys_s": \(list(costs, \.keys)), \
      "disk_s": \(list(costs, \.disk)), "final_s": \(list(costs, \.final)), "small_work_s": \(list(beside, \.work)), \
      "small_rows_s": \(list(beside, \.rows)), "file_anew_s": \(anew), "file_bytes": \(size(of: place, many.tenant))}
      """)
  }

  private static func size(of place: BenchPlace, _ tenant: TenantID) -> Int {
    let path = "\(place.data)/tenants/\(tenant).db"
    return (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
  }

  /// Seconds.
  struct Cost: Sendable {
    var rows = 0.0
    var keys = 0.0
    var disk = 0.0
    /// Until no server can use a copy of the key any more, and a margin.
    var final = 0.0
    var work: Double { rows + keys + disk }
  }

  struct WrongResult: Error {}

  /// A tenant with a subject for each entry, written one by one; those that will be erased were changed some times.
  private struct Subjects: Sendable {
    private static let changes = 5
    let ledger: Ledger
    let tenant: TenantID
    let keys: [String]

    init(_ ledger: Ledger, _ count: Int) async throws {
      let tenant = try await ledger.createTenant(slug: "erasure-\(count)").id
      (self.ledger, self.tenant) = (ledger, tenant)
      keys = try await withThrowingTaskGroup(of: [String].self) { group in
        for caller in 0..<LedgerAlone.inFlight {
          group.addTask {
            var keys: [String] = []
            for _ in stride(from: caller, to: count, by: LedgerAlone.inFlight) {
              keys.append(try await ledger.insertEntry(tenant))
            }
            return keys
          }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
    }

    /// The `round`th of `rounds` victims, which lie all over the tenant.
    func erase(_ round: Int, of rounds: Int) async throws -> Cost {
      let key = keys[keys.count / rounds * round + keys.count / rounds / 2]
      for _ in 0..<Subjects.changes {
        try await ledger.updateEntry(key, tenant)
        // Others too, so that its versions lie apart.
        for place in 1...20 {
          try await ledger.updateEntry(keys[(keys.count / 23 * place + round) % keys.count], tenant)
        }
      }
      var cost = Cost()
      let (clock, id) = (ContinuousClock(), "e\(round)")
      var start = clock.now
      func lap() -> Double {
        defer { start = clock.now }
        return (clock.now - start) / .seconds(1)
      }
      let act = Act("bench.erase", on: ObjectRef("entry", key), by: .system("bench"))
      let (versions, gone) = try await ledger.write(tenant, act) { work in
        let row = RowRef(table: Entry.table.name, id: key)
        return (try work.imageCount(of: [row]), try work.erase([row], as: id))
      }.value
      cost.rows = lap()
      let ends = try await ledger.destroyKeys(of: tenant, gone, erasure: id)
      cost.keys = lap()
      guard versions == Subjects.changes, gone.count == 1, ends.isComplete, ends.copies.count == replicas + 1,
        let last = ends.copies.compactMap(\.endedAt).max()
      else { throw WrongResult() }
      try await ledger.scrub(tenant, upTo: largestAtOnce)
      cost.disk = lap()
      let wait = ledger.earliestFinal(after: last).milliseconds - last.milliseconds
      cost.final = cost.work + Double(wait) / 1_000
      return cost
    }

    /// A hundred of the others still open.
    func expectOthers() async throws {
      for place in 0..<100 {
        // Beside those that were erased.
        let key = keys[keys.count / 100 * place + 1]
        guard try await ledger.read(tenant, { try $0.find(Entry.self, key) }) != nil else { throw WrongResult() }
      }
    }
  }
}
