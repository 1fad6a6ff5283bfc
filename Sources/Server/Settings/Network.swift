import Glibc

/// A range of addresses: `10.0.0.0/8`, `fd00::/8`, or one address (RFC 4632, RFC 4291 §2.3).
package struct Network: Sendable, Equatable {
  private let bytes: [UInt8]
  private let length: Int

  package static let loopback = ["127.0.0.0/8", "::1/128"].compactMap { Network($0) }

  package init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let first = parts.first, let bytes = Network.bytes(of: first) else { return nil }
    self.bytes = bytes
    guard parts.count == 2 else {
      length = bytes.count * 8
      return
    }
    guard let length = Int(parts[1]), String(length) == parts[1], (0...bytes.count * 8).contains(length) else {
      return nil
    }
    self.length = length
  }

  /// An IPv4 address inside an IPv6 one (`::ffff:a.b.c.d`) is what it stands for.
  package func contains(_ address: String) -> Bool {
    guard var other = Network.bytes(of: address) else { return false }
    if other.count == 16, bytes.count == 4, other.prefix(12) == Network.mapped[...] { other = Array(other.suffix(4)) }
    guard other.count == bytes.count else { return false }
    return (0..<length).allSatisfy { bit in
      let mask = UInt8(0x80) >> UInt8(bit % 8)
      return bytes[bit / 8] & mask == other[bit / 8] & mask
    }
  }

  private static let mapped: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]

  private static func bytes(of address: String) -> [UInt8]? {
    var four = in_addr()
    if inet_pton(AF_INET, address, &four) == 1 { return withUnsafeBytes(of: &four) { Array($0) } }
    var six = in6_addr()
    if inet_pton(AF_INET6, address, &six) == 1 { return withUnsafeBytes(of: &six) { Array($0) } }
    return nil
  }
}
