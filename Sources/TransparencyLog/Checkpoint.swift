import Kernel

/// What a log's key signs: the size and root of its tree (C2SP tlog-checkpoint). Ours have exactly three lines.
package struct Checkpoint: Hashable, Sendable {
  package let origin: String
  package let size: Int64
  package let root: Digest

  package init(origin: String, size: Int64, root: Digest) {
    self.origin = origin
    self.size = size
    self.root = root
  }

  package init(parsing text: String) throws {
    let lines = text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false).map { String($0) ?? "" }
    guard lines.count == 4, lines[3].isEmpty, VerifierKey.isName(lines[0]), let size = Decimal.parse(lines[1]),
      let root = Digest(base64: lines[2])
    else { throw LogError("a checkpoint has three lines: origin, size and root hash") }
    guard size > 0 || root == MerkleTree.emptyRoot else {
      throw LogError("the root of an empty tree is SHA-256 of nothing")
    }
    self.init(origin: lines[0], size: size, root: root)
  }

  package var text: String { "\(origin)\n\(size)\n\(root.base64)\n" }

  /// Opens a checkpoint of ours: one signature, by this key, whose name is the origin.
  package static func open(_ note: [UInt8], key: VerifierKey) throws -> Checkpoint {
    let note = try Note.parse(note)
    let checkpoint = try Checkpoint(parsing: note.text)
    guard checkpoint.origin.utf8.elementsEqual(key.name.utf8) else {
      throw LogError("the checkpoint is of another log")
    }
    guard note.verifiedAlone(by: key) else { throw LogError("the checkpoint is not signed by the key of its log") }
    return checkpoint
  }
}

/// Decimal integers without sign or leading zeros, up to the largest tree.
enum Decimal {
  static func parse(_ text: some StringProtocol) -> Int64? { parse(bytes: text.utf8) }

  static func parse(bytes digits: some Collection<UInt8>) -> Int64? {
    guard (1...16).contains(digits.count), digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
    var value: Int64 = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      value = value * 10 + Int64(digit - UInt8(ascii: "0"))
    }
    return value <= LogLimit.treeSize ? value : nil
  }
}
