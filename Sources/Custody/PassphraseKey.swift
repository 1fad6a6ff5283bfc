import CArgon2
import Kernel

/// A key from a passphrase: Argon2id (RFC 9106), version 0x13, 32 bytes.
package struct PassphraseCost: Sendable, Equatable {
  package let memoryKiB: UInt32
  package let passes: UInt32
  package let lanes: UInt32

  /// 256 MiB, four passes, one lane: about a second. Who has the kit can guess as long as they like, so a guess must cost.
  package static let ordinary = PassphraseCost(memoryKiB: 256 * 1_024, passes: 4, lanes: 1)
  /// The most that a kit may ask of the machine that opens it.
  package static let most = PassphraseCost(memoryKiB: 2 * 1_024 * 1_024, passes: 64, lanes: 16)

  package init(memoryKiB: UInt32, passes: UInt32, lanes: UInt32) {
    self.memoryKiB = memoryKiB
    self.passes = passes
    self.lanes = lanes
  }

  /// Throws `Problem` beyond `most`, below what Argon2 takes, or if the memory is not there.
  func key(_ passphrase: SecretBytes, salt: [UInt8]) throws -> SecretBytes {
    let most = PassphraseCost.most
    guard (1...most.lanes).contains(lanes), (1...most.passes).contains(passes),
      (8 * lanes...most.memoryKiB).contains(memoryKiB), salt.count >= 8
    else { throw Problem(.badRequest, "The recovery kit asks for parameters that this program does not take.") }
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = bytes.count
    let result = passphrase.withBytes { passphrase in
      argon2id_hash_raw(
        passes, memoryKiB, lanes, passphrase.baseAddress, passphrase.count, salt, salt.count, &bytes, count)
    }
    defer { for position in bytes.indices { bytes[position] = 0 } }
    guard result == ARGON2_OK.rawValue else {
      throw Problem(
        .unavailable, "The passphrase's key needs \(memoryKiB / 1_024) MiB of memory; try again with more.",
        detail: "argon2 \(result)")
    }
    return SecretBytes(bytes)
  }
}

/// What a passphrase must be. Length counts, rules about characters do not (NIST SP 800-63B §5.1.1.2).
package enum PassphraseRule {
  package static let minimumLength = 16
  package static let maximumBytes = 1_024

  package static func check(_ passphrase: SecretBytes) throws {
    let text = passphrase.withBytes { String(decoding: $0, as: UTF8.self) }
    guard text.count >= minimumLength, Set(text).count >= 6 else {
      throw Problem.invalid(
        "passphrase", "A passphrase has at least \(minimumLength) characters; six random words are a good one.")
    }
    guard passphrase.count <= maximumBytes else {
      throw Problem.invalid("passphrase", "A passphrase has at most \(maximumBytes) bytes.")
    }
  }
}
