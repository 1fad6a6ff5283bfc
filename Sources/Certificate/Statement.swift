import Kernel

/// The statement of a certificate (docs/format.md §6.1): written from the facts, by whoever issues it and again by whoever checks it.
package enum Statement {
  package static let format = "steward.statement/1"

  /// The one thing no certificate claims before a log has an object map.
  package static let secondChainLimit =
    "It does not rule out that a second chain of entries for this case exists in the log: the log has no object map yet."

  /// What the facts do not say: only the issuer does.
  package struct Particulars: Sendable {
    package let caseID: String
    package let openedAt: Instant
    package let tenant: JSON
    package let issuedAt: Instant
    package let issuedBy: JSON
    package let limits: [String]

    package init(
      caseID: String, openedAt: Instant, tenant: JSON, issuedAt: Instant, issuedBy: JSON, limits: [String]
    ) {
      self.caseID = caseID
      self.openedAt = openedAt
      self.tenant = tenant
      self.issuedAt = issuedAt
      self.issuedBy = issuedBy
      self.limits = limits
    }
  }

  package static func fact(_ opening: CaseFact.Opening, _ replay: CaseReplay, _ particulars: Particulars) -> JSON {
    let template = opening.template
    return [
      "type": "statement", "format": .string(format),
      "case": [
        "id": .string(particulars.caseID), "opened_at": .string(particulars.openedAt.description),
        "terminated_on": .string(opening.terminatedOn.description),
      ],
      "tenant": particulars.tenant, "vendor": opening.vendor,
      "template": [
        "id": .string(template.id), "name": .string(template.name), "version": .integer(Int64(template.version)),
        "hash": .string(template.hash.hex),
      ],
      "data_categories": .array(opening.dataCategories.map(JSON.string)), "steps": .array(replay.steps.map(step)),
      "evidence": .array(replay.evidence.map(evidence)), "remains": .array(replay.steps.flatMap(remains)),
      "issued_at": .string(particulars.issuedAt.description), "issued_by": particulars.issuedBy,
      "limits": .array(particulars.limits.map(JSON.string)),
    ]
  }

  private static func step(_ step: CaseReplay.StepHistory) -> JSON {
    [
      "id": .string(step.shape.id), "title": .string(step.shape.title), "kind": .string(step.shape.kind),
      "completed_at": JSON(step.completion?.time.description), "completed_by": step.completion?.person.json ?? .null,
      "approved_at": JSON(step.approval?.time.description), "approved_by": step.approval?.person.json ?? .null,
      "note": .string(step.note), "evidence": .array(step.evidence.map { .string($0.fact.id) }),
      "remains": .array(step.remains.map(\.json)),
    ]
  }

  private static func evidence(_ fact: CaseFact.Evidence) -> JSON {
    [
      "id": .string(fact.id), "step": .string(fact.step), "kind": .string(fact.kind),
      "grade": .string(fact.grade.rawValue), "sha256": .string(fact.sha256.hex),
    ]
  }

  private static func remains(_ step: CaseReplay.StepHistory) -> [JSON] {
    step.remains.map { rest in
      [
        "step": .string(step.shape.id), "what": .string(rest.what), "where": .string(rest.place),
        "until": JSON(rest.until?.description),
      ]
    }
  }
}
