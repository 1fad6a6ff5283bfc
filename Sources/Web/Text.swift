import Kernel

extension StringProtocol {
  /// Without white space at either end.
  package var trimmed: String {
    var rest = Substring(self)
    while let first = rest.first, first.isWhitespace { rest.removeFirst() }
    while let last = rest.last, last.isWhitespace { rest.removeLast() }
    return String(rest)
  }
}

extension StringProtocol {
  /// Split at a byte. `split(separator:)` compares letters, and a separator with a combining mark behind it is another letter to it.
  package func pieces(at separator: Unicode.Scalar, maxSplits: Int = Int.max) -> [Substring] {
    Substring(self).utf8.split(maxSplits: maxSplits, omittingEmptySubsequences: false) { UInt32($0) == separator.value }
      .map { Substring($0) }
  }
}

extension String {
  /// Fit for an HTML text or a quoted attribute.
  package var htmlEscaped: String {
    var out = ""
    out.reserveCapacity(utf8.count)
    for character in unicodeScalars {
      switch character {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "'": out += "&#39;"
      default: out.unicodeScalars.append(character)
      }
    }
    return out
  }
}

extension Instant {
  /// "2026-11-21 08:45 UTC": unambiguous everywhere, and sorts.
  package var forPeople: String {
    let text = description
    return "\(text.prefix(10)) \(text.dropFirst(11).prefix(5)) UTC"
  }
}
