import Kernel

/// Where the hashes of complete subtrees are read: level 0 holds the leaf hashes, a hash on level n covers 2^n leaves.
package protocol HashReader {
  func hash(level: Int, index: Int64) throws -> Digest
}

/// Inclusion and consistency proofs (RFC 6962 §2.1.1 and §2.1.2, verified as in RFC 9162 §2.1.3.2 and §2.1.4.2).
package enum Proofs {
  /// The audit path of a leaf, from its sibling up to a child of the root. Throws unless 0 ≤ index < size.
  package static func inclusion(index: Int64, size: Int64, reader: some HashReader) throws -> [Digest] {
    guard size <= LogLimit.treeSize, index >= 0, index < size else {
      throw LogError("there is no leaf \(index) in a tree of \(size)")
    }
    var range = 0..<size
    var path: [Digest] = []
    while range.count > 1 {
      let middle = range.lowerBound + MerkleTree.split(Int64(range.count))
      if index < middle {
        path.append(try root(of: middle..<range.upperBound, reader: reader))
        range = range.lowerBound..<middle
      } else {
        path.append(try root(of: range.lowerBound..<middle, reader: reader))
        range = middle..<range.upperBound
      }
    }
    return path.reversed()
  }

  /// The proof that the tree of `from` leaves is the beginning of the tree of `to` leaves. Empty if `from` is 0 or `to`.
  package static func consistency(from: Int64, to: Int64, reader: some HashReader) throws -> [Digest] {
    guard to <= LogLimit.treeSize, from >= 0, from <= to else {
      throw LogError("a tree of \(from) cannot be the beginning of a tree of \(to)")
    }
    guard from > 0, from < to else { return [] }
    var range = 0..<to
    var path: [Digest] = []
    while range.upperBound != from {
      let middle = range.lowerBound + MerkleTree.split(Int64(range.count))
      if from <= middle {
        path.append(try root(of: middle..<range.upperBound, reader: reader))
        range = range.lowerBound..<middle
      } else {
        path.append(try root(of: range.lowerBound..<middle, reader: reader))
        range = middle..<range.upperBound
      }
    }
    if range.lowerBound > 0 { path.append(try root(of: range, reader: reader)) }
    return path.reversed()
  }

  /// The root of the tree of the first `size` leaves.
  package static func root(size: Int64, reader: some HashReader) throws -> Digest {
    guard (0...LogLimit.treeSize).contains(size) else { throw LogError("there is no tree of \(size) leaves") }
    return size == 0 ? MerkleTree.emptyRoot : try root(of: 0..<size, reader: reader)
  }

  /// The hash over a range that begins where a subtree of RFC 6962 begins.
  private static func root(of range: Range<Int64>, reader: some HashReader) throws -> Digest {
    let count = Int64(range.count)
    guard count.nonzeroBitCount > 1 else {
      let level = count.trailingZeroBitCount
      return try reader.hash(level: level, index: range.lowerBound >> Int64(level))
    }
    let middle = range.lowerBound + MerkleTree.split(count)
    return MerkleTree.nodeHash(
      try root(of: range.lowerBound..<middle, reader: reader), try root(of: middle..<range.upperBound, reader: reader))
  }
}

// MARK: - Verifying

extension Proofs {
  /// RFC 9162 §2.1.3.2. `leaf` is a leaf hash, not leaf data. False for anything that does not fit, of whatever size.
  package static func verifyInclusion(
    leaf: Digest, index: Int64, size: Int64, proof: [Digest], root: Digest
  ) -> Bool {
    guard size <= LogLimit.treeSize, index >= 0, index < size, proof.count <= LogLimit.proofHashes else { return false }
    var position = index
    var last = size - 1
    var hash = leaf
    for sibling in proof {
      guard last > 0 else { return false }
      if position & 1 == 1 || position == last {
        hash = MerkleTree.nodeHash(sibling, hash)
        climb(&position, &last)
      } else {
        hash = MerkleTree.nodeHash(hash, sibling)
      }
      position >>= 1
      last >>= 1
    }
    return last == 0 && hash == root
  }

  /// RFC 9162 §2.1.4.2. The empty tree is the beginning of every tree, with an empty proof.
  package static func verifyConsistency(
    from: Int64, to: Int64, proof: [Digest], fromRoot: Digest, toRoot: Digest
  ) -> Bool {
    guard to <= LogLimit.treeSize, from >= 0, from <= to, proof.count <= LogLimit.proofHashes else { return false }
    if from == to { return proof.isEmpty && fromRoot == toRoot && (from > 0 || fromRoot == MerkleTree.emptyRoot) }
    if from == 0 { return proof.isEmpty && fromRoot == MerkleTree.emptyRoot }
    let path = from.nonzeroBitCount == 1 ? [fromRoot] + proof : proof
    guard let start = path.first else { return false }
    var position = from - 1
    var last = to - 1
    while position & 1 == 1 {
      position >>= 1
      last >>= 1
    }
    var old = start
    var new = start
    for sibling in path.dropFirst() {
      guard last > 0 else { return false }
      if position & 1 == 1 || position == last {
        old = MerkleTree.nodeHash(sibling, old)
        new = MerkleTree.nodeHash(sibling, new)
        climb(&position, &last)
      } else {
        new = MerkleTree.nodeHash(new, sibling)
      }
      position >>= 1
      last >>= 1
    }
    return last == 0 && old == fromRoot && new == toRoot
  }

  /// A node without a right sibling is its own parent: climb to the first level where it is a right child.
  private static func climb(_ position: inout Int64, _ last: inout Int64) {
    while position & 1 == 0, position > 0 {
      position >>= 1
      last >>= 1
    }
  }
}
