import Platform

/// Certificate and key of the listener, both PEM files, read anew when they change.
package struct TLSSettings: Sendable, Equatable {
  package enum Minimum: String, Sendable, CaseIterable {
    case tls12 = "1.2"
    case tls13 = "1.3"
  }

  /// The server's certificate first, then those that lead to a root.
  package let certificateFile: String
  /// Not readable by others.
  package let keyFile: String
  package let minimum: Minimum

  package init(certificateFile: String, keyFile: String, minimum: Minimum = .tls13) {
    self.certificateFile = certificateFile
    self.keyFile = keyFile
    self.minimum = minimum
  }

  /// From options or a configuration file; nil if neither file is named. Throws for half a setting.
  package init?(certificate: String?, key: String?, minimum: String?) throws {
    guard certificate != nil || key != nil || minimum != nil else { return nil }
    guard let certificate, let key else {
      throw Problem.invalid("tls", "Name both the certificate file (--tls-certificate) and the key file (--tls-key).")
    }
    guard let minimum = Minimum(rawValue: minimum ?? Minimum.tls13.rawValue) else {
      throw Problem.invalid("tls-minimum", "Write the lowest TLS version as 1.3 or, for old clients, 1.2.")
    }
    self.init(certificateFile: certificate, keyFile: key, minimum: minimum)
  }
}

/// Proxies before the listener that may speak for clients: nobody else may connect then.
package struct ProxySettings: Sendable, Equatable {
  package let trusted: TrustedProxies

  /// "10.0.0.5,10.0.1.0/24"
  package init(_ text: String) throws {
    let ranges = text.split(separator: ",").map { AddressRange($0.trimmed) }
    let known = ranges.compactMap(\.self)
    guard !known.isEmpty, known.count == ranges.count else {
      throw Problem.invalid("proxy", "List the proxies' addresses as 10.0.0.5,10.0.1.0/24.")
    }
    trusted = TrustedProxies(known)
  }
}

/// How the server can be reached. `checked` before use.
package struct ListenerSettings: Sendable {
  package var address: ListenAddress
  package var tls: TLSSettings?
  package var proxies: ProxySettings?
  /// "https://steward.acme.example", without a trailing slash. Nil: from the certificate, or from where it listens.
  package var origin: String?
  /// Where plain HTTP is answered with a redirect to the origin, and with nothing else.
  package var redirectFrom: ListenAddress?

  package init(
    _ address: ListenAddress, tls: TLSSettings? = nil, proxies: ProxySettings? = nil, origin: String? = nil,
    redirectFrom: ListenAddress? = nil
  ) {
    self.address = address
    self.tls = tls
    self.proxies = proxies
    self.origin = origin
    self.redirectFrom = redirectFrom
  }

  /// From options or a configuration file, as text. Throws for what does not fit together.
  package init(
    listen: String, tls: TLSSettings?, proxy: String?, origin: String?, redirectFrom: String?
  ) throws {
    let proxies = try proxy.map { try ProxySettings($0) }
    self.init(
      try ListenAddress(listen, isProtected: tls != nil || proxies != nil), tls: tls, proxies: proxies,
      origin: try origin.map(ListenerSettings.origin),
      redirectFrom: try redirectFrom.map {
        try ListenAddress($0.hasPrefix(":") ? "0.0.0.0\($0)" : $0, isProtected: true)
      })
    guard proxies == nil || tls == nil else {
      throw Problem.invalid("proxy", "Choose one: TLS here (--tls-certificate), or TLS at the proxies (--proxy).")
    }
    guard proxies == nil || self.origin != nil else {
      throw Problem.invalid("origin", "Say under which address people reach the proxy: --origin https://….")
    }
    guard self.redirectFrom == nil || tls != nil else {
      throw Problem.invalid("redirect-from", "There is nothing to lead to: set up TLS first.")
    }
  }

  private static func origin(_ text: String) throws -> String {
    guard text.hasPrefix("https://"), !text.dropFirst(8).contains("/"),
      OwnNames.host(of: String(text.dropFirst(8))) != nil
    else { throw Problem.invalid("origin", "Write the address as https://steward.acme.example, without a path.") }
    return text
  }

  /// Whether people come by HTTPS, wherever it ends.
  package var isSecure: Bool { tls != nil || proxies != nil }
}

extension LimitSettings {
  /// From options or a configuration file.
  package init(rate: Double?, researchers: [String]) throws {
    self = try LimitSettings().with(rate: rate, researchers: researchers)
  }

  /// The same with another rate for tokens, and more researchers.
  package func with(rate: Double?, researchers: [String]) throws -> LimitSettings {
    var limits = self
    if let rate {
      guard rate > 0, rate <= 1_000_000 else {
        throw Problem.invalid("rate", "Give the rate as requests per second, between 1 and 1000000.")
      }
      limits.token = Rate(perSecond: rate, burst: 2 * rate)
    }
    limits.researchers += try researchers.map(LimitSettings.researcher)
    return limits
  }

  /// What the configuration file says.
  init(_ settings: Settings.Limits) {
    self.init()
    token = Rate(perSecond: Double(settings.tokenPerSecond), burst: 2 * Double(settings.tokenPerSecond))
    session = Rate(perSecond: Double(settings.personPerSecond), burst: 4 * Double(settings.personPerSecond))
    address = Rate(perSecond: Double(settings.addressPerSecond), burst: 10 * Double(settings.addressPerSecond))
    maximumConnections = settings.connections
    researchers = settings.researchers.map { researcher in
      Researcher(
        name: researcher.name, secretHash: researcher.secretHash.bytes,
        rate: Rate(perSecond: Double(researcher.perSecond), burst: 2 * Double(researcher.perSecond)))
    }
  }

  private static func researcher(_ text: String) throws -> Researcher {
    let parts = text.split(separator: ":").map(String.init)
    guard parts.count == 3, let hash = Digest(hex: parts[1]), let rate = Double(parts[2]), rate > 0, rate <= 1_000_000
    else {
      throw Problem.invalid(
        "researcher", "Write a researcher as NAME:HASH:NUMBER, with the SHA-256 of the secret in 64 hexadecimal digits."
      )
    }
    return Researcher(name: parts[0], secretHash: hash.bytes, rate: Rate(perSecond: rate, burst: 2 * rate))
  }
}
