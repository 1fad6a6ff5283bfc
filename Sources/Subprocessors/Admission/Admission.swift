import Platform

/// Whether something may leave: the rule alone, on values. What is not admitted by somebody here stays inside.
package struct Admission: Sendable {
  package let providers: [Provider]
  package let tenant: TenantSide

  package init(providers: [Provider], tenant: TenantSide) {
    self.providers = providers
    self.tenant = tenant
  }

  /// The name under which the disclosure is journaled, or why there is none.
  package func decide(_ intent: EgressIntent, at now: Instant) -> Result<String, Refusal> {
    guard let place = Endpoint(host: intent.host, port: intent.port) else { return .failure(.unlisted(intent.purpose)) }
    let here = providers.filter { $0.isPublic && $0.state != .ended && $0.details.hosts.contains(place) }
    // What the register speaks of, the register decides: a tenant's own choice does not go around it.
    guard !here.isEmpty else { return choice(place, intent) }
    if let provider = here.first(where: { tenant.objections.contains($0.id) }) {
      return .failure(.objection(provider.details.name))
    }
    var reasons: [Refusal] = []
    for provider in here {
      guard let reason = refusal(provider, intent, now) else { return .success(provider.reference) }
      reasons.append(reason)
    }
    // The reason of the one that came furthest.
    return .failure(reasons.max { $0.rank < $1.rank } ?? .unlisted(intent.purpose))
  }

  /// Nil if the provider may have it.
  private func refusal(_ provider: Provider, _ intent: EgressIntent, _ now: Instant) -> Refusal? {
    let (details, name) = (provider.details, provider.details.name)
    guard details.purposes.contains(intent.purpose) else { return .purpose(name, intent.purpose) }
    if let reason = provider.refusal(at: now) { return reason }
    let allowed = Set(details.categories.map(\.rawValue))
    guard let other = intent.categories.first(where: { !allowed.contains($0) }) else {
      return tenant.admits(details.region) ? nil : .region(name, details.region)
    }
    return .category(name, other)
  }

  private func choice(_ place: Endpoint, _ intent: EgressIntent) -> Result<String, Refusal> {
    let fitting = tenant.destinations.first {
      $0.endpoint == place && $0.purpose == intent.purpose
        && Set(intent.categories).isSubset(of: $0.categories.map(\.rawValue))
    }
    return fitting.map { .success($0.reference) } ?? .failure(.unlisted(intent.purpose))
  }
}

extension Provider {
  /// Why nothing goes there now, whoever asks; nil if something may. Contract and notice period are looked at again with every
  /// call: a state alone admits nobody.
  package func refusal(at now: Instant) -> Refusal? {
    guard state == .active else { return .state(details.name, state) }
    guard isCleared(at: now) else { return .notice(details.name) }
    return hasLapsed(at: now) ? .contract(details.name) : nil
  }

  private func isCleared(at now: Instant) -> Bool {
    switch ground {
    case .own: details.kind == .own
    case .initial: announced == nil
    case .notice: notifiedAt.map { now >= Lifecycle.endOfNotice($0) } ?? false
    case nil: false
    }
  }
}

/// What a tenant has to say about it.
package struct TenantSide: Sendable, Equatable {
  package var objections: Set<SubprocessorID> = []
  package var destinations: [Destination] = []
  /// Where its data may be processed; nil: anywhere.
  package var regions: Set<Region>?

  package init(
    objections: Set<SubprocessorID> = [], destinations: [Destination] = [], regions: Set<Region>? = nil
  ) {
    self.objections = objections
    self.destinations = destinations
    self.regions = regions
  }

  /// The installation itself: it objects to nothing and has chosen nothing.
  package static let installation = TenantSide()

  package func admits(_ region: Region) -> Bool { regions?.contains(region) ?? true }
}

/// Why something stays inside. Names providers, who are public, and never where a tenant wanted to go.
package enum Refusal: Error, Sendable, Equatable {
  case unlisted(String)
  case purpose(String, String)
  case state(String, Provider.State)
  case notice(String)
  case contract(String)
  case category(String, String)
  case region(String, Region)
  case objection(String)

  package var reason: String {
    switch self {
    case .unlisted(let purpose): "Nothing may leave for “\(purpose)” to this place: no entry of the register names it."
    case .purpose(let name, let purpose): "\(name) is registered for other purposes than “\(purpose)”."
    case .state(let name, let state): "\(name) is \(state.rawValue), not active."
    case .notice(let name): "The notice period of \(name) is not over."
    case .contract(let name): "The contract with \(name) has lapsed."
    case .category(let name, let category): "\(name) is registered for other data than “\(category)”."
    case .region(let name, let region): "\(name) processes data in \(region), where this organisation lets none go."
    case .objection(let name): "This organisation objects to \(name)."
    }
  }

  package var problem: Problem { Problem(.forbidden, reason) }

  /// How far the matter came before it was refused.
  fileprivate var rank: Int {
    switch self {
    case .unlisted: 0
    case .purpose: 1
    case .state: 2
    case .notice: 3
    case .contract: 4
    case .category: 5
    case .region: 6
    case .objection: 7
    }
  }
}
