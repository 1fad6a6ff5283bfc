/// Why nothing was sent. The sentence is for the operator; it holds no content.
package enum EgressRefusal: Error, Sendable, Equatable {
  case badURL(String)
  case badRequest(String)
  /// `host` led, also, to an address that is not called.
  case forbiddenAddress(String, why: String)
  case plainHTTP
  case notFound
  case tooBusy

  package var sentence: String {
    switch self {
    case .badURL(let why): "The address is refused: \(why)."
    case .badRequest(let why): "The request is refused: \(why)."
    case .forbiddenAddress(let address, let why):
      "\(address) is not called: \(why). Allow it by configuration if it is meant."
    case .plainHTTP: "Only https:// is called; http:// needs a host that the configuration allows."
    case .notFound: "The host has no address."
    case .tooBusy: "Too many calls wait already."
    }
  }
}

/// Where calls may lead beyond public addresses, as the operator configured it.
package struct EgressRules: Sendable {
  /// Names and addresses of hosts, as in a URL, that may lead anywhere and may be called without TLS.
  package var hosts: Set<EgressHost>
  package var ranges: [AddressRange]

  package init(hosts: Set<EgressHost> = [], ranges: [AddressRange] = []) {
    self.hosts = hosts
    self.ranges = ranges
  }

  /// All the addresses of a host or none: one that is not called spoils the others.
  package func check(_ addresses: [Address], of host: EgressHost) throws(EgressRefusal) -> [Address] {
    guard !addresses.isEmpty, addresses.count <= EgressRules.maximumAddresses else { throw .notFound }
    guard !hosts.contains(host) else { return addresses }
    for address in addresses where !ranges.contains(where: { $0.contains(address) }) {
      if let why = ForbiddenRanges.reason(against: address) {
        throw .forbiddenAddress(address.description, why: why)
      }
    }
    return addresses
  }

  static let maximumAddresses = 64
}
