import Custody
import Kernel

/// The key of one backup, unwrapped, and where its objects belong.
package struct BackupKey: Sendable {
  let secret: SecretBytes
  let installation: String
  let backup: BackupID
  /// Names the wrapped key: hex of the first 16 bytes of its SHA-256.
  let keyID: String

  static func keyID(of wrapped: [UInt8]) -> String { Hex.encode(Array(Digest(sha256: wrapped).bytes.prefix(16))) }

  func cipher(_ item: ObjectName.Item) -> ChunkCipher {
    let context = CBOR.array([
      "steward/backup-part/v1", .text(installation), .text(backup.text), .text(ObjectName.text(item)),
    ])
    return ChunkCipher(key: secret, context: context.encoded)
  }
}

/// A sealed object of a backup (docs/format.md §7.2). Its only way of coming to be is sealing, so nothing in the clear can be put in its place.
package struct SealedPart: Sendable {
  package static let format = "steward/backup-part/v1 AES-256-GCM"

  let bytes: [UInt8]
  let digest: Digest

  init(sealing plain: [UInt8], as item: ObjectName.Item, key: BackupKey) throws {
    let cipher = key.cipher(item)
    let header = PartHeader(keyID: key.keyID, commitment: cipher.commitment)
    var out: [UInt8] = []
    out.reserveCapacity(PartHeader.size + ChunkCipher.sealedSize(plain.count))
    out += header.text.utf8
    try cipher.seal(plain, to: &out)
    bytes = out
    digest = Digest(sha256: out)
  }

  /// The plaintext. Throws `Damage` if the bytes are not what was sealed under this name.
  static func open(_ bytes: [UInt8], as item: ObjectName.Item, key: BackupKey) throws -> [UInt8] {
    guard let header = PartHeader(bytes), header.keyID == key.keyID else {
      throw Damage("its header is not that of a sealed object under the key of this backup")
    }
    let cipher = key.cipher(item)
    guard cipher.commits(to: header.commitment) else {
      throw Damage("it was sealed under another key or for another place")
    }
    do { return try cipher.open(bytes[PartHeader.size...]) } catch { throw Damage("a chunk of it does not open") }
  }
}

/// The line at the head of a sealed object: what it is, the cipher, the key's id, and the commitment to the object's own key.
package struct PartHeader: Sendable, Equatable {
  static let size = SealedPart.format.utf8.count + 1 + 32 + 1 + 64 + 1

  package let keyID: String
  package let commitment: [UInt8]

  var text: String { "\(SealedPart.format) \(keyID) \(Hex.encode(commitment))\n" }

  init(keyID: String, commitment: [UInt8]) {
    self.keyID = keyID
    self.commitment = commitment
  }

  /// Nil unless the bytes begin with exactly such a line.
  package init?(_ bytes: [UInt8]) {
    guard bytes.count >= PartHeader.size else { return nil }
    let line = String(decoding: bytes[..<PartHeader.size], as: UTF8.self)
    let words = line.dropLast().split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 4, words[2].utf8.count == 32, let commitment = Hex.decode(words[3]) else { return nil }
    self.init(keyID: String(words[2]), commitment: commitment)
    guard text.utf8.elementsEqual(bytes[..<PartHeader.size]) else { return nil }
  }
}

/// Something in a place is not what was written there.
package struct Damage: Error, Sendable, Equatable {
  package let reason: String
  init(_ reason: String) { self.reason = reason }
}
