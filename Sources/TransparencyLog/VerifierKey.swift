import enum Crypto.Curve25519
import Kernel

/// The public half of a note's signer, and its one-line form (C2SP signed-note, signature type 0x01: Ed25519).
///
/// `<name>+<key id in hex>+<base64 of 0x01 ‖ public key>`; the key id is the first four bytes of SHA-256(name ‖ LF ‖ 0x01 ‖ public key).
package struct VerifierKey: Hashable, Sendable, CustomStringConvertible {
  package let name: String
  package let keyID: UInt32
  /// 32 bytes, RFC 8032.
  package let publicKey: [UInt8]

  package init(name: String, publicKey: [UInt8]) throws {
    guard VerifierKey.isName(name) else {
      throw LogError("a key name must not be empty or hold a space or a plus sign")
    }
    guard publicKey.count == 32, (try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey)) != nil else {
      throw LogError("an Ed25519 public key has 32 bytes")
    }
    self.name = name
    self.publicKey = publicKey
    let digest = Digest(sha256: Array(name.utf8), [0x0a, VerifierKey.ed25519], publicKey)
    keyID = digest.withUnsafeBytes { UInt32(bigEndian: $0.loadUnaligned(as: UInt32.self)) }
  }

  /// Reads the one-line form; a line feed at the end is allowed, as `steward.vkey` has one.
  package init(parsing line: String) throws {
    var bytes = Array(line.utf8)
    if bytes.last == 0x0a { bytes.removeLast() }
    let parts = bytes.split(separator: UInt8(ascii: "+"), maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, bytes.count <= LogLimit.keyNameBytes + 64,
      let name = String(validating: parts[0], as: UTF8.self),
      let key = Base64.decode(bytes: Array(parts[2])), key.first == VerifierKey.ed25519
    else { throw LogError("a verifier key is one line: name, plus sign, key id, plus sign, base64 of an Ed25519 key") }
    try self.init(name: name, publicKey: Array(key.dropFirst()))
    guard Array(parts[1]) == Array(keyIDHex.utf8) else { throw LogError("the key id does not belong to the key") }
  }

  package var description: String { "\(name)+\(keyIDHex)+\(Base64.encode([VerifierKey.ed25519] + publicKey))" }

  var keyIDBytes: [UInt8] { withUnsafeBytes(of: keyID.bigEndian) { Array($0) } }
  private var keyIDHex: String { Hex.encode(keyIDBytes) }

  package func isValid(signature: [UInt8], over message: [UInt8]) -> Bool {
    guard signature.count == 64, let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else {
      return false
    }
    return key.isValidSignature(signature, for: message)
  }

  private static let ed25519: UInt8 = 0x01

  /// Not empty, no white space, no plus sign, no control character.
  static func isName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= LogLimit.keyNameBytes
      && name.unicodeScalars.allSatisfy { $0 != "+" && $0.value > 0x20 && !$0.properties.isWhitespace }
  }
}
