import Glibc

/// Turns a name into addresses; handed in so that tests can answer. Blocks.
package struct Resolver: Sendable {
  package let addresses: @Sendable (String) -> [Address]
  package init(_ addresses: @escaping @Sendable (String) -> [Address]) { self.addresses = addresses }

  /// The system's: /etc/hosts and DNS (getaddrinfo(3)).
  package static let system = Resolver { name in
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(name, nil, &hints, &found) == 0, let first = found else { return [] }
    defer { freeaddrinfo(first) }
    var addresses: [Address] = []
    var next: UnsafeMutablePointer<addrinfo>? = first
    while let info = next, addresses.count < EgressRules.maximumAddresses {
      // An address that we cannot read (a scope, another family) stands for itself as one that is not called.
      if let socket = info.pointee.ai_addr {
        addresses.append(Address(socket) ?? .v4(0))
      }
      next = info.pointee.ai_next
    }
    return addresses
  }
}
