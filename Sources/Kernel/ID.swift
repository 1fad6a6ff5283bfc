/// A random, time-ordered id that knows what it names (docs/format.md §1.3).
///
/// 128 bits: 48 bits of milliseconds since 1970, 80 random bits; written as 26 characters of Crockford's base32 in lower case.
/// Two ids of different nouns have different types, so a vendor's id cannot be passed where a case's is wanted.
package struct ID<Noun>: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let text: String

  /// Makes a new id from the current instant and 80 random bits.
  package static func make(at now: Instant, using random: inout some RandomNumberGenerator) -> ID {
    let high = high(now, random.next())
    return ID(high: high, low: random.next())
  }

  private static func high(_ now: Instant, _ random: UInt64) -> UInt64 {
    (UInt64(clamping: now.milliseconds) << 16) | (random & 0xffff)
  }

  package static func make(at now: Instant) -> ID {
    let (first, second) = RandomPool.pair()
    return ID(high: high(now, first), low: second)
  }

  /// Returns nil unless `text` is exactly the written form of an id.
  package init?(_ text: String) {
    guard IDBits(text) != nil else { return nil }
    self.text = text
  }

  package init?(_ text: some StringProtocol) { self.init(String(text)) }

  private init(high: UInt64, low: UInt64) {
    text = Base32.encode(high: high, low: low)
  }

  /// When it was made, from its first 48 bits.
  package var madeAt: Instant {
    Instant(
      milliseconds: Int64(text.utf8.prefix(10).reduce(UInt64(0)) { ($0 << 5) | Base32.value($1) } & 0xffff_ffff_ffff))
  }

  /// The same id under another noun's type; for the few places that store ids of several nouns in one column.
  package func retyped<Other>(as other: Other.Type = Other.self) -> ID<Other> { ID<Other>(unchecked: text) }

  private init(unchecked text: String) { self.text = text }

  package var description: String { text }
  package static func < (a: ID, b: ID) -> Bool { a.text < b.text }
}

/// Names for ids that cross targets.
package enum Tenant {}
package enum Person {}
package enum Command {}
package enum Log {}
package enum Installation {}
package enum StoredFile {}

package typealias TenantID = ID<Tenant>
package typealias PersonID = ID<Person>
package typealias CommandID = ID<Command>
package typealias FileID = ID<StoredFile>

/// The 128 bits that an id is written for: one spelling for each value and one value for each spelling.
package struct IDBits: Hashable, Sendable {
  package let high: UInt64
  package let low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Nil unless `text` is exactly the written form of an id.
  package init?(_ text: some StringProtocol) {
    let read = text.utf8.withContiguousStorageIfAvailable { IDBits(utf8: $0) }
    guard let bits = read ?? Array(text.utf8).withUnsafeBufferPointer({ IDBits(utf8: $0) }) else { return nil }
    self = bits
  }

  private init?(utf8: UnsafeBufferPointer<UInt8>) {
    // 26 digits hold 130 bits: the first two must be zero.
    guard utf8.count == 26, utf8[0] <= UInt8(ascii: "7") else { return nil }
    var (high, low, seen) = (UInt64(0), UInt64(0), UInt8(0))
    Base32.values.withUnsafeBufferPointer { values in
      for byte in utf8 {
        let digit = values[Int(byte)]
        // What is no digit has a bit above the five.
        seen |= digit
        high = high << 5 | low >> 59
        low = low << 5 | UInt64(digit & 31)
      }
    }
    guard seen < 32 else { return nil }
    self.init(high: high, low: low)
  }

  package var text: String { Base32.encode(high: high, low: low) }
}

/// Crockford's base32 in lower case, for ids only.
enum Base32 {
  static let digits = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

  /// By byte; 32 for what is no digit.
  static let values: [UInt8] = {
    var values = [UInt8](repeating: 32, count: 256)
    for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt8(value) }
    return values
  }()

  /// 0 for what is no digit; ids hold none.
  static func value(_ byte: UInt8) -> UInt64 { UInt64(values[Int(byte)] & 31) }

  static func encode(high: UInt64, low: UInt64) -> String {
    String(unsafeUninitializedCapacity: 26) { characters in
      var (high, low) = (high, low)
      for position in (0..<26).reversed() {
        characters.initializeElement(at: position, to: digits[Int(low & 31)])
        low = (low >> 5) | (high << 59)
        high >>= 5
      }
      return 26
    }
  }
}
