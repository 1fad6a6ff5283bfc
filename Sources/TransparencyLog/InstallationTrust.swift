import Kernel

/// One change of the installation key, signed by the old key and by the new one (docs/format.md §3.8).
package struct InstallationLink: Sendable, Equatable {
  package static let format = "steward/installation-key/v1"

  /// Number of the new key; the first has 1.
  package let number: Int64
  package let old: VerifierKey
  package let new: VerifierKey
  package let since: Instant

  package init(number: Int64, old: VerifierKey, new: VerifierKey, since: Instant) {
    self.number = number
    self.old = old
    self.new = new
    self.since = since
  }

  /// Opens a link: two signatures, the old key's first, and both good.
  package init(opening note: [UInt8]) throws {
    let note = try Note.parse(note)
    let lines = note.lines
    guard lines.count == 6, lines[0] == InstallationLink.format, let number = Decimal.parse(lines[2]), number > 1,
      let since = Instant(lines[5])
    else {
      throw LogError("a link of installation keys has six lines: format, installation, number, two keys and a time")
    }
    self.init(
      number: number, old: try VerifierKey(parsing: lines[3]), new: try VerifierKey(parsing: lines[4]), since: since)
    guard note.text.utf8.elementsEqual(text.utf8), old.name.utf8.elementsEqual(new.name.utf8), old != new else {
      throw LogError("the link of installation keys is not of one installation, or not as it is written")
    }
    guard note.signatures.count == 2, note.signatures[0].keyID == old.keyID, note.verified(by: old),
      note.verified(by: new)
    else { throw LogError("the link of installation keys is not signed by the old key and by the new one") }
  }

  /// What both sign.
  package var text: String {
    let name = String(decoding: old.name.utf8.drop { $0 != UInt8(ascii: "/") }.dropFirst(), as: UTF8.self)
    return "\(InstallationLink.format)\n\(name)\n\(number)\n\(old)\n\(new)\n\(since)\n"
  }

  package func signed(old oldSigner: NoteSigner, new newSigner: NoteSigner) throws -> [UInt8] {
    try NoteSigner.sign(text: text, by: [oldSigner, newSigner])
  }
}

/// Which keys count for an installation, for somebody who pinned one of them (docs/format.md §3.8).
///
/// A later key counts because the pinned one signed for it; an earlier one because a later one says until when it was the installation's.
package struct InstallationTrust: Sendable {
  /// Links in a chain; far more than a rotation a year for a lifetime.
  package static let maximumLinks = 64
  /// Text, empty line and two signatures.
  private static let linesOfLink = 9

  /// Pinned.
  package let pin: VerifierKey
  /// Oldest first; the time is that of the key's end, nil for the newest.
  private let keys: [(key: VerifierKey, end: Instant?)]

  /// Without a chain the pinned key alone counts.
  package init(pin: VerifierKey) { self.init(pin: pin, keys: [(pin, nil)]) }

  /// Whether it knows of no key but the pinned one.
  package var isWithoutChain: Bool { keys.count == 1 }

  private init(pin: VerifierKey, keys: [(key: VerifierKey, end: Instant?)]) {
    self.pin = pin
    self.keys = keys
  }

  /// `chain` is the file `steward.chain`: links one behind the other, oldest first. Throws `LogError` for anything else, and for a chain that
  /// does not name the pinned key.
  package init(pin: VerifierKey, chain: [UInt8]) throws {
    let links = try InstallationTrust.links(chain)
    guard let first = links.first else {
      self.init(pin: pin)
      return
    }
    for (before, after) in zip(links, links.dropFirst())
    where after.old != before.new || after.number != before.number + 1 || after.since < before.since {
      throw LogError("the links of installation keys do not follow one another")
    }
    let keys: [(key: VerifierKey, end: Instant?)] =
      [(first.old, first.since)]
      + links.indices.map { index in
        (links[index].new, index + 1 < links.count ? links[index + 1].since : nil)
      }
    self.init(pin: pin, keys: keys)
    guard keys.contains(where: { $0.key == pin }) else {
      throw LogError("the chain does not name the pinned key \(pin.name)")
    }
  }

  /// The links of a chain, each with good signatures.
  package static func links(_ chain: [UInt8]) throws -> [InstallationLink] {
    try notes(chain).map(InstallationLink.init)
  }

  /// The notes of a chain, which have nine lines each.
  package static func notes(_ chain: [UInt8]) throws -> [[UInt8]] {
    guard chain.count <= LogLimit.noteBytes else {
      throw LogError("the chain is larger than \(LogLimit.noteBytes) bytes")
    }
    var lines = chain.split(separator: 0x0a, omittingEmptySubsequences: false)
    guard chain.isEmpty || lines.removeLast().isEmpty else { throw LogError("the chain does not end with a line feed") }
    if chain.isEmpty { return [] }
    guard lines.count % linesOfLink == 0, lines.count / linesOfLink <= maximumLinks else {
      throw LogError("a chain is made of notes of \(linesOfLink) lines, at most \(maximumLinks) of them")
    }
    return stride(from: 0, to: lines.count, by: linesOfLink).map { start in
      lines[start..<start + linesOfLink].flatMap { $0 + [0x0a] }
    }
  }

  /// The newest key that the chain names; the pinned one without a chain.
  package var newest: VerifierKey { keys.last?.key ?? pin }

  /// Whether this key was the installation's at a time that it speaks of.
  package func accepts(_ key: VerifierKey, at time: Instant) -> Bool {
    keys.contains { $0.key == key && ($0.end.map { time <= $0 } ?? true) }
  }

  /// Whether this is or was a key of the installation.
  package func knows(_ key: VerifierKey) -> Bool { keys.contains { $0.key == key } }

  /// Opens a log-key certificate that one key of the installation alone has signed, while it was the installation's.
  package func open(_ note: [UInt8]) throws -> LogKeyCertificate {
    let parsed = try Note.parse(note)
    for item in keys where parsed.verifiedAlone(by: item.key) {
      let certificate = try LogKeyCertificate.open(note, installationKey: item.key)
      guard accepts(item.key, at: certificate.since) else {
        throw LogError("the log's key is certified by an installation key that had ended by then")
      }
      return certificate
    }
    throw LogError("the log's key is not certified by the installation key \(pin.name)")
  }
}
