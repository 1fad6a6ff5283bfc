import Crypto
import Kernel
import Ledger
import Synchronization
import Web

/// Who may ask now: a bucket of tokens for each actor, and a turn among the requests that run at once. All of it is in memory; a
/// restart forgives everybody.
package final class Admission: Sendable {
  /// Whose bucket it is.
  private enum Name: Hashable, Sendable {
    case token(TokenID)
    case person(PersonID)
    case researcher(String)
    /// `ClientAddress.party`; empty for calls from within.
    case address([UInt8])
  }

  /// Whose turn it is.
  package enum Party: Hashable, Sendable {
    case tenant(TenantID)
    case address([UInt8])
  }

  package let settings: LimitSettings
  private let clock: any StewardClock
  private let buckets: Mutex<TokenBuckets<Name>>
  private let queue: FairQueue<Party>
  private let delayed = Mutex(0)
  private let researchers: Mutex<[LimitSettings.Researcher]>

  package init(_ settings: LimitSettings, clock: any StewardClock) {
    self.settings = settings
    self.clock = clock
    buckets = Mutex(TokenBuckets(maximum: settings.maximumBuckets))
    queue = FairQueue(.init(settings))
    researchers = Mutex(settings.researchers)
  }

  /// Requests that run and requests that wait.
  package var load: (running: Int, waiting: Int) { queue.load }

  /// Takes what the request costs from its actor's bucket. Throws `RateRefusal`, a little late, if it is empty.
  func take(_ incoming: Incoming, _ visitor: Visitor?, _ route: Route?) async throws -> RateStanding {
    let (name, policy, rate) = actor(incoming, visitor)
    let now = clock.now.milliseconds
    let cost = route?.isCheap == true ? settings.assetCost : 1
    let verdict = buckets.withLock { $0.take(cost, from: name, at: now, rate: rate) }
    let standing = RateStanding(policy: policy, rate: rate, verdict: verdict)
    if verdict.isAdmitted { return standing }
    await holdBack()
    throw RateRefusal(standing: standing)
  }

  /// Runs `body` when it is the turn of the tenant or the address.
  func inTurn<T>(
    _ incoming: Incoming, _ visitor: Visitor?, _ body: (FairQueue<Party>.Turn) async throws -> T
  ) async throws -> T {
    let party = visitor.map { Party.tenant($0.principal.tenant) } ?? .address(Admission.party(of: incoming))
    return try await queue.run(party, waitSeconds: settings.maximumWaitSeconds, body)
  }

  /// A researcher counts by their own secret, whoever they are signed in as; a credential that is not good counts as none.
  private func actor(_ incoming: Incoming, _ visitor: Visitor?) -> (Name, policy: String, LimitSettings.Rate) {
    if let researcher = researcher(incoming) { return (.researcher(researcher.name), "research", researcher.rate) }
    guard let principal = visitor?.principal else {
      return (.address(Admission.party(of: incoming)), "address", settings.address)
    }
    switch principal.credential {
    case .token(let id): return (.token(id), "token", settings.token)
    // By person, not by session: signing in again gives nobody a fresh bucket.
    case .session: return (.person(principal.person), "person", settings.session)
    }
  }

  private func researcher(_ incoming: Incoming) -> LimitSettings.Researcher? {
    let known = researchers.withLock { $0 }
    guard !known.isEmpty, let secret = incoming.headers[LimitSettings.Researcher.header] else { return nil }
    let hash = Array(SHA256.hash(data: Array(secret.utf8)))
    return known.first { ConstantTime.equal($0.secretHash, hash) }
  }

  /// Adds a researcher for as long as `body` runs: how a check exercises the list without knowing a real secret.
  package func knowing<T>(_ researcher: LimitSettings.Researcher, _ body: () async throws -> T) async rethrows -> T {
    researchers.withLock { $0.append(researcher) }
    defer { researchers.withLock { $0.removeAll { $0.name == researcher.name } } }
    return try await body()
  }

  private static func party(of incoming: Incoming) -> [UInt8] { ClientAddress(incoming.remoteAddress)?.party ?? [] }

  private func holdBack() async {
    let isDelayed = delayed.withLock { count in
      guard count < settings.maximumDelayedRefusals else { return false }
      count += 1
      return true
    }
    guard isDelayed else { return }
    // Only the wait of somebody who left ends early; there is nothing to do about it.
    try? await Task.sleep(for: .milliseconds(settings.refusalDelayMilliseconds))
    delayed.withLock { $0 -= 1 }
  }
}

/// How an actor stands with their rate, as answers of the API tell it (draft-ietf-httpapi-ratelimit-headers-10).
struct RateStanding: Sendable {
  let policy: String
  let rate: LimitSettings.Rate
  let verdict: RateVerdict

  /// The fields stand on answers of the API and on refusals: a browser has no use for them.
  func told(on response: Response, of incoming: Incoming) -> Response {
    guard !verdict.isAdmitted || incoming.target.hasPrefix("/v1/") else { return response }
    var response = response
    response.headers["RateLimit-Policy"] = "\"\(policy)\";q=\(Int(rate.burst));w=\(rate.windowSeconds)"
    response.headers["RateLimit"] = "\"\(policy)\";r=\(verdict.remaining);t=\(verdict.resetSeconds)"
    if !verdict.isAdmitted { response.headers["Retry-After"] = String(verdict.retryAfterSeconds) }
    return response
  }
}

/// The bucket is empty.
struct RateRefusal: Error {
  let standing: RateStanding

  var problem: Problem {
    let seconds = standing.verdict.retryAfterSeconds
    return Problem(
      .tooManyRequests, "Too many requests: wait \(seconds) second\(seconds == 1 ? "" : "s"), then go on more slowly.")
  }
}

extension Route {
  /// What a page brings with it, and what a monitor asks for every few seconds.
  fileprivate var isCheap: Bool {
    path.hasPrefix("/assets/") || path == "/healthz" || path == "/readyz" || path == "/favicon.ico"
  }
}
