import Kernel

/// What outsiders are told of a place that holds keys: which role it has, of what kind it is, and a short name that stays the same as long
/// as the place does. Where it lies is the operator's to know (`steward doctor` says which is which).
package enum KeyPlaceLabel {
  /// `key store 1f0c9a2e (directory)`, `replica 77ab01cd (database)`: the digits are the first eight of the SHA-256 of
  /// `steward/key-place/v1`, the installation's id and the place, a line each (docs/format.md §9.2).
  package static func text(_ place: String, isLive: Bool, installation: String) -> String {
    let digest = Digest(sha256: Array("steward/key-place/v1\n\(installation)\n\(place)\n".utf8))
    let kind = KeyPlaceName.isDatabase(place) ? "database" : "directory"
    return "\(isLive ? "key store" : "replica") \(digest.hex.prefix(8)) (\(kind))"
  }
}
