import Platform

/// `HOST:PORT`, checked. Without TLS only this machine may connect.
package struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
  package let host: String
  package let port: Int

  /// Throws if the text is no address, or is one that others could reach although nothing protects what they send.
  /// `isProtected`: TLS is set up, or a proxy before it whose addresses are known.
  package init(_ text: String, isProtected: Bool = false) throws {
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
      (0...65_535).contains(port)
    else { throw Problem.invalid("listen", "Write the address as HOST:PORT, such as localhost:8080.") }
    self.init(host: String(text[..<colon]), port: port)
    guard isProtected || isLoopback else {
      throw Problem.invalid(
        "listen",
        """
        Set up TLS (--tls-certificate, --tls-key), name the proxies before it (--proxy), or listen on localhost, 127.0.0.1 \
        or [::1]: otherwise passwords and tokens would cross the network in clear.
        """)
    }
    guard isLoopback || ClientAddress(host) != nil else {
      throw Problem.invalid(
        "listen", "Write the address in figures, such as 0.0.0.0:443 for all of IPv4 or [::]:443 for IPv6 too.")
    }
  }

  /// Any address; whether others may reach it is for the caller to decide.
  package init(parsing text: String) throws { try self.init(text, isProtected: true) }

  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  private static let loopback: Set<String> = ["localhost", "127.0.0.1", "[::1]"]

  package var isLoopback: Bool { ListenAddress.loopback.contains(host) }

  /// What the socket is bound to.
  var bindHost: String {
    if host == "localhost" { return "127.0.0.1" }
    return host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
  }

  /// Where this machine reaches the socket.
  var ownHost: String {
    switch bindHost {
    case "0.0.0.0": "127.0.0.1"
    case "::": "::1"
    default: bindHost
    }
  }

  package var origin: String { "http://\(host):\(port)" }

  /// The port that belongs to the scheme is left out, as browsers do.
  package func origin(isTLS: Bool) -> String {
    isTLS ? "https://\(host)" + (port == 443 ? "" : ":\(port)") : origin
  }

  package var description: String { "\(host):\(port)" }
}
