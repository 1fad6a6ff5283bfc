import Kernel
import Storage
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
    try refreshKeys()
    let signer = signer
    guard text.contains("\nverifier \(signer.verifierKey)\n") else {
      throw Problem(.conflict, "The installation's key was changed while the backup was made; make it again.")
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

  /// Makes what is in no backup from the rows of the journal that were put there, behind those it was made from before. Data that has no such
  /// table yet gets it when it is opened.
  package static func complete(_ tenant: TenantID, _ connection: Connection) throws {
    guard try connection.hasTable(FacetStore.table) else { return }
    try FacetStore(tenant: tenant, connection: connection).fillBehind()
  }
}
