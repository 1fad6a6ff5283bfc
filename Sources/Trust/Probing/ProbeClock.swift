import Platform

/// The installation's clock with a hand that a check can turn, for its own requests only.
///
/// `Server` wraps the real clock in it. A check moves time for the calls it makes inside `at(_:)`; other requests run in other
/// tasks and see the real time, and so does the ledger, which writes on threads of its own.
package struct ProbeClock: StewardClock {
  @TaskLocal private static var shiftSeconds = 0
  @TaskLocal private static var stopped: Instant?
  private let base: any StewardClock

  package init(_ base: any StewardClock) { self.base = base }

  package var now: Instant {
    let now = ProbeClock.stopped ?? base.now
    return ProbeClock.shiftSeconds == 0 ? now : now.adding(seconds: ProbeClock.shiftSeconds)
  }

  package func wait(seconds: Int) async throws { try await base.wait(seconds: seconds) }

  /// Runs `body` as if no time passed in it.
  package static func standing<T>(at now: Instant, _ body: () async throws -> T) async rethrows -> T {
    try await $stopped.withValue(now, operation: body)
  }

  /// Runs `body` as if it were `seconds` later.
  package static func later<T>(_ seconds: Int, _ body: () async throws -> T) async rethrows -> T {
    try await $shiftSeconds.withValue(seconds, operation: body)
  }
}
