/// RFC 4648 §4 with padding, canonical: trailing bits must be zero (§3.5), no white space, no other alphabet.
package enum Base64 {
  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// By character; 255 for what is no digit.
  static let values: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt8(value) }
    return values
  }()

  package static func encode(_ bytes: some Collection<UInt8>) -> String {
    var out: [UInt8] = []
    out.reserveCapacity((bytes.count + 2) / 3 * 4)
    append(bytes, to: &out)
    return String(decoding: out, as: UTF8.self)
  }

  /// Every receipt passes through here: one loop over plain memory, because a generic one is not specialised across targets.
  package static func append(_ bytes: some Collection<UInt8>, to out: inout [UInt8]) {
    let isDone: Void? = bytes.withContiguousStorageIfAvailable { append(plain: $0, to: &out) }
    if isDone == nil { Array(bytes).withUnsafeBufferPointer { append(plain: $0, to: &out) } }
  }

  /// The same for plain memory, which every digest is.
  package static func append(_ bytes: UnsafeRawBufferPointer, to out: inout [UInt8]) {
    bytes.withMemoryRebound(to: UInt8.self) { append(plain: $0, to: &out) }
  }

  /// The two digits of every 12 bits, in the order in which they are written.
  private static let pairs: [(UInt8, UInt8)] = (0..<4_096).map { (digits[$0 >> 6], digits[$0 & 63]) }

  /// Every receipt passes here twice, so whole groups are written through pointers, two digits at a time; `out` grows once.
  private static func append(plain bytes: UnsafeBufferPointer<UInt8>, to out: inout [UInt8]) {
    let start = out.count
    let whole = bytes.count / 3
    out.append(contentsOf: repeatElement(UInt8(ascii: "="), count: (bytes.count + 2) / 3 * 4))
    out.withUnsafeMutableBufferPointer { out in
      pairs.withUnsafeBufferPointer { pairs in
        for group in 0..<whole {
          let (first, second, third) = (Int(bytes[group * 3]), Int(bytes[group * 3 + 1]), Int(bytes[group * 3 + 2]))
          let place = start + group * 4
          (out[place], out[place + 1]) = pairs[first << 4 | second >> 4]
          (out[place + 2], out[place + 3]) = pairs[(second & 15) << 8 | third]
        }
        guard bytes.count > whole * 3 else { return }
        let first = bytes[whole * 3]
        let second = bytes.count > whole * 3 + 1 ? bytes[whole * 3 + 1] : nil
        let place = start + whole * 4
        out[place] = digits[Int(first >> 2)]
        out[place + 1] = digits[Int((first & 3) << 4 | (second ?? 0) >> 4)]
        if let second { out[place + 2] = digits[Int((second & 15) << 2)] }
      }
    }
  }

  /// Returns nil for anything but the canonical encoding of some bytes.
  package static func decode(_ text: some StringProtocol) -> [UInt8]? {
    decode(bytes: Array(text.utf8))
  }

  package static func decode(bytes text: [UInt8]) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    let padding = text.reversed().prefix(2).prefix { $0 == UInt8(ascii: "=") }.count
    var out: [UInt8] = []
    out.reserveCapacity(text.count / 4 * 3)
    var bits: UInt32 = 0
    var held = 0
    for character in text.dropLast(padding) {
      let value = values[Int(character)]
      guard value < 64 else { return nil }
      bits = (bits << 6 | UInt32(value)) & 0xffff
      held += 6
      if held >= 8 {
        held -= 8
        out.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
      }
    }
    guard bits & ((1 << UInt32(held)) - 1) == 0 else { return nil }
    return out
  }

  /// RFC 4648 §5 without padding: for cursors and secrets in URLs and cookies.
  package static func encodeURL(_ bytes: some Collection<UInt8>) -> String {
    String(
      decoding: encode(bytes).utf8.compactMap { digit -> UInt8? in
        switch digit {
        case UInt8(ascii: "+"): UInt8(ascii: "-")
        case UInt8(ascii: "/"): UInt8(ascii: "_")
        case UInt8(ascii: "="): nil
        default: digit
        }
      }, as: UTF8.self)
  }

  package static func decodeURL(_ text: some StringProtocol) -> [UInt8]? {
    var digits: [UInt8] = []
    for digit in text.utf8 {
      switch digit {
      case UInt8(ascii: "-"): digits.append(UInt8(ascii: "+"))
      case UInt8(ascii: "_"): digits.append(UInt8(ascii: "/"))
      case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): return nil
      default: digits.append(digit)
      }
    }
    guard digits.count % 4 != 1 else { return nil }
    while digits.count % 4 != 0 { digits.append(UInt8(ascii: "=")) }
    return decode(bytes: digits)
  }
}

/// Base16 in lower case.
package enum Hex {
  private static let digits = Array("0123456789abcdef".utf8)

  package static func encode(_ bytes: some Collection<UInt8>) -> String {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      out.append(digits[Int(byte >> 4)])
      out.append(digits[Int(byte & 15)])
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// Returns nil for anything but an even number of lower-case digits.
  package static func decode(_ text: some StringProtocol) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count % 2 == 0 else { return nil }
    var out: [UInt8] = []
    out.reserveCapacity(digits.count / 2)
    for position in stride(from: 0, to: digits.count, by: 2) {
      guard let high = value(digits[position]), let low = value(digits[position + 1]) else { return nil }
      out.append(high << 4 | low)
    }
    return out
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
