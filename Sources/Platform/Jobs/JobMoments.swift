import Kernel
import Storage

/// When a job of the queue is due, as the clock stands now.
///
/// The moments of the queue are the clock's and not the record's: the record never goes back, so that after a clock that ran ahead its time
/// stands still until the clock has caught up, and a job that waited by it would wait as long. A clock that is set back leaves moments
/// behind that it had not reached. No job is asked for with more than a day's delay, and none is asked for in the future: what is
/// further ahead, or says so, is of a clock that was wrong, and due.
struct JobMoments: Sendable {
  static let longestDelaySeconds = 86_400
  /// No kind asks for a longer one; it is renewed all the time.
  static let longestLeaseSeconds = 3_600
  /// By how much the clocks of several servers may differ.
  static let differenceSeconds = 60

  let now: Instant

  private var isWrong: SQL {
    """
    (run_at > \(now.adding(seconds: JobMoments.longestDelaySeconds))
    OR created_at > \(now.adding(seconds: JobMoments.differenceSeconds)))
    """
  }

  /// Whether a waiting job is due.
  var isDue: SQL { "(run_at <= \(now) OR \(isWrong))" }

  /// Whether a run counts as lost. Where a process has the database to itself, whatever another life began is; where servers share it, what
  /// nobody renewed, or what ends later than a lease can that was renewed by a clock that is right.
  func isLeaseOver(ofOthersThan life: String, isShared: Bool) -> SQL {
    let isOthers: SQL = "lease NOT LIKE \(life + ".%")"
    if !isShared { return "(lease_until <= \(now) OR " + isOthers + ")" }
    let latest = now.adding(seconds: JobMoments.longestLeaseSeconds)
    return "(lease_until <= \(now) OR (lease_until > \(latest) AND " + isOthers + "))"
  }

  /// The moment at which a waiting job is due.
  var due: SQL { "CASE WHEN \(isWrong) THEN \(now) ELSE run_at END" }
}

extension JobKind.Schedule {
  /// As `next`, for a clock that may have been set back since. A schedule that was kept in the future is kept again at once, but a daily
  /// one whose next turn comes within a day anyway.
  func due(after last: Instant?, beginning: Instant, now: Instant) -> Instant {
    let limit =
      switch self {
      case .every: now.adding(seconds: JobMoments.differenceSeconds)
      case .daily: now.adding(seconds: 86_400)
      }
    return (last ?? beginning) > limit ? now : next(after: last, beginning: beginning)
  }
}
