import Kernel
import Ledger

/// How messages leave, as the operator configured it.
package struct MailSettings: Sendable {
  package enum Route: Sendable {
    /// Messages are held until there is a way.
    case none
    /// Into the mailbox page of each tenant: the demo.
    case mailbox
    case smtp(SMTPSettings)
  }

  package var route: Route
  /// Whom messages are from. Nil: `Steward <steward@HOST>` of the installation's own host.
  package var from: MailAddress?

  package init(route: Route = .none, from: MailAddress? = nil) {
    self.route = route
    self.from = from
  }
}

/// A mail server that takes messages over TLS, or none at all.
package struct SMTPSettings: Sendable {
  package enum Security: String, Sendable {
    /// TLS from the first byte (RFC 8314 §3.3).
    case implicit
    /// STARTTLS, required (RFC 3207): a server that does not offer it gets nothing.
    case starttls
  }

  package var host: String
  package var port: Int
  package var security: Security
  package var user: String?
  /// A file whose first line is the password. Read for each message, so that a new password needs no restart.
  package var passwordFile: String?
  /// PEM certificates that vouch for the server instead of the system's.
  package var caFile: String?
  /// Whether the operator runs the server himself: then it is no sub-processor, and the register is not asked.
  package var isOwn: Bool
  /// Addresses as CIDR ranges, such as `10.0.0.0/8`, that may be called although they are not public.
  package var allowedPrivateAddresses: [String]

  package init(
    host: String, port: Int? = nil, security: Security = .starttls, user: String? = nil, passwordFile: String? = nil,
    caFile: String? = nil, isOwn: Bool = false, allowedPrivateAddresses: [String] = []
  ) {
    self.host = host.lowercased()
    self.port = port ?? (security == .implicit ? 465 : 587)
    self.security = security
    self.user = user
    self.passwordFile = passwordFile
    self.caFile = caFile
    self.isOwn = isOwn
    self.allowedPrivateAddresses = allowedPrivateAddresses
  }
}

extension MailSettings {
  var ownPlaces: Set<EgressPlace> {
    guard case .smtp(let smtp) = route, smtp.isOwn else { return [] }
    return [EgressPlace(host: smtp.host, port: smtp.port)]
  }

  func transport(ledger: Ledger, egress: EgressGate) throws -> (any MailTransport)? {
    switch route {
    case .none: nil
    case .mailbox: MailboxTransport(ledger: ledger)
    case .smtp(let settings): try SMTPTransport(settings, egress: egress)
    }
  }

  func sender(_ installation: InstallationFacts) throws -> MailAddress {
    if let from { return from }
    let host = installation.origin.split(separator: "/").last.map { $0.prefix { $0 != ":" } } ?? "localhost"
    let name = installation.productName
    guard
      let address = MailAddress(name: name, address: "steward@\(host)")
        ?? MailAddress(name: name, address: "steward@localhost")
    else { throw Problem(.internal, "There is no address that messages can come from.") }
    return address
  }
}
