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
    let nonce = try AES.GCM.Nonce(data: RandomPool.bytes(12))
    // Nonce, ciphertext and tag, one behind the other; nil only for nonces of another length.
    guard let combined = try AES.GCM.seal(plaintext, using: derived.key, nonce: nonce).combined else {
      throw CryptoKitError.incorrectParameterSize
    }
    out += combined
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

extension Box {
  /// Whether a box says that it was sealed under this key for this place; it may have been changed all the same.
  static func isSealed(_ box: [UInt8], under key: SecretBytes, context: [UInt8]) -> Bool {
    box.count >= overhead && box[0] == version && DerivedKey(key, context: context).commits(to: box[1..<33])
  }
}

/// An AEAD key and its commitment, from a key and a place.
struct DerivedKey {
  let key: SymmetricKey
  let commitment: [UInt8]

  private static let blockSize = 64

  /// RFC 5869 §2.3 for 64 bytes: T(1) = HMAC(K, info ‖ 1), T(2) = HMAC(K, T(1) ‖ info ‖ 2).
  ///
  /// HMAC (RFC 2104) is written out on the stack, since every row is sealed under a key of its own: the general form takes two and a half
  /// times as long.
  init(_ secret: SecretBytes, context: [UInt8]) {
    let size = DerivedKey.blockSize
    (key, commitment) = withUnsafeTemporaryAllocation(byteCount: 2 * size, alignment: 8) { pads in
      defer { pads.initializeMemory(as: UInt8.self, repeating: 0) }
      secret.withBytes { DerivedKey.pad($0, into: pads) }
      return context.withUnsafeBytes { context in
        let first = DerivedKey.mac(UnsafeRawBufferPointer(pads), nil, context, 1)
        let second = DerivedKey.mac(UnsafeRawBufferPointer(pads), first, context, 2)
        return (first.withUnsafeBytes { SymmetricKey(data: $0) }, second.withUnsafeBytes { Array($0) })
      }
    }
  }

  /// The inner and the outer pad, one behind the other.
  private static func pad(_ secret: UnsafeRawBufferPointer, into pads: UnsafeMutableRawBufferPointer) {
    let long = secret.count > blockSize ? Array(SHA256.hash(data: secret)) : nil
    for position in 0..<blockSize {
      let byte = long.map { position < $0.count ? $0[position] : 0 } ?? (position < secret.count ? secret[position] : 0)
      pads[position] = byte ^ 0x36
      pads[blockSize + position] = byte ^ 0x5c
    }
  }

  /// HMAC over what T(n) is made of: T(n − 1), the context and n.
  private static func mac(
    _ pads: UnsafeRawBufferPointer, _ previous: SHA256.Digest?, _ context: UnsafeRawBufferPointer, _ number: UInt8
  ) -> SHA256.Digest {
    var inner = SHA256()
    inner.update(bufferPointer: UnsafeRawBufferPointer(rebasing: pads[..<blockSize]))
    previous?.withUnsafeBytes { inner.update(bufferPointer: $0) }
    inner.update(bufferPointer: context)
    withUnsafeBytes(of: number) { inner.update(bufferPointer: $0) }
    var outer = SHA256()
    outer.update(bufferPointer: UnsafeRawBufferPointer(rebasing: pads[blockSize...]))
    inner.finalize().withUnsafeBytes { outer.update(bufferPointer: $0) }
    return outer.finalize()
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

  static func erased(tenant: TenantID, id: ID<TombstoneFile>) -> [UInt8] {
    CBOR.array(["steward/erased/v1", .text(tenant.text), .text(id.text)]).encoded
  }
  static func gone(tenant: TenantID) -> [UInt8] { CBOR.array(["steward/gone/v1", .text(tenant.text)]).encoded }

  /// The first key of a log has no number in its context: it was made before there were others.
  static func logKey(tenant: TenantID, number: Int64) -> [UInt8] {
    CBOR.array(["steward/log-key/v1", .text(tenant.text)] + (number == 1 ? [] : [.integer(number)])).encoded
  }
  static func indexKey(tenant: TenantID) -> [UInt8] {
    CBOR.array(["steward/index-key/v1", .text(tenant.text)]).encoded
  }
  static func terms(_ series: TermKeyName.Series) -> [UInt8] {
    CBOR.array(["steward/backup-terms/v1", .text(series.rawValue)]).encoded
  }
  static func term(_ name: TermKeyName) -> [UInt8] {
    CBOR.array(["steward/backup-term/v1", .text(name.series.rawValue), .integer(name.number)]).encoded
  }
  static func installationKey(id: String, number: Int64) -> [UInt8] {
    CBOR.array(["steward/installation-key/v1", .text(id)] + (number == 1 ? [] : [.integer(number)])).encoded
  }
}
