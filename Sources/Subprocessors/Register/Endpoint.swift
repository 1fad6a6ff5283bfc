import Kernel

/// Where a provider may be reached: a host and a port, exactly. There are no patterns: what is not written is not admitted.
package struct Endpoint: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Bytes of a host name (RFC 1035 §2.3.4).
  package static let maximumHostBytes = 253

  /// Lower case, without a closing dot; an IPv6 address without brackets.
  package let host: String
  package let port: Int

  /// Nil unless it could be a name or an address. Names outside ASCII are written in their A-label form (`xn--…`).
  package init?(host: some StringProtocol, port: Int) {
    var host = host.lowercased()
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    if host.hasSuffix(".") { host.removeLast() }
    guard (1...Endpoint.maximumHostBytes).contains(host.utf8.count), (1...65_535).contains(port),
      host.utf8.allSatisfy({ "abcdefghijklmnopqrstuvwxyz0123456789.-:".utf8.contains($0) }),
      !host.hasPrefix("."), !host.hasSuffix("."), !host.hasPrefix("-")
    else { return nil }
    self.host = host
    self.port = port
  }

  /// "smtp.example.net:587", "[2001:db8::1]:587"
  package init?(_ text: some StringProtocol) {
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]) else { return nil }
    let host = text[..<colon]
    guard !host.contains(":") || host.hasPrefix("["), text.hasSuffix(":\(port)") else { return nil }
    self.init(host: host, port: port)
  }

  package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  package static func < (a: Endpoint, b: Endpoint) -> Bool { (a.host, a.port) < (b.host, b.port) }
}
