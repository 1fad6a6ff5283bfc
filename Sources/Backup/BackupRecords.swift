import Kernel
import Ledger
import Storage

/// A restore, on the record of every tenant that came back: from which backup, and how far its log reached there. Entries that were acknowledged
/// after that backup are lost, and this row is what says so.
package struct RestoreRecord: Record {
  package static let table = Table(
    "restore", .primary,
    columns: [
      Column("backup", .text, .key, purpose: "the backup that was restored", nullable: false),
      Column("backup_made_at", .integer, .operational, purpose: "when its snapshot began", nullable: false),
      Column("log_size", .integer, .operational, purpose: "size of the log in it", nullable: false),
      Column("restored_at", .integer, .operational, purpose: "when it was restored", nullable: false),
    ], retention: "as long as the tenant")

  package let id: ID<RestoreRecord>
  package let backup: BackupID
  package let made: Instant
  package let size: Int64
  package let restoredAt: Instant

  package var key: String { id.text }
  package var plain: [String: Value] {
    [
      "backup": backup.value, "backup_made_at": made.value, "log_size": .integer(size),
      "restored_at": restoredAt.value,
    ]
  }
  package var content: [String: CBOR] { [:] }

  init(backup: BackupID, made: Instant, size: Int64, at now: Instant = Instant(milliseconds: 0)) {
    id = ID.make(at: now)
    self.backup = backup
    self.made = made
    self.size = size
    restoredAt = now
  }

  func at(_ now: Instant) -> RestoreRecord { RestoreRecord(backup: backup, made: made, size: size, at: now) }

  package init(_ row: OpenedRow) throws {
    id = try row.keyID()
    backup = try row.id("backup")
    made = try row.instant("backup_made_at")
    size = try row.integer("log_size")
    restoredAt = try row.instant("restored_at")
  }
}

/// A backup that was made, on the installation's own record: a place that lacks the newest one can be told.
package struct BackupRecord: Record {
  package static let table = Table(
    "backup", .primary, version: 2,
    columns: [
      Column("number", .integer, .operational, purpose: "its number in the place", nullable: false),
      Column("made_at", .integer, .operational, purpose: "when its snapshot began", nullable: false),
      Column("base", .integer, .operational, purpose: "1 for a base, 0 for an increment", nullable: false),
      Column("whole", .integer, .operational, purpose: "1 for all tenants, 0 for one", nullable: false),
      Column("bytes", .integer, .operational, purpose: "sealed bytes written", nullable: false),
      Column("manifest", .bytes, .operational, purpose: "digest of its manifest", nullable: false),
      Column("previous", .bytes, .operational, purpose: "digest of the manifest before it in its place"),
      Column("kept_until", .integer, .operational, purpose: "its end, if no schedule tends its place"),
      Column("removed_at", .integer, .operational, purpose: "when it was seen to be gone after that"),
    ],
    sealed: [
      Column("place", .text, .content, purpose: "where it lies, if no schedule tends that"),
      Column("ends", .text, .content, purpose: "when its key was gone at each place of the keys"),
    ],
    retention: "as long as the installation",
    upgrades: [Table.Upgrade(to: 2, [.addColumn("kept_until"), .addColumn("removed_at")])])

  package let id: BackupID
  package let number: Int64
  package let made: Instant
  package let isBase: Bool
  package let isWhole: Bool
  package let bytes: Int64
  package let manifest: Digest
  package let previous: Digest?
  package let keptUntil: Instant?
  package let place: String?
  package var removedAt: Instant?
  /// Of each place of the keys, by its label, when the key of the backup was gone there; nil: not yet. Empty until its time is over.
  package var keyEnds: [String: Instant?] = [:]

  package var key: String { id.text }
  package var plain: [String: Value] {
    [
      "kept_until": keptUntil.value, "removed_at": removedAt.value,
      "number": .integer(number), "made_at": made.value, "base": .integer(isBase ? 1 : 0),
      "whole": .integer(isWhole ? 1 : 0),
      "bytes": .integer(bytes),
      "manifest": manifest.value, "previous": previous.value,
    ]
  }
  package var content: [String: CBOR] {
    var content: [String: CBOR] = [:]
    if let place { content["place"] = .text(place) }
    if !keyEnds.isEmpty { content["ends"] = .map(keyEnds.mapValues { $0.map { .text("\($0)") } ?? .null }) }
    return content
  }

  package init(_ summary: BackupSummary, at place: String? = nil) {
    keptUntil = summary.keptUntil
    self.place = place
    id = summary.id
    number = summary.number
    made = summary.made
    isBase = summary.isBase
    isWhole = summary.isWhole
    bytes = summary.bytes
    manifest = summary.manifest
    previous = summary.previous
  }

  package init(_ row: OpenedRow) throws {
    id = try row.keyID()
    number = try row.integer("number")
    made = try row.instant("made_at")
    isBase = try row.integer("base") == 1
    isWhole = try row.integer("whole") == 1
    bytes = try row.integer("bytes")
    guard let digest = row.plain("manifest").bytes.flatMap({ Digest(bytes: $0) }) else {
      throw Problem(.internal, "A stored record cannot be read.", detail: "backup.manifest of \(row.key)")
    }
    manifest = digest
    previous = row.plain("previous").bytes.flatMap { Digest(bytes: $0) }
    keptUntil = row.optionalInstant("kept_until")
    removedAt = row.optionalInstant("removed_at")
    place = row.content["place"]?.text
    keyEnds = (row.content["ends"]?.map ?? [:]).mapValues { $0.text.flatMap { Instant($0) } }
  }
}
