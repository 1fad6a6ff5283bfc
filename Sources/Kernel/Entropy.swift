import Crypto
import Glibc

/// The operating system's random bytes (getentropy(3)), 256 at a time; word by word a block of keys would take 4,096 system calls.
enum Entropy {
  private static let most = 256

  static func fill(_ bytes: UnsafeMutableRawBufferPointer) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = UnsafeMutableRawBufferPointer(rebasing: rest.prefix(most))
      // A kernel without it: the slow way, which cannot fail.
      if getentropy(piece.baseAddress, piece.count) != 0 {
        SymmetricKey(size: SymmetricKeySize(bitCount: 8 * piece.count)).withUnsafeBytes { piece.copyMemory(from: $0) }
      }
      rest = rest.dropFirst(piece.count)
    }
  }
}
