import Crypto
import Kernel

/// The one way everything is sealed (docs/format.md §5.1): HKDF-Expand to an AES-256-GCM key and a key commitment.
///
/// The context names tenant, place and version, so a ciphertext moved anywhere else does not open; the commitment is compared
/// first, so no second key opens the same bytes to something else.
package enum Box {
  package static let version: UInt8 = 1
  /// Bytes a box adds to its plaintext.
  package static let overhead = 1 + 32 + 12 + 16

  package enum OpenError: Error, Equatable {
    /// Not a box of a version this reader knows.
    case malformed
    /// Sealed under another key or for another place.
    case wrongKeyOrPlace
    /// The right key, but the bytes were changed.
    case altered
  }

  package static func seal(_ plaintext: [UInt8], key: SecretBytes, context: [UInt8]) throws -> [UInt8] {
    let derived = DerivedKey(key, context: context)
    var out: [UInt8] = []
    out.reserveCapacity(plaintext.count + overhead)
    out.append(version)
    out += derived.commitment
    let nonce = RandomPool.bytes(12)
    let sealed = try AES.GCM.seal(plaintext, using: derived.key, nonce: AES.GCM.Nonce(data: nonce))
    out += nonce
    out += sealed.ciphertext
    out += sealed.tag
    return out
  }

  package static func open(_ box: [UInt8], key: SecretBytes, context: [UInt8]) throws(OpenError) -> [UInt8] {
    guard box.count >= overhead, box[0] == version else { throw .malformed }
    let derived = DerivedKey(key, context: context)
    guard derived.commits(to: box[1..<33]) else { throw .wrongKeyOrPlace }
    guard let sealed = try? AES.GCM.SealedBox(combined: box[33...]),
      let plaintext = try? AES.GCM.open(sealed, using: derived.key)
    else { throw .altered }
    return [UInt8](plaintext)
  }
}

/// An AEAD key and its commitment, from a key and a place.
struct DerivedKey {
  let key: SymmetricKey
  let commitment: [UInt8]

  /// RFC 5869 §2.3 for 64 bytes: T(1) = HMAC(K, info ‖ 1), T(2) = HMAC(K, T(1) ‖ info ‖ 2).
  init(_ secret: SecretBytes, context: [UInt8]) {
    // The keyed state is made once and copied: half of the work of two short HMACs is setting the key.
    let keyed = secret.withBytes { HMAC<SHA256>(key: SymmetricKey(data: $0)) }
    var first = keyed
    first.update(data: context)
    first.update(data: [1])
    let keyBytes = first.finalize()
    key = SymmetricKey(data: keyBytes)
    var second = keyed
    second.update(data: keyBytes.withUnsafeBytes { Array($0) })
    second.update(data: context)
    second.update(data: [2])
    commitment = second.finalize().withUnsafeBytes { Array($0) }
  }

  /// Constant time.
  func commits(to other: ArraySlice<UInt8>) -> Bool {
    guard other.count == commitment.count else { return false }
    return zip(commitment, other).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }
}

/// The contexts of docs/format.md §5.1, in one place.
package enum SealingContext {
  package static func row(tenant: TenantID, table: String, key: String, schema: Int64) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(96)
    CBOR.writeHead(4, 5, to: &out)
    CBOR.write(text: "steward/row/v1", to: &out)
    CBOR.write(text: tenant.text, to: &out)
    CBOR.write(text: table, to: &out)
    CBOR.write(text: key, to: &out)
    CBOR.write(integer: schema, to: &out)
    return out
  }

  package static func file(tenant: TenantID, file: FileID) -> [UInt8] {
    CBOR.array(["steward/file/v1", .text(tenant.text), .text(file.text)]).encoded
  }

  static func block(tenant: TenantID, epoch: Int64, block: Int64) -> [UInt8] {
    CBOR.array(["steward/block/v1", .text(tenant.text), .integer(epoch), .integer(block)]).encoded
  }

  static func epoch(tenant: TenantID, epoch: Int64) -> [UInt8] {
    CBOR.array(["steward/epoch/v1", .text(tenant.text), .integer(epoch)]).encoded
  }

  static func logKey(tenant: TenantID) -> [UInt8] { CBOR.array(["steward/log-key/v1", .text(tenant.text)]).encoded }
  static func indexKey(tenant: TenantID) -> [UInt8] {
    CBOR.array(["steward/index-key/v1", .text(tenant.text)]).encoded
  }
  static func installationKey(id: String) -> [UInt8] { CBOR.array(["steward/installation-key/v1", .text(id)]).encoded }
}
