import Kernel
import Ledger
import Storage
import Synchronization

/// Asks for work in the background. The request is part of the command that causes it: both are durable, or neither.
package final class Jobs: Sendable {
  /// Bytes of a payload.
  package static let maximumPayloadBytes = 4_096
  package static let maximumUniqueKeyBytes = 256

  package let kinds: [String: JobKind]
  let board = JobBoard()
  private let clock: any StewardClock
  private let server = Mutex<(@Sendable (TenantID, String?) async throws -> Int)?>(nil)

  package init(_ kinds: [JobKind], clock: any StewardClock) throws {
    self.clock = clock
    self.kinds = Dictionary(kinds.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    guard self.kinds.count == kinds.count else { throw Problem(.internal, "Two kinds of jobs have one name.") }
  }

  /// Puts a job into the queue of the `Work`'s tenant. `payload` holds ids, never content. With a `uniqueKey` nothing happens
  /// while an unfinished job of the kind has the same. Answers whether a job was added.
  @discardableResult
  package func enqueue(
    _ kind: String, _ payload: JSON = [:], uniqueKey: String? = nil, at runAt: Instant? = nil, in work: Work
  ) throws -> Bool {
    let statement = try insertion(
      kind, payload, uniqueKey, delay: runAt.map { $0.milliseconds - work.now.milliseconds }, tenant: work.tenant)
    guard try work.run(statement, on: JobTable.table) > 0 else { return false }
    work.afterCommit { [board, tenant = work.tenant] in board.note(tenant, due: JobBoard.atOnce) }
    return true
  }

  /// The same without a command: for upkeep that leaves no entry.
  @discardableResult
  package func enqueue(
    _ kind: String, _ payload: JSON = [:], uniqueKey: String? = nil, at runAt: Instant? = nil, in work: TransientWork
  ) throws -> Bool {
    let statement = try insertion(
      kind, payload, uniqueKey, delay: runAt.map { $0.milliseconds - work.now.milliseconds }, tenant: work.tenant)
    guard try work.run(statement, on: JobTable.table) > 0 else { return false }
    work.afterCommit { [board, tenant = work.tenant] in board.note(tenant, due: JobBoard.atOnce) }
    return true
  }

  /// `delay` in milliseconds from now, by the clock.
  private func insertion(
    _ kind: String, _ payload: JSON, _ uniqueKey: String?, delay: Int64?, tenant: TenantID
  ) throws -> SQL {
    let now = clock.now
    let runAt = Instant(milliseconds: now.milliseconds + max(0, delay ?? 0))
    guard kinds[kind] != nil else { throw Problem(.internal, "There is no such kind of job.", detail: kind) }
    let text = payload.text
    guard text.utf8.count <= Jobs.maximumPayloadBytes, (uniqueKey ?? "").utf8.count <= Jobs.maximumUniqueKeyBytes else {
      throw Problem(.internal, "The job's payload or key is too large.", detail: kind)
    }
    return """
      INSERT INTO job (tenant, id, kind, payload, unique_key, state, run_at, attempts, created_at)
      VALUES (\(tenant), \(JobID.make(at: now)), \(kind), \(text), \(uniqueKey.value), 'waiting', \(runAt), 0, \(now))
      ON CONFLICT (tenant, kind, unique_key) DO NOTHING
      """
  }

  // MARK: The runner's end

  /// Set once, by the runner.
  func open(_ serve: @escaping @Sendable (TenantID, String?) async throws -> Int) { server.withLock { $0 = serve } }

  /// Runs what is due in one tenant, beside the runner, until nothing is; answers how many runs that took. For checks and commands. `only`: jobs
  /// of one kind.
  @discardableResult
  package func serve(_ tenant: TenantID, only kind: String? = nil) async throws -> Int {
    guard let serve = server.withLock({ $0 }) else {
      throw Problem(.unavailable, "The server is still starting.")
    }
    return try await serve(tenant, kind)
  }
}

// MARK: - What people see and do

extension Jobs {
  /// Newest first; `before` is the id of the last one seen.
  package func list(before: String?, limit: Int, _ reader: Reader) throws -> [JobState] {
    var sql: SQL = "SELECT \(raw: JobState.columns) FROM job WHERE tenant = \(reader.tenant)"
    if let before { sql = sql + " AND id < \(before)" }
    return try reader.rows(sql + " ORDER BY id DESC LIMIT \(limit)").compactMap(JobState.init)
  }

  package func find(_ id: JobID, _ reader: Reader) throws -> JobState? {
    let sql: SQL = "SELECT \(raw: JobState.columns) FROM job WHERE tenant = \(reader.tenant) AND id = \(id)"
    return try reader.rows(sql).first.flatMap(JobState.init)
  }

  /// The job of a kind that waits or runs under a unique key.
  package func unfinished(_ kind: String, uniqueKey: String, _ reader: Reader) throws -> JobID? {
    let sql: SQL =
      "SELECT id FROM job WHERE tenant = \(reader.tenant) AND kind = \(kind) AND unique_key = \(uniqueKey)"
    return try reader.rows(sql).first?.first?.text.flatMap { JobID($0) }
  }

  /// How many jobs there are in each state.
  package func counts(_ reader: Reader) throws -> [JobState.State: Int] {
    let rows = try reader.rows("SELECT state, count(*) FROM job WHERE tenant = \(reader.tenant) GROUP BY state")
    return rows.reduce(into: [:]) { counts, row in
      guard let state = row[0].text.flatMap(JobState.State.init(rawValue:)) else { return }
      counts[state] = Int(row[1].integer ?? 0)
    }
  }

  /// Ends a job that has not ended: one that waits never begins, one that runs ends at its next checkpoint and has no effect after
  /// it, a dead letter is dismissed.
  package func cancel(_ id: JobID, in work: Work) throws {
    let cancelled = try work.run(
      """
      UPDATE job SET state = 'cancelled', unique_key = NULL, lease = NULL, lease_until = NULL, finished_at = \(work.now)
      WHERE tenant = \(work.tenant) AND id = \(id) AND state IN ('waiting', 'running', 'dead')
      """, on: JobTable.table)
    guard cancelled == 1 else { throw try refusal(id, "This job has ended already.", work) }
    work.afterCommit { [board, tenant = work.tenant, now = work.now] in
      board.note(tenant, due: now.adding(seconds: JobTable.retentionSeconds))
    }
  }

  /// Puts a dead letter back into the queue, with all its attempts before it.
  package func retry(_ id: JobID, in work: Work) throws {
    let retried = try work.run(
      """
      UPDATE job SET state = 'waiting', attempts = 0, run_at = \(clock.now), finished_at = NULL, progress = NULL,
      progress_total = NULL WHERE tenant = \(work.tenant) AND id = \(id) AND state = 'dead'
      """, on: JobTable.table)
    guard retried == 1 else { throw try refusal(id, "Only a job that was given up can be tried again.", work) }
    work.afterCommit { [board, tenant = work.tenant] in board.note(tenant, due: JobBoard.atOnce) }
  }

  private func refusal(_ id: JobID, _ message: String, _ work: Work) throws -> Problem {
    try find(id, work) == nil
      ? Problem(.notFound, "There is no such job; it may have been cleared away.")
      : Problem(.conflict, message)
  }

  /// When each scheduled kind is due next in a tenant, of those that run there.
  package func nextRuns(_ tenant: TenantID, isHidden: Bool, now: Instant, _ reader: Reader) throws -> [String: Instant]
  {
    let rows = try reader.rows("SELECT kind, last_at FROM job_schedule WHERE tenant = \(tenant)")
    let lasts = Dictionary(
      rows.map { ($0[0].text ?? "", Instant(milliseconds: $0[1].integer ?? 0)) }, uniquingKeysWith: { _, last in last })
    var next: [String: Instant] = [:]
    for kind in kinds.values {
      guard let schedule = kind.schedule, kind.scope == .everyTenant || (kind.scope == .eachTenant && !isHidden) else {
        continue
      }
      let due = schedule.next(after: lasts[kind.name], beginning: tenant.madeAt)
      next[kind.name] = due > now ? due : schedule.next(after: schedule.latest(from: due, now: now), beginning: now)
    }
    return next
  }
}
