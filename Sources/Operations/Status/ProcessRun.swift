import Platform

enum ServerProcess {}
typealias ProcessID = ID<ServerProcess>

/// One life of the server: when it began, and when it said that it stops. A life without an end was cut off.
struct ProcessRun: Record {
  static let table = Table(
    "process_run", .primary,
    columns: [
      Column("started_at", .integer, .operational, purpose: "when the server began", nullable: false),
      Column("stopped_at", .integer, .operational, purpose: "when it was told to stop"),
    ],
    sealed: [Column("version", .text, .content, purpose: "which version of Steward ran")],
    indexes: [Index(["started_at"])], retention: "as long as the installation")

  let id: ProcessID
  let version: String
  let startedAt: Instant
  var stoppedAt: Instant?

  var key: String { id.text }
  var plain: [String: Value] {
    [
      "started_at": .integer(startedAt.milliseconds),
      "stopped_at": stoppedAt.map { .integer($0.milliseconds) } ?? .null,
    ]
  }
  var content: [String: CBOR] { ["version": .text(version)] }

  init(id: ProcessID, version: String, startedAt: Instant) {
    self.id = id
    self.version = version
    self.startedAt = startedAt
  }

  init(_ row: OpenedRow) throws {
    id = try row.keyID()
    version = try row.contentText("version")
    startedAt = try row.instant("started_at")
    stoppedAt = row.optionalInstant("stopped_at")
  }
}
