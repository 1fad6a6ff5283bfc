import Custody
import Kernel
import Storage
import TransparencyLog

/// The keys of an installation as its key store has them.
struct InstallationSigning: Sendable {
  /// Number of the newest.
  let number: Int64
  let signer: NoteSigner
  let chain: [UInt8]
  let trust: InstallationTrust

  /// Throws `Problem.unavailable` where the newest key is not the one that the chain names.
  init(_ id: ID<Kernel.Installation>, _ store: KeyStore) throws {
    let links = try store.installationChain()
    number = 1 + Int64(try InstallationTrust.notes(links).count)
    chain = links
    signer = try NoteSigner(
      name: "steward/\(id)", seed: try store.installationSeed(id: id.text, number: number))
    do {
      trust = try InstallationTrust(pin: signer.verifierKey, chain: links)
      guard trust.newest == signer.verifierKey else { throw LogError("the newest key is another") }
    } catch {
      throw Problem(
        .unavailable, "The statements of the installation's keys are damaged; restore the key store from a replica.",
        detail: "\(error)")
    }
  }
}

/// That the installation key changed, in the installation's own log: a row for each key after the first (docs/format.md §3.8).
package struct InstallationKeyRecord: Record, Equatable {
  package static let table = Table(
    "installation_key", .primary,
    columns: [
      Column("since", .integer, .operational, purpose: "from when it is the installation's", nullable: false),
      Column("statement", .bytes, .key, purpose: "signed by it and by the key before, a public note", nullable: false),
    ], retention: "as long as the installation; public keys only")

  package let number: Int64
  package let since: Instant
  /// The whole note.
  package let statement: [UInt8]

  init(number: Int64, since: Instant, statement: [UInt8]) {
    self.number = number
    self.since = since
    self.statement = statement
  }

  package init(_ row: OpenedRow) throws {
    guard let number = Int64(row.key), let statement = row.plain("statement").bytes else {
      throw Problem(.internal, "A stored record cannot be read.", detail: "installation_key")
    }
    self.init(number: number, since: try row.instant("since"), statement: statement)
  }

  package var key: String { String(number) }
  package var plain: [String: Value] { ["since": since.value, "statement": .bytes(statement)] }
  package var content: [String: CBOR] { [:] }
}

extension Ledger {
  /// Whose log says what happens to the installation itself.
  static let systemSlug = "system"

  /// Gives the installation a new key, says so in its own log, and certifies anew what is open; other tenants follow when they are opened.
  package func rotateInstallationKey(by actor: Actor) async throws -> InstallationKeyRotation {
    try installation.rotateKey(now: clock.now)
    let system = try await find(slug: Self.systemSlug)
    if let system { try await using(system.id) { try await bringForward($0, by: actor) } }
    var certified = 0
    for tenant in tenants where isOpen(tenant.id) && tenant.id != system?.id {
      try await using(tenant.id) { try await bringForward($0, by: actor) }
      certified += 1
    }
    let links = try InstallationTrust.links(installation.chain)
    return InstallationKeyRotation(
      number: links.last?.number ?? 1, verifierKey: installation.verifierKey,
      old: links.last?.old.description ?? "", since: links.last?.since ?? clock.now, certified: certified)
  }
}

/// What became of the change of the installation key.
package struct InstallationKeyRotation: Sendable, Equatable {
  package let number: Int64
  package let verifierKey: String
  package let old: String
  package let since: Instant
  /// Logs that were certified at once.
  package let certified: Int
}
