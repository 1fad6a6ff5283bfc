/// A media type with its parameters (RFC 9110 §8.3.1).
package struct MediaType: Sendable, Equatable {
  /// "type/subtype" in lower case.
  package let essence: String
  /// Names in lower case; values without their quotes.
  package let parameters: [String: String]

  /// Returns nil for what is not a media type.
  package init?(_ text: some StringProtocol) {
    var pieces = HeaderText.split(text, at: ";").makeIterator()
    guard let essence = pieces.next()?.trimmed.lowercased() else { return nil }
    let halves = essence.pieces(at: "/")
    guard halves.count == 2, halves.allSatisfy({ HeaderText.isToken($0) }) else { return nil }
    var parameters: [String: String] = [:]
    while let piece = pieces.next() {
      guard let (name, value) = HeaderText.parameter(piece) else { continue }
      parameters[name] = value
    }
    self.essence = essence
    self.parameters = parameters
  }
}

/// Small readers for structured header values.
package enum HeaderText {
  /// Splits outside quoted strings.
  package static func split(_ text: some StringProtocol, at separator: Unicode.Scalar) -> [String] {
    var pieces: [String] = []
    var current = String.UnicodeScalarView()
    var isQuoted = false
    var isEscaped = false
    for character in String(text).unicodeScalars {
      if isEscaped {
        isEscaped = false
      } else if isQuoted, character == "\\" {
        isEscaped = true
      } else if character == "\"" {
        isQuoted.toggle()
      } else if character == separator, !isQuoted {
        pieces.append(String(current))
        current = String.UnicodeScalarView()
        continue
      }
      current.append(character)
    }
    pieces.append(String(current))
    return pieces
  }

  /// `name=value` or `name="value"`; nil for anything else.
  package static func parameter(_ text: String) -> (name: String, value: String)? {
    let halves = text.pieces(at: "=", maxSplits: 1)
    guard halves.count == 2, let first = halves.first, let last = halves.last else { return nil }
    let name = first.trimmed.lowercased()
    guard isToken(name) else { return nil }
    return (name, unquoted(last.trimmed))
  }

  package static func isToken(_ text: some StringProtocol) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }

  private static func unquoted(_ text: String) -> String {
    let quote = UInt8(ascii: "\"")
    guard text.utf8.count >= 2, text.utf8.first == quote, text.utf8.last == quote else { return text }
    var out = String.UnicodeScalarView()
    var isEscaped = false
    for character in text.unicodeScalars.dropFirst().dropLast() {
      if character == "\\", !isEscaped {
        isEscaped = true
        continue
      }
      isEscaped = false
      out.append(character)
    }
    return String(out)
  }
}
