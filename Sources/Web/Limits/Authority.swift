/// The names under which this server is asked, and whether a request names one of them (RFC 9112 §3.2, RFC 9110 §7.2).
package struct OwnNames: Sendable, Equatable {
  private var names: Set<String>
  /// "example.com" of "*.example.com".
  private var parents: Set<String>

  /// Host names and addresses without ports; `*.` stands for one label.
  package init(_ names: [String]) {
    let lower = names.map { $0.lowercased() }
    self.names = Set(lower.filter { !$0.hasPrefix("*.") }).union(OwnNames.loopback)
    parents = Set(lower.filter { $0.hasPrefix("*.") }.map { String($0.dropFirst(2)) })
  }

  private static let loopback: Set<String> = ["localhost", "127.0.0.1", "[::1]"]

  /// Whether `authority`, a host with or without a port, is one of ours. Which port stands there does not matter: it may have been
  /// translated on the way.
  package func contains(_ authority: String) -> Bool {
    guard let host = OwnNames.host(of: authority)?.lowercased() else { return false }
    if names.contains(host) { return true }
    guard let dot = host.firstIndex(of: ".") else { return false }
    return parents.contains(String(host[host.index(after: dot)...]))
  }

  /// The host of `host[:port]`, brackets of an IPv6 address kept; nil if it is not well formed.
  package static func host(of authority: String) -> String? {
    let end: String.Index
    if authority.hasPrefix("[") {
      guard let bracket = authority.firstIndex(of: "]") else { return nil }
      end = authority.index(after: bracket)
    } else {
      end = authority.firstIndex(of: ":") ?? authority.endIndex
    }
    let port = authority[end...]
    guard port.isEmpty || (port.hasPrefix(":") && port.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) }),
      authority[..<end].utf8.count <= 255, !authority[..<end].isEmpty,
      authority[..<end].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "@") && $0 != UInt8(ascii: "/") }
      )
    else { return nil }
    return String(authority[..<end])
  }
}

/// Peers that speak for others: what they say of the client is believed. A proxy must remove the header that it does
/// not set itself.
package struct TrustedProxies: Sendable, Equatable {
  package let ranges: [AddressRange]

  package init(_ ranges: [AddressRange]) { self.ranges = ranges }

  package func contains(_ address: ClientAddress) -> Bool { ranges.contains { $0.contains(address) } }

  /// The rightmost address that is no proxy of ours: whatever stands further to the left was written by somebody we do not know.
  /// `X-Forwarded-For` counts where it is sent, else `Forwarded` (RFC 7239): most proxies set only the first, and hand on a second
  /// that a client made up. Nil if there is none that can be read.
  package func client(_ headers: Headers) -> ClientAddress? {
    for text in hops(headers).reversed() {
      guard let address = ClientAddress(text) else { return nil }
      if !contains(address) { return address }
    }
    return nil
  }

  /// Whether the last proxy says that the client came by HTTPS.
  package func isSecure(_ headers: Headers) -> Bool {
    if let last = headers.all("X-Forwarded-Proto").last {
      return last.split(separator: ",").last?.trimmed.lowercased() == "https"
    }
    return forwarded(headers).last?["proto"]?.lowercased() == "https"
  }

  /// Addresses that one request may list.
  private static let maximumHops = 32

  private func hops(_ headers: Headers) -> [String] {
    let listed = headers.all("X-Forwarded-For").flatMap { $0.split(separator: ",") }.map(\.trimmed)
    return (listed.isEmpty ? forwarded(headers).map { $0["for"] ?? "" } : listed).suffix(TrustedProxies.maximumHops)
  }

  private func forwarded(_ headers: Headers) -> [[String: String]] {
    headers.all("Forwarded").flatMap { HeaderText.split($0, at: ",") }.suffix(TrustedProxies.maximumHops).map(pairs)
  }

  private func pairs(_ element: String) -> [String: String] {
    var pairs: [String: String] = [:]
    for pair in HeaderText.split(element, at: ";") {
      let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(\.trimmed)
      guard halves.count == 2, let name = halves.first, let value = halves.last else { continue }
      pairs[name.lowercased()] = value.filter { $0 != "\"" }
    }
    return pairs
  }
}
