import Platform
import TransparencyLog

/// An entry with everything that proves it, and what came out when each proof was computed again, now.
struct VerifiedEntry: Sendable {
  /// One thing that was computed.
  struct Finding: Sendable, Equatable {
    let textKey: String
    let holds: Bool
  }

  let entry: LoggedEntry
  let leafHash: Digest
  let proof: [Digest]
  let size: Int64
  let root: Digest
  let checkpoint: [UInt8]
  let certificate: [UInt8]
  let changes: [ChangeRecord]
  let findings: [Finding]

  var holds: Bool { findings.allSatisfy(\.holds) }

  private struct Stored: Sendable {
    let entry: LoggedEntry
    let checkpoint: (size: Int64, note: [UInt8])
    let proof: [Digest]
    let changes: [ChangeRecord]
  }

  /// Throws `notFound` for an index that the log does not have.
  init(_ index: Int64, _ request: Request) async throws {
    let ledger = request.services.ledger
    let tenant = try request.principal.tenant
    let stored = try await ledger.read(tenant) { reader in
      guard let entry = try reader.entry(index), let checkpoint = try reader.checkpoint(covering: index) else {
        throw Problem.notFound
      }
      return Stored(
        entry: entry, checkpoint: checkpoint, proof: try reader.inclusionProof(index: index, size: checkpoint.size),
        changes: try reader.changes(ofEntry: index))
    }
    let certificate = try await ledger.logCertificate(tenant)
    self.init(stored, certificate: certificate, installationKey: ledger.installation.verifierKey)
  }

  private init(_ stored: Stored, certificate: [UInt8], installationKey: String) {
    entry = stored.entry
    let leaf = MerkleTree.leafHash(stored.entry.data)
    leafHash = leaf
    proof = stored.proof
    checkpoint = stored.checkpoint.note
    self.certificate = certificate
    changes = stored.changes
    let signed = VerifiedEntry.signed(stored.checkpoint.note, certificate, installationKey)
    size = signed.checkpoint?.size ?? stored.checkpoint.size
    root = signed.checkpoint?.root ?? MerkleTree.emptyRoot
    let isIncluded =
      signed.checkpoint.map {
        Proofs.verifyInclusion(leaf: leaf, index: stored.entry.index, size: $0.size, proof: stored.proof, root: $0.root)
      } ?? false
    findings = [
      Finding(textKey: "audit_finding_certificate", holds: signed.isCertified),
      Finding(textKey: "audit_finding_checkpoint", holds: signed.checkpoint != nil),
      Finding(textKey: "audit_finding_inclusion", holds: isIncluded),
      Finding(textKey: "audit_finding_changes", holds: VerifiedEntry.matches(stored.entry, stored.changes)),
    ]
  }

  /// The checkpoint if the certified log key signed it; and whether the installation key certified that key.
  private static func signed(
    _ note: [UInt8], _ certificate: [UInt8], _ installationKey: String
  ) -> (checkpoint: Checkpoint?, isCertified: Bool) {
    guard let installation = try? VerifierKey(parsing: installationKey),
      let certified = try? LogKeyCertificate.open(certificate, installationKey: installation)
    else { return (nil, false) }
    return (try? Checkpoint.open(note, key: certified.key), true)
  }

  /// The leaf reads back as what the columns say, and its root is that of the change records beside it.
  private static func matches(_ entry: LoggedEntry, _ changes: [ChangeRecord]) -> Bool {
    switch try? Leaf(parsing: entry.data) {
    case .command(let leaf):
      leaf.time == entry.time && leaf.actor == entry.actor && leaf.action == entry.action && leaf.object == entry.object
        && leaf.changeCount == changes.count && leaf.changeRoot == ChangeRecord.root(changes)
    case .batch(let leaf): leaf.time == entry.time && entry.actor == nil && changes.isEmpty
    case nil: false
    }
  }

  /// What an outsider takes along: it needs nothing beside the installation's key.
  func receipt() throws -> Receipt {
    try Receipt.make(
      index: entry.index, hashes: proof, checkpoint: checkpoint, certificate: certificate, leaf: entry.data,
      limited: false)
  }

  func json(item: JSON) throws -> JSON {
    var members = item.object ?? [:]
    members["entry"] = try JSON.parse(entry.data)
    members["leaf_hash"] = .string(leafHash.base64)
    members["proof"] = .array(proof.map { .string($0.base64) })
    members["checkpoint"] = .string(String(decoding: checkpoint, as: UTF8.self))
    members["change_records"] = .array(try changes.map { try JSON.parse($0.encoded) })
    members["holds"] = .bool(holds)
    return .object(members)
  }
}
