import Foundation
import Kernel
import Ledger

/// The write path without HTTP: one record of 512 bytes per command, sealed, journaled, in the tree, signed and synced.
enum LedgerAlone {
  /// Commands in flight. The batch is at most half of it, so that the next one is waiting when one is written.
  static let inFlight = 512

  static func run(_ place: BenchPlace, seconds: Double) async throws {
    let ledger = try place.ledger()
    let tenant = try await ledger.createTenant(slug: "bench").id
    _ = try await rate(ledger, tenant, callers: inFlight, seconds: 1)
    let many = try await rate(ledger, tenant, callers: inFlight, seconds: seconds)
    let one = try await rate(ledger, tenant, callers: 1, seconds: seconds / 2)
    await ledger.close()
    print(#"{"in_flight": \#(many), "one_at_a_time": \#(one)}"#)
  }

  /// Acknowledged, durable entries per second.
  private static func rate(
    _ ledger: Ledger, _ tenant: TenantID, callers: Int, seconds: Double
  ) async throws -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    let end = start + .seconds(seconds)
    let written = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<callers {
        group.addTask {
          var count = 0
          while clock.now < end {
            _ = try await ledger.insertEntry(tenant)
            count += 1
          }
          return count
        }
      }
      return try await group.reduce(0, +)
    }
    return Double(written) / ((clock.now - start) / .seconds(1))
  }

  /// On the clock, and as processor time: on a machine that does something else the second is nearer the truth.
  static func verify(_ place: BenchPlace) throws {
    let clock = ContinuousClock()
    let (start, before) = (clock.now, processorSeconds())
    let reports = try Verification.run(dataDirectory: place.data)
    let entries = reports.reduce(0) { $0 + $1.entries }
    let isIntact = reports.allSatisfy(\.isIntact)
    let (wall, processor) = ((clock.now - start) / .seconds(1), processorSeconds() - before)
    print(#"{"entries": \#(entries), "intact": \#(isIntact), "seconds": \#(wall), "processor": \#(processor)}"#)
  }

  private static func processorSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }
}
