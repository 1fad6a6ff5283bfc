import Kernel

/// How texts that people typed or imported are looked at: what can be seen, what can be searched, what must not be in them.
package enum Words {
  /// Characters that take no room and show nothing: zero-width spaces and joiners, direction marks, soft hyphens, byte order marks.
  package static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return isControl(scalar) }
    return switch scalar.properties.generalCategory {
    case .format, .control, .surrogate, .lineSeparator, .paragraphSeparator: true
    case .nonspacingMark, .enclosingMark: scalar.properties.isDefaultIgnorableCodePoint
    case .otherLetter, .otherSymbol, .unassigned: scalar.properties.isDefaultIgnorableCodePoint || isBlankLetter(scalar)
    default: false
    }
  }

  /// Letters and symbols whose glyph is empty: Hangul fillers and the empty Braille pattern.
  private static func isBlankLetter(_ scalar: Unicode.Scalar) -> Bool {
    [0x115f, 0x1160, 0x3164, 0xffa0, 0x2800].contains(scalar.value)
  }

  /// Category Cc: the C0 and C1 controls and DEL.
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
  }

  /// The property White_Space; looked up only beyond ASCII, where it has to be.
  package static func isWhitespace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII ? scalar == " " || (0x09...0x0d).contains(scalar.value) : scalar.properties.isWhitespace
  }

  /// True if nothing of the text can be seen.
  package static func isBlank(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { isInvisible($0) || isWhitespace($0) }
  }

  /// A line feed, a tab, an escape: what has no place in a one-line field.
  package static func hasControlCharacters(_ text: String) -> Bool {
    text.unicodeScalars.contains(where: isControl)
  }

  /// The same in a text of several lines, where line feeds and tabs are at home.
  package static func hasControlCharactersBesidesLineEnds(_ text: String) -> Bool {
    text.unicodeScalars.contains { isControl($0) && ![0x09, 0x0a, 0x0d].contains($0.value) }
  }

  /// The text as search sees it: without what is invisible, so that a name with a zero-width space in it is found by its letters.
  package static func searchable(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars where !isInvisible(scalar) { out.append(scalar) }
    return String(out)
  }

  /// The text as pages show it: marks that turn the direction of what follows are left out, since they could make one name look like
  /// another; joiners stay, because scripts need them.
  package static func shown(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars
    where !(0x202a...0x202e).contains(scalar.value) && !(0x2066...0x2069).contains(scalar.value) {
      out.append(scalar)
    }
    return String(out)
  }

  /// Without white space around it.
  package static func trimmed(_ text: some StringProtocol) -> String {
    let scalars = String(text).unicodeScalars
    guard let first = scalars.firstIndex(where: { !isWhitespace($0) }),
      let last = scalars.lastIndex(where: { !isWhitespace($0) })
    else { return "" }
    return String(scalars[first...last])
  }

  /// The parts of a list written with semicolons, without white space around them and without empty ones.
  package static func list(_ text: String) -> [String] {
    text.split(separator: ";").map { trimmed($0) }.filter { !$0.isEmpty }
  }
}
