import Platform

/// The last result of a check: a primary row of the installation's own tenant, so that every result is an entry of its log.
struct PromiseResult: Record {
  static let table = Table(
    "promise_result", .primary,
    columns: [
      Column("outcome", .text, .operational, purpose: "what the check found", nullable: false),
      Column("checked_at", .integer, .operational, purpose: "when it ran", nullable: false),
      Column("evidence_digest", .bytes, .operational, purpose: "SHA-256 of evidence and reason", nullable: false),
    ],
    sealed: [
      Column("evidence", .text, .operational, purpose: "what was done, in counts and indexes"),
      Column("reason", .text, .operational, purpose: "why it is failing"),
    ], retention: "the last result of each promise; earlier ones are before images in the journal")

  let result: CheckResult

  init(_ result: CheckResult) { self.result = result }

  init(_ row: OpenedRow) throws {
    guard let outcome = CheckResult.Outcome(rawValue: try row.text("outcome")) else {
      throw Problem(.internal, "A stored result cannot be read.", detail: row.key)
    }
    result = CheckResult(
      promise: row.key, outcome: outcome, reason: try row.contentText("reason"),
      evidence: try row.contentText("evidence"), checkedAt: try row.instant("checked_at"))
  }

  var key: String { result.promise }
  var plain: [String: Value] {
    [
      "outcome": result.outcome.rawValue.value, "checked_at": result.checkedAt.value,
      "evidence_digest": Digest(sha256: Array(result.evidence.utf8), [0], Array(result.reason.utf8)).value,
    ]
  }
  var content: [String: CBOR] { ["evidence": .text(result.evidence), "reason": .text(result.reason)] }
}
