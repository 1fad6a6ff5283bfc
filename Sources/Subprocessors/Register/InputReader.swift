import Platform

/// Reads members of a JSON object and collects what is wrong with them.
struct InputReader {
  private let json: JSON
  private let prefix: String
  private var faults: [Problem.FieldError] = []

  init(_ json: JSON, prefix: String = "") {
    self.json = json
    self.prefix = prefix
  }

  mutating func fault(_ field: String, _ message: String) {
    faults.append(Problem.FieldError(prefix + field, message))
  }

  /// What another reader, of a part, found.
  mutating func take(_ part: InputReader) { faults += part.faults }

  /// One line that can be seen; empty if it is wrong.
  mutating func line(_ field: String, limit: Int = ProviderDetails.Limit.line) -> String {
    let text = (json[field]?.string ?? "").trimmed
    guard PlainLine.isOne(text, limit: limit) else {
      fault(field, "Give \(field) in a line of 1 to \(limit) characters.")
      return ""
    }
    return text
  }

  mutating func value<T>(
    _ field: String, _ message: String, isRequired: Bool = true, _ convert: (JSON) -> T?
  ) -> T? {
    guard let member = json[field], !member.isNull else {
      if isRequired { fault(field, message) }
      return nil
    }
    let converted = convert(member)
    if converted == nil { fault(field, message) }
    return converted
  }

  /// At least one text, each of which means something, none twice.
  mutating func list<T: Hashable>(
    _ field: String, _ message: String, isRequired: Bool = true, _ convert: (String) -> T?
  ) -> [T] {
    let items = json[field]?.array ?? []
    let values = items.compactMap { $0.string.flatMap(convert) }
    let isWhole = values.count == items.count && Set(values).count == values.count
    let isMissing = isRequired ? items.isEmpty : json[field].map { $0.array == nil && !$0.isNull } ?? false
    guard isWhole, !isMissing, items.count <= ProviderDetails.Limit.list else {
      fault(field, message)
      return []
    }
    return values
  }

  func finish() throws {
    guard let first = faults.first else { return }
    throw Problem(
      .invalid,
      faults.count == 1 ? first.message : "Correct the fields named: \(faults.map(\.field).joined(separator: ", ")).",
      errors: faults)
  }
}

/// A text on one line, without control characters (which no feed may hold either, XML 1.0 §2.2).
enum PlainLine {
  static func isOne(_ text: String, limit: Int) -> Bool {
    !text.isEmpty && text.unicodeScalars.count <= limit && text.unicodeScalars.allSatisfy(isAllowed)
  }

  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
    // Marks that turn the direction of what follows could make one name look like another.
    case .format: scalar.value == 0x200c || scalar.value == 0x200d
    default: true
    }
  }
}
