import Kernel

/// The text form of a recovery kit: words for people, then a block that can be typed in again, then the digest of the whole file.
///
/// A line of the block is `name value`; sealed bytes stand in numbered lines of 16 with a check of their own, so that a mistyped line is
/// named. A file with anything outside of the block must end with its digest: then no bit of it can change unseen.
extension SealedKit {
  static let begin = "-----BEGIN STEWARD RECOVERY KIT-----"
  static let end = "-----END STEWARD RECOVERY KIT-----"
  private static let version = "steward/recovery-kit/v1"
  private static let digestName = "sha256"
  private static let saltSize = 16
  private static let sealedSize = saltSize + 32 + Box.overhead
  private static let lineSize = 16

  // MARK: Writing

  var document: [UInt8] {
    let text = words + "\n" + ([SealedKit.begin] + blockLines + [SealedKit.end]).joined(separator: "\n") + "\n"
    return Array((text + "\(SealedKit.digestName) \(Digest(sha256: Array(text.utf8)).hex)\n").utf8)
  }

  private var blockLines: [String] {
    let sealed = salt + box
    let lines = stride(from: 0, to: sealed.count, by: SealedKit.lineSize).enumerated().map { number, start in
      SealedKit.line(number + 1, Array(sealed[start..<min(start + SealedKit.lineSize, sealed.count)]))
    }
    return fields + lines
  }

  private var fields: [String] {
    let named =
      [
        ("format", SealedKit.version), ("installation", installationID), ("made", made.description),
        ("verifier-key", verifierKey),
      ] + keyStores.map { ("key-store", $0) } + [
        ("argon2id", cost.text), ("check", check),
      ]
    return named.map { name, value in name + String(repeating: " ", count: 14 - name.count) + value }
  }

  /// The first four bytes of the digest of everything in the block, so that a mistyped line in clear is not taken for a wrong passphrase.
  private var check: String { Hex.encode(Digest(sha256: context, Array(cost.text.utf8), salt, box).bytes.prefix(4)) }

  /// `3  0123 4567 … cdef  check`: the check is the first two bytes of SHA-256(number ‖ bytes).
  private static func line(_ number: Int, _ bytes: [UInt8]) -> String {
    let groups = stride(from: 0, to: bytes.count, by: 2).map { Hex.encode(bytes[$0..<min($0 + 2, bytes.count)]) }
    return "\(number)  \(groups.joined(separator: " "))  \(check(number, bytes))"
  }

  private static func check(_ number: Int, _ bytes: [UInt8]) -> String {
    Hex.encode(Digest(sha256: [UInt8(clamping: number)], bytes).bytes.prefix(2))
  }

  // MARK: Reading

