import Kernel
import Testing
import TransparencyLog

@testable import Certificate

@Suite("a certificate's bundle")
struct BundleTests {
  @Test("a bundle made by the rules verifies with the pinned key")
  func verifies() throws {
    let sample = SampleCase()
    let verdict = BundleVerifier.verify(zip: try sample.zip(), pin: sample.pin)
    #expect(verdict.outcome == .verified, "\(verdict.findings)")
    let sentence = verdict.findings.first { $0.check == "step:verify-deletion" }?.reason
    #expect(
      sentence
        == "Step “Verify deletion” was completed by Ben on 2026-11-21 with E3 evidence (1), approved by Anna on 2026-11-21; something remains (1)."
    )
    #expect(verdict.findings.filter { $0.result == .limit }.count == 2)
    #expect(try sample.zip() == sample.zip())
  }

  @Test("without a pin a bundle is intact but its signer is not identified, with another pin it is red")
  func pins() throws {
    let sample = SampleCase()
    #expect(BundleVerifier.verify(zip: try sample.zip(), pin: nil).outcome == .unidentified)
    let verdict = BundleVerifier.verify(zip: try sample.zip(), pin: sample.log.verifierKey)
    #expect(verdict.outcome == .notVerified)
    #expect(verdict.findings.filter { $0.result == .failed }.map(\.check) == ["signer"])
  }

  @Test("each of 200 single bits changed in the members is refused")
  func changedBits() throws {
    let sample = SampleCase()
    let zip = try sample.zip()
    let members = try StoredZip.decode(zip)
    var random = SeededGenerator(state: 20)
    for round in 0..<200 {
      var changed = members
      let which = round % members.count
      var data = members[which].data
      let position = Int.random(in: data.indices, using: &random)
      data[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      changed[which] = StoredZip.Member(name: members[which].name, data: data)
      let verdict = BundleVerifier.verify(zip: try StoredZip.encode(changed), pin: sample.pin)
      #expect(verdict.outcome == .notVerified, "\(members[which].name) at \(position)")
    }
  }

  @Test("each of 500 single bits changed anywhere in the file is refused")
  func changedFile() throws {
    let sample = SampleCase()
    let zip = try sample.zip()
    var random = SeededGenerator(state: 21)
    for _ in 0..<500 {
      var changed = zip
      let position = Int.random(in: zip.indices, using: &random)
      changed[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      #expect(BundleVerifier.verify(zip: changed, pin: sample.pin).outcome != .verified, "at \(position)")
    }
  }

  @Test("mutations and truncations are refused and end nothing")
  func fuzz() throws {
    let sample = SampleCase()
    let zip = try sample.zip()
    var random = SeededGenerator(state: 22)
    for _ in 0..<300 {
      var changed = zip
      for _ in 0...Int.random(in: 0..<3, using: &random) {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: changed[Int.random(in: changed.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
        case 1: changed.removeLast(Int.random(in: 1..<changed.count, using: &random))
        case 2:
          changed.insert(
            UInt8.random(in: 0...255, using: &random), at: Int.random(in: 0...changed.count, using: &random))
        default: changed.append(contentsOf: zip.prefix(Int.random(in: 1...100, using: &random)))
        }
        if changed.count < 2 { changed = [0x50, 0x4b] }
      }
      if changed != zip { #expect(BundleVerifier.verify(zip: changed, pin: sample.pin).outcome != .verified) }
    }
    for count in 0..<64 {
      #expect(BundleVerifier.verify(zip: Array(zip.prefix(count)), pin: nil).outcome.exitCode != 0)
    }
  }
}

@Suite("a ZIP that only stores")
struct StoredZipTests {
  static let members = [StoredZip.Member(name: "a", data: [1, 2, 3]), StoredZip.Member(name: "b", data: [])]

  @Test("its checksum is the published one and members read back")
  func roundTrip() throws {
    #expect(CRC32.checksum(Array("123456789".utf8)) == 0xcbf4_3926)
    #expect(try StoredZip.decode(StoredZip.encode(StoredZipTests.members)) == StoredZipTests.members)
  }

  private func refusal(_ change: (inout [UInt8]) -> Void) throws -> String {
    var bytes = try StoredZip.encode(StoredZipTests.members)
    change(&bytes)
    do { _ = try StoredZip.decode(bytes) } catch { return "\(error)" }
    return "accepted"
  }

  @Test("compressed, encrypted, extended, doubled and cut ZIPs are refused with the reason")
  func refusals() throws {
    #expect(try refusal { $0[8] = 8 } == "a member of the ZIP is compressed")
    #expect(try refusal { $0[6] = 1 } == "a member of the ZIP is encrypted")
    #expect(try refusal { $0[6] = 8 } == "a member of the ZIP has a data descriptor")
    #expect(try refusal { $0[28] = 4 } == "a member of the ZIP has extra fields or a long name")
    #expect(try refusal { $0[22] = 200 } == "a member of the ZIP says two sizes")
    #expect(try refusal { for at in [18, 19, 20, 21, 22, 23, 24, 25] { $0[at] = 255 } } == "the ZIP ends too early")
    #expect(try refusal { $0[31] ^= 1 } == "the member a was changed: its checksum is wrong")
    #expect(try refusal { $0.append(0) }.hasPrefix("the ZIP has bytes"))
    #expect(try refusal { $0.removeLast(5) }.hasPrefix("the ZIP has bytes"))
    #expect(try refusal { $0 = Array($0.prefix(20)) } == "the ZIP ends too early")
    #expect(try refusal { $0.insert(0, at: 0) } == "the file is not a ZIP")
    let twice = try StoredZip.encode([StoredZipTests.members[0], StoredZipTests.members[0]])
    #expect(throws: BundleError("a is in the ZIP twice")) { try StoredZip.decode(twice) }
    let many = (0..<9).map { StoredZip.Member(name: "\($0)", data: []) }
    #expect(throws: BundleError.self) { try StoredZip.encode(many) }
  }
}
