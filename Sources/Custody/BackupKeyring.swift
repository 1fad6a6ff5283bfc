import Kernel

/// Wraps the keys of backups under the root key and, for a backup whose time ends, a key of its own (docs/format.md §7.2). Whoever holds the root
/// key and a place of the keys, as somebody with the recovery kit does, opens every backup whose time is not over.
package struct BackupKeyring: Sendable {
  private let root: SecretBytes
  /// Root keys before it, which opened the backups of their time.
  private let earlier: [SecretBytes]
  private let term: @Sendable (TermKeyName) throws -> TermKey

  package init(
    root: SecretBytes, earlier: [SecretBytes] = [],
    term: @escaping @Sendable (TermKeyName) throws -> TermKey = { throw $0.missing }
  ) {
    self.root = root
    self.earlier = earlier
    self.term = term
  }

  package func wrap(
    _ key: SecretBytes, installation: String, backup: String, term: TermKey? = nil
  ) throws -> [UInt8] {
    try Box.seal(
      key.withBytes { Array($0) }, key: term?.wrapping(root) ?? root,
      context: Self.context(installation, backup, term?.name))
  }

  /// Throws `Box.OpenError` if the root key is another or the bytes were changed, `TermEnded` if its time is over, and `Problem.unavailable` where
  /// no place that can be read has its key.
  package func unwrap(
    _ box: [UInt8], installation: String, backup: String, term name: TermKeyName? = nil
  ) throws -> SecretBytes {
    let context = Self.context(installation, backup, name)
    let term = try name.map(term)
    let keys = ([root] + earlier).map { term?.wrapping($0) ?? $0 }
    let former = keys.dropFirst().first { Box.isSealed(box, under: $0, context: context) }
    let key = try Box.open(box, key: former ?? keys[0], context: context)
    guard key.count == 32 else { throw Box.OpenError.malformed }
    return SecretBytes(key)
  }

  /// The same under a root key that nobody has: what it opens, anybody can who has the other keys.
  package func stranger() -> BackupKeyring { BackupKeyring(root: .random(), term: term) }

  private static func context(_ installation: String, _ backup: String, _ term: TermKeyName?) -> [UInt8] {
    guard let term else {
      return CBOR.array(["steward/backup-key/v1", .text(installation), .text(backup)]).encoded
    }
    return CBOR.array(["steward/backup-key/v2", .text(installation), .text(backup), .text("\(term)")]).encoded
  }
}

extension KeyStore {
  package var backupKeyring: BackupKeyring {
    BackupKeyring(root: root, earlier: earlierRoots) { [places, root] name in
      let replicas = (try? places.replicas()) ?? []
      return try TermKeyFinder(places: [places.live] + replicas.map(places.replica), root: root).key(name)
    }
  }
}

extension RecoveryKit {
  /// With the root keys before the kit's, which open the backups of their time, and the keys of backups, as far as one of the places of the keys
  /// that the kit names, or one of `places`, can be read.
  package func backupKeyring(from places: [String]? = nil) -> BackupKeyring {
    let read = (places ?? keyStores).compactMap { try? KeyPlaceName($0).place() }
    let said = read.compactMap { place -> RootFile? in
      guard let bytes = try? place.read(.root), RootFile.isOf(rootKey, installationID, bytes) else { return nil }
      return try? RootFile(bytes)
    }
    let fullest = said.max { $0.earlier.count < $1.earlier.count }
    return BackupKeyring(root: rootKey, earlier: (try? fullest?.earlierRoots(under: rootKey)) ?? []) { [rootKey] name in
      try TermKeyFinder(places: read, root: rootKey).key(name)
    }
  }
}
