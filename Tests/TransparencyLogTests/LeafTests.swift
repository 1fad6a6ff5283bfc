import Kernel
import Testing

@testable import TransparencyLog

func sampleEntry(_ number: Int = 0, commitments: Int = 1) -> LeafEntry {
  LeafEntry(
    time: Instant(milliseconds: 1_795_248_000_000 + Int64(number)), command: CommandID("01kah5zzzz0000000000000000")!,
    actor: "person:01kah5zzzz0000000000000001", action: "case.step.complete", object: "case:01kah5zzzz0000000000000002",
    ordinal: Int64(number), previous: number == 0 ? nil : Int64(number - 1), instruction: nil, changeCount: 2,
    changeRoot: MerkleTree.leafHash([UInt8(truncatingIfNeeded: number)]),
    commitments: (0..<commitments).map { MerkleTree.leafHash([UInt8(truncatingIfNeeded: $0)]) })
}

@Suite("leaves and change records")
struct LeafTests {
  @Test("an entry is canonical JSON and reads back", arguments: [0, 1, 256])
  func entryRoundTrip(commitments: Int) throws {
    let entry = sampleEntry(5, commitments: commitments)
    let bytes = try entry.encoded()
    #expect(try JSON.parseCanonical(bytes)["object"]?.string == entry.object)
    #expect(try LeafEntry(parsing: bytes) == entry)
    #expect(try Leaf(parsing: bytes) == .command(entry))
  }

  @Test("a batch entry is canonical JSON and reads back")
  func batchRoundTrip() throws {
    for map in [nil, MerkleTree.emptyRoot] {
      let batch = LeafBatch(time: Instant(milliseconds: 5), count: 7, state: MerkleTree.leafHash([]), map: map)
      _ = try JSON.parseCanonical(batch.encoded())
      #expect(try Leaf(parsing: batch.encoded()) == .batch(batch))
    }
    #expect(throws: LogError.self) {
      try LeafBatch(time: Instant(milliseconds: 5), count: 0, state: MerkleTree.emptyRoot).encoded()
    }
  }

  @Test("a change record is canonical JSON and its hashes fit its operation")
  func changeRecord() throws {
    let hash = MerkleTree.emptyRoot
    for (op, before, after) in [
      (ChangeRecord.Operation.insert, nil, hash), (.update, hash, hash), (.delete, hash, nil),
    ] {
      let record = ChangeRecord(
        table: "vendor", key: "01kah5zzzz0000000000000002", op: op, before: before, after: after)
      _ = try JSON.parseCanonical(record.encoded)
      #expect(try ChangeRecord(parsing: record.encoded) == record)
      let swapped = ChangeRecord(table: "vendor", key: "k", op: op, before: after, after: before)
      if op != .update { #expect(throws: LogError.self) { try ChangeRecord(parsing: swapped.encoded) } }
    }
  }

  @Test("entries beyond a limit or outside the format are not written")
  func limits() throws {
    #expect(throws: LogError.self) { try sampleEntry(commitments: 257).encoded() }
    for change: (inout LeafEntry) -> Void in [
      { $0.changeCount = 4_097 }, { $0.actor = "anna@example.com" }, { $0.actor = "person:x" },
      { $0.action = "Case Open" },
      { $0.object = "case" }, { $0.object = "case:a b" }, { $0.ordinal = -1 }, { $0.previous = 3 },
      { $0.instruction = "\"" },
    ] {
      var entry = sampleEntry()
      change(&entry)
      #expect(throws: LogError.self) { try entry.encoded() }
    }
  }

  @Test("an entry with another spelling, member, version or kind is refused")
  func strangeEntries() throws {
    let text = String(decoding: try sampleEntry(1).encoded(), as: UTF8.self)
    let changes = [
      ("\"v\":1", "\"v\":2"), ("command\",\"object", "query\",\"object"), ("{\"action", "{ \"action"),
      (",\"v\":1}", "}"),
      (",\"v\":1}", ",\"v\":1,\"w\":1}"), ("\"ordinal\":1", "\"ordinal\":01"), ("\"ordinal\":1", "\"ordinal\":-1"),
      ("\"ordinal\":1", "\"ordinal\":1.0"), ("\"previous\":0", "\"previous\":null"), (".001Z", ".001+00:00"),
      ("\"v\":1}", "\"v\":1}\n"),
    ]
    for (old, new) in changes {
      let changed = text.replacing(old, with: new)
      #expect(changed != text)
      #expect(throws: LogError.self) { try Leaf(parsing: Array(changed.utf8)) }
    }
  }

  @Test("bytes in any order are read or refused, and end nothing")
  func fuzz() throws {
    var random = SeededGenerator(1)
    let seeds = [
      try sampleEntry(3).encoded(), try signer("steward/a/b").sign(text: "steward/a/b\n0\nx\n"),
      LogProof(extra: [1], index: 4, hashes: [MerkleTree.emptyRoot], checkpoint: Array(neumannNote.utf8)).encoded,
    ]
    for round in 0..<3_000 {
      var bytes = seeds[round % seeds.count]
      for _ in 0...Int.random(in: 0..<4, using: &random) {
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
        default:
          bytes.insert(UInt8.random(in: 0...127, using: &random), at: Int.random(in: 0...bytes.count, using: &random))
        }
        if bytes.isEmpty { bytes = [0x0a] }
      }
      _ = try? Leaf(parsing: bytes)
      _ = try? Note.parse(bytes)
      _ = try? Receipt(parsing: bytes)
      _ = try? ChangeRecord(parsing: bytes)
      _ = try? LogKeyCertificate.unidentified(bytes)
      _ = try? VerifierKey(parsing: String(decoding: bytes, as: UTF8.self))
      _ = TilePath(path: String(decoding: bytes.prefix(60), as: UTF8.self))
    }
  }
}

