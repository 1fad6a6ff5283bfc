import Kernel

/// Wraps the keys of backups under the root key (docs/format.md §7.2). Whoever holds the root key, as the recovery kit does, opens every backup.
package struct BackupKeyring: Sendable {
  private let root: SecretBytes
  /// Root keys before it, which opened the backups of their time.
  private let earlier: [SecretBytes]

  package init(root: SecretBytes, earlier: [SecretBytes] = []) {
    self.root = root
    self.earlier = earlier
  }

  package func wrap(_ key: SecretBytes, installation: String, backup: String) throws -> [UInt8] {
    try Box.seal(key.withBytes { Array($0) }, key: root, context: Self.context(installation, backup))
  }

  /// Throws `Box.OpenError` if the root key is another or the bytes were changed.
  package func unwrap(_ box: [UInt8], installation: String, backup: String) throws -> SecretBytes {
    let context = Self.context(installation, backup)
    let former = earlier.first { root in Box.isSealed(box, under: root, context: context) }
    let key = try Box.open(box, key: former ?? root, context: context)
    guard key.count == 32 else { throw Box.OpenError.malformed }
    return SecretBytes(key)
  }

  private static func context(_ installation: String, _ backup: String) -> [UInt8] {
    CBOR.array(["steward/backup-key/v1", .text(installation), .text(backup)]).encoded
  }
}

extension KeyStore {
  package var backupKeyring: BackupKeyring { BackupKeyring(root: root, earlier: earlierRoots) }
}

extension RecoveryKit {
  /// With the root keys before the kit's, which open the backups of their time, if one of the places of the keys that the kit names, or one
  /// of `places`, can be read.
  package func backupKeyring(from places: [String]? = nil) -> BackupKeyring {
    let said = (places ?? keyStores).compactMap { text -> RootFile? in
      guard let bytes = try? KeyPlaceName(text).place().read(.root), RootFile.isOf(rootKey, installationID, bytes)
      else {
        return nil
      }
      return try? RootFile(bytes)
    }
    let fullest = said.max { $0.earlier.count < $1.earlier.count }
    return BackupKeyring(root: rootKey, earlier: (try? fullest?.earlierRoots(under: rootKey)) ?? [])
  }
}

extension BackupKeyring {
  /// Under a root key that nobody has: what it opens, anybody can.
  package static func stranger() -> BackupKeyring { BackupKeyring(root: .random()) }
}
