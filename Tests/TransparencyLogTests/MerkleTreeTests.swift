import Kernel
import Testing

@testable import TransparencyLog

@Suite("the tree of RFC 6962")
struct MerkleTreeTests {
  @Test("the published leaves have the published roots")
  func publishedVectors() throws {
    let inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    let roots = [
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    var frontier = Frontier()
    #expect(frontier.root.hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    for (input, root) in zip(inputs, roots) {
      frontier.append(MerkleTree.leafHash(try #require(Hex.decode(input))))
      #expect(frontier.root.hex == root)
    }
  }

  @Test("roots and proofs of every small tree are those of the definition")
  func smallTrees() throws {
    for size in 0...40 {
      let tree = SampleTree(size: size)
      let leaves = tree.leaves[...]
      #expect(MerkleTree.root(ofLeaves: tree.leaves) == NaiveTree.root(leaves))
      #expect(try Proofs.root(size: Int64(size), reader: tree) == NaiveTree.root(leaves))
      for index in 0..<size {
        let proof = try Proofs.inclusion(index: Int64(index), size: Int64(size), reader: tree)
        #expect(proof == NaiveTree.path(index, leaves))
      }
      for from in 1..<max(size, 1) {
        #expect(
          try Proofs.consistency(from: Int64(from), to: Int64(size), reader: tree) == NaiveTree.proof(from, leaves))
      }
    }
  }

  @Test("every proof of every tree up to 130 leaves verifies, and with one bit changed it does not")
  func proofsVerify() throws {
    let tree = SampleTree(size: 130)
    let roots = try (0...130).map { try Proofs.root(size: Int64($0), reader: tree) }
    var random = SeededGenerator(6962)
    for size in 1...130 {
      #expect(roots[size] == NaiveTree.root(tree.leaves[..<size]))
      for index in 0..<size {
        let proof = try Proofs.inclusion(index: Int64(index), size: Int64(size), reader: tree)
        try checkInclusion(tree.leaves[index], index, size, proof, roots[size], &random)
      }
      for from in 0...size {
        let proof = try Proofs.consistency(from: Int64(from), to: Int64(size), reader: tree)
        try checkConsistency(from, size, proof, roots, &random)
      }
    }
  }

  private func checkInclusion(
    _ leaf: Digest, _ index: Int, _ size: Int, _ proof: [Digest], _ root: Digest, _ random: inout SeededGenerator
  ) throws {
    func verify(_ leaf: Digest, _ index: Int, _ size: Int, _ proof: [Digest]) -> Bool {
      Proofs.verifyInclusion(leaf: leaf, index: Int64(index), size: Int64(size), proof: proof, root: root)
    }
    #expect(verify(leaf, index, size, proof))
    #expect(!verify(flipped(leaf, &random), index, size, proof))
    #expect(!verify(leaf, index, size, proof + [leaf]))
    if !proof.isEmpty {
      #expect(!verify(leaf, index, size, proof.dropLast()))
      var changed = proof
      let position = Int.random(in: changed.indices, using: &random)
      changed[position] = flipped(changed[position], &random)
      #expect(!verify(leaf, index, size, changed))
    }
    if size > 1 { #expect(!verify(leaf, (index + 1) % size, size, proof)) }
  }

  private func checkConsistency(
    _ from: Int, _ to: Int, _ proof: [Digest], _ roots: [Digest], _ random: inout SeededGenerator
  ) throws {
    func verify(_ proof: [Digest], _ old: Digest, _ new: Digest) -> Bool {
      Proofs.verifyConsistency(from: Int64(from), to: Int64(to), proof: proof, fromRoot: old, toRoot: new)
    }
    #expect(verify(proof, roots[from], roots[to]))
    #expect(!verify(proof, flipped(roots[from], &random), roots[to]))
    if from > 0 { #expect(!verify(proof, roots[from], flipped(roots[to], &random))) }
    #expect(!verify(proof + [roots[to]], roots[from], roots[to]))
    guard !proof.isEmpty else { return }
    var changed = proof
    let position = Int.random(in: changed.indices, using: &random)
    changed[position] = flipped(changed[position], &random)
    #expect(!verify(changed, roots[from], roots[to]))
    #expect(!verify(proof.dropLast(), roots[from], roots[to]))
  }

  private func flipped(_ digest: Digest, _ random: inout SeededGenerator) -> Digest {
    var bytes = digest.bytes
    bytes[Int.random(in: 0..<32, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    return Digest(bytes: bytes) ?? digest
  }

  @Test("large trees of random size agree with the definition")
  func largeTrees() throws {
    let tree = SampleTree(size: 3_000)
    var random = SeededGenerator(9162)
    for _ in 0..<12 {
      let size = Int.random(in: 1_000...3_000, using: &random)
      let index = Int.random(in: 0..<size, using: &random)
      let proof = try Proofs.inclusion(index: Int64(index), size: Int64(size), reader: tree)
      #expect(proof == NaiveTree.path(index, tree.leaves[..<size]))
      let consistency = try Proofs.consistency(from: Int64(index + 1), to: Int64(size), reader: tree)
      #expect(consistency == NaiveTree.proof(index + 1, tree.leaves[..<size]))
    }
  }

  @Test("sizes and indexes that make no sense are refused and end nothing")
  func strangeNumbers() {
    let strange: [Int64] = [.min, -1, 0, 1, 2, 255, 1 << 53, .max - 1, .max]
    let hash = MerkleTree.emptyRoot
    let tree = SampleTree(size: 3)
    for a in strange {
      for b in strange {
        for count in [0, 1, 63, 64, 65, 200] {
          let proof = Array(repeating: hash, count: count)
          #expect(!Proofs.verifyInclusion(leaf: hash, index: a, size: b, proof: proof, root: MerkleTree.leafHash([])))
          #expect(
            !Proofs.verifyConsistency(from: a, to: b, proof: proof, fromRoot: hash, toRoot: MerkleTree.leafHash([]))
              || (a == 0 && count == 0))
        }
        if a < 0 || a >= b || b > 3 {
          #expect(throws: (any Error).self) { try Proofs.inclusion(index: a, size: b, reader: tree) }
        }
        if a < 0 || a > b || b > LogLimit.treeSize {
          #expect(throws: (any Error).self) { try Proofs.consistency(from: a, to: b, reader: tree) }
        }
      }
      #expect(Frontier(size: a, hashes: [hash]) != nil || ![1, 2].contains(a))
      #expect(Frontier(size: a, hashes: []) == nil || a == 0)
    }
  }

  @Test("a frontier that was stored goes on where it stopped")
  func frontierResumes() throws {
    let tree = SampleTree(size: 77)
    var frontier = try #require(Frontier(size: 77, hashes: tree.frontier.hashes))
    var longer = tree
    for number in 0..<60 {
      let leaf = MerkleTree.leafHash([UInt8(number)])
      frontier.append(leaf)
      longer.append(leaf)
    }
    #expect(frontier == longer.frontier)
    #expect(frontier.root == NaiveTree.root(longer.leaves[...]))
  }
}
