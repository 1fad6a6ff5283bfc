import Platform
import TransparencyLog

/// An entry that its receipt proves, verified as an outsider would: from the installation's key down to the leaf.
struct ProvenEntry: Sendable {
  let index: Int64
  let leaf: LeafEntry
  let checkpoint: Checkpoint
}

extension Probe {
  /// The entry behind the receipt of an answer. `what` was done, for the reason if it is not proven.
  func proven(_ answer: FrontDoor.Answer, of tenant: ProbeTenant, what: String) async throws -> ProvenEntry {
    guard (200..<300).contains(answer.status) else { throw Hindered(reason: "\(what) answered \(answer.status).") }
    guard let header = answer.headers["Steward-Receipt"] else {
      throw Broken(reason: "\(what) was answered without a receipt.")
    }
    return try await proven(header, of: tenant, what: what)
  }

  func proven(_ header: String, of tenant: ProbeTenant, what: String) async throws -> ProvenEntry {
    guard let receipt = try? Receipt(header: header) else {
      throw Broken(reason: "The receipt of \(what) cannot be read.")
    }
    return try await proven(receipt, of: tenant, what: what)
  }

  func proven(_ receipt: Receipt, of tenant: ProbeTenant, what: String) async throws -> ProvenEntry {
    guard let certificate = try? services.ledger.installation.trust.open(receipt.certificate),
      let checkpoint = try? Checkpoint.open(receipt.proof.checkpoint, key: certificate.key)
    else { throw Broken(reason: "The receipt of \(what) is not signed by a key that the installation vouches for.") }
    let data = try await leafData(receipt, tenant)
    let isIncluded = Proofs.verifyInclusion(
      leaf: MerkleTree.leafHash(data), index: receipt.index, size: checkpoint.size, proof: receipt.proof.hashes,
      root: checkpoint.root)
    try hold(isIncluded, "The entry of \(what) is not in the signed tree (index \(receipt.index)).")
    guard let leaf = try? LeafEntry(parsing: data) else { throw Broken(reason: "The entry of \(what) cannot be read.") }
    return ProvenEntry(index: receipt.index, leaf: leaf, checkpoint: checkpoint)
  }

  /// A long entry is not in its receipt; then it comes from the trail.
  private func leafData(_ receipt: Receipt, _ tenant: ProbeTenant) async throws -> [UInt8] {
    if let leaf = receipt.leaf { return leaf }
    let shown = try await tenant.auditor.caller.get("/v1/audit/\(receipt.index)").body(
      200, for: "GET /v1/audit/{index}")
    return try need(shown["entry"]?.canonical, "The trail shows no entry.")
  }
}
