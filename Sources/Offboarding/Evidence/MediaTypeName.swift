import Kernel

/// The media type that a client claims for a file: kept and told, never trusted. Files are always given back as attachments.
package enum MediaTypeName {
  package static let unknown = "application/octet-stream"
  /// Characters of the whole field.
  package static let limit = 200

  /// `type/subtype` in lower case without parameters (RFC 9110 §8.3.1); `invalid` for anything else.
  package static func checked(_ claimed: String?) throws(Problem) -> String {
    guard let claimed else { return unknown }
    let essence = Words.trimmed(claimed.prefix { $0 != ";" }).lowercased()
    if essence.isEmpty { return unknown }
    let parts = essence.split(separator: "/", omittingEmptySubsequences: false)
    let isToken = { (part: Substring) in !part.isEmpty && part.utf8.allSatisfy(isTokenCharacter) }
    guard essence.utf8.count <= limit, parts.count == 2, parts.allSatisfy(isToken) else {
      throw Problem.invalid("Content-Type", "Write the media type as type/subtype, such as application/pdf.")
    }
    return essence
  }

  private static func isTokenCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x61...0x7a: true
    default: "!#$&-^_.+".utf8.contains(byte)
    }
  }
}

/// What a piece of evidence is meant to show: the word by which a template asks for it.
package enum EvidenceKind {
  package static let limit = 64
  /// For evidence that no template asked for.
  package static let other = "other"

  /// Lower-case words joined by hyphens.
  package static func checked(_ text: String) throws(Problem) -> String {
    let isWord = text.utf8.allSatisfy {
      (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
    }
    guard !text.isEmpty, text.utf8.count <= limit, isWord else {
      throw Problem.invalid(
        "kind", "A kind of evidence is written in lower-case letters, digits and hyphens, such as deletion-request.")
    }
    return text
  }
}
