import Kernel
import Synchronization

/// A passphrase: the key of Argon2id over it, with parameters and salt beside what it wraps (docs/format.md §5.7).
package struct PassphraseWrapper: KeyWrapper {
  package let kind = "passphrase"
  package let keyName = "-"
  private let cost: PassphraseCost
  private let passphrase: @Sendable (_ isNew: Bool) throws -> SecretBytes

  /// `passphrase` is asked once for each root key.
  package init(
    cost: PassphraseCost = .ordinary, _ passphrase: @escaping @Sendable (_ isNew: Bool) throws -> SecretBytes
  ) {
    self.cost = cost
    self.passphrase = passphrase
  }

  private static let saltSize = 16
  private static let headSize = 12 + saltSize

  package func wrap(_ secret: SecretBytes, for head: RootFile.Head) throws -> [UInt8] {
    let salt = SecretBytes.random(count: PassphraseWrapper.saltSize).withBytes { Array($0) }
    let key = try cost.key(try passphrase(true), salt: salt)
    let numbers = [cost.memoryKiB, cost.passes, cost.lanes].flatMap { number in
      [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> UInt32($0)) }
    }
    return numbers + salt + (try Box.seal(secret.withBytes { Array($0) }, key: key, context: head.context))
  }

  package func unwrap(_ bytes: [UInt8], for head: RootFile.Head) throws -> SecretBytes {
    guard bytes.count == PassphraseWrapper.headSize + 32 + Box.overhead else {
      throw Problem(.unavailable, "The file `root` of the key store is damaged; restore it from a replica.")
    }
    let numbers = stride(from: 0, to: 12, by: 4).map { start in
      bytes[start..<start + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
    let cost = PassphraseCost(memoryKiB: numbers[0], passes: numbers[1], lanes: numbers[2])
    let key = try cost.key(try passphrase(false), salt: Array(bytes[12..<PassphraseWrapper.headSize]))
    do {
      return SecretBytes(try Box.open(Array(bytes[PassphraseWrapper.headSize...]), key: key, context: head.context))
    } catch {
      throw Problem(.forbidden, "The passphrase does not open the root key.")
    }
  }
}

/// How a passphrase is asked for where no file holds it. The command line sets it; a process without one is told to name a file.
package enum PassphraseAsking {
  private static let asker = Mutex<(@Sendable (_ isNew: Bool) throws -> SecretBytes)?>(nil)

  package static func set(_ ask: @escaping @Sendable (_ isNew: Bool) throws -> SecretBytes) {
    asker.withLock { $0 = ask }
  }

  /// From a file, or from a person, who is asked once for as long as this value lives.
  static func source(file: String?) -> @Sendable (_ isNew: Bool) throws -> SecretBytes {
    if let file {
      return { isNew in
        let passphrase = try SecretLineFile.read(file)
        if isNew { try PassphraseRule.check(passphrase) }
        return passphrase
      }
    }
    let given = GivenPassphrase()
    return { isNew in try given.value(isNew) }
  }

  private final class GivenPassphrase: Sendable {
    private let given = Mutex<SecretBytes?>(nil)

    func value(_ isNew: Bool) throws -> SecretBytes {
      if !isNew, let known = given.withLock({ $0 }) { return known }
      let passphrase = try PassphraseAsking.ask(isNew)
      // Only a new one: it is used again at once, to see that what was made with it opens. Another may have been mistyped.
      if isNew { given.withLock { $0 = passphrase } }
      return passphrase
    }
  }

  private static func ask(_ isNew: Bool) throws -> SecretBytes {
    guard let ask = asker.withLock({ $0 }) else {
      throw Problem(.unavailable, "Nobody can be asked for the passphrase; name a file that holds it: passphrase:FILE.")
    }
    let passphrase = try ask(isNew)
    if isNew { try PassphraseRule.check(passphrase) }
    return passphrase
  }
}

/// The first line of a file that only its owner and group can read.
package enum SecretLineFile {
  package static func read(_ path: String) throws -> SecretBytes {
    guard let facts = FileFacts(of: path) else {
      throw Problem(
        .unavailable, "There is no file \(path) that can be looked at; write the secret there, or correct the path.")
    }
    guard facts.kind == .file, facts.mode & 0o027 == 0 else {
      throw Problem(.unavailable, "Others can read or change \(path); run chmod 0640 \(path), or 0600.")
    }
    guard let bytes = try? DurableFile.read(path) else {
      throw Problem(.unavailable, "This user cannot read \(path); give it to the user that Steward runs as.")
    }
    let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    guard !line.isEmpty else {
      throw Problem(.unavailable, "The file \(path) holds no secret in its first line; write it there.")
    }
    return SecretBytes(line)
  }
}
