import enum Crypto.Curve25519
import Kernel

/// A signed note (C2SP signed-note): text, an empty line, and one line for each signature.
///
/// Read strictly: a line that is no signature, a base64 that is not canonical or a control character refuses the whole note.
package struct Note: Sendable {
  package struct Signature: Sendable, Equatable {
    package let name: String
    package let keyID: UInt32
    package let bytes: [UInt8]
  }

  /// With its final line feed: the bytes that are signed.
  package let text: String
  package let signatures: [Signature]

  package static func parse(_ bytes: [UInt8]) throws -> Note {
    guard bytes.count <= LogLimit.noteBytes else {
      throw LogError("the note is larger than \(LogLimit.noteBytes) bytes")
    }
    guard bytes.allSatisfy({ $0 >= 0x20 || $0 == 0x0a }), String(validating: bytes, as: UTF8.self) != nil else {
      throw LogError("the note is not UTF-8 text without control characters")
    }
    guard let end = textEnd(bytes), end > 1 else { throw LogError("the note has no text before its signatures") }
    let lines = bytes[(end + 1)...].split(separator: 0x0a, omittingEmptySubsequences: false)
    guard lines.last?.isEmpty == true, lines.count > 1 else {
      throw LogError("the note has no signature line at its end")
    }
    guard lines.count - 1 <= LogLimit.noteSignatures else {
      throw LogError("the note has more than \(LogLimit.noteSignatures) signatures")
    }
    let signatures = try lines.dropLast().map(signature)
    return Note(text: String(decoding: bytes[..<end], as: UTF8.self), signatures: signatures)
  }

  /// Where the text ends: behind the first of the last two line feeds in a row.
  private static func textEnd(_ bytes: [UInt8]) -> Int? {
    var position = bytes.count - 1
    while position > 0 {
      if bytes[position] == 0x0a, bytes[position - 1] == 0x0a { return position }
      position -= 1
    }
    return nil
  }

  private static let mark = Array("— ".utf8)

  private static func signature(_ line: ArraySlice<UInt8>) throws -> Signature {
    let parts = line.dropFirst(mark.count).split(separator: 0x20, omittingEmptySubsequences: false)
    guard line.starts(with: mark), parts.count == 2, let name = String(validating: parts[0], as: UTF8.self),
      VerifierKey.isName(name), let blob = Base64.decode(bytes: Array(parts[1])), blob.count > 4
    else { throw LogError("the note has a line that is not a signature") }
    let keyID = blob.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    return Signature(name: name, keyID: keyID, bytes: Array(blob.dropFirst(4)))
  }

  /// Exactly one signature is by this key, and it is good. Signatures by others may stand beside it.
  package func verified(by key: VerifierKey) -> Bool {
    let own = signatures.filter { $0.keyID == key.keyID && $0.name.utf8.elementsEqual(key.name.utf8) }
    guard own.count == 1, let signature = own.first else { return false }
    return key.isValid(signature: signature.bytes, over: Array(text.utf8))
  }

  /// The note has one signature, by this key, and it is good: what every note of ours must be.
  package func verifiedAlone(by key: VerifierKey) -> Bool { signatures.count == 1 && verified(by: key) }

  /// The lines of the text without their line feeds.
  package var lines: [String] { Note.lines(of: text) }

  package static func lines(of text: String) -> [String] {
    text.utf8.dropLast().split(separator: 0x0a, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
  }
}

/// Signs notes with an Ed25519 key (RFC 8032; deterministic).
package struct NoteSigner: Sendable {
  package let verifierKey: VerifierKey
  private let key: Curve25519.Signing.PrivateKey

  /// The seed has 32 bytes.
  package init(name: String, seed: SecretBytes) throws {
    key = try NoteSigner.privateKey(seed)
    verifierKey = try VerifierKey(name: name, publicKey: Array(key.publicKey.rawRepresentation))
  }

  /// The whole note. The text must end with a line feed and hold no other control character.
  package func sign(text: String) throws -> [UInt8] { try NoteSigner.sign(text: text, by: [self]) }

  /// The whole note with a signature by each, in this order.
  static func sign(text: String, by signers: [NoteSigner]) throws -> [UInt8] {
    let message = Array(text.utf8)
    guard message.count > 1, message.last == 0x0a, message.allSatisfy({ $0 >= 0x20 || $0 == 0x0a }) else {
      throw LogError("the text of a note ends with a line feed and holds no other control character")
    }
    var note = message + [0x0a]
    for signer in signers {
      let signature = try signer.key.signature(for: message)
      note += "— \(signer.verifierKey.name) ".utf8
      Base64.append(signer.verifierKey.keyIDBytes + signature, to: &note)
      note.append(0x0a)
    }
    guard note.count <= LogLimit.noteBytes else {
      throw LogError("the note is larger than \(LogLimit.noteBytes) bytes")
    }
    return note
  }

  private static func privateKey(_ seed: SecretBytes) throws -> Curve25519.Signing.PrivateKey {
    guard seed.count == 32 else { throw LogError("the seed of an Ed25519 key has 32 bytes") }
    return try seed.withBytes { try Curve25519.Signing.PrivateKey(rawRepresentation: $0) }
  }
}
