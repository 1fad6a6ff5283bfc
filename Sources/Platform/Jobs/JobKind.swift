import Kernel
import Ledger

package enum Job {}
package typealias JobID = ID<Job>

/// One kind of work in the background, declared by a module in its manifest.
package struct JobKind: Sendable {
  /// For whom a scheduled job runs.
  package enum Scope: Sendable {
    /// Once for every tenant that is not hidden, in that tenant.
    case eachTenant
    /// Once for every tenant, hidden ones too: upkeep.
    case everyTenant
    /// Once, in the installation's own tenant.
    case installation
  }

  package enum Schedule: Sendable, Equatable {
    /// Begins again this long after it began last.
    case every(seconds: Int)
    /// Once a day at this time, UTC.
    case daily(hour: Int, minute: Int)
  }

  /// Whether the switch that freezes a tenant stops it.
  package enum Freeze: Sendable, Equatable {
    case stops
    /// Goes on in a frozen tenant, with the reason that is published beside the promise.
    case exempt(reason: String)
  }

  /// `module.verb`, as `offboarding.remind`.
  package let name: String
  /// One sentence in the imperative, for the page of jobs.
  package let summary: String
  /// Nil: runs only when it is enqueued.
  package let schedule: Schedule?
  package let scope: Scope
  package let freeze: Freeze
  /// After so many failed attempts it becomes a dead letter.
  package let maximumAttempts: Int
  /// A run whose lease was not renewed for so long counts as lost and is taken over. The runner renews it while the run lives.
  /// At most 30 s goes unseen after a crash.
  package let leaseSeconds: Int
  /// Whether the people of a tenant may ask for it themselves.
  package let isOnDemand: Bool
  /// Whether a tenant has anything for the schedule to do, from plain columns alone; may err
  /// towards yes. Without it the schedule opens every tenant in turn.
  package let isNeeded: (@Sendable (Peek) throws -> Bool)?
  package let run: @Sendable (JobRun) async throws -> Void

  package init(
    _ name: String, summary: String, schedule: Schedule? = nil, scope: Scope = .eachTenant, freeze: Freeze = .stops,
    maximumAttempts: Int = 8, leaseSeconds: Int = 20, isOnDemand: Bool = false,
    isNeeded: (@Sendable (Peek) throws -> Bool)? = nil, run: @escaping @Sendable (JobRun) async throws -> Void
  ) {
    self.name = name
    self.summary = summary
    self.schedule = schedule
    self.scope = scope
    self.freeze = freeze
    self.maximumAttempts = maximumAttempts
    self.leaseSeconds = leaseSeconds
    self.isOnDemand = isOnDemand
    self.isNeeded = isNeeded
    self.run = run
  }

  package var stopsWhenFrozen: Bool { freeze == .stops }
}

extension JobKind.Schedule {
  /// The first moment at which it is due after it was due at `last`; at `beginning` at the earliest if it never was.
  package func next(after last: Instant?, beginning: Instant) -> Instant {
    switch self {
    case .every(let seconds): return last?.adding(seconds: max(1, seconds)) ?? beginning
    case .daily(let hour, let minute):
      let from = last ?? beginning
      let today = Instant(milliseconds: Int64(from.day.daysSince1970) * 86_400_000)
        .adding(seconds: hour * 3_600 + minute * 60)
      return today > from ? today : today.adding(seconds: 86_400)
    }
  }

  /// The last moment at which it was due, at or before `now`: however many were missed, they are made up for once.
  package func latest(from due: Instant, now: Instant) -> Instant {
    switch self {
    case .every: return now
    case .daily:
      let days = max(0, (now.milliseconds - due.milliseconds) / 86_400_000)
      return Instant(milliseconds: due.milliseconds + days * 86_400_000)
    }
  }
}
