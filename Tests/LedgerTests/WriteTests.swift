import Custody
import Foundation
import Kernel
@testable import Ledger
import Storage
import TestDatabase
import Testing
import TransparencyLog

@Suite("Writing")
struct WriteTests {
  @Test("a write is a row, an entry and a receipt that verifies")
  func writes() async throws {
    let bench = try await Bench()
    let written = try await bench.add("first")
    let receipt = try Receipt(header: written.receipt.header)
    let installation = try VerifierKey(parsing: bench.ledger.installation.verifierKey)
    let certificate = try LogKeyCertificate.open(receipt.certificate, installationKey: installation)
    let checkpoint = try Checkpoint.open(receipt.proof.checkpoint, key: certificate.key)
    let data = try #require(receipt.leaf)
    let leaf = MerkleTree.leafHash(data)
    #expect(
      Proofs.verifyInclusion(
        leaf: leaf, index: receipt.proof.index, size: checkpoint.size, proof: receipt.proof.hashes,
        root: checkpoint.root))
    let read = try await bench.ledger.read(bench.tenant) { try $0.find(Memo.self, written.value.id) }
    #expect(read?.title == "first")
    #expect(try bench.verified().isEmpty)
  }

  @Test("a receipt made again is the same, byte for byte")
  func receiptsAreStable() async throws {
    let bench = try await Bench()
    var receipts: [(Int64, String)] = []
    for number in 0..<300 {
      let receipt = try await bench.add("memo \(number)").receipt
      receipts.append((receipt.index, receipt.header))
    }
    for (index, header) in receipts {
      let again = try await bench.ledger.receipt(bench.tenant, index: index)
      #expect(again.header == header)
    }
    #expect(try bench.verified().isEmpty)
  }

  @Test(
    "a record sealed beforehand is the row that the command itself would have written, and opens for no other tenant")
  func sealedBeforehand() async throws {
    let bench = try await Bench()
    // More than the first reservations of slots hold, so that both ways to a slot are taken.
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<80 {
        group.addTask {
          let memo = Memo(id: ID.make(at: noon), title: "memo \(number)")
          let sealed = try await bench.ledger.seal(memo, for: bench.tenant)
          _ = try await bench.ledger.write(bench.tenant, bench.act("memo.create", memo)) { try $0.insert(sealed) }
          let read = try await bench.ledger.read(bench.tenant) { try $0.find(Memo.self, memo.id) }
          #expect(read?.title == memo.title)
        }
      }
      try await group.waitForAll()
    }
    #expect(try bench.verified().isEmpty)
    let other = try await bench.ledger.createTenant(slug: "globex").id
    let memo = Memo(id: ID.make(at: noon), title: "for acme")
    let sealed = try await bench.ledger.seal(memo, for: bench.tenant)
    await #expect(throws: Problem.self) {
      _ = try await bench.ledger.write(other, bench.act("memo.create", memo)) { try $0.insert(sealed) }
    }
  }

  @Test("a command that throws leaves nothing, and its neighbours in the batch stay")
  func throwsLeaveNothing() async throws {
    let bench = try await Bench()
    struct Refused: Error {}
    let outcomes = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<64 {
        group.addTask {
          let memo = Memo(id: ID.make(at: noon), title: "memo \(number)")
          let written = try? await bench.ledger.write(bench.tenant, bench.act("memo.create", memo)) { work in
            try work.insert(memo)
            if number % 3 == 0 { throw Refused() }
          }
          return written != nil
        }
      }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(outcomes == 42)
    let rows = try await bench.ledger.read(bench.tenant) { try $0.fetch(Memo.self).count }
    #expect(rows == 42)
    #expect(try bench.verified().isEmpty)
  }

  @Test("update and delete keep the row as it was, and a derived table is written beside")
  func updates() async throws {
    let bench = try await Bench()
    var memo = try await bench.add("before").value
    memo.title = "after"
    let changed = memo
    _ = try await bench.ledger.write(bench.tenant, bench.act("memo.edit", memo)) { work in
      try work.update(changed)
      let hash = work.keyedHash("memo", changed.title)
      try work.run("INSERT INTO memo_title (tenant, hash) VALUES (\(work.tenant), \(hash))", on: MemoIndex.table)
    }
    let receipt = try await bench.ledger.write(bench.tenant, bench.act("memo.delete", memo)) {
      try $0.delete(Memo.self, changed.key)
    }
    let changes = try await bench.ledger.read(bench.tenant) { try $0.changes(ofEntry: receipt.receipt.index) }
    #expect(changes.map(\.op) == [.delete])
    #expect(try bench.verified().isEmpty)
  }

  @Test("what one command does to a row several times is one change, and a row made and unmade is none")
  func changesFold() async throws {
    let bench = try await Bench()
    let (kept, gone) = (Memo(id: ID.make(at: noon), title: "kept"), Memo(id: ID.make(at: noon), title: "gone"))
    let written = try await bench.ledger.write(bench.tenant, bench.act("memo.create", kept)) { work in
      try work.insert(kept)
      try work.insert(gone)
      try work.update(Memo(id: kept.id, title: "kept, again"))
      try work.delete(Memo.self, gone.key)
    }
    let changes = try await bench.ledger.read(bench.tenant) { try $0.changes(ofEntry: written.receipt.index) }
    #expect(changes.map(\.op) == [.insert])
    #expect(try bench.verified().isEmpty)
  }

  @Test("a fact is disclosed with its salt and matches the commitment")
  func commitments() async throws {
    let bench = try await Bench()
    let memo = Memo(id: ID.make(at: noon), title: "with a fact")
    let written = try await bench.ledger.write(bench.tenant, bench.act("memo.create", memo)) { work in
      try work.insert(memo)
      try work.commit(["type": "memo", "title": "with a fact"], subject: try work.subject(of: Memo.self, memo.key))
    }
    let (entry, disclosed) = try await bench.ledger.read(bench.tenant) { reader in
      (try reader.entry(written.receipt.index), try reader.disclosures(ofEntry: written.receipt.index))
    }
    let logged = try #require(entry)
    guard case .command(let leaf) = try Leaf(parsing: logged.data) else { throw Problem.notFound }
    let disclosure = try #require(disclosed.first)
    #expect(leaf.commitments == [Commitment.digest(salt: disclosure.salt, fact: try JSON.parse(disclosure.fact))])
  }

  @Test("an injected failure of the journal refuses the write and leaves nothing")
  func journalFailure() async throws {
    let bench = try await Bench()
    let probe = try await bench.ledger.createTenant(slug: "probe", isHidden: true).id
    try await bench.ledger.inject(.nextAppend, into: probe)
    let memo = Memo(id: ID.make(at: noon), title: "never")
    // Without a detail for the operator, to whom it would look like a fault.
    await #expect(
      throws: Problem(.unavailable, "The record could not be written, as was asked for; nothing was changed.")
    ) {
      try await bench.ledger.write(probe, bench.act("memo.create", memo)) { try $0.insert(memo) }
    }
    #expect(try await bench.ledger.read(probe) { try $0.fetch(Memo.self).isEmpty })
    await #expect(throws: Problem.self) { try await bench.ledger.inject(.nextAppend, into: bench.tenant) }
  }

  @Test("a reopened installation goes on where it stopped and never hands out a key slot twice")
  func reopens() async throws {
    let bench = try await Bench()
    _ = try await bench.add("one")
    await bench.ledger.close()
    let again = try Ledger(
      installation: try bench.installation(), tables: [Memo.table, MemoIndex.table],
      clock: bench.clock)
    let memo = Memo(id: ID.make(at: noon), title: "two")
    _ = try await again.write(bench.tenant, bench.act("memo.create", memo)) { try $0.insert(memo) }
    let subjects = try await again.read(bench.tenant) { reader in
      try reader.rows("SELECT subject FROM memo WHERE tenant = \(bench.tenant)").compactMap { $0[0].integer }
    }
    #expect(Set(subjects).count == 2)
    await again.close()
    #expect(try bench.verified().isEmpty)
  }

  @Test(
    "a second process cannot open the same directory", .enabled(if: !TestDatabase.isWanted, "about the files of SQLite")
  )
  func locked() async throws {
    let bench = try await Bench()
    #expect(throws: Problem.self) { try Installation(openAt: bench.data, keys: KeyLocation(bench.keys)) }
  }

  @Test("a key file inside the data directory is refused")
  func keyInsideData() throws {
    let directory = NSTemporaryDirectory() + "steward-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: directory) }
    #expect(throws: Problem.self) { try Installation.create(at: directory, keys: "\(directory)/keys", now: noon) }
  }
}
