import Crypto
import Kernel

/// Seals bytes in chunks of 64 KiB whose order and end are bound, as sealed files are (docs/format.md §5.2), in memory.
package struct ChunkCipher: Sendable {
  package static let tagSize = 16
  private let derived: DerivedKey

  /// Names the key without telling it; a reader compares it first.
  package var commitment: [UInt8] { derived.commitment }

  package init(key: SecretBytes, context: [UInt8]) { derived = DerivedKey(key, context: context) }

  /// Bytes that sealing makes of a plaintext.
  package static func sealedSize(_ plain: Int) -> Int {
    plain + tagSize * max(1, (plain + SealedFile.chunkSize - 1) / SealedFile.chunkSize)
  }

  package func seal(_ plain: [UInt8], to out: inout [UInt8]) throws {
    var (start, chunk) = (0, UInt64(0))
    repeat {
      let end = min(start + SealedFile.chunkSize, plain.count)
      let nonce = try SealedFile.nonce(chunk, last: end == plain.count)
      let box = try AES.GCM.seal(plain[start..<end], using: derived.key, nonce: nonce)
      out += box.ciphertext
      out += box.tag
      start = end
      chunk += 1
    } while start < plain.count
  }

  /// Throws `Box.OpenError.altered` if a chunk does not belong where it stands, or one is missing.
  package func open(_ sealed: ArraySlice<UInt8>) throws -> [UInt8] {
    var plain: [UInt8] = []
    plain.reserveCapacity(sealed.count)
    var (start, chunk) = (sealed.startIndex, UInt64(0))
    repeat {
      let end = min(start + SealedFile.chunkSize + Self.tagSize, sealed.endIndex)
      guard end - start >= Self.tagSize else { throw Box.OpenError.altered }
      let nonce = try SealedFile.nonce(chunk, last: end == sealed.endIndex)
      let split = end - Self.tagSize
      guard let box = try? AES.GCM.SealedBox(nonce: nonce, ciphertext: sealed[start..<split], tag: sealed[split..<end]),
        let opened = try? AES.GCM.open(box, using: derived.key)
      else { throw Box.OpenError.altered }
      plain += opened
      start = end
      chunk += 1
    } while start < sealed.endIndex
    return plain
  }

  /// Constant time.
  package func commits(to other: some Collection<UInt8>) -> Bool { derived.commits(to: Array(other)[...]) }
}
