import Kernel
import Testing
import TransparencyLog

@testable import Certificate

@Suite("templates, pages and receipts")
struct PageTests {
  @Test("a template reads back, and one that cannot be worked through is refused")
  func templates() throws {
    let template = SampleCase.template
    #expect(try CaseTemplate(json: template.json) == template)
    func refused(_ change: (inout [String: JSON]) -> Void) {
      var members = template.json.object ?? [:]
      change(&members)
      #expect(throws: Problem.self) { try CaseTemplate(json: .object(members)) }
    }
    refused { $0["more"] = 1 }
    refused { $0["version"] = -1 }
    refused { $0["steps"] = [] }
    refused { $0["format"] = "steward.template/2" }
    refused { $0["steps"] = .array(Array(repeating: $0["steps"]?.array?.first ?? .null, count: 2)) }
    refused { $0["steps"] = .array(Array($0["steps"]?.array?.dropFirst() ?? [])) }
  }

  @Test("the page holds no script, no foreign address and no unescaped name")
  func page() throws {
    let members = try StoredZip.decode(try SampleCase().zip())
    let page = String(decoding: members[1].data, as: UTF8.self)
    #expect(page.contains("Example &lt;Mail&gt; GmbH"))
    #expect(page.contains("proof &amp; more.pdf"))
    for word in ["<script", "http:", "https:", "src=", "<Mail>", "url("] { #expect(!page.contains(word), "\(word)") }
    for word in [
      "Return the data", "Verify deletion", "Approved by Anna", "until 2036-12-31", "What is not claimed", "E3",
    ] {
      #expect(page.contains(word), "\(word)")
    }
    let readme = String(decoding: members[0].data, as: UTF8.self)
    #expect(readme.contains("steward-verify --key steward.vkey certificate.zip"))
  }

  @Test("words of strangers cannot steer a terminal")
  func words() {
    #expect(Words.line("a\u{1b}[31m\nb\u{202e}c\u{2028}") == "a\u{fffd}[31m\u{fffd}b\u{fffd}c\u{fffd}")
  }

  @Test("a receipt verifies with and without the leaf in it, and is red with another entry or key")
  func receipts() throws {
    let sample = SampleCase()
    let members = try StoredZip.decode(try sample.zip())
    let proof = members[3].data
    let receipt = try Receipt(parsing: proof)
    let leaf = try #require(receipt.leaf)
    #expect(ReceiptVerifier.verify(proof, entry: nil, pin: sample.pin).outcome == .verified)
    #expect(
      ReceiptVerifier.verify(Array(receipt.header.utf8) + [0x0d, 0x0a], entry: nil, pin: sample.pin).outcome
        == .verified)
    #expect(ReceiptVerifier.verify(proof, entry: nil, pin: nil).outcome == .unidentified)
    #expect(ReceiptVerifier.verify(proof, entry: nil, pin: sample.log.verifierKey).outcome == .notVerified)
    let short = try Receipt.make(
      index: receipt.index, hashes: receipt.proof.hashes, checkpoint: receipt.proof.checkpoint,
      certificate: receipt.certificate, leaf: nil)
    #expect(ReceiptVerifier.verify(short.encoded, entry: nil, pin: sample.pin).outcome == .unusable)
    #expect(ReceiptVerifier.verify(short.encoded, entry: leaf + [0x0a], pin: sample.pin).outcome == .verified)
    var other = leaf
    other[30] ^= 1
    #expect(ReceiptVerifier.verify(short.encoded, entry: other, pin: sample.pin).outcome == .notVerified)
    #expect(ReceiptVerifier.verify(Array("nonsense".utf8), entry: nil, pin: sample.pin).outcome == .unusable)
  }
}
