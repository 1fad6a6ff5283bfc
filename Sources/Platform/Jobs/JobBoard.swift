import Kernel
import Ledger
import Synchronization

/// When each tenant next has something to do. Kept in memory only, from what commits report, so that a tenant in which nothing is due
/// costs nothing, however many there are.
final class JobBoard: Sendable {
  private struct State {
    var due: [TenantID: Instant] = [:]
    /// Rises with every note about a tenant: what was read before a note does not overrule it.
    var notes: [TenantID: Int] = [:]
    var served: [TenantID: Int] = [:]
    var turn = 0
  }

  /// For what is to be looked at now, whatever the clock says.
  static let atOnce = Instant(milliseconds: 0)

  private let state = Mutex(State())
  private let wakes: AsyncStream<Void>
  private let waker: AsyncStream<Void>.Continuation

  init() { (wakes, waker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1)) }

  /// Something of the tenant is due at this moment, or was.
  func note(_ tenant: TenantID, due: Instant) {
    state.withLock { state in
      state.due[tenant] = min(due, state.due[tenant] ?? due)
      state.notes[tenant, default: 0] += 1
    }
    waker.yield()
  }

  /// The number of notes so far, to be taken before reading the queue.
  func notes(of tenant: TenantID) -> Int { state.withLock { $0.notes[tenant] ?? 0 } }

  /// What the queue said: when the tenant is due next, nil for never. Notes that came after reading stand.
  func replace(_ tenant: TenantID, due: Instant?, readAt notes: Int) {
    state.withLock { state in
      if state.notes[tenant] ?? 0 == notes {
        state.due[tenant] = due
      } else if let due {
        state.due[tenant] = min(due, state.due[tenant] ?? due)
      }
    }
  }

  /// The tenant whose turn it is among those that are due and admitted: the one that was served longest ago.
  func nextTurn(at now: Instant, admitting: (TenantID) -> Bool) -> TenantID? {
    state.withLock { state in
      let candidates = state.due.filter { $0.value <= now && admitting($0.key) }
      let next = candidates.min { a, b in
        (state.served[a.key] ?? 0, a.value, a.key) < (state.served[b.key] ?? 0, b.value, b.key)
      }
      guard let next = next?.key else { return nil }
      state.turn += 1
      state.served[next] = state.turn
      return next
    }
  }

  /// The earliest moment at which one of the admitted tenants is due.
  func next(admitting: (TenantID) -> Bool) -> Instant? {
    state.withLock { state in state.due.filter { admitting($0.key) }.values.min() }
  }

  /// The clock was set back: what was read by it is read again.
  func lookAgain() {
    state.withLock { state in state.due = state.due.mapValues { _ in JobBoard.atOnce } }
  }

  func wake() { waker.yield() }

  /// Returns at the next note, at once if there was one since the last time, or after `seconds`.
  func wait(seconds: Double) async {
    let alarm = Task { [waker] in
      try? await Task.sleep(for: .seconds(seconds))
      if !Task.isCancelled { waker.yield() }
    }
    for await _ in wakes { break }
    alarm.cancel()
  }
}
