/// The tags of an HTML text with their attributes, as loosely as a browser reads them (WHATWG HTML §13.2.5). Works on bytes: every
/// character that matters is ASCII.
struct HTMLTags: Sequence, IteratorProtocol {
  /// Attributes whose value is an address.
  static let addressing: Set<String> = [
    "href", "src", "srcset", "action", "formaction", "poster", "data", "background", "cite", "ping", "manifest",
    "xlink:href",
  ]

  struct Tag {
    let name: String
    let attributes: [(name: String, value: String)]
  }

  private let bytes: [UInt8]
  private var position = 0

  init(_ html: String) { bytes = Array(html.utf8) }

  mutating func next() -> Tag? {
    while let start = bytes[position...].firstIndex(of: UInt8(ascii: "<")) {
      position = start + 1
      guard let first = current, HTMLTags.isLetter(first) else { continue }
      let name = take { !HTMLTags.isSpace($0) && $0 != UInt8(ascii: ">") && $0 != UInt8(ascii: "/") }
      return Tag(name: name.lowercased(), attributes: attributes())
    }
    return nil
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func attributes() -> [(name: String, value: String)] {
    var found: [(name: String, value: String)] = []
    while true {
      _ = take { HTMLTags.isSpace($0) || $0 == UInt8(ascii: "/") }
      guard let first = current, first != UInt8(ascii: ">") else { return found }
      let name = take { byte in
        !HTMLTags.isSpace(byte) && byte != UInt8(ascii: "=") && byte != UInt8(ascii: ">") && byte != UInt8(ascii: "/")
      }
      guard !name.isEmpty else {
        position += 1
        continue
      }
      _ = take(while: HTMLTags.isSpace)
      found.append((name.lowercased(), value()))
    }
  }

  private mutating func value() -> String {
    guard current == UInt8(ascii: "=") else { return "" }
    position += 1
    _ = take(while: HTMLTags.isSpace)
    guard let quote = current, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else {
      return take { !HTMLTags.isSpace($0) && $0 != UInt8(ascii: ">") }
    }
    position += 1
    let value = take { $0 != quote }
    if current != nil { position += 1 }
    return value
  }

  private mutating func take(while isPart: (UInt8) -> Bool) -> String {
    let start = position
    while let byte = current, isPart(byte) { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
  private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte) || (0x41...0x5a).contains(byte) }
}
