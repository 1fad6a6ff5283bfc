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
  /// Rows among the changes whose content was erased since.
  let erased: [RowRef: ErasedMark]
  /// What the entry is about, if that was.
  let erasedObject: [String: ErasedMark]
  let findings: [Finding]

  var holds: Bool { findings.allSatisfy(\.holds) }

  private struct Stored: Sendable {
    let entry: LoggedEntry
    let checkpoint: (size: Int64, note: [UInt8])
    let proof: [Digest]
    let changes: [ChangeRecord]
    let erased: [RowRef: ErasedMark]
    let erasedObject: [String: ErasedMark]
  }

  /// Throws `notFound` for an index that the log does not have.
  init(_ index: Int64, _ request: Request) async throws {
    let ledger = request.services.ledger
    let tenant = try request.principal.tenant
    let stored = try await ledger.read(tenant) { reader in
      guard let entry = try reader.entry(index), let checkpoint = try reader.checkpoint(covering: index) else {
        throw Problem.notFound
      }
      let changes = try reader.changes(ofEntry: index)
      var erased: [RowRef: ErasedMark] = [:]
      for change in changes {
        erased[RowRef(table: change.table, id: change.key)] = try reader.erasedMark(change.table, change.key)
      }
      return Stored(
        entry: entry, checkpoint: checkpoint, proof: try reader.inclusionProof(index: index, size: checkpoint.size),
        changes: changes, erased: erased,
        erasedObject: try reader.erasedMarks(of: [entry.object].compactMap(\.self)))
    }
    let certificate = try await ledger.logCertificate(tenant, of: stored.checkpoint.note)
    self.init(stored, certificate: certificate, trust: ledger.installation.trust)
  }

  private init(_ stored: Stored, certificate: [UInt8], trust: InstallationTrust) {
    entry = stored.entry
    let leaf = MerkleTree.leafHash(stored.entry.data)
    leafHash = leaf
    proof = stored.proof
    checkpoint = stored.checkpoint.note
    self.certificate = certificate
    changes = stored.changes
    erased = stored.erased
    erasedObject = stored.erasedObject
    let signed = VerifiedEntry.signed(stored.checkpoint.note, certificate, trust)
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
    _ note: [UInt8], _ certificate: [UInt8], _ trust: InstallationTrust
  ) -> (checkpoint: Checkpoint?, isCertified: Bool) {
    guard let certified = try? trust.open(certificate) else { return (nil, false) }
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
    members["erased"] = .array(
      erased.sorted { ($0.key.table, $0.key.id) < ($1.key.table, $1.key.id) }.map { row, mark in
        var members = mark.json.object ?? [:]
        members["table"] = .string(row.table)
        members["key"] = .string(row.id)
        return .object(members)
      })
    members["holds"] = .bool(holds)
    return .object(members)
  }
}
