import Kernel

/// Reads the fixed shapes of leaves and change records byte by byte.
///
/// Canonical JSON of a known shape has one spelling only, so a scanner that expects each byte is the strictest reader and the fastest.
/// All texts in these shapes are plain ASCII without quotes and backslashes; anything else is refused.
struct LeafScanner {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  func isAt(_ byte: UInt8) -> Bool { position < bytes.count && bytes[position] == byte }

  mutating func expect(_ text: StaticString) throws {
    guard takes(text) else { throw LogError("the entry does not have the members of its format at byte \(position)") }
  }

  private func stands(_ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard bytes.count - position >= count else { return false }
    return bytes.withUnsafeBytes { bytes in
      let text = UnsafeRawBufferPointer(start: text.utf8Start, count: count)
      var place = 0
      while place + 8 <= count {
        guard
          bytes.loadUnaligned(fromByteOffset: position + place, as: UInt64.self)
            == text.loadUnaligned(fromByteOffset: place, as: UInt64.self)
        else { return false }
        place += 8
      }
      while place < count, bytes[position + place] == text[place] { place += 1 }
      return place == count
    }
  }

  /// Takes `text` if it stands here.
  mutating func takes(_ text: StaticString) -> Bool {
    guard stands(text) else { return false }
    position += text.utf8CodeUnitCount
    return true
  }

  /// A quoted text of 1 to 128 letters, digits and `:._-`.
  mutating func token() throws -> String {
    try expect("\"")
    let start = position
    while position < bytes.count, LeafScanner.isTokenByte(bytes[position]) { position += 1 }
    guard (1...128).contains(position - start) else {
      throw LogError("the entry has a text outside its format at byte \(start)")
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    try expect("\"")
    return text
  }

  mutating func optionalToken() throws -> String? { takes("null") ? nil : try token() }

  mutating func integer() throws -> Int64 {
    let start = position
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
    guard let value = Decimal.parse(bytes: bytes[start..<position]) else {
      throw LogError("the entry has a number outside its format at byte \(start)")
    }
    return value
  }

  mutating func optionalInteger() throws -> Int64? { takes("null") ? nil : try integer() }

  mutating func digest() throws -> Digest {
    try expect("\"")
    let digest =
      bytes.count - position < 44
      ? nil
      : bytes.withUnsafeBufferPointer { Digest(base64: UnsafeBufferPointer(rebasing: $0[position..<position + 44])) }
    guard let digest else { throw LogError("the entry has a hash outside its format at byte \(position)") }
    position += 44
    try expect("\"")
    return digest
  }

  mutating func optionalDigest() throws -> Digest? { takes("null") ? nil : try digest() }

  mutating func instant() throws -> Instant {
    try expect("\"")
    guard bytes.count - position >= 24, let instant = Instant(utf8: bytes[position..<position + 24]) else {
      throw LogError("the entry has a time outside its format at byte \(position)")
    }
    position += 24
    try expect("\"")
    return instant
  }

  static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
    case UInt8(ascii: ":"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
    default: false
    }
  }

  static func isToken(_ text: String) -> Bool {
    (1...128).contains(text.utf8.count) && text.utf8.allSatisfy(isTokenByte)
  }
}

/// Appends the same shapes.
enum LeafWriter {
  static func append(_ digest: Digest, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    digest.withUnsafeBytes { Base64.append($0, to: &out) }
    out.append(UInt8(ascii: "\""))
  }

  static func append(_ digest: Digest?, to out: inout [UInt8]) {
    if let digest { append(digest, to: &out) } else { out += "null".utf8 }
  }

  static func append(token: String, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    out += token.utf8
    out.append(UInt8(ascii: "\""))
  }

  static func append(token: String?, to out: inout [UInt8]) {
    if let token { append(token: token, to: &out) } else { out += "null".utf8 }
  }
}
