import Kernel

/// The installation key's word that a log's key is good from a time on (docs/format.md §3.4).
package struct LogKeyCertificate: Sendable, Equatable {
  package static let format = "steward/log-key/v1"

  package let origin: String
  package let key: VerifierKey
  package let since: Instant

  package init(key: VerifierKey, since: Instant) {
    origin = key.name
    self.key = key
    self.since = since
  }

  package init(parsing text: String) throws {
    let lines = text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false).map { String($0) ?? "" }
    guard lines.count == 5, lines[4].isEmpty, lines[0] == LogKeyCertificate.format, let since = Instant(lines[3]) else {
      throw LogError("a log-key certificate has four lines: its format, the origin, the key and a time")
    }
    let key = try VerifierKey(parsing: lines[2])
    guard key.name.utf8.elementsEqual(lines[1].utf8) else {
      throw LogError("the certified key bears another name than the log")
    }
    self.init(key: key, since: since)
  }

  package var text: String { "\(LogKeyCertificate.format)\n\(origin)\n\(key)\n\(since)\n" }

  package func signed(by installation: NoteSigner) throws -> [UInt8] { try installation.sign(text: text) }

  /// Opens a certificate that the installation key alone has signed, for a log of that installation.
  package static func open(_ note: [UInt8], installationKey: VerifierKey) throws -> LogKeyCertificate {
    let note = try Note.parse(note)
    let certificate = try LogKeyCertificate(parsing: note.text)
    guard note.verifiedAlone(by: installationKey) else {
      throw LogError("the log's key is not certified by the installation key \(installationKey.name)")
    }
    guard certificate.origin.utf8.starts(with: "\(installationKey.name)/".utf8) else {
      throw LogError("the certified log belongs to another installation")
    }
    return certificate
  }

  /// Reads a certificate whose signer is not known: what it says is a claim, not a finding.
  package static func unidentified(_ note: [UInt8]) throws -> LogKeyCertificate {
    let note = try Note.parse(note)
    guard note.signatures.count == 1 else { throw LogError("a log-key certificate has one signature") }
    return try LogKeyCertificate(parsing: note.text)
  }
}
