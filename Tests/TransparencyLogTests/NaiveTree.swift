import Kernel

@testable import TransparencyLog

/// RFC 6962 §2.1 word for word: slow, and obviously right.
enum NaiveTree {
  static func root(_ leaves: ArraySlice<Digest>) -> Digest {
    if leaves.isEmpty { return Digest(sha256: []) }
    if leaves.count == 1 { return leaves[leaves.startIndex] }
    let middle = leaves.startIndex + split(leaves.count)
    return Digest(sha256: [1], root(leaves[..<middle]).bytes, root(leaves[middle...]).bytes)
  }

  static func path(_ index: Int, _ leaves: ArraySlice<Digest>) -> [Digest] {
    if leaves.count <= 1 { return [] }
    let k = split(leaves.count)
    let middle = leaves.startIndex + k
    return index < k
      ? path(index, leaves[..<middle]) + [root(leaves[middle...])]
      : path(index - k, leaves[middle...]) + [root(leaves[..<middle])]
  }

  static func proof(_ from: Int, _ leaves: ArraySlice<Digest>, whole: Bool = true) -> [Digest] {
    if from == leaves.count { return whole ? [] : [root(leaves)] }
    let k = split(leaves.count)
    let middle = leaves.startIndex + k
    return from <= k
      ? proof(from, leaves[..<middle], whole: whole) + [root(leaves[middle...])]
      : proof(from - k, leaves[middle...], whole: false) + [root(leaves[..<middle])]
  }

  private static func split(_ count: Int) -> Int {
    var k = 1
    while k * 2 < count { k *= 2 }
    return k
  }
}

/// Every complete subtree of a growing tree.
struct SampleTree: HashReader {
  var leaves: [Digest] = []
  var frontier = Frontier()
  var levels: [[Digest]] = []

  init(size: Int = 0) {
    for number in 0..<size { append(MerkleTree.leafHash(Array("leaf \(number)".utf8))) }
  }

  mutating func append(_ leaf: Digest) {
    leaves.append(leaf)
    var found: [(Int, Int64, Digest)] = []
    frontier.append(leaf) { found.append(($0, $1, $2)) }
    for (level, index, hash) in found {
      if level == levels.count { levels.append([]) }
      precondition(Int(index) == levels[level].count)
      levels[level].append(hash)
    }
  }

  func hash(level: Int, index: Int64) throws -> Digest {
    guard level < levels.count, index < levels[level].count else { throw LogError("no such hash") }
    return levels[level][Int(index)]
  }
}

/// A generator whose numbers are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
