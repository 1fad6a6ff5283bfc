/// A JSON value of the restricted kind that everything here reads and writes: integers only, unique member names.
///
/// Strict on the way in (RFC 8259, and the restrictions of docs/format.md §1.1), canonical on the way out (RFC 8785).
/// Strings are compared by their bytes: two spellings of one letter are two strings.
package enum JSON: Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case string(String)
  case array([JSON])
  case object([String: JSON])

  /// The largest integer a reader with 64-bit floating-point numbers still holds exactly (RFC 8785 §3.1).
  package static let largestInteger: Int64 = 9_007_199_254_740_991
}

extension JSON: Equatable {
  package static func == (a: JSON, b: JSON) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
    case (.array(let a), .array(let b)): a == b
    case (.object, .object): a.canonical == b.canonical
    default: false
    }
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(nilLiteral: ()) { self = .null }
  package init(arrayLiteral elements: JSON...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(Dictionary(elements, uniquingKeysWith: { _, last in last }))
  }

  package init(_ value: String?) { self = value.map(JSON.string) ?? .null }
  package init(_ value: Int?) { self = value.map { .integer(Int64($0)) } ?? .null }
}

extension JSON {
  package subscript(_ member: String) -> JSON? {
    if case .object(let members) = self { members[member] } else { nil }
  }

  package var string: String? { if case .string(let value) = self { value } else { nil } }
  package var integer: Int? { if case .integer(let value) = self { Int(value) } else { nil } }
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
  package var object: [String: JSON]? { if case .object(let value) = self { value } else { nil } }
  package var isNull: Bool { if case .null = self { true } else { false } }
}

// MARK: - Writing

extension JSON {
  /// RFC 8785: sorted members, no white space, shortest escapes.
  package var canonical: [UInt8] {
    var out: [UInt8] = []
    write(to: &out)
    return out
  }

  package var text: String { String(decoding: canonical, as: UTF8.self) }

  package func write(to out: inout [UInt8]) {
    switch self {
    case .null: out += "null".utf8
    case .bool(let value): out += (value ? "true" : "false").utf8
    case .integer(let value): out += String(value).utf8
    case .string(let value): JSON.write(string: value, to: &out)
    case .array(let elements): writeArray(elements, to: &out)
    case .object(let members): writeObject(members, to: &out)
    }
  }

  private func writeArray(_ elements: [JSON], to out: inout [UInt8]) {
    out.append(UInt8(ascii: "["))
    for (position, element) in elements.enumerated() {
      if position > 0 { out.append(UInt8(ascii: ",")) }
      element.write(to: &out)
    }
    out.append(UInt8(ascii: "]"))
  }

  private func writeObject(_ members: [String: JSON], to out: inout [UInt8]) {
    out.append(UInt8(ascii: "{"))
    let sorted = members.sorted { $0.key.utf16.lexicographicallyPrecedes($1.key.utf16) }
    for (position, member) in sorted.enumerated() {
      if position > 0 { out.append(UInt8(ascii: ",")) }
      JSON.write(string: member.key, to: &out)
      out.append(UInt8(ascii: ":"))
      member.value.write(to: &out)
    }
    out.append(UInt8(ascii: "}"))
  }

  /// A string with the escapes of RFC 8785 §3.2.2.2.
  package static func write(string: String, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""): out += #"\""#.utf8
      case UInt8(ascii: "\\"): out += #"\\"#.utf8
      case 0x08: out += #"\b"#.utf8
      case 0x09: out += #"\t"#.utf8
      case 0x0a: out += #"\n"#.utf8
      case 0x0c: out += #"\f"#.utf8
      case 0x0d: out += #"\r"#.utf8
      case 0..<0x20: out += (#"\u00"# + Hex.encode([byte])).utf8
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}

// MARK: - Reading

extension JSON {
  /// Why a text is not JSON of our kind, and at which byte.
  package struct SyntaxError: Error, Equatable, CustomStringConvertible {
    package let reason: String
    package let offset: Int
    package var description: String { "\(reason) at byte \(offset)" }
  }

  /// Parses one value; white space around it is allowed. Depth at most `maximumDepth`.
  package static func parse(_ bytes: [UInt8], maximumDepth: Int = 64) throws(SyntaxError) -> JSON {
    var parser = JSONParser(bytes: bytes, maximumDepth: maximumDepth)
    return try parser.document()
  }

  package static func parse(_ text: String) throws(SyntaxError) -> JSON { try parse(Array(text.utf8)) }

  /// Parses one value and refuses it unless `bytes` are its canonical form.
  package static func parseCanonical(_ bytes: [UInt8]) throws(SyntaxError) -> JSON {
    let value = try parse(bytes)
    guard value.canonical == bytes else {
      throw SyntaxError(reason: "not in canonical form (RFC 8785)", offset: 0)
    }
    return value
  }
}

/// A recursive-descent parser whose depth is bounded before it recurses.
private struct JSONParser {
  let bytes: [UInt8]
  let maximumDepth: Int
  var position = 0

