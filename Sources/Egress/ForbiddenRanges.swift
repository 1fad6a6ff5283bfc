/// What is never called unless the operator names it: every block of the IANA special-purpose registries that is not a public
/// place, every form that hides an IPv4 address inside an IPv6 one, and places of cloud hosts that answer to anybody inside.
///
/// IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), as of 2025. IPv6 beyond 2000::/3 is no global
/// unicast (RFC 4291 §2.4) and is refused as a whole; the blocks beyond it are named here for the sake of the reason.
package enum ForbiddenRanges {
  package struct Entry: Sendable {
    package let range: AddressRange
    package let name: String
  }

  /// Why an address is not called; nil if it may be.
  package static func reason(against address: Address) -> String? {
    if let entry = entries.first(where: { $0.range.contains(address) }) { return "\(entry.name), \(entry.range)" }
    if case .v6(let high, _) = address, high >> 61 != 1 { return "not global unicast (RFC 4291 §2.4)" }
    return nil
  }

  package static let entries: [Entry] = (v4 + v6).compactMap { text, name in
    AddressRange(text).map { Entry(range: $0, name: name) }
  }
  static let declared = v4.count + v6.count

  private static let v4: [(String, String)] = [
    ("0.0.0.0/8", "this network (RFC 791 §3.2)"),
    ("10.0.0.0/8", "private (RFC 1918)"),
    ("100.64.0.0/10", "shared by carriers (RFC 6598)"),
    ("127.0.0.0/8", "this machine (RFC 1122 §3.2.1.3)"),
    ("168.63.129.16/32", "the platform of a cloud host (Microsoft Azure)"),
    ("169.254.0.0/16", "link-local, and the metadata of cloud hosts (RFC 3927)"),
    ("172.16.0.0/12", "private (RFC 1918)"),
    ("192.0.0.0/24", "protocol assignments (RFC 6890 §2.1)"),
    ("192.0.2.0/24", "documentation (RFC 5737)"),
    ("192.31.196.0/24", "AS112 (RFC 7535)"),
    ("192.52.193.0/24", "AMT (RFC 7450)"),
    ("192.88.99.0/24", "6to4 relays (RFC 7526)"),
    ("192.168.0.0/16", "private (RFC 1918)"),
    ("192.175.48.0/24", "AS112 (RFC 7534)"),
    ("198.18.0.0/15", "benchmarking (RFC 2544)"),
    ("198.51.100.0/24", "documentation (RFC 5737)"),
    ("203.0.113.0/24", "documentation (RFC 5737)"),
    ("224.0.0.0/4", "multicast (RFC 5771)"),
    ("255.255.255.255/32", "broadcast (RFC 8190)"),
    ("240.0.0.0/4", "reserved (RFC 1112 §4)"),
  ]

  private static let v6: [(String, String)] = [
    ("::/128", "unspecified (RFC 4291 §2.5.2)"),
    ("::1/128", "this machine (RFC 4291 §2.5.3)"),
    ("::ffff:0:0/96", "IPv4-mapped (RFC 4291 §2.5.5.2)"),
    ("::ffff:0:0:0/96", "IPv4-translated (RFC 2765)"),
    ("::/96", "IPv4-compatible (RFC 4291 §2.5.5.1)"),
    ("64:ff9b::/96", "NAT64 (RFC 6052)"),
    ("64:ff9b:1::/48", "local NAT64 (RFC 8215)"),
    ("100::/64", "discard (RFC 6666)"),
    ("100:0:0:1::/64", "dummy prefix (RFC 9780)"),
    ("2001::/32", "Teredo (RFC 4380)"),
    ("2001:2::/48", "benchmarking (RFC 5180)"),
    ("2001:10::/28", "ORCHID (RFC 4843)"),
    ("2001:20::/28", "ORCHIDv2 (RFC 7343)"),
    ("2001::/23", "protocol assignments (RFC 2928)"),
    ("2001:db8::/32", "documentation (RFC 3849)"),
    ("2002::/16", "6to4 (RFC 3056)"),
    ("2620:4f:8000::/48", "AS112 (RFC 7534)"),
    ("3fff::/20", "documentation (RFC 9637)"),
    ("5f00::/16", "segment routing (RFC 9602)"),
    ("fc00::/7", "unique local (RFC 4193)"),
    ("fe80::/10", "link-local (RFC 4291 §2.5.6)"),
    ("fec0::/10", "site-local (RFC 3879)"),
    ("ff00::/8", "multicast (RFC 4291 §2.7)"),
  ]
}
