/// Why something read from a log, a note or a proof was refused. One sentence without content or personal data.
package struct LogError: Error, Equatable, Sendable, CustomStringConvertible {
  package let reason: String
  package init(_ reason: String) { self.reason = reason }
  package var description: String { reason }
}

/// The sizes that a reader of logs and notes accepts (docs/format.md §7).
package enum LogLimit {
  package static let leafBytes = 65_535
  package static let changesPerCommand = 4_096
  package static let commitmentsPerCommand = 256
  package static let receiptCharacters = 4_096
  package static let noteBytes = 65_536
  package static let noteSignatures = 16
  package static let keyNameBytes = 256
  /// A log-key certificate and a leaf.
  package static let proofExtraBytes = noteBytes + leafBytes
  /// Both halves of a tlog-proof, the extra data in base64.
  package static let proofBytes = proofExtraBytes / 3 * 4 + noteBytes + 8_192
  package static let proofHashes = 64
  /// Sizes and indexes stay exact in JSON, so no tree is larger.
  package static let treeSize: Int64 = 9_007_199_254_740_991
}
