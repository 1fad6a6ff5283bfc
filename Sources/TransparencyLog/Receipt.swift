import Kernel

/// What the caller of a write takes home: a proof that the write is in the log (docs/format.md §3.5).
package struct Receipt: Sendable, Equatable {
  package let index: Int64
  package let proof: LogProof
  /// The log-key certificate, a whole note.
  package let certificate: [UInt8]
  /// The leaf data, if there was room for it.
  package let leaf: [UInt8]?

  /// Leaves the leaf data out if the receipt would not stay within 4,096 characters of base64; `limited: false` always keeps it.
  package static func make(
    index: Int64, hashes: [Digest], checkpoint: [UInt8], certificate: [UInt8], leaf: [UInt8]?, limited: Bool = true
  ) throws -> Receipt {
    let short = LogProof(extra: certificate, index: index, hashes: hashes, checkpoint: checkpoint)
    if let leaf {
      let full = LogProof(extra: certificate + leaf, index: index, hashes: hashes, checkpoint: checkpoint)
      if !limited || base64Length(full.encodedCount) <= LogLimit.receiptCharacters {
        return Receipt(index: index, proof: full, certificate: certificate, leaf: leaf)
      }
    }
    guard !limited || base64Length(short.encodedCount) <= LogLimit.receiptCharacters else {
      throw LogError("the receipt does not fit into \(LogLimit.receiptCharacters) characters")
    }
    return Receipt(index: index, proof: short, certificate: certificate, leaf: nil)
  }

  /// Reads the raw proof. The note ends where the first line begins with `{`.
  package init(parsing bytes: [UInt8]) throws {
    proof = try LogProof(parsing: bytes)
    index = proof.index
    guard let extra = proof.extra else { throw LogError("the receipt lacks the certificate of the log's key") }
    guard let start = Receipt.leafStart(extra) else {
      certificate = extra
      leaf = nil
      return
    }
    guard extra.count - start <= LogLimit.leafBytes else {
      throw LogError("the entry is larger than \(LogLimit.leafBytes) bytes")
    }
    certificate = Array(extra[..<start])
    leaf = Array(extra[start...])
  }

  /// Reads the value of the header `Steward-Receipt`.
  package init(header: String) throws {
    guard header.utf8.count <= LogLimit.receiptCharacters, let bytes = Base64.decode(header) else {
      throw LogError("a receipt header is canonical base64 of at most \(LogLimit.receiptCharacters) characters")
    }
    try self.init(parsing: bytes)
  }

  private init(index: Int64, proof: LogProof, certificate: [UInt8], leaf: [UInt8]?) {
    self.index = index
    self.proof = proof
    self.certificate = certificate
    self.leaf = leaf
  }

  package var encoded: [UInt8] { proof.encoded }
  package var header: String { Base64.encode(encoded) }

  private static func base64Length(_ count: Int) -> Int { (count + 2) / 3 * 4 }

  private static func leafStart(_ extra: [UInt8]) -> Int? {
    extra.indices.dropFirst().first { extra[$0] == UInt8(ascii: "{") && extra[$0 - 1] == 0x0a }
  }
}
