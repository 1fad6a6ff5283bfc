import TransparencyLog

/// Verifies the receipt of one write, offline (docs/format.md §3.5).
package enum ReceiptVerifier {
  /// Reads the header's value or the raw proof; `entry` is the leaf data if the receipt does not hold it.
  package static func verify(_ bytes: [UInt8], entry: [UInt8]?, pin: VerifierKey?) -> Verdict {
    verify(bytes, entry: entry, trust: pin.map { InstallationTrust(pin: $0) })
  }

  /// With the pinned key and those that its chain leads to.
  package static func verify(_ bytes: [UInt8], entry: [UInt8]?, trust: InstallationTrust?) -> Verdict {
    let receipt: Receipt
    do {
      receipt = try read(bytes)
    } catch {
      return .unusable("This is not a receipt: \(error).")
    }
    guard let leaf = entry.map(withoutLineFeed) ?? receipt.leaf else {
      return .unusable(
        "The receipt does not hold the entry it is for. Take the entry's line from /v1/audit/export and give it with --entry FILE."
      )
    }
    var findings: [Finding] = []
    func check(_ name: String, _ good: String, _ body: () throws -> Void) {
      do {
        try body()
        findings.append(Finding(name, .ok, good))
      } catch {
        findings.append(Finding(name, .failed, BundleVerifier.sentence(error)))
      }
    }
    check("signer", signerSentence(trust)) { try checkSigner(receipt, leaf, trust) }
    check("log", "The log's key signed a tree in which the entry stands at index \(receipt.index).") {
      try checkLog(receipt, leaf)
    }
    check("entry", entrySentence(leaf)) { _ = try LeafEntry(parsing: leaf) }
    if trust == nil {
      findings.append(Finding("signer", .limit, "No key was pinned. Use --key with the steward.vkey you trust."))
    }
    return Verdict(findings: findings, isPinned: trust != nil)
  }

  private static func read(_ bytes: [UInt8]) throws -> Receipt {
    if bytes.starts(with: LogProof.format.utf8) { return try Receipt(parsing: bytes) }
    return try Receipt(header: String(decoding: withoutLineFeed(bytes), as: UTF8.self))
  }

  private static func withoutLineFeed(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    if bytes.last == 0x0a { bytes.removeLast() }
    if bytes.last == 0x0d { bytes.removeLast() }
    return bytes
  }

  private static func signerSentence(_ trust: InstallationTrust?) -> String {
    trust.map { "The installation \($0.pin.name) vouches for the log's key." }
      ?? "The certificate of the log's key is in order."
  }

  private static func checkSigner(_ receipt: Receipt, _ leaf: [UInt8], _ trust: InstallationTrust?) throws {
    guard let trust else {
      _ = try LogKeyCertificate.unidentified(receipt.certificate)
      return
    }
    let certificate = try trust.certificate(receipt.certificate)
    guard certificate.since <= (try LeafEntry(parsing: leaf)).time else {
      throw BundleError("the log's key was certified only after the entry was made")
    }
  }

  private static func checkLog(_ receipt: Receipt, _ leaf: [UInt8]) throws {
    let key = try LogKeyCertificate.unidentified(receipt.certificate).key
    let checkpoint = try Checkpoint.open(receipt.proof.checkpoint, key: key)
    let isIncluded = Proofs.verifyInclusion(
      leaf: MerkleTree.leafHash(leaf), index: receipt.index, size: checkpoint.size, proof: receipt.proof.hashes,
      root: checkpoint.root)
    guard isIncluded else { throw BundleError("the entry is not in the tree that the log signed") }
  }

  private static func entrySentence(_ leaf: [UInt8]) -> String {
    guard let entry = try? LeafEntry(parsing: leaf) else { return "" }
    return "The entry is \(entry.action) on \(entry.object) by \(entry.actor) at \(entry.time)."
  }
}
