import Crypto

/// The 32 bytes of a SHA-256 (FIPS 180-4), held in place.
///
/// Four words and not a SIMD vector: a vector of 32 bytes is aligned to 32, and Swift 6.3 frees over-aligned locals of asynchronous
/// functions in the wrong order, which ends the process ("freed pointer was not the last allocation").
package struct Digest: Hashable, Sendable, CustomStringConvertible {
  private struct Words: Hashable {
    var first: UInt64 = 0
    var second: UInt64 = 0
    var third: UInt64 = 0
    var fourth: UInt64 = 0
  }

  private var words = Words()

  /// SHA-256 of the pieces one after another.
  package init(sha256 pieces: [UInt8]...) {
    var hasher = SHA256()
    for piece in pieces { piece.withUnsafeBytes { hasher.update(bufferPointer: $0) } }
    self.init(hasher.finalize())
  }

  package init(_ digest: SHA256.Digest) {
    digest.withUnsafeBytes { bytes in
      withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: bytes) }
    }
  }

  /// Returns nil unless there are exactly 32 bytes.
  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 32 else { return nil }
    withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
  }

  /// The same from plain memory, as a row of a database has it.
  package init?(bytes: UnsafeRawBufferPointer) {
    guard bytes.count == 32 else { return nil }
    withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: bytes) }
  }

  package init?(base64 text: some StringProtocol) {
    guard text.utf8.count == 44, let bytes = Base64.decode(text) else { return nil }
    self.init(bytes: bytes)
  }

  /// From the 44 characters of its canonical base64, without an array in between: a log has two in every entry.
  package init?(base64 text: UnsafeBufferPointer<UInt8>) {
    guard text.count == 44, text[43] == UInt8(ascii: "=") else { return nil }
    let isCanonical = withUnsafeMutableBytes(of: &words) { out in
      Base64.values.withUnsafeBufferPointer { values in
        // Anything but a digit has a bit above the six.
        var seen: UInt8 = 0
        func digit(_ position: Int) -> UInt8 {
          let value = values[Int(text[position])]
          seen |= value
          return value
        }
        for group in 0..<10 {
          let (a, b, c, d) = (digit(4 * group), digit(4 * group + 1), digit(4 * group + 2), digit(4 * group + 3))
          out[3 * group] = a << 2 | b >> 4
          out[3 * group + 1] = b << 4 | c >> 2
          out[3 * group + 2] = c << 6 | d
        }
        let (a, b, c) = (digit(40), digit(41), digit(42))
        out[30] = a << 2 | b >> 4
        out[31] = b << 4 | c >> 2
        return seen < 64 && c & 3 == 0
      }
    }
    guard isCanonical else { return nil }
  }

  package init?(hex text: some StringProtocol) {
    guard let bytes = Hex.decode(text) else { return nil }
    self.init(bytes: bytes)
  }

  package var bytes: [UInt8] { withUnsafeBytes { Array($0) } }
  package var base64: String { withUnsafeBytes { Base64.encode($0) } }
  package var hex: String { withUnsafeBytes { Hex.encode($0) } }
  package var description: String { hex }

  package func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try Swift.withUnsafeBytes(of: words, body)
  }
}
