import Egress
import Kernel
import Ledger

/// The one door out of the process: nothing else opens a connection.
///
/// Four steps, each a value that the next one needs, so that none can be left out:
///
///     let permit = try await gate.admit(intent)                     may it leave?          (no write)
///     work: let disclosure = try permit.begin(bytes, in: work)       it is on the record that it is about to
///     let outcome = await gate.fetch(request, under: disclosure)    it leaves
///     work: try disclosure.finish(.done, in: work)                  what became of it is on the record
package final class EgressGate: Sendable {
  package let policy: any EgressPolicy
  package let ownPlaces: Set<EgressPlace>
  let ledger: Ledger
  private let client: EgressClient
  private let systemTenant: @Sendable () async throws -> TenantID
  private let isFrozen: @Sendable (TenantID) async throws -> Bool

  /// `ownPlaces`: what the operator runs himself, such as a mail relay on the same machine; no sub-processor, so the register is not
  /// asked. It is on the record all the same.
  package init(
    policy: any EgressPolicy, ownPlaces: Set<EgressPlace> = [], ledger: Ledger, client: EgressClient = EgressClient(),
    systemTenant: @escaping @Sendable () async throws -> TenantID,
    isFrozen: @escaping @Sendable (TenantID) async throws -> Bool = { _ in false }
  ) {
    self.policy = policy
    self.ownPlaces = ownPlaces
    self.ledger = ledger
    self.client = client
    self.systemTenant = systemTenant
    self.isFrozen = isFrozen
  }

  /// Throws `Problem.forbidden` with the reason. `id` is that of the disclosure, if it has one already.
  package func admit(_ intent: EgressIntent, as id: DisclosureID? = nil) async throws -> EgressPermit {
    if let tenant = intent.tenant, try await isFrozen(tenant) {
      throw Problem(.forbidden, "This organisation is frozen: nothing leaves until the freeze ends.")
    }
    let isOwn = ownPlaces.contains(EgressPlace(host: intent.host, port: intent.port))
    let destination = isOwn ? "own:\(intent.purpose)" : try await policy.admit(intent)
    let tenant =
      if let tenant = intent.tenant { tenant } else { try await systemTenant() }
    return EgressPermit(id: id ?? .make(at: ledger.clock.now), intent: intent, tenant: tenant, destination: destination)
  }
}

// MARK: - Leaving

extension EgressGate {
  /// Calls the place that the disclosure names, and no other.
  package func fetch(_ request: HTTPRequest, under disclosure: Disclosure) async -> HTTPOutcome {
    guard disclosure.isFor(request.url.host, request.url.port) else { return .notSent(.refused(EgressGate.elsewhere)) }
    return await client.http(request)
  }

  /// Hands a message to the mail server that the disclosure names. `rules`: which addresses it may have.
  package func deliver(_ letter: SMTPLetter, rules: EgressRules, under disclosure: Disclosure) async -> SMTPOutcome {
    guard disclosure.isFor(letter.host, letter.port) else { return .notSent(.refused(EgressGate.elsewhere)) }
    return await client.smtp(letter, rules: rules)
  }

  private static let elsewhere = EgressRefusal.badRequest("it leads elsewhere than its disclosure says")

  /// All steps for one call that stands for itself: admitted, on the record, made, completed. `purpose` and the rest as in `EgressIntent`.
  /// Throws `Problem.forbidden` if it may not be made; what then happens is the outcome.
  package func call(
    _ request: HTTPRequest, tenant: TenantID?, module: String, purpose: String, categories: [String], count: Int
  ) async throws -> HTTPOutcome {
    let permit = try await admit(
      EgressIntent(
        tenant: tenant, module: module, purpose: purpose, categories: categories, count: count,
        host: request.url.host.description, port: request.url.port))
    let object = ObjectRef("disclosure", permit.id)
    let bytes = Array(request.url.target.utf8) + request.body
    let begun = try await ledger.write(permit.tenant, Act("egress.disclose", on: object, by: .system("egress"))) {
      try permit.begin(bytes, in: $0)
    }.value
    let outcome = await fetch(request, under: begun)
    _ = try await ledger.write(permit.tenant, Act("egress.result", on: object, by: .system("egress"))) {
      try begun.finish(outcome.disclosed, in: $0)
    }
    return outcome
  }
}

extension HTTPOutcome {
  /// Whoever answers has read what was sent, whatever it thinks of it.
  fileprivate var disclosed: DisclosureRecord.Outcome {
    switch self {
    case .answer: .done
    case .notSent: .refused
    case .unknown: .unknown
    }
  }
}

extension Disclosure {
  fileprivate func isFor(_ host: EgressHost, _ port: Int) -> Bool {
    permit.intent.host == host.description && permit.intent.port == port
  }
}

/// A host, lower case, and a port.
package struct EgressPlace: Hashable, Sendable {
  package let host: String
  package let port: Int
  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }
}

/// The gate's word that something may leave. Only the gate makes one.
package struct EgressPermit: Sendable {
  let id: DisclosureID
  package let intent: EgressIntent
  package let tenant: TenantID
  /// As in the register: `subprocessor:<id>`, or `own:<purpose>`.
  package let destination: String

  fileprivate init(id: DisclosureID, intent: EgressIntent, tenant: TenantID, destination: String) {
    self.id = id
    self.intent = intent
    self.tenant = tenant
    self.destination = destination
  }

  /// Writes down that `bytes` are about to leave. In the permit's tenant only.
  package func begin(_ bytes: [UInt8], in work: Work) throws -> Disclosure {
    guard work.tenant == tenant else {
      throw Problem(.internal, "A disclosure is journaled in the tenant whose data leaves.")
    }
    let record = DisclosureRecord(self, bytes: bytes, at: work.now)
    // What leaves once more, such as a file after a restore, has its row already.
    if try work.find(DisclosureRecord.self, id) == nil { try work.insert(record) } else { try work.update(record) }
    return Disclosure(permit: self)
  }
}

/// The proof that a disclosure stands on the record; without one the gate calls nobody.
package struct Disclosure: Sendable {
  let permit: EgressPermit
  package var id: DisclosureID { permit.id }
  /// In whose record it stands.
  package var tenant: TenantID { permit.tenant }
  fileprivate init(permit: EgressPermit) { self.permit = permit }

  /// The same for what was not known in whole when it began.
  package func finish(_ outcome: DisclosureRecord.Outcome, bytes: Int, sha256: Digest, in work: Work) throws {
    guard var record = try work.find(DisclosureRecord.self, permit.id) else { throw Problem.notFound }
    (record.byteCount, record.sha256) = (bytes, sha256)
    record.outcome = outcome
    record.endedAt = work.now
    try work.update(record)
  }

  /// Writes down what became of it.
  package func finish(_ outcome: DisclosureRecord.Outcome, in work: Work) throws {
    guard var record = try work.find(DisclosureRecord.self, permit.id) else { throw Problem.notFound }
    record.outcome = outcome
    record.endedAt = work.now
    try work.update(record)
  }
}
