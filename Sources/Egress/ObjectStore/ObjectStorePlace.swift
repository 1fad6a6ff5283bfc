import Kernel

/// A bucket of an S3-compatible object store, and where in it our objects lie.
package struct ObjectStorePlace: Sendable {
  /// How the bucket is named in an address.
  package enum Style: String, Sendable {
    /// `https://store/bucket/key`
    case path
    /// `https://bucket.store/key`
    case host
  }

  package static let maximumPrefixBytes = 200

  let scheme: EgressURL.Scheme
  package let host: EgressHost
  package let port: Int
  package let bucket: String
  package let region: String
  let style: Style
  /// Nothing, or words and slashes that end in a slash.
  let prefix: String

  /// `endpoint`: scheme, host and perhaps port of the store. Plain HTTP for this machine only. Throws `EgressRefusal.badURL` with the reason.
  package init(
    endpoint: String, bucket: String, region: String, prefix: String = "", style: Style = .path
  ) throws(EgressRefusal) {
    let url = try EgressURL(endpoint)
    guard url.target == "/" else {
      throw .badURL("the endpoint of an object store is a scheme and a host, without a path")
    }
    guard url.scheme == .https || ObjectStorePlace.isThisMachine(url.host) else { throw .plainHTTP }
    guard ObjectStorePlace.isBucket(bucket, style) else {
      throw .badURL(
        "a bucket has 3 to 63 lower-case letters, digits, hyphens and dots (no dots if its name stands in the host)")
    }
    guard (1...63).contains(region.utf8.count), region.utf8.allSatisfy({ ObjectStorePlace.isWord($0) }) else {
      throw .badURL("a region is a word such as eu-central-1")
    }
    let prefix = prefix.isEmpty || prefix.hasSuffix("/") ? prefix : prefix + "/"
    guard ObjectStorePlace.isPrefix(prefix) else {
      throw .badURL(
        "a prefix is made of letters, digits, hyphens, dots and single slashes, and does not begin with one")
    }
    scheme = url.scheme
    host = style == .path ? url.host : try EgressHost("\(bucket).\(url.host)")
    port = url.port
    (self.bucket, self.region, self.prefix, self.style) = (bucket, region, prefix, style)
  }

  /// Whether it answers on this machine: then nothing crosses a network.
  package var isThisMachine: Bool { ObjectStorePlace.isThisMachine(host) }

  private static func isThisMachine(_ host: EgressHost) -> Bool {
    switch host.kind {
    case .name(let name): name == "localhost" || name.hasSuffix(".localhost")
    case .address(.v4(let value)): value >> 24 == 127
    case .address(.v6(let high, let low)): high == 0 && low == 1
    }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    (97...122).contains(byte) || (48...57).contains(byte) || byte == UInt8(ascii: "-")
  }

  private static func isBucket(_ text: String, _ style: Style) -> Bool {
    (3...63).contains(text.utf8.count) && !text.hasPrefix("-") && !text.hasPrefix(".")
      && text.utf8.allSatisfy { isWord($0) || (style == .path && $0 == UInt8(ascii: ".")) } && !text.contains("..")
  }

  private static func isPrefix(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    return text.utf8.count <= maximumPrefixBytes
      && parts.allSatisfy { part in
        !part.isEmpty && part != "." && part != ".."
          && part.utf8.allSatisfy { isWord($0) || (65...90).contains($0) || $0 == 46 || $0 == 95 }
      }
  }

  /// As curl writes the header `Host`: without the scheme's own port.
  var authority: String { port == scheme.port ? host.inURL : "\(host.inURL):\(port)" }

  func path(_ key: String?) -> String {
    let object = key.map { prefix + $0 } ?? ""
    return style == .path ? "/\(bucket)/\(object)" : "/\(object)"
  }

  /// The part of a listed key behind the prefix; nil if it is not ours.
  package func key(ofListed name: String) -> String? {
    name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
  }
}
