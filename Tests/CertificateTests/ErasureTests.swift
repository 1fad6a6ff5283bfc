import Foundation
import Kernel
import Testing
import TransparencyLog

@testable import Certificate

@Suite("the record of an erasure")
struct ErasureRecordTests {
  private func failed(_ sample: SampleErasure) throws -> [String] {
    let verdict = ErasureVerifier.verify(try sample.record(), pin: sample.pin)
    #expect(verdict.outcome == .notVerified)
    return verdict.findings.filter { $0.result == .failed }.map(\.check)
  }

  private func changed(_ change: (inout SampleErasure) -> Void) throws -> [String] {
    var sample = SampleErasure()
    change(&sample)
    return try failed(sample)
  }

  @Test("a record made by the rules verifies with the pinned key, and says what it does not prove")
  func verifies() throws {
    let sample = SampleErasure()
    let record = try sample.record()
    let verdict = ErasureVerifier.verify(record, pin: sample.pin)
    #expect(verdict.outcome == .verified, "\(verdict.findings)")
    #expect(verdict.findings.contains { $0.reason.contains("12 rows, 2 files and 6 images") })
    #expect(verdict.findings.filter { $0.result == .limit }.map(\.check) == ["remains", "limit", "limit"])
    #expect(ErasureVerifier.verify(record, pin: nil).outcome == .unidentified)
    #expect(ErasureVerifier.verify(record, pin: sample.log.verifierKey).outcome == .notVerified)
    #expect(ErasureVerifier.verify(Array("PK".utf8), pin: sample.pin).outcome == .unusable)
    #expect(try sample.record() == record)
    let tenant = SampleErasure(type: "tenant", confirmations: 2)
    #expect(ErasureVerifier.verify(try tenant.record(), pin: tenant.pin).outcome == .verified)
  }

  @Test("a single changed bit in any byte is refused")
  func changedBits() throws {
    let sample = SampleErasure()
    let record = try sample.record()
    for position in record.indices {
      var changed = record
      changed[position] ^= 1 << UInt8(position % 8)
      #expect(ErasureVerifier.verify(changed, pin: sample.pin).outcome != .verified, "at \(position)")
    }
  }

  @Test("what is cut off, added or twice is refused")
  func truncations() throws {
    let sample = SampleErasure()
    let record = try sample.record()
    for count in stride(from: 0, to: record.count, by: 97) {
      #expect(ErasureVerifier.verify(Array(record.prefix(count)), pin: nil).outcome.exitCode % 3 != 0)
    }
    for added in [[0x0a], [0x20], Array(record.prefix(9))] as [[UInt8]] {
      #expect(ErasureVerifier.verify(record + added, pin: sample.pin).outcome == .notVerified)
    }
  }

  @Test("another instruction than the entries show is refused")
  func instruction() throws {
    #expect(try failed(SampleErasure(type: "tenant", confirmations: 1)) == ["instruction"])
    #expect(try failed(SampleErasure(type: "vendor", confirmations: 2)).contains("instruction"))
    #expect(try changed { $0.steps[1].actor = "person:01kah5zzzz000000000000000a" } == ["facts"])
    #expect(try changed { $0.steps[2].actor = SampleErasure.person } == ["facts"])
    #expect(try changed { $0.steps.remove(at: 1) }.contains("history") == false)
    #expect(try changed { $0.steps.remove(at: 1) }.contains("instruction"))
  }

  @Test("a history that lacks something, or has something else in it, is refused")
  func history() throws {
    #expect(try changed { $0.steps[3].object = "erasure:01kah5zzzz0000000000000004" } == ["history"])
    #expect(try changed { $0.recordChange = { $0.remove(at: 4) } }.contains("history"))
    #expect(try changed { $0.recordChange = { $0.swapAt(3, 4) } }.contains("history"))
    #expect(try changed { $0.recordChange = { _ = $0.popLast() } } == ["history", "facts"])
    #expect(try changed { $0.entryChange = { if $0 == 3 { $1.ordinal = 5 } } } == ["history"])
    #expect(try changed { $0.steps.swapAt(2, 3) }.contains("history"))
  }

