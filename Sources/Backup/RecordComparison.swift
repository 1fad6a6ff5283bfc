import Kernel
import Ledger
import Storage

extension BackupVerification.Report {
  /// Compares the place with what the installation has on record: a backup that was put in another's place is told, and so is one that should
  /// follow the newest that lies there. Backups at other places do not matter: each record names the manifest that it followed.
  package mutating func compare(withRecordOf dataDirectory: String, in place: any BackupPlace) throws {
    let entries = try Shelf(place).entries
    let digests = Set(entries.map(\.signed.digest))
    for recorded in try Self.records(dataDirectory) {
      if let entry = entries.first(where: { $0.id == recorded.id }) {
        if entry.signed.digest != recorded.manifest {
          told(recorded.id, "it is another one than the installation has on record")
        }
      } else if let previous = recorded.previous, digests.contains(previous) {
        told(recorded.id, "the installation has it on record, and it is not at this place any more")
      }
    }
  }

  private mutating func told(_ backup: BackupID, _ reason: String) {
    findings.append(BackupVerification.Finding(backup: backup, reason: reason))
  }

  private static func records(
    _ dataDirectory: String
  ) throws -> [(id: BackupID, manifest: Digest, previous: Digest?)] {
    let data = try DataPlace(dataDirectory)
    let system = try data.control { connection in
      try connection.firstRow(raw: "SELECT id FROM tenant WHERE slug = ?", [.text(Restore.systemSlug)])?[0].text
    }
    guard let system, let id = TenantID(system) else { return [] }
    return try data.tenant(id) { connection in
      guard try connection.hasTable("backup") else { return [] }
      return try connection.rows(
        raw: "SELECT id, manifest, previous FROM backup WHERE tenant = ?", [.text(system)]
      ).compactMap { row in
        guard let backup = row[0].text.flatMap({ BackupID($0) }),
          let manifest = row[1].bytes.flatMap({ Digest(bytes: $0) })
        else { return nil }
        return (backup, manifest, row[2].bytes.flatMap { Digest(bytes: $0) })
      }
    }
  }
}
