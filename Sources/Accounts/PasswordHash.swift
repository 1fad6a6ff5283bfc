import CArgon2
import Dispatch
import Platform
import Synchronization

/// Argon2id (RFC 9106) with OWASP's parameters: 19 MiB, two passes, one lane.
enum PasswordHash {
  static let memoryKiB: UInt32 = 19 * 1_024
  static let passes: UInt32 = 2
  static let lanes: UInt32 = 1
  static let saltLength = 16
  static let hashLength = 32

  /// The PHC string of a new hash. Takes about 30 ms: never on an event loop.
  static func make(_ password: String) throws -> String {
    var random = SystemRandomNumberGenerator()
    let salt = (0..<saltLength).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    let bytes = Array(password.utf8)
    let length = argon2_encodedlen(passes, memoryKiB, lanes, UInt32(saltLength), UInt32(hashLength), Argon2_id)
    var encoded = [CChar](repeating: 0, count: length)
    let result = argon2id_hash_encoded(
      passes, memoryKiB, lanes, bytes, bytes.count, salt, salt.count, hashLength, &encoded, length)
    guard result == ARGON2_OK.rawValue else {
      throw Problem(.unavailable, "Try again in a moment.", detail: "argon2 \(result)")
    }
    return String(decoding: encoded.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  static func verify(_ password: String, against encoded: String) -> Bool {
    let bytes = Array(password.utf8)
    return argon2id_verify(encoded, bytes, bytes.count) == ARGON2_OK.rawValue
  }

  /// A hash of nothing anyone knows: comparing with it makes an unknown address take as long as a known one.
  static let ofNobody: String =
    (try? make(Base64.encode((0..<32).map { _ in UInt8.random(in: .min ... .max) }))) ?? ""
}

/// The few threads on which passwords are hashed. A longer queue is refused rather than served late.
final class HashingPool: Sendable {
  static let threads = 2
  static let maximumWaiting = 64

  private let queues = (0..<HashingPool.threads).map { DispatchQueue(label: "steward.passwords.\($0)") }
  private let waiting = Mutex(0)

  func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    let place = try waiting.withLock { waiting in
      guard waiting < HashingPool.maximumWaiting else {
        throw Problem(.unavailable, "Too many people sign in at this moment; try again in a few seconds.")
      }
      waiting += 1
      return waiting
    }
    defer { waiting.withLock { $0 -= 1 } }
    let queue = queues[place % queues.count]
    return try await withCheckedThrowingContinuation { continuation in
      queue.async { continuation.resume(with: Result { try body() }) }
    }
  }
}

/// What a password must be. Length counts, rules about characters do not (NIST SP 800-63B §5.1.1.2).
enum PasswordRule {
  static let minimumLength = 12
  static let maximumLength = 256

  static func check(_ password: String, field: String = "password") throws {
    guard password.count >= minimumLength else {
      throw Problem.invalid(
        field, "A password has at least \(minimumLength) characters; a short sentence is a good one.")
    }
    guard password.utf8.count <= maximumLength else {
      throw Problem.invalid(field, "A password has at most \(maximumLength) bytes.")
    }
    guard Set(password).count >= 4 else {
      throw Problem.invalid(field, "Choose a password with more different characters.")
    }
  }
}
