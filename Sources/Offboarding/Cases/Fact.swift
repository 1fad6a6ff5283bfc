import Certificate
import Kernel

/// The facts to which the entries of a case commit (docs/format.md §6.2), and the statement they add up to (§6.1).
package enum Fact {
  package static func opening(_ file: CaseFile) -> JSON {
    [
      "type": "case", "vendor": file.vendorJSON, "terminated_on": .string(file.terminatedOn.description),
      "data_categories": .array(file.dataCategories.map(JSON.string)), "template": file.template.json,
    ]
  }

  package static func assignment(_ step: String, _ person: NamedPerson) -> JSON {
    ["type": "assignment", "step": .string(step), "person": person.json]
  }

  package static func evidence(_ piece: Evidence) -> JSON {
    [
      "type": "evidence", "id": .string(piece.id.text), "step": .string(piece.step), "kind": .string(piece.kind),
      "grade": .string(piece.grade.rawValue), "name": .string(piece.name), "media_type": .string(piece.mediaType),
      "size": .integer(piece.size), "sha256": .string(piece.sha256.hex),
    ]
  }

  package static func removal(_ piece: Evidence) -> JSON {
    ["type": "removal", "id": .string(piece.id.text), "step": .string(piece.step)]
  }

  package static func reinstatement(_ piece: Evidence) -> JSON {
    ["type": "reinstatement", "id": .string(piece.id.text), "step": .string(piece.step)]
  }

  package static func completion(_ step: CaseStep, _ completion: Completion) -> JSON {
    [
      "type": "completion", "step": .string(step.id), "person": completion.by.json, "note": .string(completion.note),
      "remains": .array(completion.remains.map(\.json)),
      "state": .string(step.state == .complete ? "complete" : "in_review"),
    ]
  }

  package static func approval(_ step: String, _ review: Review) -> JSON {
    ["type": "approval", "step": .string(step), "person": review.by.json, "note": .string(review.note)]
  }

  package static func sendingBack(_ step: String, _ review: Review) -> JSON {
    ["type": "return", "step": .string(step), "person": review.by.json, "note": .string(review.note)]
  }
}

extension CaseFile {
  fileprivate var vendorJSON: JSON {
    ["id": .string(vendor.text), "name": .string(vendorName), "registry_id": JSON(registryID)]
  }

  /// What a certificate does not claim.
  package static let certificateLimits = [
    Statement.secondChainLimit,
    "It says what was recorded, by whom and when. Whether a vendor's own words are true is shown by the grade of the evidence, not by this statement.",
  ]

  /// The statement of a certified case.
  package func statement(tenant: TenantID, tenantName: String, issuedAt: Instant, issuedBy: NamedPerson) -> JSON {
    [
      "type": "statement", "format": "steward.statement/1",
      "case": [
        "id": .string(id.text), "opened_at": .string(openedAt.description),
        "terminated_on": .string(terminatedOn.description),
      ],
      "tenant": ["id": .string(tenant.text), "name": .string(tenantName)], "vendor": vendorJSON,
      "template": [
        "id": .string(template.id), "name": .string(template.name), "version": .integer(Int64(template.version)),
        "hash": .string(template.hash.hex),
      ],
      "data_categories": .array(dataCategories.map(JSON.string)), "steps": .array(steps.map(statementStep)),
      "evidence": .array(evidence.map(statementEvidence)), "remains": .array(steps.flatMap(statementRemains)),
      "issued_at": .string(issuedAt.description), "issued_by": issuedBy.json,
      "limits": .array(CaseFile.certificateLimits.map(JSON.string)),
    ]
  }

  private func statementStep(_ step: CaseStep) -> JSON {
    let shape = shape(of: step.id)
    return [
      "id": .string(step.id), "title": .string(shape?.title ?? step.id), "kind": .string(shape?.kind ?? ""),
      "completed_at": JSON(step.completion?.at.description), "completed_by": step.completion?.by.json ?? .null,
      "approved_at": JSON(step.approval?.at.description), "approved_by": step.approval?.by.json ?? .null,
      "note": .string(step.completion?.note ?? ""),
      "evidence": .array(evidence(of: step.id).map { .string($0.id.text) }),
      "remains": .array((step.completion?.remains ?? []).map(\.json)),
    ]
  }

  private func statementEvidence(_ piece: Evidence) -> JSON {
    [
      "id": .string(piece.id.text), "step": .string(piece.step), "kind": .string(piece.kind),
      "grade": .string(piece.grade.rawValue), "sha256": .string(piece.sha256.hex),
    ]
  }

  private func statementRemains(_ step: CaseStep) -> [JSON] {
    (step.completion?.remains ?? []).map { rest in
      [
        "step": .string(step.id), "what": .string(rest.what), "where": .string(rest.place),
        "until": JSON(rest.until?.description),
      ]
    }
  }
}
