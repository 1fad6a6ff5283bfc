import Kernel
import Ledger
import Storage

/// One attempt at a job, in the hands of its kind.
package struct JobRun: Sendable {
  package let services: Services
  package let tenant: TenantID
  package let id: JobID
  package let kind: String
  package let payload: JSON
  /// From 1.
  package let attempt: Int
  let lease: String
  let leaseSeconds: Int
  let stopsWhenFrozen: Bool

  // MARK: In the Work of the effect

  /// Ends the job together with its effect: call it first in the `Work` that makes the effect. Throws `JobLost` if another run has
  /// the job by now; then nothing of the `Work` happens. A kind whose effect is no write need not call it.
  package func settle(in work: Work) throws {
    let settled = try work.run(
      """
      UPDATE job SET state = 'done', unique_key = NULL, lease = NULL, lease_until = NULL, finished_at = \(work.now),
      problem = NULL WHERE tenant = \(tenant) AND id = \(id) AND lease = \(lease) AND state = 'running'
      """, on: JobTable.table)
    guard settled == 1 else { throw JobLost() }
  }

  /// For an effect of several `Work`s: call it first in each. Throws `JobLost` as `settle` does; the job goes on.
  package func hold(in work: Work) throws {
    let held = try work.run(
      """
      UPDATE job SET lease_until = \(services.now.adding(seconds: leaseSeconds))
      WHERE tenant = \(tenant) AND id = \(id) AND lease = \(lease) AND state = 'running'
      """, on: JobTable.table)
    guard held == 1 else { throw JobLost() }
  }

  // MARK: In between

  /// Says how far it is, and renews the lease. Throws `JobLost` if the job was cancelled or taken over, `JobPaused` if the tenant was
  /// frozen: then end at once; the job goes back into the queue.
  package func progress(_ done: Int, of total: Int) async throws {
    try Task.checkCancellation()
    try await services.ledger.writeTransient(tenant) { [self] work in
      let held = try work.run(
        """
        UPDATE job SET progress = \(done), progress_total = \(total),
        lease_until = \(services.now.adding(seconds: leaseSeconds))
        WHERE tenant = \(tenant) AND id = \(id) AND lease = \(lease) AND state = 'running'
        """, on: JobTable.table)
      guard held == 1 else { throw JobLost() }
      if work.isFrozen, stopsWhenFrozen { throw JobPaused() }
    }
  }

  /// As `progress`, without a write.
  package func checkCancellation() async throws {
    try Task.checkCancellation()
    let isHeld = try await services.ledger.read(tenant) { [self] reader in
      try !reader.rows("SELECT 1 FROM job WHERE tenant = \(tenant) AND lease = \(lease) AND state = 'running'").isEmpty
    }
    guard isHeld else { throw JobLost() }
    if stopsWhenFrozen, try await services.freezes.isFrozen(tenant) { throw JobPaused() }
  }

  /// Keeps the job from being taken over. Answers whether it is still this run's.
  func renew() async throws -> Bool {
    try await services.ledger.writeTransient(tenant) { [self] work in
      try work.run(
        """
        UPDATE job SET lease_until = \(services.now.adding(seconds: leaseSeconds))
        WHERE tenant = \(tenant) AND id = \(id) AND lease = \(lease) AND state = 'running'
        """, on: JobTable.table) == 1
    }
  }
}

/// The job is no longer this run's: its lease ran out and another took it over, or it was cancelled.
package struct JobLost: Error, Sendable { package init() {} }

/// The tenant was frozen while the job ran.
package struct JobPaused: Error, Sendable { package init() {} }
