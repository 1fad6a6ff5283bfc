import Glibc
import Kernel
import Ledger
import Storage

// Kernel has a name for the noun, Ledger the thing itself: the scoped import says which one is meant here.
import class Ledger.Installation

/// The write path without HTTP: one record of 512 bytes per command, sealed, journaled, in the tree, signed and synced.
enum LedgerAlone {
  /// Commands in flight. The batch is at most half of it, so that the next one is waiting when one is written.
  static let inFlight = 512
  static let seconds = 6.0

  static func run(directory: String) async throws {
    let installation = try Installation.create(
      at: directory + "/data", keys: directory + "/data.keys", now: SystemClock().now)
    let ledger = try Ledger(installation: installation, tables: [Entry.table])
    let tenant = try await ledger.createTenant(slug: "bench").id
    let many = try await rate(ledger, tenant, callers: inFlight)
    let one = try await rate(ledger, tenant, callers: 1)
    await ledger.close()
    print(
      """
      {"ledger alone, 512-byte entries, \(inFlight) in flight": {"value": \(many), "unit": "1/s"},
       "ledger alone, 512-byte entries, one at a time": {"value": \(one), "unit": "1/s"}}
      """)
  }

  /// Acknowledged, durable entries per second over `seconds`.
  private static func rate(_ ledger: Ledger, _ tenant: TenantID, callers: Int) async throws -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    let end = start + .seconds(seconds)
    let written = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<callers {
        group.addTask {
          var count = 0
          while clock.now < end {
            try await write(ledger, tenant)
            count += 1
          }
          return count
        }
      }
      return try await group.reduce(0, +)
    }
    return Double(written) / ((clock.now - start) / .seconds(1))
  }

  static func fill(directory: String, count: Int) async throws {
    let installation = try Installation.create(
      at: directory + "/data", keys: directory + "/data.keys", now: SystemClock().now)
    let ledger = try Ledger(installation: installation, tables: [Entry.table])
    let tenant = try await ledger.createTenant(slug: "bench").id
    try await withThrowingTaskGroup(of: Void.self) { group in
      for caller in 0..<inFlight {
        group.addTask {
          for _ in stride(from: caller, to: count, by: inFlight) { try await write(ledger, tenant) }
        }
      }
      try await group.waitForAll()
    }
    await ledger.close()
  }

  /// Processor time, since other work on the machine is not the verifier's.
  static func verify(directory: String) throws {
    let clock = ContinuousClock()
    let (start, before) = (clock.now, processorSeconds())
    let reports = try Verification.run(dataDirectory: directory + "/data")
    let entries = reports.reduce(0) { $0 + $1.entries }
    let isIntact = reports.allSatisfy(\.isIntact)
    print(
      """
      {"audit verify, \(entries) entries": {"value": \(processorSeconds() - before), "unit": "s", \
      "wall": \((clock.now - start) / .seconds(1)), "intact": \(isIntact)}}
      """)
  }

  private static func processorSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  private static func write(_ ledger: Ledger, _ tenant: TenantID) async throws {
    let entry = Entry(at: ledger.clock.now)
    let act = Act("bench.write", on: ObjectRef("entry", entry.key), by: .system("bench"))
    _ = try await ledger.write(tenant, act) { work in try work.insert(entry) }
  }
}

/// What is written: nothing but 512 bytes.
private struct Entry: Record {
  static let table = Table(
    "bench_entry", .primary, columns: [], sealed: [Column("body", .bytes, .content, purpose: "Weight.")],
    retention: "as long as the bench runs")

  let key: String
  private let body: [UInt8]

  init(at now: Instant) {
    key = ID<Entry>.make(at: now).text
    body = (0..<512).map { UInt8(truncatingIfNeeded: $0) }
  }

  init(_ row: OpenedRow) throws {
    key = row.key
    body = []
  }

  var plain: [String: Value] { [:] }
  var content: [String: CBOR] { ["body": .bytes(body)] }
}
