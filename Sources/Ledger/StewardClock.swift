import Glibc
import Kernel
import Synchronization

/// Where the time comes from; handed in, so that checks and tests can have their own.
package protocol StewardClock: Sendable {
  var now: Instant { get }
  /// Returns when so much of its time has passed. Throws `CancellationError`.
  func wait(seconds: Int) async throws
}

extension StewardClock {
  package func wait(seconds: Int) async throws { try await Task.sleep(for: .seconds(seconds)) }
}

package struct SystemClock: StewardClock {
  package init() {}
  package var now: Instant {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Instant(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
  }
}

/// A clock that stands still until it is moved, or somebody waits.
package final class FixedClock: StewardClock {
  private let held: Mutex<Instant>
  package init(_ now: Instant) { held = Mutex(now) }
  package var now: Instant { held.withLock { $0 } }
  package func set(_ now: Instant) { held.withLock { $0 = now } }
  package func wait(seconds: Int) async throws {
    try Task.checkCancellation()
    advance(seconds: seconds)
  }
  package func advance(seconds: Int) { held.withLock { $0 = $0.adding(seconds: seconds) } }
}
