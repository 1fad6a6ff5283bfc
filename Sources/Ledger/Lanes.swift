import Crypto
import FoundationEssentials
import Kernel
import _CryptoExtras

/// The state of the incremental multiset hash over a tenant's rows (docs/format.md §2.1): 1,024 lanes of 16 bits.
package struct Lanes: Sendable, Equatable {
  package static let count = 1_024
  private static let zeros = [UInt8](repeating: 0, count: 2 * count)
  private static let firstBlock = Result { try AES._CTR.Nonce(nonceBytes: [UInt8](repeating: 0, count: 16)) }

  private var lanes: [UInt16]

  package init() { lanes = [UInt16](repeating: 0, count: Lanes.count) }

  /// Nil unless there are 2,048 bytes.
  package init?(bytes: [UInt8]) {
    guard bytes.count == 2 * Lanes.count else { return nil }
    lanes = (0..<Lanes.count).map { UInt16(bytes[2 * $0]) | UInt16(bytes[2 * $0 + 1]) << 8 }
  }

  package var bytes: [UInt8] {
    lanes.withUnsafeBytes { raw in
      // Lanes are written little endian; on the machines this runs on that is how they lie in memory.
      #if _endian(little)
      Array(raw)
      #else
      lanes.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
      #endif
    }
  }

  /// The state commitment.
  package var commitment: Kernel.Digest { Kernel.Digest(sha256: bytes) }

  package mutating func add(_ row: Kernel.Digest) throws {
    try Lanes.keyStream(row) { stream in
      lanes.withUnsafeMutableBufferPointer { lanes in
        for lane in 0..<Lanes.count { lanes[lane] &+= UInt16(littleEndian: stream[lane]) }
      }
    }
  }

  package mutating func remove(_ row: Kernel.Digest) throws {
    try Lanes.keyStream(row) { stream in
      lanes.withUnsafeMutableBufferPointer { lanes in
        for lane in 0..<Lanes.count { lanes[lane] &-= UInt16(littleEndian: stream[lane]) }
      }
    }
  }

  /// 2,048 bytes of AES-256-CTR key stream under the digest, initial counter block zero.
  private static func keyStream(_ row: Kernel.Digest, _ body: (UnsafeBufferPointer<UInt16>) -> Void) throws {
    let key = row.withUnsafeBytes { SymmetricKey(data: $0) }
    let stream = try AES._CTR.encrypt(zeros, using: key, nonce: try firstBlock.get())
    stream.withUnsafeBytes { bytes in
      // One stream of the whole length, or nothing: a shorter one would be another sum.
      if bytes.count == 2 * count { body(bytes.bindMemory(to: UInt16.self)) }
    }
  }
}