@Suite("receipts and tiles")
struct ReceiptTests {
  @Test("a receipt holds the entry if it fits into 4,096 characters")
  func receiptSize() throws {
    let hashes = Array(repeating: MerkleTree.emptyRoot, count: 20)
    let certificate = try LogKeyCertificate(key: signer("steward/a/b").verifierKey, since: Instant(milliseconds: 0))
      .signed(by: signer("steward/a", 8))
    let checkpoint = Array(neumannNote.utf8)
    let small = try sampleEntry().encoded()
    let receipt = try Receipt.make(
      index: 9, hashes: hashes, checkpoint: checkpoint, certificate: certificate, leaf: small)
    #expect(receipt.leaf == small)
    #expect(receipt.header.utf8.count <= 4_096)
    #expect(try Receipt(header: receipt.header) == receipt)
    let large = try sampleEntry(commitments: 200).encoded()
    let short = try Receipt.make(
      index: 9, hashes: hashes, checkpoint: checkpoint, certificate: certificate, leaf: large)
    #expect(short.leaf == nil)
    #expect(try Receipt(header: short.header) == short)
    let whole = try Receipt.make(
      index: 9, hashes: hashes, checkpoint: checkpoint, certificate: certificate, leaf: large, limited: false)
    #expect(try Receipt(parsing: whole.encoded).leaf == large)
    #expect(throws: LogError.self) { try Receipt(header: whole.header) }
    for proof in [receipt.proof, short.proof, whole.proof, LogProof(extra: nil, index: 0, hashes: [], checkpoint: [])] {
      #expect(proof.encodedCount == proof.encoded.count)
    }
  }

  @Test("tile names read back and other spellings are refused")
  func tileNames() throws {
    for name in ["tile/0/000", "tile/0/x001/234", "tile/1/x001/x234/067.p/5", "tile/entries/000.p/255", "tile/63/999"] {
      #expect(TilePath(path: name)?.description == name)
    }
    for name in [
      "", "tile", "tile/0", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/0/00", "tile/0/x000/001",
      "tile/0/001/001",
      "tile/0/x001", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/05", "tile/0/000.p", "tile/0/000/",
      "/tile/0/000",
      "tile/0/x999/x999/x999/x999/x999/999", "tile/0/../000", "tile/data/000", "tile/0/000.p/1/2",
    ] {
      #expect(TilePath(path: name) == nil, "\(name)")
    }
  }

  @Test("a tile is there as soon as the tree has its hashes")
  func tileBounds() throws {
    #expect(try #require(TilePath(path: "tile/0/000.p/5")).isWithin(size: 5))
    #expect(!(try #require(TilePath(path: "tile/0/000.p/6")).isWithin(size: 5)))
    #expect(try #require(TilePath(path: "tile/1/000.p/1")).isWithin(size: 256))
    #expect(!(try #require(TilePath(path: "tile/1/000.p/1")).isWithin(size: 255)))
    #expect(!(try #require(TilePath(path: "tile/63/999")).isWithin(size: .max)))
    #expect(!(try #require(TilePath(path: "tile/0/x999/x999/x999/x999/999")).isWithin(size: .max)))
    #expect(TilePath.entryBundle([[1, 2], []]) == [0, 2, 1, 2, 0, 0])
  }
}
