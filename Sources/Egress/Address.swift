import Glibc

/// An address of the Internet Protocol, as numbers: there is one form of each, however it was written.
package enum Address: Hashable, Sendable, CustomStringConvertible {
  case v4(UInt32)
  case v6(high: UInt64, low: UInt64)

  /// The one written form of each family: four decimal numbers without leading zeros; RFC 4291 §2.2 without a zone.
  package init?(_ text: String) {
    if text.contains(":") {
      var raw = in6_addr()
      guard !text.contains("%"), text.utf8.count <= 45, inet_pton(AF_INET6, text, &raw) == 1 else { return nil }
      self = Swift.withUnsafeBytes(of: &raw) { Address(v6: $0) }
    } else {
      guard let value = Address.decimalQuad(text) else { return nil }
      self = .v4(value)
    }
  }

  private static func decimalQuad(_ text: String) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (48...57).contains($0) }),
        part == "0" || !part.hasPrefix("0"), let byte = UInt8(part)
      else { return nil }
      value = value << 8 | UInt32(byte)
    }
    return value
  }

  init(v6 bytes: UnsafeRawBufferPointer) {
    var (high, low): (UInt64, UInt64) = (0, 0)
    for byte in bytes.prefix(8) { high = high << 8 | UInt64(byte) }
    for byte in bytes.dropFirst(8).prefix(8) { low = low << 8 | UInt64(byte) }
    self = .v6(high: high, low: low)
  }

  /// From a socket address of IPv4 or IPv6; nil for any other family, and for an IPv6 address with a scope.
  init?(_ pointer: UnsafePointer<sockaddr>) {
    switch Int32(pointer.pointee.sa_family) {
    case AF_INET:
      self = pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        .v4(UInt32(bigEndian: $0.pointee.sin_addr.s_addr))
      }
    case AF_INET6:
      let found: Address? = pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
        guard $0.pointee.sin6_scope_id == 0 else { return nil }
        var raw = $0.pointee.sin6_addr
        return Swift.withUnsafeBytes(of: &raw) { Address(v6: $0) }
      }
      guard let found else { return nil }
      self = found
    default: return nil
    }
  }

  package var description: String {
    switch self {
    case .v4(let value): return [24, 16, 8, 0].map { String((value >> UInt32($0)) & 255) }.joined(separator: ".")
    case .v6(let high, let low):
      var raw = in6_addr()
      withUnsafeMutableBytes(of: &raw) { bytes in
        for position in 0..<8 {
          bytes[position] = UInt8(truncatingIfNeeded: high >> UInt64(56 - 8 * position))
          bytes[position + 8] = UInt8(truncatingIfNeeded: low >> UInt64(56 - 8 * position))
        }
      }
      var text = [CChar](repeating: 0, count: 46)
      inet_ntop(AF_INET6, &raw, &text, 46)
      return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}

/// A range of addresses: those that agree with `base` in the first `length` bits.
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
  package let base: Address
  package let length: Int

  /// "10.0.0.0/8", "fd00::/8"; an address alone is a range of one. Nil if bits beyond the length are set.
  package init?(_ text: String) {
    let halves = text.split(separator: "/", omittingEmptySubsequences: false)
    guard halves.count <= 2, let first = halves.first, let base = Address(String(first)) else { return nil }
    let width = if case .v4 = base { 32 } else { 128 }
    var length = width
    if halves.count == 2, let last = halves.last {
      guard (1...3).contains(last.utf8.count), let number = UInt8(last), number <= width else { return nil }
      length = Int(number)
    }
    guard AddressRange.masked(base, length) == base else { return nil }
    self.base = base
    self.length = length
  }

  package func contains(_ address: Address) -> Bool {
    switch (base, address) {
    case (.v4, .v4), (.v6, .v6): AddressRange.masked(address, length) == base
    default: false
    }
  }

  private static func masked(_ address: Address, _ length: Int) -> Address {
    switch address {
    case .v4(let value): .v4(length == 0 ? 0 : value & (.max << UInt32(32 - length)))
    case .v6(let high, let low):
      .v6(
        high: length == 0 ? 0 : length >= 64 ? high : high & (.max << UInt64(64 - length)),
        low: length <= 64 ? 0 : low & (.max << UInt64(128 - length)))
    }
  }

  package var description: String { "\(base)/\(length)" }
}
