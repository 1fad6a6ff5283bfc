import Synchronization

/// Whether everything that must be there before the first request is there.
package final class Readiness: Sendable {
  private let state = Mutex(false)
  package init() {}
  package var isReady: Bool { state.withLock { $0 } }
  package func declare() { state.withLock { $0 = true } }
}
