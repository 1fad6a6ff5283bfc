import Kernel
import Ledger
import Storage

/// The runner's side of one tenant's queue: taking a job and putting it down again. Each verb is one command on transient tables.
struct JobQueue: Sendable {
  let ledger: Ledger
  let kinds: [String: JobKind]
  /// Begins the lease of every run of this life of the process. Where a process has the database to itself, a lease that begins
  /// otherwise belongs to a process that is no more; where several servers share one, only the time says so.
  let life: String
  /// A number from 0 to 1 that spreads retries.
  let jitter: @Sendable () -> Double

  static let firstRetrySeconds = 10.0
  static let longestRetrySeconds = 3_600.0
  /// The code on a job whose runs were lost so often that it was given up: it may be what ends the process.
  static let lostCode = "lost"

  struct Claim: Sendable {
    let tenant: TenantID
    let id: JobID
    let kind: JobKind
    let payload: JSON
    let attempt: Int
    let lease: String
  }

  /// What a look into the queue gave: a job to run, and when to look again.
  struct Look: Sendable {
    let claim: Claim?
    let next: Instant?
  }

  /// Takes the job that has been due longest, if there is one and the tenant's freeze allows it; `only`: of this kind.
  func claim(_ tenant: TenantID, only: String? = nil) async throws -> Look {
    let moments = JobMoments(now: ledger.clock.now)
    return try await ledger.writeTransient(tenant) { work in
      try dropLost(moments, work)
      try sweep(work)
      let allowed = kinds.values.filter { !work.isFrozen || !$0.stopsWhenFrozen }.map(\.name)
      let claim = try take(allowed.filter { only == nil || $0 == only }, moments, work)
      return Look(claim: claim, next: try next(allowed, moments, work))
    }
  }

  private func take(_ allowed: [String], _ moments: JobMoments, _ work: TransientWork) throws -> Claim? {
    guard !allowed.isEmpty else { return nil }
    let row = try work.rows(
      """
      SELECT id, kind, payload, attempts FROM job WHERE tenant = \(work.tenant) AND state = 'waiting'
      AND \(moments.isDue) AND kind IN (\(SQL(list: allowed))) ORDER BY run_at, id LIMIT 1
      """
    ).first
    guard let row, let id = row[0].text.flatMap({ JobID($0) }), let kind = row[1].text.flatMap({ kinds[$0] }) else {
      return nil
    }
    let lease = "\(life).\(JobID.make(at: work.now))"
    let attempt = Int(row[3].integer ?? 0) + 1
    try work.run(
      """
      UPDATE job SET state = 'running', lease = \(lease), lease_until = \(moments.now.adding(seconds: kind.leaseSeconds)),
      attempts = \(attempt), progress = NULL, progress_total = NULL WHERE tenant = \(work.tenant) AND id = \(id)
      """, on: JobTable.table)
    return Claim(
      tenant: work.tenant, id: id, kind: kind, payload: (try? JSON.parse(Array((row[2].text ?? "").utf8))) ?? [:],
      attempt: attempt, lease: lease)
  }

  /// Runs whose process is no more, or that nobody renewed, go back into the queue; one that was lost too often is given up.
  private func dropLost(_ moments: JobMoments, _ work: TransientWork) throws {
    let isOver = moments.isLeaseOver(ofOthersThan: life, isShared: ledger.isShared)
    let running: SQL =
      "SELECT id, kind, attempts FROM job WHERE tenant = \(work.tenant) AND state = 'running' AND "
    for row in try work.rows(running + isOver) {
      guard let id = row[0].text.flatMap({ JobID($0) }) else { continue }
      let most = row[1].text.flatMap { kinds[$0]?.maximumAttempts } ?? .max
      if Int(row[2].integer ?? 0) < most {
        try work.run(
          """
          UPDATE job SET state = 'waiting', lease = NULL, lease_until = NULL
          WHERE tenant = \(work.tenant) AND id = \(id)
          """, on: JobTable.table)
      } else {
        try work.run(dead(id, work.tenant, lease: nil, code: JobQueue.lostCode, now: work.now), on: JobTable.table)
      }
    }
  }

  private func sweep(_ work: TransientWork) throws {
    let old = work.now.adding(seconds: -JobTable.retentionSeconds)
    let older = work.now.adding(seconds: -JobTable.deadRetentionSeconds)
    try work.run(
      """
      DELETE FROM job WHERE tenant = \(work.tenant) AND ((state IN ('done', 'cancelled') AND finished_at <= \(old))
      OR (state = 'dead' AND finished_at <= \(older)))
      """, on: JobTable.table)
  }

  private func next(_ allowed: [String], _ moments: JobMoments, _ work: TransientWork) throws -> Instant? {
    var found = try work.rows(
      """
      SELECT min(\(moments.due)) FROM job WHERE tenant = \(work.tenant) AND state = 'waiting'
      AND kind IN (\(SQL(list: allowed)))
      """
    ).compactMap { $0.first?.integer }
    found += try JobQueue.upkeep(work.tenant) { try work.rows($0) }
    return found.min().map(Instant.init(milliseconds:))
  }

