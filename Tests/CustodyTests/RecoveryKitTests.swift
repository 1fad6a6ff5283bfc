@testable import Custody
import Foundation
import Kernel
import Testing

@Suite("Recovery kit")
struct RecoveryKitTests {
  private static let passphrase = SecretBytes(Array("correct horse battery staple".utf8))
  /// Enough to run, not to protect.
  private static let cheap = PassphraseCost(memoryKiB: 64, passes: 1, lanes: 1)

  private static let kit = RecoveryKit(
    installationID: "01jd7x0000000000000000000a", rootKey: SecretBytes([UInt8](repeating: 9, count: 32)),
    keyStores: ["/replica/of keys", "/srv/steward.keys"], verifierKey: "steward/x+00000000+AQ==",
    made: Instant(milliseconds: 1_700_000_000_000))

  private func document() throws -> [UInt8] {
    try RecoveryKitTests.kit.sealed(under: RecoveryKitTests.passphrase, cost: RecoveryKitTests.cheap)
  }

  @Test("a kit opens with its passphrase and says what it was made with")
  func opens() throws {
    let opened = try RecoveryKit.open(try document(), passphrase: RecoveryKitTests.passphrase)
    #expect(opened.rootKey.withBytes { Array($0) } == [UInt8](repeating: 9, count: 32))
    #expect(opened.installationID == RecoveryKitTests.kit.installationID)
    #expect(opened.keyStores == RecoveryKitTests.kit.keyStores)
    #expect(opened.verifierKey == RecoveryKitTests.kit.verifierKey)
    #expect(opened.made == RecoveryKitTests.kit.made)
  }

  @Test("another passphrase opens nothing")
  func wrongPassphrase() throws {
    let other = SecretBytes(Array("correct horse battery stapel".utf8))
    let document = try document()
    #expect { try RecoveryKit.open(document, passphrase: other) } throws: { ($0 as? Problem)?.code == .forbidden }
  }

  @Test("no single changed bit, and no piece cut off its end, opens")
  func bits() throws {
    let document = try document()
    for bit in 0..<document.count * 8 {
      var changed = document
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: Problem.self, "bit \(bit)") {
        try RecoveryKit.open(changed, passphrase: RecoveryKitTests.passphrase)
      }
    }
    for length in stride(from: 0, to: document.count, by: 7) {
      #expect(throws: Problem.self) {
        try RecoveryKit.open(Array(document.prefix(length)), passphrase: RecoveryKitTests.passphrase)
      }
    }
  }

  @Test(
    "the block typed in from paper opens; a mistyped digit is named by its line, a mistyped path is not called a wrong passphrase"
  )
  func typed() throws {
    let text = String(decoding: try document(), as: UTF8.self)
    let start = try #require(text.range(of: "-----BEGIN")).lowerBound
    let end = try #require(text.range(of: "sha256 ")).lowerBound
    let block = text[start..<end].replacing("  ", with: " ").uppercasedDigits
    let opened = try RecoveryKit.open(Array(block.utf8), passphrase: RecoveryKitTests.passphrase)
    #expect(opened.keyStores == RecoveryKitTests.kit.keyStores)

    let line = try #require(block.split(separator: "\n").first { $0.hasPrefix("4 ") })
    let mistyped = block.replacing(line, with: line.dropLast(6) + "zz" + line.suffix(4))
    #expect { try RecoveryKit.open(Array(mistyped.utf8), passphrase: RecoveryKitTests.passphrase) } throws: {
      ($0 as? Problem)?.message.contains("line 4") == true
    }
    let moved = block.replacing("/srv/steward.keys", with: "/srv/steward.kays")
    #expect { try RecoveryKit.open(Array(moved.utf8), passphrase: RecoveryKitTests.passphrase) } throws: {
      ($0 as? Problem)?.code == .conflict
    }
  }

  @Test("what is in clear is bound to what is sealed, even for someone who corrects the checks")
  func bound() throws {
    var sealed = try SealedKit(parsing: try document())
    sealed.keyStores = ["/elsewhere"]
    let moved = sealed.document
    #expect { try RecoveryKit.open(moved, passphrase: RecoveryKitTests.passphrase) } throws: {
      ($0 as? Problem)?.code == .forbidden
    }
  }

  @Test("parameters that would exhaust the machine are refused before any work")
  func limits() throws {
    let text = String(decoding: try document(), as: UTF8.self)
    let start = try #require(text.range(of: "-----BEGIN")).lowerBound
    let end = try #require(text.range(of: "sha256 ")).lowerBound
    let greedy = text[start..<end].replacing("m=64 ", with: "m=4294967295 ")
    #expect(throws: Problem.self) {
      try RecoveryKit.open(Array(greedy.utf8), passphrase: RecoveryKitTests.passphrase)
    }
    #expect(throws: Problem.self) {
      try RecoveryKitTests.kit.sealed(
        under: RecoveryKitTests.passphrase, cost: PassphraseCost(memoryKiB: .max, passes: 1, lanes: 1))
    }
  }

  @Test("a short passphrase, or one of a few characters, is refused")
  func rule() {
    for weak in ["", "short", "aaaaaaaaaaaaaaaaaaaaaaaa"] {
      #expect(throws: Problem.self) { try PassphraseRule.check(SecretBytes(Array(weak.utf8))) }
    }
    #expect(throws: Never.self) { try PassphraseRule.check(RecoveryKitTests.passphrase) }
  }
}

extension StringProtocol {
  /// As someone might type it: the sealed lines in capitals.
  fileprivate var uppercasedDigits: String {
    split(separator: "\n").map { $0.first?.isNumber == true ? $0.uppercased() : String($0) }.joined(separator: "\n")
  }
}
