import Platform

/// What is needed to add a person, checked.
package struct PersonInput: Sendable {
  static let maximumNameLength = 200
  /// RFC 5321 §4.5.3.1.3.
  static let maximumEmailLength = 254

  let name: String
  let email: String
  let roles: Set<Role>

  /// Throws `invalid` naming every field at fault.
  init(name: String, email: String, roles: [String]) throws {
    var errors: [Problem.FieldError] = []
    let name = name.trimmed
    let email = email.trimmed
    if !PersonInput.isName(name) {
      errors.append(
        .init("name", "A name has 1 to \(PersonInput.maximumNameLength) characters on one line that can be seen."))
    }
    if !PersonInput.isAddress(email) {
      errors.append(.init("email", "Give an e-mail address such as ida@example.com."))
    }
    let known = roles.compactMap(Role.init(rawValue:))
    if known.count != roles.count {
      errors.append(.init("roles", "Roles are \(Role.allCases.map(\.rawValue).joined(separator: ", "))."))
    }
    guard errors.isEmpty else { throw Problem(.invalid, "Correct the marked fields.", errors: errors) }
    self.name = name
    self.email = email
    self.roles = Set(known)
  }

  /// The form in which addresses are compared: case does not count.
  static func folded(_ email: String) -> String { email.trimmed.lowercased() }

  /// One line with something to see on it. Marks that turn the direction of writing are refused: a name stands on certificates,
  /// where it must not make itself or its neighbour look like another.
  static func isName(_ text: String) -> Bool {
    let scalars = text.unicodeScalars
    return text.count <= maximumNameLength && scalars.count <= 4 * maximumNameLength
      && !scalars.contains { isControl($0) || isDirection($0) }
      && scalars.contains { !$0.properties.isWhitespace && !isBlank($0) }
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    [.control, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
  }

  private static func isDirection(_ scalar: Unicode.Scalar) -> Bool {
    (0x202a...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
  }

  /// Takes no room or shows nothing: format characters, fillers, the empty Braille pattern.
  private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .format || scalar.properties.isDefaultIgnorableCodePoint
      || scalar.value == 0x2800
  }

  /// Something, an at sign, something with a dot; no white space, control or invisible characters. Whether it arrives, only a letter shows.
  package static func isAddress(_ text: String) -> Bool {
    let halves = text.split(separator: "@", omittingEmptySubsequences: false)
    guard text.utf8.count <= maximumEmailLength, halves.count == 2, let local = halves.first, let domain = halves.last,
      !local.isEmpty, domain.contains("."), !domain.hasPrefix("."), !domain.hasSuffix(".")
    else { return false }
    return text.unicodeScalars.allSatisfy {
      !$0.properties.isWhitespace && !isControl($0) && !isBlank($0) && $0 != "<" && $0 != ">"
    }
  }
}
