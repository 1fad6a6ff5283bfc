import Dispatch
import Synchronization

/// A calculation that another thread may do while this one goes on: for the writer's thread, for which every command of a tenant waits.
///
/// Whoever comes first does it. If no thread has begun by the time the value is wanted, it is calculated here, so nothing ever waits for a
/// thread to become free.
final class Aside<Value: Sendable>: Sendable {
  private enum State {
    case waiting(@Sendable () throws -> Value)
    case begun
    case done(Result<Value, any Error>)
  }

  private let state: Mutex<State>
  private let end = DispatchSemaphore(value: 0)

  init(_ body: @escaping @Sendable () throws -> Value) {
    state = Mutex(.waiting(body))
    DispatchQueue.global(qos: .userInitiated).async { if self.run() { self.end.signal() } }
  }

  /// The value; to be asked for once.
  func value() throws -> Value {
    if !run(), !isDone { end.wait() }
    return try state.withLock { state in
      guard case .done(let result) = state else { throw CancellationError() }
      return try result.get()
    }
  }

  private var isDone: Bool { state.withLock { if case .done = $0 { true } else { false } } }

  /// False where somebody else has begun.
  private func run() -> Bool {
    let body = state.withLock { state -> (@Sendable () throws -> Value)? in
      guard case .waiting(let body) = state else { return nil }
      state = .begun
      return body
    }
    guard let body else { return false }
    let result = Result { try body() }
    state.withLock { $0 = .done(result) }
    return true
  }
}
