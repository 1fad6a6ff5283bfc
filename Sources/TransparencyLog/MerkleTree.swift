import struct Crypto.SHA256
import Kernel

/// The tree of RFC 6962 §2.1 over SHA-256: how leaves and nodes are hashed. Where hashes come from is not its concern.
package enum MerkleTree {
  /// SHA-256 of nothing.
  package static let emptyRoot = Digest(SHA256().finalize())

  /// SHA-256(0x00 ‖ data).
  package static func leafHash(_ data: [UInt8]) -> Digest {
    var hasher = SHA256()
    withUnsafeBytes(of: UInt8(0)) { hasher.update(bufferPointer: $0) }
    data.withUnsafeBytes { hasher.update(bufferPointer: $0) }
    return Digest(hasher.finalize())
  }

  /// SHA-256(0x01 ‖ left ‖ right).
  package static func nodeHash(_ left: Digest, _ right: Digest) -> Digest {
    withUnsafeTemporaryAllocation(byteCount: 65, alignment: 8) { block in
      block[0] = 1
      left.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: block[1..<33]).copyMemory(from: $0) }
      right.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: block[33..<65]).copyMemory(from: $0) }
      var hasher = SHA256()
      hasher.update(bufferPointer: UnsafeRawBufferPointer(block))
      return Digest(hasher.finalize())
    }
  }

  /// The root over leaf hashes that are all at hand.
  package static func root(ofLeaves leaves: [Digest]) -> Digest {
    var frontier = Frontier()
    for leaf in leaves { frontier.append(leaf) }
    return frontier.root
  }

  /// The largest power of two smaller than `count`: where RFC 6962 splits a tree. `count` is at least 2.
  static func split(_ count: Int64) -> Int64 {
    1 << Int64(63 - (count - 1).leadingZeroBitCount)
  }
}
