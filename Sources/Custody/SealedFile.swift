import Crypto
import Kernel

/// A file sealed in chunks of 64 KiB whose order and end are bound (docs/format.md §5.2). Pure: where the bytes lie is the business of
/// a `SealedFileStore`, and makes no difference to them.
package enum SealedFile {
  package static let chunkSize = 65_536
  package static let header = 33
  static let tagSize = 16

  static func nonce(_ chunk: UInt64, last: Bool) throws -> AES.GCM.Nonce {
    var bytes = [UInt8](repeating: 0, count: 12)
    for position in 0..<8 { bytes[10 - position] = UInt8(truncatingIfNeeded: chunk >> UInt64(8 * position)) }
    bytes[11] = last ? 1 : 0
    return try AES.GCM.Nonce(data: bytes)
  }

  /// Seals what it is given, piece by piece; ends with `finish`.
  package struct Sealer {
    private let derived: DerivedKey
    private var held: [UInt8] = []
    private var chunk: UInt64 = 0

    package init(key: SecretBytes, context: [UInt8]) { derived = DerivedKey(key, context: context) }

    /// Stands before the first chunk.
    package var header: [UInt8] { [Box.version] + derived.commitment }

    /// The chunks that are now known not to be the last; empty while there is none.
    package mutating func take(_ bytes: some Collection<UInt8>) throws -> [UInt8] {
      held += bytes
      guard held.count > SealedFile.chunkSize else { return [] }
      var sealed: [UInt8] = []
      sealed.reserveCapacity(held.count + held.count / SealedFile.chunkSize * SealedFile.tagSize)
      var start = 0
      // A full chunk is sealed only once a byte follows it: only then it is known not to be the last.
      while held.count - start > SealedFile.chunkSize {
        try seal(held[start..<start + SealedFile.chunkSize], last: false, to: &sealed)
        start += SealedFile.chunkSize
      }
      held.removeFirst(start)
      return sealed
    }

    /// The last chunk.
    package mutating func finish() throws -> [UInt8] {
      var sealed: [UInt8] = []
      try seal(held[...], last: true, to: &sealed)
      return sealed
    }

    private mutating func seal(_ bytes: ArraySlice<UInt8>, last: Bool, to sealed: inout [UInt8]) throws {
      let box = try AES.GCM.seal(bytes, using: derived.key, nonce: SealedFile.nonce(chunk, last: last))
      sealed += box.ciphertext
      sealed += box.tag
      chunk += 1
    }
  }

  /// Opens a sealed file chunk by chunk. Throws `Box.OpenError` as soon as a chunk does not belong.
  package struct Opener {
    private let derived: DerivedKey
    private var chunk: UInt64 = 0
    private var rest: Int64
    private var isDone = false

    /// `size`: bytes of the whole sealed file; `header`: its first `SealedFile.header` bytes.
    package init(key: SecretBytes, context: [UInt8], size: Int64, header: [UInt8]) throws {
      derived = DerivedKey(key, context: context)
      rest = size - Int64(SealedFile.header)
      guard rest >= SealedFile.tagSize, header.count == SealedFile.header, header[0] == Box.version else {
        throw Box.OpenError.malformed
      }
      guard derived.commits(to: header[1...]) else { throw Box.OpenError.wrongKeyOrPlace }
    }

    /// Bytes of the next sealed chunk; nil after the last.
    package var nextCount: Int? {
      isDone ? nil : Int(min(rest, Int64(SealedFile.chunkSize + SealedFile.tagSize)))
    }

    /// The plaintext (at most 64 KiB) of a chunk of `nextCount` bytes.
    package mutating func open(_ bytes: [UInt8]) throws -> [UInt8] {
      guard !isDone, bytes.count == nextCount, bytes.count >= SealedFile.tagSize else { throw Box.OpenError.altered }
      rest -= Int64(bytes.count)
      let last = rest == 0
      let nonce = try SealedFile.nonce(chunk, last: last)
      let split = bytes.count - SealedFile.tagSize
      guard let box = try? AES.GCM.SealedBox(nonce: nonce, ciphertext: bytes[..<split], tag: bytes[split...]),
        let plain = try? AES.GCM.open(box, using: derived.key)
      else { throw Box.OpenError.altered }
      chunk += 1
      isDone = last
      return [UInt8](plain)
    }
  }
}
