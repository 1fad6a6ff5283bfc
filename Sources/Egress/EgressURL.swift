/// An address of the web, read strictly by us and then rebuilt from its parts, so that nobody after us reads it differently.
///
/// A subset of RFC 3986: `http` or `https`, a host, perhaps a port, path and query. What two readers could take for different
/// places is refused: user information, fragments, backslashes, control and non-ASCII characters, percent signs in the host, a
/// host that ends in a number without being an ordinary IPv4 address, IPv6 zones.
package struct EgressURL: Hashable, Sendable {
  /// Bytes.
  package static let maximumLength = 4_096

  package enum Scheme: String, Sendable {
    case http, https
    var port: Int { self == .http ? 80 : 443 }
  }

  package let scheme: Scheme
  package let host: EgressHost
  package let port: Int
  /// With the query; begins with a slash.
  package let target: String

  package init(_ text: String) throws(EgressRefusal) {
    guard text.utf8.count <= EgressURL.maximumLength else { throw .badURL("it is too long") }
    guard text.utf8.allSatisfy({ $0 > 32 && $0 < 127 && !EgressURL.ambiguous.contains($0) }) else {
      throw .badURL("it has a character that does not belong into an address")
    }
    guard let colon = text.firstIndex(of: ":"), let scheme = Scheme(rawValue: text[..<colon].lowercased()),
      text[colon...].hasPrefix("://")
    else { throw .badURL("only http:// and https:// are called") }
    let rest = text[text.index(colon, offsetBy: 3)...]
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    guard !authority.contains("@") else { throw .badURL("it names a user") }
    let (host, port) = try EgressURL.split(authority)
    self.scheme = scheme
    self.host = try EgressHost(String(host))
    self.port = try port.map { text throws(EgressRefusal) in try EgressURL.port(text) } ?? scheme.port
    let target = rest.dropFirst(authority.count)
    self.target = target.isEmpty ? "/" : target.hasPrefix("?") ? "/" + target : String(target)
  }

  /// `"` `#` `<` `>` `\` `^` `` ` `` `{` `|` `}`
  private static let ambiguous = Set("\"#<>\\^`{|}".utf8)

  /// At the colon before the port; the colons of an IPv6 address stand in brackets.
  private static func split(_ authority: Substring) throws(EgressRefusal) -> (Substring, Substring?) {
    if authority.hasPrefix("[") {
      guard let closing = authority.firstIndex(of: "]") else { throw .badURL("its brackets do not close") }
      let after = authority[authority.index(after: closing)...]
      guard after.isEmpty || after.hasPrefix(":") else { throw .badURL("something follows its brackets") }
      return (authority[...closing], after.isEmpty ? nil : after.dropFirst())
    }
    guard let colon = authority.firstIndex(of: ":") else { return (authority, nil) }
    return (authority[..<colon], authority[authority.index(after: colon)...])
  }

  private static func port(_ text: Substring) throws(EgressRefusal) -> Int {
    guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }), !text.hasPrefix("0"),
      let port = Int(text), (1...65_535).contains(port)
    else { throw .badURL("its port is no number from 1 to 65535") }
    return port
  }

  /// Host and port, the port always.
  package var authority: String { "\(host.inURL):\(port)" }

  /// As it is handed to the transport: every part once, the port always.
  package var text: String { "\(scheme.rawValue)://\(host.inURL):\(port)\(target)" }
}

/// The name or address of a host, in its one form.
package struct EgressHost: Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    /// Lower case, no dot at the end.
    case name(String)
    case address(Address)
  }

  package let kind: Kind

  /// "example.com", "192.0.2.7", "[2001:db8::1]".
  package init(_ text: String) throws(EgressRefusal) {
    if text.hasPrefix("["), text.hasSuffix("]") {
      guard let address = Address(String(text.dropFirst().dropLast())), case .v6 = address else {
        throw .badURL("its IPv6 address cannot be read")
      }
      kind = .address(address)
      return
    }
    let name = text.lowercased()
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...253).contains(name.utf8.count), labels.allSatisfy(EgressHost.isLabel), let last = labels.last else {
      throw .badURL("its host is no name of letters, digits and hyphens")
    }
    // What ends in a number is read as an IPv4 address by some, in octal, hexadecimal or with parts left out (WHATWG URL §3.5).
    guard !EgressHost.isNumber(last) else {
      guard let address = Address(name) else {
        throw .badURL("its host is a number in a form that is read in several ways")
      }
      kind = .address(address)
      return
    }
    kind = .name(name)
  }

  private static func isLabel(_ label: Substring) -> Bool {
    (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
      && label.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 || $0 == 95 }
  }

  private static func isNumber(_ label: Substring) -> Bool {
    label.utf8.allSatisfy { (48...57).contains($0) } || label.hasPrefix("0x")
  }

  package var description: String {
    switch kind {
    case .name(let name): name
    case .address(let address): address.description
    }
  }

  /// With brackets around an IPv6 address.
  var inURL: String {
    if case .address(let address) = kind, case .v6 = address { return "[\(address)]" }
    return description
  }
}
