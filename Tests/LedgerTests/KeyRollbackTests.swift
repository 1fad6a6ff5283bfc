import Foundation
import Kernel
@testable import Ledger
import Testing

@Suite("A key store that is older than the data")
struct KeyRollbackTests {
  @Test("a tenant whose key store was put back to an earlier state is refused before a slot is used twice")
  func refused() async throws {
    let bench = try await rolledBack(replicas: [])
    let ledger = try reopened(bench)
    await #expect(throws: Problem.self) { try await ledger.read(bench.tenant) { _ in } }
    // Sabotage: with the mark where it belongs, the same data opens.
    await ledger.close()
    try Data("2048\n".utf8).write(to: URL(fileURLWithPath: "\(bench.keys)/tenants/\(bench.tenant)/taken"))
    let again = try reopened(bench)
    try await again.read(bench.tenant) { _ in }
    await again.close()
  }

  @Test("a replica brings a key store that was put back up to date, and nothing is refused")
  func healed() async throws {
    let bench = try await rolledBack(replicas: ["replica"])
    let ledger = try reopened(bench)
    try await ledger.read(bench.tenant) { _ in }
    await ledger.close()
  }

  /// The live key store is as it was before the tenant's last 40 rows.
  private func rolledBack(replicas: [String]) async throws -> Bench {
    let bench = try await Bench(replicas: replicas)
    let manager = FileManager.default
    try manager.copyItem(atPath: bench.keys, toPath: bench.directory + "/earlier")
    for number in 0..<40 { _ = try await bench.add("\(number)") }
    await bench.ledger.close()
    try manager.removeItem(atPath: bench.keys)
    try manager.moveItem(atPath: bench.directory + "/earlier", toPath: bench.keys)
    return bench
  }

  private func reopened(_ bench: Bench) throws -> Ledger {
    try Ledger(
      installation: try bench.installation(), tables: [Memo.table, MemoIndex.table],
      clock: bench.clock)
  }
}
