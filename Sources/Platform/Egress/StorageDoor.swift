import Egress
import Kernel
import Ledger

/// The door to the one object store that the operator configured for sealed files.
///
/// What carries content goes through the four steps of the gate, one disclosure for each file, under the file's id. What only fetches our own
/// bytes back, or removes them, discloses nothing but an id and is not asked of the register: a contract that ended must not keep
/// customers from their data.
package struct StorageDoor: Sendable {
  package static let purpose = "files"
  package static let categories = ["content"]

  private let gate: EgressGate
  private let client: EgressClient
  private let ledger: Ledger
  private let host: EgressHost
  private let port: Int

  fileprivate init(gate: EgressGate, ledger: Ledger, client: EgressClient, host: EgressHost, port: Int) {
    self.gate = gate
    self.ledger = ledger
    self.client = client
    self.host = host
    self.port = port
  }

  /// Writes down that a file is about to be handed over. Throws `Problem.forbidden` if it may not be. Files of the checks' tenants are the
  /// installation's own.
  package func begin(_ file: FileID, of tenant: TenantID) async throws -> Disclosure {
    let owner = isCustomer(tenant) ? tenant : nil
    let permit = try await gate.admit(
      EgressIntent(
        tenant: owner, module: "files", purpose: StorageDoor.purpose, categories: StorageDoor.categories, count: 1,
        host: host.description, port: port), as: file.retyped())
    return try await ledger.write(permit.tenant, act("egress.disclose", file)) { try permit.begin([], in: $0) }.value
  }

  /// Writes down what became of it. `bytes` and `sha256` are of what left.
  package func end(
    _ disclosure: Disclosure, _ outcome: DisclosureRecord.Outcome, bytes: Int, sha256: Digest
  ) async throws {
    _ = try await ledger.write(disclosure.tenant, act("egress.result", disclosure.id.retyped())) {
      try disclosure.finish(outcome, bytes: bytes, sha256: sha256, in: $0)
    }
  }

  /// Those files of which this installation's record says that it handed them over. After a restore that is fewer than what lies in the store.
  package func handedOver(_ files: Set<FileID>, of tenant: TenantID) async throws -> Set<FileID> {
    guard isCustomer(tenant) else { return files }
    return try await ledger.read(tenant) { reader in
      try files.filter { try reader.find(DisclosureRecord.self, $0.text) != nil }
    }
  }

  /// Makes the call; `disclosure` is needed for what carries content.
  package func call(
    _ call: ObjectStoreCall, at place: ObjectStorePlace, by key: ObjectStoreKey, now: Instant, caFile: String?,
    under disclosure: Disclosure?
  ) async throws -> HTTPOutcome {
    guard !call.carriesContent || disclosure != nil, place.host == host, place.port == port else {
      throw Problem(.internal, "Something was to leave for the object store without a disclosure.")
    }
    var request: HTTPRequest
    do { request = try place.request(call, by: key, at: now) } catch { return .notSent(.refused(error)) }
    request.caFile = caFile
    return await client.http(request)
  }

  private func isCustomer(_ tenant: TenantID) -> Bool { ledger.tenant(tenant)?.isHidden == false }

  private func act(_ action: StaticString, _ file: FileID) -> Act {
    Act(action, on: ObjectRef("disclosure", file), by: .system("egress"))
  }
}

extension EgressGate {
  /// `rules`: which addresses the store may have. It has threads of its own, so that large files do not hold up mail.
  package func storage(at place: ObjectStorePlace, rules: EgressRules) -> StorageDoor {
    StorageDoor(
      gate: self, ledger: ledger, client: EgressClient(rules: rules), host: place.host, port: place.port)
  }
}
