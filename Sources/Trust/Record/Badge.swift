import Platform

/// A certification that the trust page may show. There is no way to have one without the report behind it.
struct Badge: Record {
  static let table = Table(
    "trust_badge", .primary,
    columns: [
      Column("report_digest", .bytes, .operational, purpose: "SHA-256 of the auditor's report", nullable: false),
      Column("valid_until", .integer, .operational, purpose: "end of the attestation", nullable: false),
    ],
    sealed: [Column("standard", .text, .operational, purpose: "what was attested, such as SOC 2 Type II")],
    retention: "as long as the attestation")

  let standard: String
  let report: VerifiedReport

  var key: String { report.digest.hex }
  var plain: [String: Value] { ["report_digest": report.digest.value, "valid_until": report.validUntil.value] }
  var content: [String: CBOR] { ["standard": .text(standard)] }

  init(standard: String, report: VerifiedReport) {
    self.standard = standard
    self.report = report
  }

  init(_ row: OpenedRow) throws {
    guard let digest = row.plain("report_digest").bytes.flatMap({ Digest(bytes: $0) }) else {
      throw Problem(.internal, "A stored badge cannot be read.", detail: row.key)
    }
    standard = try row.contentText("standard")
    report = VerifiedReport(stored: digest, validUntil: try row.instant("valid_until"))
  }
}

/// A report whose auditor's signature was verified. No auditor's key is known to this version, so none can be made but from a row.
struct VerifiedReport: Sendable, Equatable {
  let digest: Digest
  let validUntil: Instant

  fileprivate init(stored digest: Digest, validUntil: Instant) {
    self.digest = digest
    self.validUntil = validUntil
  }

  /// Throws for every report: this version trusts no auditor's key.
  static func verify(_ report: [UInt8]?) throws -> VerifiedReport {
    guard let report, !report.isEmpty else {
      throw Problem(.invalid, "A badge needs the auditor's report; attach it.")
    }
    throw Problem(
      .invalid, "The report is signed by no auditor whose key this installation knows; nothing was published.")
  }
}

/// The slots for badges on the trust page.
struct BadgeShelf: Sendable {
  let results: ResultStore

  /// Publishes a badge, or says why not; then nothing is written.
  func publish(_ standard: String, report: [UInt8]?) async throws {
    let badge = Badge(standard: standard, report: try VerifiedReport.verify(report))
    let act = Act("badge.publish", on: ObjectRef("badge", badge.key), by: .system("trust"))
    _ = try await results.services.ledger.write(try await results.system(), act) { try $0.insert(badge) }
  }

  func published(now: Instant) async throws -> [Badge] {
    guard let tenant = try await results.services.ledger.find(slug: Tenants.systemSlug) else { return [] }
    return try await results.services.ledger.view(Badge.self, tenant.id).rows.filter { $0.report.validUntil > now }
  }
}
