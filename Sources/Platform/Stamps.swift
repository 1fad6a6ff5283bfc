import Crypto
import Kernel

/// Short proofs that something came from this server: cursors and form tokens. HMAC-SHA-256 under one key, a purpose in front.
package struct Stamps: Sendable {
  /// Half of the HMAC: 128 bits are enough for what is checked online and lives briefly.
  private static let stampLength = 16
  private let key: SymmetricKey

  /// `root` is a secret of the installation; the stamps' key is derived from it, so that a form outlives a restart.
  package init(root: SecretBytes) {
    key = root.withBytes { bytes in
      HKDF<SHA256>.deriveKey(
        inputKeyMaterial: SymmetricKey(data: bytes), info: Array("steward/stamps/v1".utf8), outputByteCount: 32)
    }
  }

  /// `value` with a proof that it is for `purpose`; fit for a URL, opaque to the reader.
  package func stamped(_ value: String, for purpose: [String]) -> String {
    Base64.encodeURL(stamp(value, purpose) + Array(value.utf8))
  }

  /// The value inside, or nil if this server did not stamp it for this purpose.
  package func open(_ stamped: String, for purpose: [String]) -> String? {
    guard let bytes = Base64.decodeURL(stamped), bytes.count >= Stamps.stampLength,
      let value = String(validating: bytes.dropFirst(Stamps.stampLength), as: UTF8.self),
      ConstantTime.equal(bytes.prefix(Stamps.stampLength), stamp(value, purpose))
    else { return nil }
    return value
  }

  /// The token that every form of a session carries; another session's does not do.
  package func formToken(for session: SessionID) -> String {
    Base64.encodeURL(stamp(session.text, ["form"]))
  }

  package func isFormToken(_ token: String, of session: SessionID) -> Bool {
    guard let bytes = Base64.decodeURL(token) else { return false }
    return ConstantTime.equal(bytes, stamp(session.text, ["form"]))
  }

  private func stamp(_ value: String, _ purpose: [String]) -> [UInt8] {
    let message = JSON.array((purpose + [value]).map(JSON.string)).canonical
    return Array(HMAC<SHA256>.authenticationCode(for: message, using: key).prefix(Stamps.stampLength))
  }
}
