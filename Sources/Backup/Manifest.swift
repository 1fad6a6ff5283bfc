import Custody
import Kernel
import Ledger
import TransparencyLog

/// What a backup is and what it hangs on, signed by the installation key (docs/format.md §7.1).
package struct Manifest: Sendable, Equatable {
  package enum Scope: Sendable, Equatable {
    case all
    case tenant(TenantID)
  }

  /// Another backup with the digest of its manifest.
  package struct Link: Sendable, Equatable {
    package let backup: BackupID
    package let digest: Digest
  }

  package let installation: String
  package let verifier: VerifierKey
  package let backup: BackupID
  package let made: Instant
  package let number: Int64
  package let scope: Scope
  package let previous: Link?
  package let parent: Link?
  package let wrappedKey: [UInt8]
  let indexDigest: Digest
  let indexSize: Int
  /// The key of the key store with which it ends; nil: one of before there were such keys, which the root key alone opens.
  package var term: TermKeyName?
  /// From when on it is to be removed; nil: the schedule of its place says so.
  package var keptUntil: Instant?

  /// Far beyond any series, and far from where counting on would end the process.
  static let largestNumber: Int64 = 1 << 53

  package var isBase: Bool { parent == nil }
  package var keyID: String { BackupKey.keyID(of: wrappedKey) }

  var text: String {
    func line(_ link: Link?) -> String { link.map { "\($0.backup) \($0.digest.hex)" } ?? "none" }
    let scope = if case .tenant(let id) = scope { "tenant \(id)" } else { "all" }
    return """
      \(OpenInstallation.backupManifestFormat)
      installation \(installation)
      verifier \(verifier)
      backup \(backup)
      made \(made)
      number \(number)
      scope \(scope)
      previous \(line(previous))
      parent \(line(parent))
      key \(keyID) \(Base64.encode(wrappedKey))
      index \(indexDigest.hex) \(indexSize)\(term.map { "\nterm \($0)" } ?? "")\(keptUntil.map { "\nuntil \($0)" } ?? "")

      """
  }
}

extension Manifest {
  /// Reads the text strictly: what it says is written back and must be the same, byte for byte.
  init(parsing text: String) throws(Damage) {
    let lines = text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false)
      .map { $0.split(separator: 0x20, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) } }
    let names = ["installation", "verifier", "backup", "made", "number", "scope", "previous", "parent", "key", "index"]
    let more = lines.count > 12 ? lines[11..<(lines.count - 1)] : []
    let (term, kept) = (more.first { $0.first == "term" }, more.first { $0.first == "until" })
    guard lines.count >= 12, more.count <= 2, more.allSatisfy({ $0.count == 2 }),
      zip(lines[1...], names).allSatisfy({ $0.first == $1 && $0.count > 1 }),
      let verifier = try? VerifierKey(parsing: lines[2][1]), let backup = BackupID(lines[3][1]),
      let made = Instant(lines[4][1]), let number = Int64(lines[5][1]), (1...Manifest.largestNumber).contains(number),
      let scope = Manifest.scope(lines[6]), let previous = Manifest.link(lines[7]),
      let parent = Manifest.link(lines[8]),
      lines[9].count == 3, let key = Base64.decode(lines[9][2]), lines[10].count == 3,
      let indexDigest = Digest(hex: lines[10][1]), let indexSize = Int(lines[10][2]), indexSize >= 0
    else { throw Damage("its manifest cannot be read") }
    self.init(
      installation: lines[1][1], verifier: verifier, backup: backup, made: made, number: number, scope: scope,
      previous: previous.link, parent: parent.link, wrappedKey: key, indexDigest: indexDigest, indexSize: indexSize,
      term: term.flatMap { TermKeyName($0[1]) }, keptUntil: kept.flatMap { Instant($0[1]) })
    guard self.text.utf8.elementsEqual(text.utf8), verifier.name == "steward/\(installation)" else {
      throw Damage("its manifest cannot be read")
    }
  }

  private static func scope(_ words: [String]) -> Scope? {
    if words == ["scope", "all"] { return .all }
    guard words.count == 3, words[1] == "tenant" else { return nil }
    return TenantID(words[2]).map { .tenant($0) }
  }

  /// The outer nil: it cannot be read. The inner: there is none.
  private static func link(_ words: [String]) -> (link: Link?, Void)? {
    if words.count == 2, words[1] == "none" { return (nil, ()) }
    guard words.count == 3, let backup = BackupID(words[1]), let digest = Digest(hex: words[2]) else { return nil }
    return (Link(backup: backup, digest: digest), ())
  }
}

/// A manifest with its signature: either made by signing, or found in a place and verified.
package struct SignedManifest: Sendable {
  package let manifest: Manifest
  let note: [UInt8]
  /// SHA-256 of the whole note: what later backups name.
  package let digest: Digest

  var link: Manifest.Link { Manifest.Link(backup: manifest.backup, digest: digest) }

  init(signing manifest: Manifest, by installation: OpenInstallation) throws {
    self.manifest = manifest
    note = try installation.signBackupManifest(manifest.text)
    digest = Digest(sha256: note)
  }

  /// Throws `Damage` unless the note is signed by the verifier key that it names, alone.
  init(verifying note: [UInt8]) throws(Damage) {
    guard let parsed = try? Note.parse(note) else { throw Damage("its manifest is not a signed note") }
    manifest = try Manifest(parsing: parsed.text)
    guard parsed.verifiedAlone(by: manifest.verifier) else {
      throw Damage("its manifest is not signed by the installation key")
    }
    self.note = note
    digest = Digest(sha256: note)
  }
}

/// Digest and size of every sealed object of a backup, in order, `contents` last.
package struct PartIndex: Sendable, Equatable {
  struct Line: Sendable, Equatable {
    let item: ObjectName.Item
    let digest: Digest
    let size: Int
  }

  let lines: [Line]

  var bytes: [UInt8] {
    var out: [UInt8] = []
    for line in lines { out += "\(line.digest.hex) \(line.size) \(ObjectName.text(line.item))\n".utf8 }
    return out
  }

  var totalBytes: Int64 { lines.reduce(0) { $0 + Int64($1.size) } }
  var partCount: Int { lines.count - 1 }

  init(lines: [Line]) { self.lines = lines }

  init(parsing bytes: [UInt8], of backup: BackupID) throws(Damage) {
    var lines: [Line] = []
    for text in bytes.split(separator: 0x0a, omittingEmptySubsequences: true) {
      let words = text.split(separator: 0x20, omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
      guard words.count == 3, let digest = Digest(hex: words[0]), let size = Int(words[1]),
        (0...PlaceLimit.contents).contains(size),
        let name = ObjectName(backup: backup, item: words[2])
      else { throw Damage("its index cannot be read") }
      lines.append(Line(item: name.item, digest: digest, size: size))
    }
    self.lines = lines
    let wanted = lines.indices.map { $0 == lines.count - 1 ? ObjectName.Item.contents : .part($0) }
    guard !lines.isEmpty, lines.map(\.item) == wanted, self.bytes == bytes else {
      throw Damage("its index cannot be read")
    }
  }
}
