import Platform

/// A tenant's no to a sub-processor. It counts from the next call on, and until it is taken back.
struct Objection: Record, Equatable {
  static let table = Table(
    "subprocessor_objection", .primary,
    columns: [
      Column("objected_at", .integer, .operational, purpose: "since when", nullable: false),
      Column("withdrawn_at", .integer, .operational, purpose: "until when"),
    ],
    sealed: [Column("reason", .text, .content, purpose: "why the customer objects")],
    retention: "as long as the customer; it explains what was not sent")

  /// Characters.
  static let maximumReasonLength = 2_000

  let provider: SubprocessorID
  let reason: String
  let objectedAt: Instant
  var withdrawnAt: Instant?

  var isStanding: Bool { withdrawnAt == nil }

  init(provider: SubprocessorID, reason: String, objectedAt: Instant) {
    self.provider = provider
    self.reason = reason
    self.objectedAt = objectedAt
  }

  init(_ row: OpenedRow) throws {
    provider = try row.keyID()
    reason = try row.contentText("reason")
    objectedAt = try row.instant("objected_at")
    withdrawnAt = row.optionalInstant("withdrawn_at")
  }

  var key: String { provider.text }
  var plain: [String: Value] { ["objected_at": objectedAt.value, "withdrawn_at": withdrawnAt.value] }
  var content: [String: CBOR] { ["reason": .text(reason)] }
}

/// Where a tenant lets its data be processed. Without the row: anywhere.
struct RegionChoice: Record, Equatable {
  static let table = Table(
    "data_region", .primary, columns: [],
    sealed: [Column("regions", .text, .content, purpose: "where the customer's data may be processed")],
    retention: "as long as the customer")
  /// There is one row.
  static let key = "regions"
  static let maximum = 32

  let regions: Set<Region>

  init(regions: Set<Region>) { self.regions = regions }
  init(_ row: OpenedRow) throws { regions = Set(row.contentTexts("regions").compactMap { Region($0) }) }

  var key: String { RegionChoice.key }
  var plain: [String: Value] { [:] }
  var content: [String: CBOR] { ["regions": .array(regions.sorted().map { .text($0.description) })] }
}