  /// Throws `Problem`: `badRequest` if this is no kit, `conflict` if it was changed.
  init(parsing bytes: [UInt8]) throws {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw SealedKit.changed("it is not text") }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let first = lines.firstIndex(where: { $0.trimmed == SealedKit.begin }),
      let last = lines.firstIndex(where: { $0.trimmed == SealedKit.end }), first < last
    else {
      throw Problem(.badRequest, "This is no recovery kit, or its first or last line is damaged; use another copy.")
    }
    let outside = lines[..<first] + lines[(last + 1)...]
    if outside.contains(where: { !$0.trimmed.isEmpty }) { try SealedKit.checkDigest(bytes) }
    try self.init(block: lines[(first + 1)..<last].map(\.trimmed).filter { !$0.isEmpty })
  }

  private static func checkDigest(_ bytes: [UInt8]) throws {
    let tail = Array("\(digestName) ".utf8)
    let start = bytes.count - tail.count - 65
    guard start > 0, bytes[start - 1] == UInt8(ascii: "\n"), Array(bytes[start..<start + tail.count]) == tail,
      bytes.last == UInt8(ascii: "\n"),
      String(decoding: bytes[(start + tail.count)...].dropLast(), as: UTF8.self)
        == Digest(sha256: Array(bytes[..<start])).hex
    else { throw changed("the digest at its end is not that of the file") }
  }

  private init(block: [String]) throws {
    var values: [String: [String]] = [:]
    var sealed: [UInt8] = []
    for line in block {
      guard let space = line.firstIndex(of: " ") else { throw SealedKit.changed("a line of its block is not whole") }
      let (name, value) = (String(line[..<space]), line[space...].trimmed)
      if let number = Int(name) {
        sealed += try SealedKit.bytes(number, value, expected: sealed.count / SealedKit.lineSize + 1)
      } else {
        values[name, default: []].append(value)
      }
    }
    func one(_ name: String) throws -> String {
      guard let found = values[name], found.count == 1 else { throw SealedKit.changed("it has not one line \(name)") }
      return found[0]
    }
    guard try one("format") == SealedKit.version else {
      throw Problem(.badRequest, "This recovery kit was made by another version of Steward; use that version.")
    }
    guard let made = Instant(try one("made")), let cost = PassphraseCost(parsing: try one("argon2id")),
      let places = values["key-store"], places.count <= RecoveryKit.maximumKeyStores,
      sealed.count == SealedKit.sealedSize
    else { throw SealedKit.changed("its block is not whole") }
    self.init(
      installationID: try one("installation"), keyStores: places, verifierKey: try one("verifier-key"), made: made,
      cost: cost, salt: Array(sealed.prefix(SealedKit.saltSize)), box: Array(sealed.dropFirst(SealedKit.saltSize)))
    guard try one("check") == check else { throw SealedKit.changed("a line of its block is not as it was made") }
  }

  private static func bytes(_ number: Int, _ text: String, expected: Int) throws -> [UInt8] {
    let digits = text.lowercased().filter { !$0.isWhitespace }
    guard number == expected, let bytes = Hex.decode(digits.dropLast(4)), (1...lineSize).contains(bytes.count),
      digits.suffix(4) == check(number, bytes)
    else { throw changed("line \(number) of its block is mistyped or damaged") }
    return bytes
  }

  private static func changed(_ reason: String) -> Problem {
    Problem(.conflict, "The recovery kit is damaged (\(reason)); correct it, or use another copy.")
  }

  // MARK: For people

  private var words: String {
    let places = keyStores.map { "       \($0)" }.joined(separator: "\n")
    return """
      STEWARD RECOVERY KIT

      With this sheet, its passphrase, a backup and one of the key stores below, the installation
      can be brought back on another machine. Each of the four alone opens nothing.

        Installation   \(installationID)
        Made           \(made)
        Keys lie at
      \(places)

      To do now
        [ ] Print this, or keep the file where neither the server nor its backups are.
        [ ] Keep the passphrase somewhere else, where two people can find it. It is not stored anywhere.
        [ ] Keep at least one key store above on another machine. A single copy of the keys that is lost
            takes all data with it, backups too.
        [ ] Try it:  steward keys recovery check --file THIS-FILE
        [ ] Make a new kit whenever the places of the keys change, and after every change of the root key
            or of the installation's key (steward keys root, steward keys rotate installation).

      To bring the installation back
        1. Install Steward, make the backup and one of the key stores reachable.
        2. steward restore --from BACKUP --data NEWDIR --recovery THIS-FILE
        3. From paper: type the block below, from BEGIN to END, into a file. Each numbered line ends
           with a check of its own, and a mistyped line is named.
        4. Make new replicas of the keys, and a new kit.

      """
  }
}

extension PassphraseCost {
  fileprivate var text: String { "m=\(memoryKiB) t=\(passes) p=\(lanes)" }

  /// `m=262144 t=4 p=1`
  fileprivate init?(parsing text: String) {
    let parts = text.split(whereSeparator: \.isWhitespace)
    func number(_ position: Int, _ name: String) -> UInt32? {
      guard parts.count == 3, parts[position].hasPrefix(name) else { return nil }
      return UInt32(parts[position].dropFirst(name.count))
    }
    guard let memory = number(0, "m="), let passes = number(1, "t="), let lanes = number(2, "p=") else { return nil }
    self.init(memoryKiB: memory, passes: passes, lanes: lanes)
  }
}

extension StringProtocol {
  /// Without white space at its ends.
  fileprivate var trimmed: String {
    var text = self[...]
    while text.first?.isWhitespace == true { text = text.dropFirst() }
    while text.last?.isWhitespace == true { text = text.dropLast() }
    return String(text)
  }
}
