import Kernel
import TransparencyLog

/// The part of a tree that a batch touches: the old frontier and the new leaves. Enough for the new root, the new frontier, the
/// new tiles and a proof of every new entry, without reading the old tree.
struct TreeExtension: HashReader, Sendable {
  let oldSize: Int64
  let newSize: Int64
  /// For each level the hashes of complete subtrees, from `start` on; the old right edge is included where a sibling needs it.
  private let levels: [(start: Int64, hashes: [Digest])]

  init(old: Frontier, leaves: [Digest]) {
    oldSize = old.size
    newSize = old.size + Int64(leaves.count)
    var edge = old.hashes
    var start = old.size
    var hashes = leaves
    var levels: [(start: Int64, hashes: [Digest])] = []
    while start > 0 || hashes.count > 1 || levels.isEmpty {
      if start & 1 == 1, let left = edge.popLast() {
        hashes.insert(left, at: 0)
        start -= 1
      }
      levels.append((start, hashes))
      hashes = stride(from: 0, to: hashes.count - 1, by: 2).map { MerkleTree.nodeHash(hashes[$0], hashes[$0 + 1]) }
      start >>= 1
    }
    levels.append((start, hashes))
    self.levels = levels
  }

  struct NotHeld: Error {}

  func hash(level: Int, index: Int64) throws -> Digest {
    guard levels.indices.contains(level) else { throw NotHeld() }
    let (start, hashes) = levels[level]
    let position = index - start
    guard position >= 0, position < Int64(hashes.count) else { throw NotHeld() }
    return hashes[Int(position)]
  }

  func newFrontier() throws -> Frontier {
    var hashes: [Digest] = []
    for level in (0..<63).reversed() where newSize >> Int64(level) & 1 == 1 {
      hashes.append(try hash(level: level, index: (newSize >> Int64(level)) - 1))
    }
    guard let frontier = Frontier(size: newSize, hashes: hashes) else { throw NotHeld() }
    return frontier
  }
}
