/// Deterministic CBOR (RFC 8949 §4.2.1), restricted to what docs/format.md §1.2 names.
package enum CBOR: Hashable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case bytes([UInt8])
  case text(String)
  case array([CBOR])
  case map([String: CBOR])

  package var text: String? { if case .text(let value) = self { value } else { nil } }
  package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
  package var bytes: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var array: [CBOR]? { if case .array(let value) = self { value } else { nil } }
  package var map: [String: CBOR]? { if case .map(let value) = self { value } else { nil } }
}

extension CBOR: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
  package init(stringLiteral value: String) { self = .text(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(arrayLiteral elements: CBOR...) { self = .array(elements) }
}

// MARK: - Writing

extension CBOR {
  package var encoded: [UInt8] {
    var out: [UInt8] = []
    write(to: &out)
    return out
  }

  package func write(to out: inout [UInt8]) {
    switch self {
    case .null: out.append(0xf6)
    case .bool(let value): out.append(value ? 0xf5 : 0xf4)
    case .integer(let value): CBOR.write(integer: value, to: &out)
    case .bytes(let value): CBOR.write(bytes: value, to: &out)
    case .text(let value): CBOR.write(text: value, to: &out)
    case .array(let elements):
      CBOR.writeHead(4, UInt64(elements.count), to: &out)
      for element in elements { element.write(to: &out) }
    case .map(let members):
      CBOR.writeHead(5, UInt64(members.count), to: &out)
      for name in members.keys.sorted(by: CBOR.keyPrecedes) {
        CBOR.write(text: name, to: &out)
        members[name]?.write(to: &out)
      }
    }
  }

  /// Order of text keys by their encodings: shorter first, then bytewise (a longer text has a larger head).
  package static func keyPrecedes(_ a: String, _ b: String) -> Bool {
    let (countA, countB) = (a.utf8.count, b.utf8.count)
    return countA == countB ? a.utf8.lexicographicallyPrecedes(b.utf8) : countA < countB
  }

  package static func write(integer value: Int64, to out: inout [UInt8]) {
    if value >= 0 { writeHead(0, UInt64(value), to: &out) } else { writeHead(1, UInt64(-1 - value), to: &out) }
  }

  package static func write(bytes: [UInt8], to out: inout [UInt8]) {
    writeHead(2, UInt64(bytes.count), to: &out)
    out += bytes
  }

  package static func write(text: String, to out: inout [UInt8]) {
    writeHead(3, UInt64(text.utf8.count), to: &out)
    out += text.utf8
  }

  package static func writeHead(_ major: UInt8, _ value: UInt64, to out: inout [UInt8]) {
    let type = major << 5
    switch value {
    case 0..<24: out.append(type | UInt8(value))
    case 24..<0x100: out += [type | 24, UInt8(value)]
    case 0x100..<0x1_0000: appendBigEndian(type | 25, value, bytes: 2, to: &out)
    case 0x1_0000..<0x1_0000_0000: appendBigEndian(type | 26, value, bytes: 4, to: &out)
    default: appendBigEndian(type | 27, value, bytes: 8, to: &out)
    }
  }

  private static func appendBigEndian(_ head: UInt8, _ value: UInt64, bytes: Int, to out: inout [UInt8]) {
    out.append(head)
    for shift in stride(from: (bytes - 1) * 8, through: 0, by: -8) {
      out.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
    }
  }
}

// MARK: - Reading

extension CBOR {
  package struct SyntaxError: Error, Equatable {
    package let reason: String
  }

  /// Decodes one value that fills `bytes`; anything not in deterministic form is refused.
  package static func decode(_ bytes: [UInt8], maximumDepth: Int = 16) throws(SyntaxError) -> CBOR {
    var reader = CBORReader(bytes: bytes, position: 0)
    let value = try reader.value(depth: maximumDepth)
    guard reader.position == bytes.count else { throw SyntaxError(reason: "bytes after the value") }
    return value
  }
}

private struct CBORReader {
  let bytes: [UInt8]
  var position: Int

  mutating func value(depth: Int) throws(CBOR.SyntaxError) -> CBOR {
    guard depth > 0 else { throw CBOR.SyntaxError(reason: "nested too deep") }
    guard position < bytes.count else { throw CBOR.SyntaxError(reason: "unexpected end") }
    let initial = bytes[position]
    position += 1
    switch initial {
    case 0xf4: return .bool(false)
    case 0xf5: return .bool(true)
    case 0xf6: return .null
    default: break
    }
    let argument = try argument(initial & 31)
    switch initial >> 5 {
    case 0: return .integer(try signed(argument))
    case 1: return .integer(-1 - (try signed(argument)))
    case 2: return .bytes(Array(try take(argument)))
    case 3: return .text(try text(argument))
    case 4: return .array(try array(argument, depth: depth))
    case 5: return .map(try map(argument, depth: depth))
    default: throw CBOR.SyntaxError(reason: "a type outside the format")
    }
  }

  private mutating func argument(_ low: UInt8) throws(CBOR.SyntaxError) -> UInt64 {
    switch low {
    case 0..<24: return UInt64(low)
    case 24: return try bigEndian(1, above: 23)
    case 25: return try bigEndian(2, above: 0xff)
    case 26: return try bigEndian(4, above: 0xffff)
    case 27: return try bigEndian(8, above: 0xffff_ffff)
    default: throw CBOR.SyntaxError(reason: "an indefinite or reserved length")
    }
  }

  private mutating func bigEndian(_ count: UInt64, above shortest: UInt64) throws(CBOR.SyntaxError) -> UInt64 {
    var value: UInt64 = 0
    for byte in try take(count) { value = value << 8 | UInt64(byte) }
    guard value > shortest else { throw CBOR.SyntaxError(reason: "not the shortest form") }
    return value
  }

  private func signed(_ value: UInt64) throws(CBOR.SyntaxError) -> Int64 {
    guard let value = Int64(exactly: value) else { throw CBOR.SyntaxError(reason: "an integer beyond 64 bits") }
    return value
  }

  private mutating func take(_ count: UInt64) throws(CBOR.SyntaxError) -> ArraySlice<UInt8> {
    guard count <= UInt64(bytes.count - position) else { throw CBOR.SyntaxError(reason: "unexpected end") }
    defer { position += Int(count) }
    return bytes[position..<position + Int(count)]
  }

  private mutating func text(_ count: UInt64) throws(CBOR.SyntaxError) -> String {
    guard let text = String(validating: try take(count), as: UTF8.self) else {
      throw CBOR.SyntaxError(reason: "a text that is not UTF-8")
    }
    return text
  }

  private mutating func array(_ count: UInt64, depth: Int) throws(CBOR.SyntaxError) -> [CBOR] {
    guard count <= UInt64(bytes.count - position) else { throw CBOR.SyntaxError(reason: "unexpected end") }
    var elements: [CBOR] = []
    for _ in 0..<count { elements.append(try value(depth: depth - 1)) }
    return elements
  }

  private mutating func map(_ count: UInt64, depth: Int) throws(CBOR.SyntaxError) -> [String: CBOR] {
    guard count <= UInt64(bytes.count - position) else { throw CBOR.SyntaxError(reason: "unexpected end") }
    var members: [String: CBOR] = [:]
    var last: String?
    for _ in 0..<count {
      guard case .text(let name) = try value(depth: 1), last.map({ CBOR.keyPrecedes($0, name) }) ?? true else {
        throw CBOR.SyntaxError(reason: "map keys must be texts in order")
      }
      members[name] = try value(depth: depth - 1)
      last = name
    }
    return members
  }
}
