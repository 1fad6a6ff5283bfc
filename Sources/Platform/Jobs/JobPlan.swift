import Kernel
import Ledger
import Logging
import Storage

/// What the schedules ask for: when each kind was last due in each tenant, and where it has anything to do.
///
/// After the start each tenant's file is read once, in plain columns and without its keys. From then on a tenant that nobody uses
/// and in which a kind has nothing to do is not touched again; one that was used and closed is read so once more. What is kept here only says when to look: whether a schedule is due is
/// decided in the transaction that enqueues, so that of several servers one does.
actor JobPlan {
  /// Jobs that one call of `enqueueDue` puts into queues: the runner gets its turn in between.
  static let maximumPerTurn = 64

  private let services: Services
  private let logger: Logger
  private let kinds: [JobKind]
  private var lasts: [TenantID: [String: Instant]] = [:]
  /// Tenants in which a kind had nothing to do when their file was read, by how often each had been open before: what was seen holds
  /// until it is opened again.
  private var quiet: [String: [TenantID: Int]] = [:]
  private var checks: [String: Instant] = [:]
  private(set) var isComplete = false

  init(services: Services, logger: Logger) {
    self.services = services
    self.logger = logger
    kinds = services.jobs.kinds.values.filter { $0.schedule != nil }.sorted { $0.name < $1.name }
  }

  /// When `enqueueDue` has something to do next.
  var next: Instant? { isComplete ? checks.values.min() : nil }

  // MARK: After the start

  /// What a tenant's file says without its keys.
  private struct Found: Sendable {
    var due: Instant?
    var lasts: [String: Instant] = [:]
    var quiet: [String] = []
    var closedAfter: Int?
  }

  func scan() async {
    let now = services.now
    // If it cannot be read now, the first schedule that is due tries again.
    try? await services.ledger.refreshTenants()
    for tenant in services.ledger.tenants {
      if Task.isCancelled { return }
      absorb(await look(tenant.id, now: now), tenant.id)
    }
    for kind in kinds { checks[kind.name] = now }
    isComplete = true
    services.jobs.board.wake()
  }

  private nonisolated func look(_ tenant: TenantID, now: Instant) async -> Found {
    do {
      return try services.ledger.peek(tenant) { peek in
        let rows = try peek.rows("SELECT kind, last_at FROM job_schedule WHERE tenant = \(tenant)")
        return Found(
          due: try JobQueue.due(peek, now: now, isShared: services.ledger.isShared),
          lasts: Dictionary(
            rows.map { ($0[0].text ?? "", Instant(milliseconds: $0[1].integer ?? 0)) },
            uniquingKeysWith: { _, last in last }),
          quiet: try kinds.filter { try $0.isNeeded.map { try !$0(peek) } ?? false }.map(\.name),
          closedAfter: peek.closedAfter)
      }
    } catch {
      // A file that does not open this way is looked at in the ordinary one.
      return Found(due: now)
    }
  }

  private func absorb(_ found: Found, _ tenant: TenantID) {
    if let due = found.due { services.jobs.board.note(tenant, due: due) }
    lasts[tenant] = found.lasts.isEmpty ? nil : found.lasts
    if let openings = found.closedAfter { for name in found.quiet { quiet[name, default: [:]][tenant] = openings } }
  }

  // MARK: From then on

  /// The clock was set back: no kind's next turn is known any more.
  func lookAgain() {
    for kind in kinds where isComplete { checks[kind.name] = JobBoard.atOnce }
  }

  /// Puts a job into the queue of each tenant in which a schedule is due. However many times it was missed, it runs once.
  func enqueueDue(now: Instant) async {
    guard isComplete else { return }
    for kind in kinds where !Task.isCancelled && checks[kind.name].map({ $0 <= now }) ?? false {
      do {
        checks[kind.name] = try await enqueue(kind, now: now)
      } catch {
        checks[kind.name] = now.adding(seconds: JobRunner.troubleSeconds)
        logger.error("a schedule could not be kept", metadata: ["kind": .string(kind.name)])
      }
    }
  }

  /// Answers when the kind is due next anywhere.
  private func enqueue(_ kind: JobKind, now: Instant) async throws -> Instant {
    guard let schedule = kind.schedule else { return now }
    var next = schedule.next(after: now, beginning: now)
    var turns = 0
    for tenant in try await targets(of: kind) {
      // Of thousands of tenants each may have to be looked at, and many opened: a server that is being stopped has no time for that.
      if Task.isCancelled { return now }
      let due = schedule.due(after: lasts[tenant]?[kind.name], beginning: tenant.madeAt, now: now)
      guard due <= now else {
        next = min(next, due)
        continue
      }
      guard turns < JobPlan.maximumPerTurn else { return now }
      let moment = schedule.latest(from: due, now: now)
      var last = moment
      if try isNeeded(kind, tenant) {
        last = try await put(kind, tenant, schedule, moment, now)
        next = min(next, schedule.next(after: last, beginning: tenant.madeAt))
        turns += 1
      }
      lasts[tenant, default: [:]][kind.name] = last
    }
    return next
  }

  private func targets(of kind: JobKind) async throws -> [TenantID] {
    if kind.scope != .installation { try await services.ledger.refreshTenants() }
    return switch kind.scope {
    case .installation: [try await services.tenants.system()]
    case .eachTenant: services.ledger.tenants.filter { !$0.isHidden }.map(\.id)
    case .everyTenant: services.ledger.tenants.map(\.id)
    }
  }

  private func isNeeded(_ kind: JobKind, _ tenant: TenantID) throws -> Bool {
    guard let isNeeded = kind.isNeeded else { return true }
    let ledger = services.ledger
    if !ledger.isShared, let seen = quiet[kind.name]?[tenant], seen == ledger.openings(of: tenant) { return false }
    let (isOwed, closedAfter) = try ledger.peek(tenant) { (try isNeeded($0), $0.closedAfter) }
    quiet[kind.name, default: [:]][tenant] = isOwed || ledger.isShared ? nil : closedAfter
    return isOwed
  }

  /// Answers when the kind was due last: `moment`, or what another server wrote that was first.
  private func put(
    _ kind: JobKind, _ tenant: TenantID, _ schedule: JobKind.Schedule, _ moment: Instant, _ now: Instant
  ) async throws -> Instant {
    let jobs = services.jobs
    return try await services.ledger.writeTransient(tenant) { work in
      let row = try work.rows(
        "SELECT last_at FROM job_schedule WHERE tenant = \(tenant) AND kind = \(kind.name)"
      ).first
      let last = row?[0].integer.map(Instant.init(milliseconds:))
      if let last, schedule.due(after: last, beginning: tenant.madeAt, now: now) > now { return last }
      try work.run(
        """
        INSERT INTO job_schedule (tenant, kind, last_at) VALUES (\(tenant), \(kind.name), \(moment))
        ON CONFLICT (tenant, kind) DO UPDATE SET last_at = excluded.last_at
        """, on: JobTable.schedules)
      try jobs.enqueue(kind.name, uniqueKey: "schedule", in: work)
      return moment
    }
  }
}