  init(bytes: [UInt8], maximumDepth: Int) {
    self.bytes = bytes
    self.maximumDepth = maximumDepth
  }

  mutating func document() throws(JSON.SyntaxError) -> JSON {
    let value = try value(depth: 0)
    skipWhiteSpace()
    guard position == bytes.count else { throw error("unexpected text after the value") }
    return value
  }

  private mutating func value(depth: Int) throws(JSON.SyntaxError) -> JSON {
    skipWhiteSpace()
    guard position < bytes.count else { throw error("unexpected end") }
    switch bytes[position] {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: return try number()
    }
  }

  private mutating func object(depth: Int) throws(JSON.SyntaxError) -> JSON {
    guard depth < maximumDepth else { throw error("nested deeper than \(maximumDepth)") }
    position += 1
    var members: [String: JSON] = [:]
    if takes(UInt8(ascii: "}")) { return .object(members) }
    repeat {
      skipWhiteSpace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw error("expected a member name") }
      let name = try string()
      guard takes(UInt8(ascii: ":")) else { throw error("expected a colon") }
      guard members.updateValue(try value(depth: depth + 1), forKey: name) == nil else {
        throw error("a member name occurs twice")
      }
    } while takes(UInt8(ascii: ","))
    guard takes(UInt8(ascii: "}")) else { throw error("expected a comma or the end of the object") }
    return .object(members)
  }

  private mutating func array(depth: Int) throws(JSON.SyntaxError) -> JSON {
    guard depth < maximumDepth else { throw error("nested deeper than \(maximumDepth)") }
    position += 1
    var elements: [JSON] = []
    if takes(UInt8(ascii: "]")) { return .array(elements) }
    repeat { elements.append(try value(depth: depth + 1)) } while takes(UInt8(ascii: ","))
    guard takes(UInt8(ascii: "]")) else { throw error("expected a comma or the end of the array") }
    return .array(elements)
  }

  private mutating func literal(_ word: String, _ value: JSON) throws(JSON.SyntaxError) -> JSON {
    guard bytes[position...].starts(with: word.utf8) else { throw error("unknown word") }
    position += word.utf8.count
    return value
  }

  private mutating func number() throws(JSON.SyntaxError) -> JSON {
    let start = position
    if position < bytes.count, bytes[position] == UInt8(ascii: "-") { position += 1 }
    let firstDigit = position
    while position < bytes.count, isDigit(bytes[position]) { position += 1 }
    guard position > firstDigit else { throw error("unexpected character") }
    if position < bytes.count, [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(bytes[position]) {
      throw error("only whole numbers are allowed")
    }
    let leadingZero = bytes[firstDigit] == UInt8(ascii: "0") && (position - firstDigit > 1 || firstDigit > start)
    guard !leadingZero, let value = Int64(String(decoding: bytes[start..<position], as: UTF8.self)),
      value.magnitude <= UInt64(JSON.largestInteger)
    else { throw error("the number is outside the format") }
    return .integer(value)
  }

  private mutating func string() throws(JSON.SyntaxError) -> String {
    position += 1
    var out: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: out, as: UTF8.self) else { throw error("the text is not UTF-8") }
        return text
      case UInt8(ascii: "\\"): try escape(into: &out)
      case 0..<0x20: throw error("a control character in a string")
      default: out.append(byte)
      }
    }
    throw error("a string without an end")
  }

  private mutating func escape(into out: inout [UInt8]) throws(JSON.SyntaxError) {
    guard position < bytes.count else { throw error("a string without an end") }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
    case UInt8(ascii: "b"): out.append(0x08)
    case UInt8(ascii: "f"): out.append(0x0c)
    case UInt8(ascii: "n"): out.append(0x0a)
    case UInt8(ascii: "r"): out.append(0x0d)
    case UInt8(ascii: "t"): out.append(0x09)
    case UInt8(ascii: "u"): out += String(try escapedScalar()).utf8
    default: throw error("unknown escape")
    }
  }

  /// A scalar written as one `\u` escape, or two that form a surrogate pair.
  private mutating func escapedScalar() throws(JSON.SyntaxError) -> Unicode.Scalar {
    let first = try fourHexDigits()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xdc00, bytes[position...].starts(with: #"\u"#.utf8) else { throw error("a lone surrogate") }
    position += 2
    let second = try fourHexDigits()
    guard (0xdc00..<0xe000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
    else { throw error("a lone surrogate") }
    return scalar
  }

  private mutating func fourHexDigits() throws(JSON.SyntaxError) -> UInt32 {
    guard bytes.count - position >= 4 else { throw error("an unfinished escape") }
    let digits = bytes[position..<position + 4]
    guard digits.allSatisfy({ isDigit($0) || (0x41...0x46).contains($0) || (0x61...0x66).contains($0) }),
      let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw error("an unfinished escape") }
    position += 4
    return value
  }

  private mutating func takes(_ byte: UInt8) -> Bool {
    skipWhiteSpace()
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func skipWhiteSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) { position += 1 }
  }

  private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private func error(_ reason: String) -> JSON.SyntaxError { JSON.SyntaxError(reason: reason, offset: position) }
}
