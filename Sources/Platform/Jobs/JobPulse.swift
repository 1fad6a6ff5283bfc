import Synchronization

/// Keeps a run's lease while it lives, and says when the run must end: `beat` and `watch` return then.
final class JobPulse: Sendable {
  /// A run that takes longer is ended and counts as failed.
  static let longestRunSeconds = 6 * 3_600

  private struct State {
    var isOverdue = false
    var renewedAt: ContinuousClock.Instant
  }

  private let run: JobRun
  private let state = Mutex(State(renewedAt: .now))

  /// The run's lease begins at this moment.
  init(_ run: JobRun) { self.run = run }

  var isOverdue: Bool { state.withLock { $0.isOverdue } }

  /// Renews the lease. Returns when the job was cancelled or taken over, the tenant was frozen, or the run took too long.
  func beat() async {
    let pause = max(1, run.leaseSeconds / 3)
    var seconds = 0
    while seconds < JobPulse.longestRunSeconds {
      do { try await Task.sleep(for: .seconds(pause)) } catch { return }
      seconds += pause
      let asked = ContinuousClock.now
      // A write that fails is tried again at the next beat.
      if let isHeld = try? await run.renew() {
        guard isHeld else { return }
        state.withLock { $0.renewedAt = asked }
      }
      if run.stopsWhenFrozen, (try? await run.services.freezes.isFrozen(run.tenant)) == true { return }
    }
    state.withLock { $0.isOverdue = true }
  }

  /// Returns when the lease has run out without a renewal that came through, or is about to: from then on another server may have
  /// the job. Apart from `beat`, which may hang in the very write that does not come through.
  func watch() async {
    while true {
      let end = state.withLock { $0.renewedAt }.advanced(by: .seconds(run.leaseSeconds))
      guard .now < end else { return }
      do { try await Task.sleep(until: end, clock: .continuous) } catch { return }
    }
  }
}
