import Kernel

/// The name of an uploaded file as it may be kept and given back: one path component without control characters.
package struct FileName: Sendable, Equatable {
  package let text: String

  package enum Limit {
    /// Bytes in UTF-8, as most file systems have it.
    package static let bytes = 255
    /// Bytes of the whole `Content-Disposition` field.
    package static let header = 4_096
  }

  /// Takes the last component of what a client claims; `invalid` for a path that climbs (`..`) and for names that are too long.
  package init(claimed: String) throws(Problem) {
    let components = claimed.unicodeScalars.split { $0 == "/" || $0 == "\\" }
    // Judged by what is seen: letters that are left out below must not hide a climb.
    let seen = components.map(FileName.seen)
    guard !seen.contains("..") else {
      throw Problem.invalid("filename", "A file name is a name, not a path: leave out “..”.")
    }
    let name = seen.last ?? ""
    guard name.utf8.count <= Limit.bytes else {
      throw Problem.invalid("filename", "A file name has at most \(Limit.bytes) bytes.")
    }
    text = name.isEmpty || name == "." ? "evidence" : name
  }

  /// Without invisible letters and surrounding space.
  private static func seen(_ component: Substring.UnicodeScalarView) -> String {
    var clean = String.UnicodeScalarView()
    for scalar in component where !Words.isInvisible(scalar) { clean.append(scalar) }
    return Words.trimmed(String(clean))
  }

  /// From a `Content-Disposition` field (RFC 6266), where `filename*` (RFC 8187) goes before `filename`; without a field, "evidence".
  package init(contentDisposition field: String?) throws(Problem) {
    guard let field else {
      try self.init(claimed: "")
      return
    }
    guard field.utf8.count <= Limit.header, let parameters = DispositionParameters(field) else {
      throw Problem.invalid(
        "Content-Disposition", "Write the field as RFC 6266 has it: attachment; filename=\"report.pdf\".")
    }
    try self.init(claimed: parameters.extended ?? parameters.plain ?? "")
  }

  /// The field that gives the file back under this name, for old readers and new ones.
  package var attachment: String {
    let plain = text.unicodeScalars.map { scalar in
      scalar.isASCII && !["\"", "\\", "%"].contains(scalar) ? String(scalar) : "_"
    }.joined()
    return "attachment; filename=\"\(plain)\"; filename*=UTF-8''\(FileName.extended(text))"
  }

  /// RFC 8187 §3.2.1: every byte that is not an attr-char is percent-encoded.
  private static func extended(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
      let scalar = Unicode.Scalar(byte)
      if byte < 0x80,
        scalar.properties.isAlphabetic || (0x30...0x39).contains(byte) || "!#$&+-.^_`|~".unicodeScalars.contains(scalar)
      {
        out.unicodeScalars.append(scalar)
      } else {
        out += "%" + Hex.encode([byte]).uppercased()
      }
    }
    return out
  }
}

/// The two file-name parameters of a `Content-Disposition` field.
private struct DispositionParameters {
  var plain: String?
  var extended: String?

  /// Nil if the field does not follow the grammar, or names a parameter twice.
  init?(_ field: String) {
    var rest = Array(field.unicodeScalars)[...]
    func skipSpace() { rest = rest.drop { $0 == " " || $0 == "\t" } }
    func token() -> String {
      let word = rest.prefix {
        $0.isASCII && $0.value > 0x20 && $0.value != 0x7f && !"()<>@,;:\\\"/[]?={}".unicodeScalars.contains($0)
      }
      rest = rest.dropFirst(word.count)
      return String(String.UnicodeScalarView(word))
    }
    skipSpace()
    guard !token().isEmpty else { return nil }
    skipSpace()
    while rest.first == ";" {
      rest = rest.dropFirst()
      skipSpace()
      if rest.isEmpty { break }
      let name = token().lowercased()
      skipSpace()
      guard !name.isEmpty, rest.first == "=" else { return nil }
      rest = rest.dropFirst()
      skipSpace()
      let value: String
      if rest.first == "\"" {
        guard let quoted = DispositionParameters.quoted(&rest) else { return nil }
        value = quoted
      } else {
        value = token()
        guard !value.isEmpty else { return nil }
      }
      guard set(name, value) else { return nil }
      skipSpace()
    }
    guard rest.isEmpty else { return nil }
  }

  private mutating func set(_ name: String, _ value: String) -> Bool {
    switch name {
    case "filename":
      guard plain == nil else { return false }
      plain = value
    case "filename*":
      guard extended == nil, let decoded = DispositionParameters.decoded(value) else { return false }
      extended = decoded
    default: break
    }
    return true
  }

  private static func quoted(_ rest: inout ArraySlice<Unicode.Scalar>) -> String? {
    rest = rest.dropFirst()
    var out = String.UnicodeScalarView()
    while let scalar = rest.first {
      rest = rest.dropFirst()
      switch scalar {
      case "\"": return String(out)
      case "\\":
        guard let escaped = rest.first else { return nil }
        rest = rest.dropFirst()
        out.append(escaped)
      default: out.append(scalar)
      }
    }
    return nil
  }

  /// `UTF-8'language'percent-encoded` (RFC 8187 §3.2.1).
  private static func decoded(_ value: String) -> String? {
    let parts = value.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].lowercased() == "utf-8" else { return nil }
    var bytes: [UInt8] = []
    var rest = Array(parts[2].utf8)[...]
    while let byte = rest.first {
      rest = rest.dropFirst()
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      let digits = String(decoding: rest.prefix(2), as: UTF8.self).lowercased()
      guard rest.count >= 2, let decoded = Hex.decode(digits)?.first else { return nil }
      bytes.append(decoded)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
