import Dispatch
import Synchronization

/// Threads on which calls may block, so that none of Swift's own ever does. A call beyond `most` waits for its turn.
final class BlockingThreads: Sendable {
  /// Calls at once, and calls that wait.
  static let most = 8
  static let mostWaiting = 1_024

  private struct State {
    var running = 0
    var waiting: [@Sendable () -> Void] = []
  }

  private let queue = DispatchQueue(label: "steward.egress", attributes: .concurrent)
  private let state = Mutex(State())

  /// False if too many wait already; then `body` is never run.
  func run(_ body: @escaping @Sendable () -> Void) -> Bool {
    let (isAccepted, isNow) = state.withLock { state in
      if state.running < BlockingThreads.most {
        state.running += 1
        return (true, true)
      }
      guard state.waiting.count < BlockingThreads.mostWaiting else { return (false, false) }
      state.waiting.append(body)
      return (true, false)
    }
    if isNow { start(body) }
    return isAccepted
  }

  private func start(_ body: @escaping @Sendable () -> Void) {
    queue.async { [self] in
      body()
      let next = state.withLock { state -> (@Sendable () -> Void)? in
        guard !state.waiting.isEmpty else {
          state.running -= 1
          return nil
        }
        return state.waiting.removeFirst()
      }
      if let next { start(next) }
    }
  }
}
