import NIOCore

/// Where a request comes from: an IPv4 or IPv6 address, as bytes. An IPv4 address in an IPv6 one counts as what it is.
package struct ClientAddress: Sendable, Hashable {
  /// 4 or 16 bytes.
  package let bytes: [UInt8]

  /// Nil if the text is no address. Brackets and a port (`[::1]:80`, `192.0.2.1:80`) are taken off.
  package init?(_ text: String) {
    var text = text.trimmed
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      text = String(text[text.index(after: text.startIndex)..<end])
    } else if text.filter({ $0 == ":" }).count == 1, let colon = text.firstIndex(of: ":") {
      text = String(text[..<colon])
    }
    guard text.utf8.count <= 64, let address = try? SocketAddress(ipAddress: text, port: 0) else { return nil }
    self.init(address)
  }

  package init?(_ address: SocketAddress?) {
    // Where sockaddr_in and sockaddr_in6 hold the address (ip(7), ipv6(7)), in network order.
    switch address {
    case .v4(let address): bytes = withUnsafeBytes(of: address.address) { Array($0[4..<8]) }
    case .v6(let address):
      let all = withUnsafeBytes(of: address.address) { Array($0[8..<24]) }
      bytes = all.starts(with: ClientAddress.mappedPrefix) ? Array(all.suffix(4)) : all
    default: return nil
    }
  }

  /// ::ffff:0:0/96 (RFC 4291 §2.5.5.2).
  private static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

  /// What counts as one client: an IPv4 address, or the first 64 bits of an IPv6 address, which one household or server has.
  package var party: [UInt8] { bytes.count == 16 ? Array(bytes.prefix(8)) : bytes }

  package var isLoopback: Bool {
    bytes.count == 4 ? bytes.first == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
  }

  /// As it is written: "192.0.2.1" or eight groups of hexadecimal digits.
  package var text: String {
    if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
    return stride(from: 0, to: bytes.count - 1, by: 2)
      .map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }.joined(separator: ":")
  }
}

/// A block of addresses: `10.0.0.5` or `10.0.1.0/24` (RFC 4632).
package struct AddressRange: Sendable, Equatable {
  private let base: ClientAddress
  private let prefixBits: Int

  package init?(_ text: String) {
    let halves = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    // Bare: no brackets, no port, no blanks.
    guard halves.count <= 2, let first = halves.first, first.utf8.count <= 64,
      let bare = try? SocketAddress(ipAddress: first, port: 0), let address = ClientAddress(bare)
    else { return nil }
    base = address
    guard halves.count == 2 else {
      prefixBits = address.bytes.count * 8
      return
    }
    guard let bits = Int(halves[1]), String(bits) == halves[1], (0...address.bytes.count * 8).contains(bits) else {
      return nil
    }
    prefixBits = bits
  }

  package func contains(_ address: ClientAddress) -> Bool {
    guard address.bytes.count == base.bytes.count else { return false }
    let whole = prefixBits / 8
    guard address.bytes.prefix(whole) == base.bytes.prefix(whole) else { return false }
    let rest = prefixBits % 8
    guard rest > 0 else { return true }
    return address.bytes[whole] >> (8 - rest) == base.bytes[whole] >> (8 - rest)
  }

  package var isLoopback: Bool { base.isLoopback }
}
