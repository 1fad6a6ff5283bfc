import Kernel

/// That a command wrote a row: which one, and the digests of the stored row before and after (docs/format.md §3.2).
package struct ChangeRecord: Sendable, Equatable {
  package enum Operation: String, Sendable {
    case insert, update, delete
  }

  package let table: String
  package let key: String
  package let op: Operation
  package let before: Digest?
  package let after: Digest?

  package init(table: String, key: String, op: Operation, before: Digest?, after: Digest?) {
    self.table = table
    self.key = key
    self.op = op
    self.before = before
    self.after = after
  }

  /// Canonical JSON; table and key are names and ids of ours, still written with escapes where they need them.
  package var encoded: [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(192)
    out += #"{"after":"#.utf8
    LeafWriter.append(after, to: &out)
    out += #","before":"#.utf8
    LeafWriter.append(before, to: &out)
    out += #","key":"#.utf8
    JSON.write(string: key, to: &out)
    out += #","op":"#.utf8
    LeafWriter.append(token: op.rawValue, to: &out)
    out += #","table":"#.utf8
    JSON.write(string: table, to: &out)
    out += "}".utf8
    return out
  }

  package init(parsing bytes: [UInt8]) throws {
    var scanner = LeafScanner(bytes)
    try scanner.expect(#"{"after":"#)
    after = try scanner.optionalDigest()
    try scanner.expect(#","before":"#)
    before = try scanner.optionalDigest()
    try scanner.expect(#","key":"#)
    key = try scanner.token()
    try scanner.expect(#","op":"#)
    guard let op = Operation(rawValue: try scanner.token()) else {
      throw LogError("the change has an unknown operation")
    }
    self.op = op
    try scanner.expect(#","table":"#)
    table = try scanner.token()
    try scanner.expect("}")
    guard scanner.isAtEnd else { throw LogError("there is something behind the change record") }
    let fits =
      switch op {
      case .insert: before == nil && after != nil
      case .update: before != nil && after != nil
      case .delete: before != nil && after == nil
      }
    guard fits else { throw LogError("the change's hashes do not fit its operation") }
  }

  /// The hash that an entry's `changes.root` holds.
  package static func root(_ records: [ChangeRecord]) -> Digest {
    MerkleTree.root(ofLeaves: records.map { MerkleTree.leafHash($0.encoded) })
  }
}
