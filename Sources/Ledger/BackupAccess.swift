import Kernel
import TransparencyLog

/// The opened data directory; `Kernel` has a noun of the name `Installation`, for ids.
package typealias OpenInstallation = Installation

/// What a backup needs of an installation beyond its files: the installation key's word for a manifest.
extension Installation {
  package static let backupManifestFormat = "steward/backup/v1"

  /// A note signed by the installation key over the manifest of a backup (docs/format.md §7.1), and nothing else.
  package func signBackupManifest(_ text: String) throws -> [UInt8] {
    guard text.hasPrefix(Installation.backupManifestFormat + "\n") else {
      throw Problem(.internal, "The installation key signs log-key certificates and manifests of backups only.")
    }
    return try signer.sign(text: text)
  }

  /// As a value; `verifierKey` is its line.
  package var verifier: VerifierKey { signer.verifierKey }
}

/// What a backup or a restore asks about tables without knowing modules.
package enum StoredTables {
  /// The journal's tables in the order in which a backup holds them.
  package static let journal = JournalTables.names
}
