import Synchronization

/// Whether everything that must be there before the first request is there.
package final class Readiness: Sendable {
  private struct State {
    var isReady = false
    var waiting: [AsyncStream<Void>.Continuation] = []
  }

  private let state = Mutex(State())

  package init() {}

  package var isReady: Bool { state.withLock { $0.isReady } }

  package func declare() {
    let waiting = state.withLock { state in
      defer { state.waiting = [] }
      state.isReady = true
      return state.waiting
    }
    for continuation in waiting { continuation.finish() }
  }

  /// Returns once it is declared, or when the task is cancelled.
  package func wait() async {
    let (ends, continuation) = AsyncStream.makeStream(of: Void.self)
    let isReady = state.withLock { state in
      if !state.isReady { state.waiting.append(continuation) }
      return state.isReady
    }
    if isReady { return }
    for await _ in ends {}
  }
}