  /// When leases run out and when what has ended is to be cleared away, in milliseconds.
  private static func upkeep(_ tenant: TenantID, _ rows: (SQL) throws -> [[Value]]) throws -> [Int64] {
    func first(_ sql: SQL) throws -> Int64? { try rows(sql).first?.first?.integer }
    let lease = try first("SELECT min(lease_until) FROM job WHERE tenant = \(tenant) AND state = 'running'")
    let ended = try ["done", "cancelled"].compactMap { state in
      try first("SELECT min(finished_at) FROM job WHERE tenant = \(tenant) AND state = \(state)")
    }.min()
    let dead = try first("SELECT min(finished_at) FROM job WHERE tenant = \(tenant) AND state = 'dead'")
    return [
      lease, ended.map { $0 + Int64(JobTable.retentionSeconds) * 1_000 },
      dead.map { $0 + Int64(JobTable.deadRetentionSeconds) * 1_000 },
    ].compactMap(\.self)
  }

  /// The same from outside, for a tenant that is not open: when to look into its queue first. A job that runs in a database that
  /// this process has to itself is due at once: whoever ran it is no more.
  static func due(_ peek: Peek, now: Instant, isShared: Bool) throws -> Instant? {
    let due = JobMoments(now: now).due
    let waiting = try peek.rows("SELECT min(\(due)) FROM job WHERE tenant = \(peek.tenant) AND state = 'waiting'")
    let running = try peek.rows("SELECT 1 FROM job WHERE tenant = \(peek.tenant) AND state = 'running' LIMIT 1")
    var moments = waiting.compactMap { $0.first?.integer }
    if !running.isEmpty, !isShared { moments.append(now.milliseconds) }
    moments += try upkeep(peek.tenant) { try peek.rows($0) }
    return moments.min().map(Instant.init(milliseconds:))
  }

  // MARK: Putting it down

  enum Outcome: Sendable {
    case done
    case failed(code: String)
    /// It did not come to its end through no fault of its own; the attempt does not count.
    case interrupted
  }

  /// Nothing happens if the job is no longer this run's, or ended with its effect.
  func conclude(_ claim: Claim, _ outcome: Outcome) async throws {
    let now = ledger.clock.now
    try await ledger.writeTransient(claim.tenant) { work in
      switch outcome {
      case .done:
        try work.run(
          """
          UPDATE job SET state = 'done', unique_key = NULL, lease = NULL, lease_until = NULL, problem = NULL,
          finished_at = \(work.now) WHERE tenant = \(claim.tenant) AND id = \(claim.id) AND lease = \(claim.lease)
          """, on: JobTable.table)
      case .interrupted:
        try work.run(waiting(claim, attempts: claim.attempt - 1, at: now, code: nil), on: JobTable.table)
      case .failed(let code) where claim.attempt < claim.kind.maximumAttempts:
        let again = now.adding(seconds: retrySeconds(afterAttempt: claim.attempt))
        try work.run(waiting(claim, attempts: claim.attempt, at: again, code: code), on: JobTable.table)
      case .failed(let code):
        try work.run(
          dead(claim.id, claim.tenant, lease: claim.lease, code: code, now: work.now), on: JobTable.table)
      }
    }
  }

  private func waiting(_ claim: Claim, attempts: Int, at runAt: Instant, code: String?) -> SQL {
    """
    UPDATE job SET state = 'waiting', lease = NULL, lease_until = NULL, attempts = \(attempts), run_at = \(runAt),
    problem = \(code.value) WHERE tenant = \(claim.tenant) AND id = \(claim.id) AND lease = \(claim.lease)
    """
  }

  /// The unique key is given up: a dead letter does not keep the next job of its kind out.
  private func dead(_ id: JobID, _ tenant: TenantID, lease: String?, code: String, now: Instant) -> SQL {
    let sql: SQL = """
      UPDATE job SET state = 'dead', unique_key = NULL, lease = NULL, lease_until = NULL, problem = \(code),
      finished_at = \(now) WHERE tenant = \(tenant) AND id = \(id)
      """
    return lease.map { sql + " AND lease = \($0)" } ?? sql
  }

  /// Twice as long after each attempt, up to an hour; half of it by chance, so that what failed together does not return together.
  func retrySeconds(afterAttempt attempt: Int) -> Int {
    let doubled = JobQueue.firstRetrySeconds * Double(1 << min(max(attempt, 1) - 1, 16))
    let longest = min(doubled, JobQueue.longestRetrySeconds)
    return Int((longest / 2 + longest / 2 * min(max(jitter(), 0), 1)).rounded())
  }
}

extension SQL {
  /// `?, ?, ?`, each bound.
  fileprivate init(list values: [String]) {
    self.init(values.map { _ in "?" }.joined(separator: ", "), values.map(Value.text))
  }
}
