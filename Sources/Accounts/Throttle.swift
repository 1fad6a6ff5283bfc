import Platform
import Synchronization

/// Counts attempts that fail or are under way in memory and refuses more of them for a while. Nothing of it is stored.
final class Throttle: Sendable {
  static let windowSeconds = 15 * 60
  /// Names that are counted at once; beyond it the oldest windows are forgotten.
  static let maximumNames = 100_000

  private struct Count {
    var failures: Int
    let since: Instant
  }

  private let allowed: Int
  private let counts = Mutex<[String: Count]>([:])

  /// `allowed` failures per name and window.
  init(allowed: Int) { self.allowed = allowed }

  /// Counts one attempt; throws `tooManyRequests` once a name has used up what it is allowed. What turns out well is taken back.
  func attempt(_ name: String, now: Instant) throws {
    let isAllowed = counts.withLock { counts in
      if counts.count >= Throttle.maximumNames { counts = counts.filter { !isOver($0.value, now) } }
      if counts.count >= Throttle.maximumNames { counts.removeAll() }
      let known = counts[name].flatMap { isOver($0, now) ? nil : $0 } ?? Count(failures: 0, since: now)
      guard known.failures < allowed else { return false }
      counts[name] = Count(failures: known.failures + 1, since: known.since)
      return true
    }
    guard isAllowed else {
      throw Problem(.tooManyRequests, "Too many attempts. Wait fifteen minutes and try again.")
    }
  }

  /// The attempt was no failure.
  func takeBack(_ name: String) {
    counts.withLock { counts in
      guard let count = counts[name], count.failures > 0 else { return }
      counts[name] = count.failures == 1 ? nil : Count(failures: count.failures - 1, since: count.since)
    }
  }

  func succeed(_ name: String) { counts.withLock { _ = $0.removeValue(forKey: name) } }

  private func isOver(_ count: Count, _ now: Instant) -> Bool {
    // A window of the future is of a clock that was set back since.
    now >= count.since.adding(seconds: Throttle.windowSeconds) || now < count.since
  }
}
