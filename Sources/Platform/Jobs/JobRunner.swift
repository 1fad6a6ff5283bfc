import Kernel
import Ledger
import Logging

/// Runs the jobs of all tenants in this process: whose turn it is, how many at once, and what becomes of a run.
///
/// Tenants take turns, so that one with a thousand jobs does not keep another's from beginning. Nothing is polled: `JobBoard` knows
/// when each tenant is due, and a commit that enqueues wakes the runner. Only where several servers share a database is it asked every
/// few seconds for what another one left: `JobRounds`. Who owns what: the actor owns the slots and the plan; the queue in the tenant's
/// database owns which run has a job.
package actor JobRunner {
  /// Runs at once, in all and in one tenant.
  package static let maximumRuns = 8
  package static let maximumRunsPerTenant = 2
  static let longestSleepSeconds = 30.0
  /// A tenant whose queue cannot be read is looked at again after this long.
  static let troubleSeconds = 60
  /// Runs of one call of `serve`.
  static let maximumServed = 1_000
  static let overdueCode = "overdue"

  private let services: Services
  private let queue: JobQueue
  private let plan: JobPlan
  private var rounds = JobRounds()
  private let logger: Logger
  private var running: [TenantID: Int] = [:]
  private var slotsTaken = 0
  /// What the clock said last.
  private var seen: Instant
  private var runs: [JobID: Task<Void, Never>] = [:]
  private var board: JobBoard { services.jobs.board }

  /// `jitter` gives numbers from 0 to 1.
  package init(services: Services, logger: Logger, jitter: @escaping @Sendable () -> Double = { .random(in: 0...1) }) {
    self.services = services
    self.logger = logger
    queue = JobQueue(
      ledger: services.ledger, kinds: services.jobs.kinds, life: JobID.make(at: services.now).text, jitter: jitter)
    plan = JobPlan(services: services, logger: logger)
    seen = services.now
    services.jobs.open { [weak self] tenant, kind in try await self?.serve(tenant, only: kind) ?? 0 }
  }

  // MARK: The loop

  /// Runs jobs until its task is cancelled; then lets each run end at its next checkpoint and puts it back.
  package func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.plan.scan() }
      while !Task.isCancelled {
        await minded()
        await plan.enqueueDue(now: services.now)
        await lookAround()
        while let claim = await nextClaim() { start(claim) }
        await board.wait(seconds: await secondsToSleep())
      }
      group.cancelAll()
    }
    for run in runs.values { run.cancel() }
    for run in runs.values { await run.value }
  }

  /// A clock that was set back makes what is kept here moments of the future: then everything is looked at again.
  private func minded() async {
    let now = services.now
    defer { seen = now }
    guard now < seen else { return }
    board.lookAgain()
    rounds = JobRounds()
    await plan.lookAgain()
  }

  private func secondsToSleep() async -> Double {
    let due = slotsTaken >= JobRunner.maximumRuns ? nil : board.next { isAdmitted($0) }
    let moments = [due, await plan.next, services.ledger.isShared ? rounds.next : nil].compactMap(\.self)
    guard let next = moments.min() else { return JobRunner.longestSleepSeconds }
    let seconds = Double(next.milliseconds - services.now.milliseconds) / 1_000
    return min(max(seconds, 0.01), JobRunner.longestSleepSeconds)
  }

  private func isAdmitted(_ tenant: TenantID) -> Bool { running[tenant] ?? 0 < JobRunner.maximumRunsPerTenant }

  /// A job with a slot for it; nil if nothing is due or no slot is free.
  private func nextClaim() async -> JobQueue.Claim? {
    while slotsTaken < JobRunner.maximumRuns, !Task.isCancelled,
      let tenant = board.nextTurn(at: services.now, admitting: { isAdmitted($0) })
    {
      guard let claim = await look(tenant) else { continue }
      slotsTaken += 1
      running[tenant, default: 0] += 1
      return claim
    }
    return nil
  }

  /// Asks the database that other servers use too which tenants are due.
  private func lookAround() async {
    guard services.ledger.isShared, rounds.begin(at: services.now) else { return }
    do {
      let due = try await services.ledger.dueTenants(now: services.now)
      for (tenant, moment) in rounds.news(due, at: services.now) { board.note(tenant, due: moment) }
    } catch {
      logger.error(
        "the queues of jobs cannot be asked for", metadata: ["error": .string(String(reflecting: type(of: error)))])
    }
  }

  private func look(_ tenant: TenantID) async -> JobQueue.Claim? {
    let notes = board.notes(of: tenant)
    do {
      let look = try await queue.claim(tenant)
      board.replace(tenant, due: look.next, readAt: notes)
      if look.claim == nil { rounds.foundNothing(tenant, at: services.now) }
      return look.claim
    } catch {
      board.replace(tenant, due: services.now.adding(seconds: JobRunner.troubleSeconds), readAt: notes)
      logger.error(
        "a queue of jobs cannot be read",
        metadata: ["tenant": .string(tenant.text), "error": .string(String(reflecting: type(of: error)))])
      return nil
    }
  }

  private func start(_ claim: JobQueue.Claim) {
    runs[claim.id] = Task {
      await self.perform(claim)
      self.finished(claim)
    }
  }

  private func finished(_ claim: JobQueue.Claim) {
    runs[claim.id] = nil
    slotsTaken -= 1
    let left = (running[claim.tenant] ?? 1) - 1
    running[claim.tenant] = left > 0 ? left : nil
    board.note(claim.tenant, due: services.now)
  }

  // MARK: By hand

  /// One turn: takes as many jobs as there are slots, then runs them to their end; answers how many. For tests, with a clock of
  /// their own.
  @discardableResult
  package func step() async -> Int {
    if await !plan.isComplete { await plan.scan() }
    await minded()
    await plan.enqueueDue(now: services.now)
    await lookAround()
    var claims: [JobQueue.Claim] = []
    while let claim = await nextClaim() { claims.append(claim) }
    for claim in claims { start(claim) }
    for run in runs.values { await run.value }
    return claims.count
  }

  /// Runs what is due in one tenant until nothing is; `only`: of one kind.
  nonisolated func serve(_ tenant: TenantID, only kind: String? = nil) async throws -> Int {
    var served = 0
    while served < JobRunner.maximumServed {
      try Task.checkCancellation()
      let notes = services.jobs.board.notes(of: tenant)
      let look = try await queue.claim(tenant, only: kind)
      services.jobs.board.replace(tenant, due: look.next, readAt: notes)
      guard let claim = look.claim else { break }
      await perform(claim)
      served += 1
    }
    return served
  }

  // MARK: A run

  /// From the claim to what became of it. Never throws: a run that fails is a state of its job.
  nonisolated private func perform(_ claim: JobQueue.Claim) async {
    // Its tenant stays open meanwhile: the run asks again and again.
    let stay = try? await services.ledger.stay(claim.tenant)
    defer { withExtendedLifetime(stay) {} }
    let run = JobRun(
      services: services, tenant: claim.tenant, id: claim.id, kind: claim.kind.name, payload: claim.payload,
      attempt: claim.attempt, lease: claim.lease, leaseSeconds: claim.kind.leaseSeconds,
      stopsWhenFrozen: claim.kind.stopsWhenFrozen)
    let pulse = JobPulse(run)
    let body = Task { try await claim.kind.run(run) }
    let heart = Task {
      await pulse.beat()
      if !Task.isCancelled { body.cancel() }
    }
    let watch = Task {
      await pulse.watch()
      if !Task.isCancelled { body.cancel() }
    }
    let result = await withTaskCancellationHandler(operation: { await body.result }, onCancel: { body.cancel() })
    heart.cancel()
    watch.cancel()
    guard let outcome = outcome(of: result, claim, isOverdue: pulse.isOverdue) else { return }
    do { try await queue.conclude(claim, outcome) } catch {
      logger.error("the end of a job was not noted", metadata: ["kind": .string(claim.kind.name)])
    }
  }

  /// Nil if the job is somebody else's by now.
  nonisolated private func outcome(
    of result: Result<Void, any Error>, _ claim: JobQueue.Claim, isOverdue: Bool
  ) -> JobQueue.Outcome? {
    switch result {
    case .success: return .done
    case .failure(is JobLost): return nil
    case .failure(is JobPaused): return .interrupted
    case .failure(let problem as Problem) where problem.code == .frozen: return .interrupted
    case .failure where isOverdue: return .failed(code: JobRunner.overdueCode)
    case .failure(is CancellationError): return .interrupted
    case .failure(let error):
      let problem = error as? Problem ?? Problem(.internal, "")
      logger.notice(
        "a job failed",
        metadata: [
          "kind": .string(claim.kind.name), "job": .string(claim.id.text), "attempt": .string(String(claim.attempt)),
          "code": .string(problem.code.rawValue),
          "detail": .string(problem.detail ?? String(reflecting: type(of: error))),
        ])
      return .failed(code: problem.code.rawValue)
    }
  }
}
