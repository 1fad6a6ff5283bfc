import Certificate
import Platform

extension CaseTemplate {
  /// As `GET /v1/templates` lists it.
  var listed: JSON {
    guard case .object(var members) = json else { return json }
    members["hash"] = .string(hash.hex)
    return .object(members)
  }
}

extension CaseFile {
  /// As `GET /v1/cases/{id}` tells it; a case in the trash has the member `trashed`, too.
  var listed: JSON {
    guard let trashed, case .object(var members) = known else { return known }
    members["trashed"] = trashed.json
    return .object(members)
  }

  private var known: JSON {
    [
      "id": .string(id.text), "vendor": ["id": .string(vendor.text), "name": .string(vendorName)],
      "template": [
        "id": .string(template.id), "name": .string(template.name), "version": JSON(template.version),
        "hash": .string(template.hash.hex),
      ],
      "state": .string(state.rawValue), "terminated_on": .string(terminatedOn.description),
      "opened_at": .string(openedAt.description), "opened_by": openedBy.json, "certificate": certificateJSON,
      "withdrawn": state == .withdrawn ? closing?.json ?? .null : .null, "steps": .array(steps.map(listed)),
    ]
  }

  /// Null until it is issued.
  var certificateJSON: JSON {
    guard let certificate, let closing else { return .null }
    return [
      "id": .string(certificate.text), "issued_at": .string(closing.at.description), "issued_by": closing.by.json,
      "href": .string("/v1/cases/\(id)/certificate"),
    ]
  }

  private func listed(_ step: CaseStep) -> JSON {
    let shape = shape(of: step.id)
    let evidence = evidence(of: step.id)
    return [
      "id": .string(step.id), "title": .string(shape?.title ?? step.id), "kind": .string(shape?.kind ?? ""),
      "after": .array((shape?.after ?? []).map(JSON.string)), "state": .string(step.state.rawValue),
      "due_on": .string(step.dueOn.description), "assignee": JSON(step.assignee?.text),
      "needs": [
        "evidence": .array((shape?.evidence ?? []).map { need in needed(need, evidence) }),
        "approval": .bool(shape?.approval ?? false),
      ],
      "evidence": .array(evidence.map(\.listed)), "completed_at": JSON(step.completion?.at.description),
      "completed_by": step.completion?.by.json ?? .null, "note": JSON(step.completion?.note),
      "remains": .array((step.completion?.remains ?? []).map(\.json)), "approval": step.approval?.json ?? .null,
      "returned": step.returned?.json ?? .null,
    ]
  }

  private func needed(_ need: CaseTemplate.Need, _ evidence: [Evidence]) -> JSON {
    [
      "kind": .string(need.kind), "minimum_grade": .string(need.minimumGrade.rawValue),
      "attached": JSON(evidence.count { $0.kind == need.kind && $0.grade >= need.minimumGrade }),
    ]
  }
}

extension Review {
  var json: JSON { ["at": .string(at.description), "by": by.json, "note": .string(note)] }
}

extension Evidence {
  var listed: JSON {
    [
      "id": .string(id.text), "kind": .string(kind), "grade": .string(grade.rawValue), "name": .string(name),
      "media_type": .string(mediaType), "size": .integer(size), "sha256": .string(sha256.hex),
      "attached_at": .string(attachedAt.description), "attached_by": attachedBy.json,
    ]
  }
}