  @Test("a statement that says more, less or otherwise than the entries is refused")
  func statement() throws {
    #expect(try changed { $0.statementChange = { $0["suppressed"] = false } } == ["statement"])
    #expect(try changed { $0.statementChange = { $0["tables"] = [] } } == ["statement"])
    #expect(try changed { $0.statementChange = { $0["tenant"] = ["id": "acme"] } } == ["statement"])
    #expect(try changed { $0.statementChange = { $0["confirmed_by"] = [] } } == ["statement"])
    #expect(try changed { $0.statementChange = { $0["limits"] = [] } } == ["facts"])
    #expect(try changed { $0.statementChange = { $0["more"] = [] } } == ["facts"])
    let erased: JSON = ["rows": 12, "files": 3, "journal_images": 6, "subjects": 4]
    #expect(try changed { $0.statementChange = { $0["erased"] = erased } } == ["statement"])
    #expect(try changed { $0.steps[2].changes = 3 } == ["facts"])
    let five: JSON = ["rows": 12, "files": 2, "journal_images": 6, "subjects": 5]
    #expect(try changed { $0.statementChange = { $0["erased"] = five } } == ["statement", "keys"])
    #expect(
      try changed { $0.steps[4].fact = SampleErasure.fact($0.destruction, subjects: 3) } == ["keys"])
    var other = SampleErasure(type: "tenant", confirmations: 2)
    other.statementChange = { $0["tenant"] = ["id": "01kah5zzzz000000000000000c"] }
    #expect(try failed(other) == ["statement"])
  }

  @Test("numbers that no sum can hold are refused, and so are tables that are named twice or too many")
  func sums() throws {
    let largest = ErasedCounts(rows: 1, files: .max, images: 1)
    #expect(throws: BundleError.self) { try largest.adding(ErasedCounts(files: 1)) }
    #expect(try largest.adding(ErasedCounts(rows: 2)).rows == 3)
    #expect(throws: BundleError.self) { try ErasedCounts.sum(.max, 1) }
    let twice: JSON = [["table": "a", "rows": 6], ["table": "a", "rows": 6]]
    #expect(try changed { $0.statementChange = { $0["tables"] = twice } } == ["facts"])
    let many = JSON.array((0...1_000).map { ["table": .string("t\($0)"), "rows": 0] })
    #expect(try changed { $0.statementChange = { $0["tables"] = many } } == ["facts"])
  }

  @Test("records that once stopped the verifier are refused")
  func failCases() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "FailCases")
    let kept = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("erasure-") }
    #expect(!kept.isEmpty)
    for name in kept {
      let record = Array(try Data(contentsOf: folder.appending(path: name)))
      #expect(ErasureVerifier.verify(record, pin: nil).outcome == .notVerified, "\(name)")
    }
  }

  @Test("a copy of the key without an end, a late one, or an epoch that did not turn, is refused")
  func keys() throws {
    func result(_ before: Int64, _ after: Int64, _ copies: [JSON]) throws -> [String] {
      let keys = SampleErasure.keys(before, after, copies)
      return try changed { sample in
        sample.steps.removeLast()
        sample.steps[sample.steps.count - 1].fact = SampleErasure.fact(keys)
        sample.statementChange = { $0["keys"] = keys }
      }
    }
    func copy(_ live: Bool, _ minutes: Int?) -> JSON { SampleErasure.copy(live, start: minutes) }
    var good = SampleErasure()
    good.steps.removeLast()
    good.steps[good.steps.count - 1] = SampleErasure().steps.last ?? good.steps[0]
    #expect(ErasureVerifier.verify(try good.record(), pin: good.pin).outcome == .verified)
    for (before, after) in [(2, 1), (5, 5), (0, 1)] as [(Int64, Int64)] {
      #expect(try result(before, after, [copy(true, 1)]) == ["keys"])
    }
    let none: JSON = ["rows": 12, "files": 2, "journal_images": 6, "subjects": 0]
    #expect(try changed { $0.statementChange = { $0["erased"] = none } } == ["statement", "keys"])
    #expect(try result(1, 2, []) == ["keys"])
    #expect(try result(1, 2, [copy(false, 1)]) == ["keys"])
    #expect(try result(1, 2, [copy(true, 1), copy(true, 1)]) == ["keys"])
    #expect(try result(1, 2, [copy(true, 999)]) == ["keys"])
    #expect(try result(1, 2, [copy(true, nil)]) == ["facts"])
    let other = SampleErasure.keys(1, 2, [copy(true, 1)])
    #expect(try changed { $0.statementChange = { $0["keys"] = other } } == ["keys"])
    #expect(try changed { $0.steps.removeLast(2) }.contains("history"))
  }

  @Test("a place that was named once and left out later, or told otherwise, is refused")
  func places() throws {
    func result(_ first: [JSON], _ last: [JSON], _ epochs: [(Int64, Int64)] = [(1, 2), (1, 2)]) throws -> [String] {
      try changed { sample in
        let count = sample.steps.count
        for (step, copies) in [(count - 2, first), (count - 1, last)] {
          let (before, after) = epochs[step - count + 2]
          let keys = SampleErasure.keys(before, after, copies)
          sample.steps[step].fact = SampleErasure.fact(keys)
          if step == count - 1 { sample.statementChange = { $0["keys"] = keys } }
        }
      }
    }
    func copy(_ live: Bool, _ minutes: Int?) -> JSON { SampleErasure.copy(live, start: minutes) }
    // The replica had not ended, and then was forgotten.
    #expect(try result([copy(true, 1), copy(false, nil)], [copy(true, 1)]) == ["keys"])
    #expect(try result([copy(true, 1), copy(false, 2)], [copy(true, 1)]) == ["keys"])
    #expect(try result([copy(true, 1)], [copy(true, 2)]) == ["keys"])
    #expect(try result([copy(true, nil)], [copy(true, 1), copy(false, 1), copy(false, 1)]) == ["keys"])
    let both = [copy(true, 1), copy(false, 1)]
    #expect(try result(both, both, [(2, 3), (1, 3)]) == ["keys"])
    #expect(try result(both, both, [(1, 3), (1, 2)]) == ["keys"])
  }

  @Test("a backup that is gone before it was made is refused")
  func backups() throws {
    let wrong: JSON = [
      "kept_days": 30,
      "holding": [
        ["id": "b", "made_at": .string(SampleErasure.start.description), "gone_by": "2020-01-01T00:00:00.000Z"]
      ],
    ]
    #expect(try changed { $0.statementChange = { $0["backups"] = wrong } } == ["backups"])
  }

  @Test("a log key that was certified after the end is refused")
  func lateKey() throws {
    #expect(try changed { $0.since = SampleErasure.start.adding(seconds: 9_999) } == ["signer"])
  }
}
