import Kernel

/// The right edge of a tree: all that is needed to append to it and to know its root.
///
/// One hash for every one-bit of the size: the roots of the complete subtrees from left to right, largest first.
package struct Frontier: Sendable, Equatable {
  package private(set) var size: Int64
  package private(set) var hashes: [Digest]

  package init() {
    size = 0
    hashes = []
  }

  /// Returns nil unless there are exactly as many hashes as a tree of this size has.
  package init?(size: Int64, hashes: [Digest]) {
    guard (0...LogLimit.treeSize).contains(size), hashes.count == size.nonzeroBitCount else { return nil }
    self.size = size
    self.hashes = hashes
  }

  package mutating func append(_ leaf: Digest) {
    append(leaf) { _, _, _ in }
  }

  /// Appends and hands over every complete subtree that the leaf finished: its level, its index on that level, its hash.
  package mutating func append(_ leaf: Digest, completed: (_ level: Int, _ index: Int64, _ hash: Digest) -> Void) {
    var hash = leaf
    var index = size
    var level = 0
    completed(level, index, hash)
    while index & 1 == 1, let left = hashes.popLast() {
      hash = MerkleTree.nodeHash(left, hash)
      index >>= 1
      level += 1
      completed(level, index, hash)
    }
    hashes.append(hash)
    size += 1
  }

  package var root: Digest {
    guard var hash = hashes.last else { return MerkleTree.emptyRoot }
    for left in hashes.dropLast().reversed() { hash = MerkleTree.nodeHash(left, hash) }
    return hash
  }
}
