import Foundation

/// A few connections, each on a thread of its own, and one queue of jobs before them.
///
/// A job gets a connection whose transaction is closed. What it leaves open is rolled back. A connection that broke is made anew with
/// growing pauses, and so is one whose server no longer takes writes; while none is to be had, jobs wait `patienceSeconds` and then run with a broken one, whose every call throws.
package final class PostgresPool: Sendable {
  package typealias Job = @Sendable (PostgresLink) -> Void

  package static let patienceSeconds = 10.0

  private let shared: Shared

  /// Returns at once; the connections are made when there is something to do.
  package init(
    _ server: PostgresServer, size: Int, limits: PostgresLimits = .serving, patienceSeconds: Double = patienceSeconds
  ) {
    shared = Shared(server, limits, patienceSeconds, workers: max(size, 1))
    for number in 0..<max(size, 1) {
      let thread = Thread { [shared] in Worker(shared).run() }
      thread.name = "postgres-\(number)"
      thread.stackSize = 4 << 20
      thread.start()
    }
  }

  deinit { shared.stop() }

  /// Never blocks. A job that comes after `close()` gets a broken connection, on the caller's thread.
  package func run(_ job: @escaping Job) {
    if !shared.add(job) { job(shared.closedLink()) }
  }

  /// Borrows a connection: `body` runs on the caller's thread while the connection's own sleeps. Not from within a job.
  package func runBlocking<T>(_ body: (PostgresLink) throws -> T) throws -> T {
    let loan = Loan()
    run { link in loan.lend(link) }
    let link = try loan.borrowed()
    defer { loan.giveBack() }
    return try body(link)
  }

  /// Finishes what is queued, closes the connections and waits for their threads. Not from within a job.
  package func close() {
    shared.stop()
    shared.waitForWorkers()
  }

  /// A connection on its way from its thread to another and back.
  private final class Loan: @unchecked Sendable {
    // Written before the first signal and read after it.
    private var link: PostgresLink?
    private let lent = DispatchSemaphore(value: 0)
    private let returned = DispatchSemaphore(value: 0)

    func lend(_ link: PostgresLink) {
      self.link = link
      lent.signal()
      // One that never was is nobody else's, and it may be lent on the borrower's own thread.
      if link.handle != nil { returned.wait() }
    }

    func borrowed() throws -> PostgresLink {
      lent.wait()
      guard let link else { throw Shared.closedError }
      return link
    }

    func giveBack() {
      link = nil
      returned.signal()
    }
  }
}

extension PostgresPool {
  private struct Waiting {
    let job: Job
    let since: ContinuousClock.Instant
  }

  /// What the workers share, under one lock.
  private final class Shared: @unchecked Sendable {
    // Everything that changes is read and written with `condition` locked.
    private let condition = NSCondition()
    private var jobs: [Waiting] = []
    private var first = 0
    private var isStopping = false
    private var workers: Int

    let server: PostgresServer
    let limits: PostgresLimits
    private let patience: Duration

    static let closedError = StorageError(sqlState: "08003", message: "the connections to the database are closed")

    init(_ server: PostgresServer, _ limits: PostgresLimits, _ patienceSeconds: Double, workers: Int) {
      self.server = server
      self.limits = limits
      self.patience = .seconds(patienceSeconds)
      self.workers = workers
    }

    func closedLink() -> PostgresLink { PostgresLink(server, lost: Self.closedError) }

    func add(_ job: @escaping Job) -> Bool {
      condition.withLock {
        guard !isStopping else { return false }
        jobs.append(Waiting(job: job, since: .now))
        condition.signal()
        return true
      }
    }

    func stop() {
      condition.withLock {
        isStopping = true
        condition.broadcast()
      }
    }

    func workerEnded() {
      condition.withLock {
        workers -= 1
        condition.broadcast()
      }
    }

    func waitForWorkers() {
      condition.withLock { while workers > 0 { condition.wait() } }
    }

    /// Nil if another took it. Does not wait: the connection that was looked at would grow old meanwhile.
    func take() -> Job? { condition.withLock { removeFirst() } }

    /// Waits until there is something to do; false when there never will be.
    func waitForWork() -> Bool {
      condition.withLock {
        while first == jobs.count, !isStopping { condition.wait() }
        return first < jobs.count
      }
    }

    var hasWork: Bool { condition.withLock { first < jobs.count } }

    /// Waits between two attempts to connect, and gives out meanwhile a job that has waited too long. When the pool is closing, all have.
    func takeOverdue(waitingAtMost pause: Duration) -> Job? {
      condition.withLock {
        let end = ContinuousClock.now + pause
        while true {
          let now = ContinuousClock.now
          if first < jobs.count, isStopping || jobs[first].since + patience <= now { return removeFirst() }
          guard now < end, !isStopping else { return nil }
          _ = condition.wait(until: Date(timeIntervalSinceNow: min(0.25, (end - now) / .seconds(1))))
        }
      }
    }

    private func removeFirst() -> Job? {
      guard first < jobs.count else { return nil }
      defer {
        first += 1
        if first == jobs.count || first > 1_024 {
          jobs.removeFirst(first)
          first = 0
        }
      }
      return jobs[first].job
    }
  }

  /// One thread with one connection.
  private struct Worker {
    private static let shortestPause = Duration.milliseconds(50)
    private static let longestPause = Duration.seconds(2)

    private let shared: Shared

    init(_ shared: Shared) { self.shared = shared }

    func run() {
      defer { shared.workerEnded() }
      var link: PostgresLink?
      while shared.waitForWork() {
        guard let ready = usable(link) ?? connected() else { continue }
        link = ready
        guard let job = shared.take() else { continue }
        job(ready)
        tidy(ready)
      }
    }

    private func usable(_ link: PostgresLink?) -> PostgresLink? {
      guard let link, !link.isReadOnly, link.isStillThere() else { return nil }
      return link
    }

    /// Tries until there is a connection. Nil if meanwhile nothing was left to do.
    private func connected() -> PostgresLink? {
      var pause = Self.shortestPause
      while true {
        do { return try PostgresLink(shared.server, limits: shared.limits) } catch {
          let reason = error as? StorageError ?? StorageError(sqlState: "08001", message: "\(error)")
          // The reason may not be one of a lost connection (a wrong password): it is thrown as it is.
          while let job = shared.takeOverdue(waitingAtMost: pause) { job(PostgresLink(shared.server, lost: reason)) }
          guard shared.hasWork else { return nil }
          pause = min(pause * 2, Self.longestPause)
        }
      }
    }

    private func tidy(_ link: PostgresLink) {
      try? link.rollback()
      _ = link.takeWarnings()
    }
  }
}
