import Kernel
import Testing

@testable import TransparencyLog

let neumannKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
let neumannSeed = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
let neumannText =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
let neumannNote =
  neumannText
  + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
let secondSignature =
  "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"

func signer(_ name: String, _ fill: UInt8 = 7) throws -> NoteSigner {
  try NoteSigner(name: name, seed: SecretBytes([UInt8](repeating: fill, count: 32)))
}

@Suite("signed notes")
struct NoteTests {
  @Test("the note of Go's documentation verifies and is signed again byte for byte")
  func publishedNote() throws {
    let key = try VerifierKey(parsing: neumannKey)
    #expect(key.description == neumannKey)
    let note = try Note.parse(Array(neumannNote.utf8))
    #expect(note.text == neumannText)
    #expect(note.verifiedAlone(by: key))
    let seed = try #require(Base64.decode(neumannSeed)).dropFirst()
    let signer = try NoteSigner(name: "PeterNeumann", seed: SecretBytes(seed))
    #expect(signer.verifierKey == key)
    #expect(try signer.sign(text: neumannText) == Array(neumannNote.utf8))
  }

  @Test("a second signature is allowed only where others may sign")
  func twoSignatures() throws {
    let note = try Note.parse(Array((neumannNote + secondSignature).utf8))
    let key = try VerifierKey(parsing: neumannKey)
    #expect(note.signatures.count == 2)
    #expect(note.verified(by: key))
    #expect(!note.verifiedAlone(by: key))
    #expect(!note.verified(by: try signer("EnochRoot").verifierKey))
  }

  @Test("any changed bit of a note is refused")
  func changedBits() throws {
    let bytes = Array(neumannNote.utf8)
    let key = try VerifierKey(parsing: neumannKey)
    for position in bytes.indices {
      for bit in 0..<8 {
        var changed = bytes
        changed[position] ^= 1 << UInt8(bit)
        #expect((try? Note.parse(changed))?.verifiedAlone(by: key) != true)
      }
    }
  }

  @Test(
    "a note with a line that does not belong is refused",
    arguments: [
      "", "\n", "\n\n", "text\n", "text\n\n", neumannText + "\n", neumannNote + "\n", neumannNote + "more\n",
      neumannNote + "- EnochRoot rwz+eBzm\n", String(neumannNote.dropLast()), neumannNote + "— EnochRoot rwz+eA==\n",
      neumannNote + "— EnochRoot  rwz+eBzm\n", neumannNote + "— Enoch+Root rwz+eBzm\n", neumannNote + "— A rwz+eBzn=\n",
      "\n" + neumannNote.split(separator: "\n").suffix(1).joined() + "\n", "a\u{1}\n\n" + secondSignature,
      neumannText + "\n" + String(repeating: secondSignature, count: 17),
    ])
  func strangeNotes(_ text: String) {
    #expect(throws: LogError.self) { try Note.parse(Array(text.utf8)) }
  }

  @Test("a signature with non-zero trailing bits is refused")
  func trailingBits() {
    let changed = neumannNote.replacing("wJnAM=", with: "wJnAN=")
    #expect(throws: LogError.self) { try Note.parse(Array(changed.utf8)) }
  }

  @Test(
    "a verifier key that is not exactly one is refused",
    arguments: [
      "", "+", "++", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
      "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
      "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "PeterNeumann+c74f20a3+ARpc",
      "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", neumannKey + "\n\n", " " + neumannKey,
    ])
  func strangeKeys(_ text: String) {
    #expect(throws: LogError.self) { try VerifierKey(parsing: text) }
  }

  @Test("a checkpoint opens only with the key of its log and three lines")
  func checkpoints() throws {
    let log = try signer("steward/a/b")
    let checkpoint = Checkpoint(origin: "steward/a/b", size: 3, root: SampleTree(size: 3).frontier.root)
    #expect(try Checkpoint.open(log.sign(text: checkpoint.text), key: log.verifierKey) == checkpoint)
    let refused = [
      checkpoint.text + "more\n", checkpoint.text.replacing("\n3\n", with: "\n03\n"),
      checkpoint.text.replacing("\n3\n", with: "\n-3\n"),
      checkpoint.text.replacing("\n3\n", with: "\n9007199254740992\n"),
      checkpoint.text.replacing("\n3\n", with: "\n99999999999999999999999\n"),
      checkpoint.text.replacing("\n3\n", with: "\n0\n"),
    ]
    for text in refused {
      #expect(throws: LogError.self) { try Checkpoint.open(log.sign(text: text), key: log.verifierKey) }
    }
    let other = try signer("steward/a/b", 8)
    #expect(throws: LogError.self) { try Checkpoint.open(other.sign(text: checkpoint.text), key: log.verifierKey) }
    let elsewhere = try signer("steward/a/c")
    #expect(throws: LogError.self) {
      try Checkpoint.open(elsewhere.sign(text: checkpoint.text), key: elsewhere.verifierKey)
    }
  }

  @Test("a log's key counts only if the installation it belongs to certified it")
  func certificates() throws {
    let installation = try signer("steward/a")
    let log = try signer("steward/a/b", 8)
    let certificate = LogKeyCertificate(key: log.verifierKey, since: Instant(milliseconds: 1_795_248_000_000))
    let note = try certificate.signed(by: installation)
    #expect(try LogKeyCertificate.open(note, installationKey: installation.verifierKey) == certificate)
    #expect(try LogKeyCertificate.unidentified(note) == certificate)
    let stranger = try signer("steward/x", 9)
    #expect(throws: LogError.self) { try LogKeyCertificate.open(note, installationKey: stranger.verifierKey) }
    #expect(throws: LogError.self) {
      try LogKeyCertificate.open(certificate.signed(by: stranger), installationKey: stranger.verifierKey)
    }
    #expect(throws: LogError.self) { try LogKeyCertificate(parsing: certificate.text + "x\n") }
  }
}
