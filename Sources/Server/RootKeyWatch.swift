import Custody
import Dispatch
import Logging
import Platform
import ServiceLifecycle

/// Asks the token or key service that keeps the root key, once an hour, whether it still gives it. While it does not, the server goes on with
/// what it knows for as long as the configuration says, and then stops: whoever withdraws the key at the service stops the server with it.
struct RootKeyWatch: Service {
  static let askSeconds = 3_600
  /// While it does not answer.
  static let askAgainSeconds = 60

  let store: KeyStore
  let outageSeconds: Int
  let logger: Logger

  func run() async throws {
    guard store.rootFile != nil, store.providerKind != "passphrase" else {
      try? await gracefulShutdown()
      return
    }
    try await cancelWhenGracefulShutdown {
      var outage = Outage(limitSeconds: outageSeconds)
      let clock = ContinuousClock()
      var good = clock.now
      while true {
        do { try await Task.sleep(for: .seconds(outage.pauseSeconds)) } catch { return }
        let problem = await RootKeyWatch.ask(store)
        if problem == nil { good = clock.now }
        let silent = Int(clamping: (clock.now - good).components.seconds)
        try tell(outage.note(problem, silentSeconds: silent))
      }
    }
  }

  private func tell(_ word: Outage.Word?) throws {
    switch word {
    case .away(let problem):
      logger.warning(
        "the keeper of the root key does not give it",
        metadata: ["reason": .string(problem.message), "detail": .string(problem.detail ?? "")])
    case .back: logger.notice("the keeper of the root key gives it again")
    case .over(let problem): throw problem
    case nil: break
    }
  }

  /// Nil if it gave the root key. On a thread of its own: it blocks.
  static func ask(_ store: KeyStore) async -> Problem? {
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        do {
          _ = try RootQuestion.ask(store)
          continuation.resume(returning: nil)
        } catch {
          continuation.resume(
            returning: error as? Problem ?? Problem(.unavailable, "It cannot be asked.", detail: "\(error)"))
        }
      }
    }
  }

  /// What an outage comes to; times are handed in.
  struct Outage {
    enum Word: Equatable {
      case away(Problem)
      case back
      case over(Problem)
    }

    let limitSeconds: Int
    private(set) var isAway = false

    init(limitSeconds: Int) { self.limitSeconds = limitSeconds }

    var pauseSeconds: Int { isAway ? RootKeyWatch.askAgainSeconds : RootKeyWatch.askSeconds }

    /// `silentSeconds`: since it last gave the root key.
    mutating func note(_ problem: Problem?, silentSeconds: Int) -> Word? {
      guard let problem else {
        defer { isAway = false }
        return isAway ? .back : nil
      }
      guard silentSeconds < limitSeconds else {
        return .over(
          Problem(
            .unavailable,
            "The keeper of the root key has not given it for \(silentSeconds / 3_600) hours, so the server stops. \(problem.message)",
            detail: problem.detail))
      }
      defer { isAway = true }
      return isAway ? nil : .away(problem)
    }
  }
}
