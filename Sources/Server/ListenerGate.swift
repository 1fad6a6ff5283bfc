import Glibc
import NIOCore
import Platform
import Synchronization

/// Who may connect: so many in all, so many from one address, so many new ones a second; behind a proxy, only the proxy.
final class ListenerGate: Sendable {
  /// Descriptors that are kept for databases, files and links of our own.
  private static let reservedDescriptors = 512

  private struct State {
    var total = 0
    var byParty: [[UInt8]: Int] = [:]
    var arrivals: TokenBuckets<[UInt8]>
  }

  private let settings: LimitSettings
  private let maximum: Int
  private let proxies: TrustedProxies?
  private let state: Mutex<State>

  init(_ settings: LimitSettings, proxies: TrustedProxies?) {
    self.settings = settings
    self.proxies = proxies
    maximum = min(settings.maximumConnections, max(64, ListenerGate.descriptors() - ListenerGate.reservedDescriptors))
    state = Mutex(State(arrivals: TokenBuckets(maximum: settings.maximumBuckets)))
  }

  /// Connections that are open.
  var open: Int { state.withLock { $0.total } }

  /// Whether a connection from there may stay. If so, `leave` must follow when it is closed.
  func enter(_ address: ClientAddress?, at now: Int64) -> Bool {
    if let proxies {
      guard let address, proxies.contains(address) else { return false }
    }
    let party = party(address)
    return state.withLock { state in
      guard state.total < maximum else { return false }
      if let party {
        guard state.byParty[party, default: 0] < settings.maximumConnectionsPerAddress,
          state.arrivals.take(from: party, at: now, rate: settings.connectionRate).isAdmitted
        else { return false }
        state.byParty[party, default: 0] += 1
      }
      state.total += 1
      return true
    }
  }

  func leave(_ address: ClientAddress?) {
    let party = party(address)
    state.withLock { state in
      state.total -= 1
      guard let party, let count = state.byParty[party] else { return }
      state.byParty[party] = count > 1 ? count - 1 : nil
    }
  }

  /// Nil for a proxy, which stands for many.
  private func party(_ address: ClientAddress?) -> [UInt8]? { proxies == nil ? address?.party ?? [] : nil }

  /// How many files and sockets this process may have open; raised to what the system allows.
  private static func descriptors() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
    if limit.rlim_cur < limit.rlim_max {
      var raised = limit
      raised.rlim_cur = min(limit.rlim_max, 65_536)
      if raised.rlim_cur > limit.rlim_cur, setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 {
        limit = raised
      }
    }
    return Int(clamping: limit.rlim_cur)
  }
}
