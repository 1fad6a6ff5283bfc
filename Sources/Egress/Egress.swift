import Kernel

/// The mechanics of calling out: resolve, check every address, pin, call through libcurl within limits. Whether a call may be made
/// at all is the gate's question (`Platform/Egress`); nothing but the gate uses this.
package final class EgressClient: Sendable {
  private let rules: EgressRules
  private let resolver: Resolver
  private let threads = BlockingThreads()

  package init(rules: EgressRules = EgressRules(), resolver: Resolver = .system) {
    self.rules = rules
    self.resolver = resolver
  }

  /// Makes the call. What comes back is one answer of the host that was asked, whatever its status.
  package func http(_ request: HTTPRequest) async -> HTTPOutcome {
    await withCheckedContinuation { continuation in
      let isAccepted = threads.run { [self] in
        do {
          guard request.url.scheme == .https || rules.hosts.contains(request.url.host) else {
            throw EgressRefusal.plainHTTP
          }
          continuation.resume(returning: HTTPCall.perform(request, at: try addresses(of: request.url.host, rules)))
        } catch {
          continuation.resume(returning: .notSent(EgressClient.fault(error)))
        }
      }
      if !isAccepted { continuation.resume(returning: .notSent(.refused(.tooBusy))) }
    }
  }

  /// The same on the thread it is called on, for what must be known before anything else runs: the root key.
  package func httpNow(_ request: HTTPRequest) -> HTTPOutcome {
    guard request.url.scheme == .https || rules.hosts.contains(request.url.host) else {
      return .notSent(.refused(.plainHTTP))
    }
    do { return HTTPCall.perform(request, at: try addresses(of: request.url.host, rules)) } catch {
      return .notSent(EgressClient.fault(error))
    }
  }

  /// Hands a message to a mail server. `rules` are those of mail, not those of calls over HTTP.
  package func smtp(_ letter: SMTPLetter, rules: EgressRules) async -> SMTPOutcome {
    await withCheckedContinuation { continuation in
      let isAccepted = threads.run { [self] in
        do {
          let addresses = try addresses(of: letter.host, rules)
          SMTPCall.perform(letter, at: addresses) { continuation.resume(returning: $0) }
        } catch {
          continuation.resume(returning: .notSent(EgressClient.fault(error)))
        }
      }
      if !isAccepted { continuation.resume(returning: .notSent(.refused(.tooBusy))) }
    }
  }

  private static func fault(_ error: any Error) -> EgressFault {
    (error as? EgressRefusal).map(EgressFault.refused) ?? .broken
  }

  private func addresses(of host: EgressHost, _ rules: EgressRules) throws -> [Address] {
    switch host.kind {
    case .address(let address): try rules.check([address], of: host)
    case .name(let name): try rules.check(resolver.addresses(name), of: host)
    }
  }
}
