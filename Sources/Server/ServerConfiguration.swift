import Platform

/// Where the server keeps its data and where it listens.
package struct ServerConfiguration: Sendable {
  package let dataDirectory: String
  package let keysDirectory: String
  package let listen: ListenAddress
  /// Where to report a vulnerability: a `mailto:` or `https:` address.
  package let securityContact: String

  package init(
    dataDirectory: String, keysDirectory: String?, listen: ListenAddress,
    securityContact: String = ServerConfiguration.ordinarySecurityContact
  ) {
    self.securityContact = securityContact
    self.dataDirectory = dataDirectory
    self.keysDirectory = keysDirectory ?? ServerConfiguration.defaultKeysDirectory(for: dataDirectory)
    self.listen = listen
  }

  package static let ordinarySecurityContact = "mailto:security@localhost"

  /// `DIR.keys` beside `DIR`: keys do not lie in what is copied with the data.
  package static func defaultKeysDirectory(for dataDirectory: String) -> String {
    Installation.defaultKeysDirectory(for: dataDirectory)
  }
}

/// `HOST:PORT`, checked. Without TLS only this machine may connect.
package struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
  package let host: String
  package let port: Int

  /// Throws if the text is no address, or is one that others could reach without TLS.
  package init(_ text: String) throws {
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
      (0...65_535).contains(port)
    else { throw Problem.invalid("listen", "Write the address as HOST:PORT, such as localhost:8080.") }
    let host = String(text[..<colon])
    guard ListenAddress.loopback.contains(host) else {
      throw Problem.invalid(
        "listen",
        "Listen on localhost, 127.0.0.1 or [::1]: without TLS, passwords and tokens would cross the network in clear.")
    }
    self.init(host: host, port: port)
  }

  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  private static let loopback: Set<String> = ["localhost", "127.0.0.1", "[::1]"]

  /// What the socket is bound to.
  var bindHost: String {
    switch host {
    case "localhost": "127.0.0.1"
    case "[::1]": "::1"
    default: host
    }
  }

  package var origin: String { "http://\(host):\(port)" }
  package var description: String { "\(host):\(port)" }
}

/// The version that this source makes.
package enum StewardVersion {
  package static let current = "0.1.0"
}
