import Platform

/// A step of a case as stored.
package struct StepRecord: Record {
  package let caseID: CaseID
  package let step: CaseStep

  package static let table = Table(
    "case_step", .primary,
    columns: [
      Column("case_id", .text, .key, purpose: "the case", nullable: false),
      Column("step", .text, .operational, purpose: "id of the step in the template", nullable: false),
      Column("position", .integer, .operational, purpose: "its place in the template", nullable: false),
      Column("state", .text, .operational, purpose: "waiting, ready, in_review or complete", nullable: false),
      Column("due_on", .text, .operational, purpose: "the day by which it should be complete", nullable: false),
      Column("assignee", .text, .key, purpose: "who has to do it"),
      Column("completed_at", .integer, .operational, purpose: "when it was done"),
      Column("completed_by", .text, .key, purpose: "who did it"),
      Column("approved_at", .integer, .operational, purpose: "when it was approved"),
      Column("approved_by", .text, .key, purpose: "who approved it"),
      Column("returned_at", .integer, .operational, purpose: "when it was last sent back"),
      Column("returned_by", .text, .key, purpose: "who sent it back"),
    ],
    sealed: [
      Column("note", .text, .content, purpose: "what the performer says"),
      Column("remains", .text, .content, purpose: "what data stays where, and until when"),
      Column("completed_by_name", .text, .personal, purpose: "name of who did it"),
      Column("approved_by_name", .text, .personal, purpose: "name of who approved it"),
      Column("approval_note", .text, .content, purpose: "what the approver says"),
      Column("returned_by_name", .text, .personal, purpose: "name of who sent it back"),
      Column("return_note", .text, .content, purpose: "why it was sent back"),
    ],
    indexes: [Index(["case_id"]), Index(["assignee"]), Index(["state"])], retention: "with the case")

  package init(caseID: CaseID, step: CaseStep) {
    self.caseID = caseID
    self.step = step
  }

  package var key: String { step.key.text }

  package var plain: [String: Value] {
    [
      "case_id": caseID.value, "step": step.id.value, "position": step.position.value,
      "state": step.state.rawValue.value,
      "due_on": step.dueOn.value, "assignee": step.assignee.value,
      "completed_at": (step.completion?.at).value, "completed_by": (step.completion?.by.id).value,
      "approved_at": (step.approval?.at).value, "approved_by": (step.approval?.by.id).value,
      "returned_at": (step.returned?.at).value, "returned_by": (step.returned?.by.id).value,
    ]
  }

  package var content: [String: CBOR] {
    var content: [String: CBOR] = [:]
    if let completion = step.completion {
      content["note"] = .text(completion.note)
      content["completed_by_name"] = .text(completion.by.name)
      content["remains"] = .array(completion.remains.map(\.cbor))
    }
    content["approved_by_name"] = step.approval.map { .text($0.by.name) }
    content["approval_note"] = step.approval.map { .text($0.note) }
    content["returned_by_name"] = step.returned.map { .text($0.by.name) }
    content["return_note"] = step.returned.map { .text($0.note) }
    return content
  }

  package init(_ row: OpenedRow) throws {
    caseID = try row.id("case_id")
    let done = Review(row, "completed", note: "note")
    let remains = row.content["remains"]?.array?.compactMap { Remainder(cbor: $0) } ?? []
    step = CaseStep(
      key: try row.keyID(), id: try row.text("step"), position: Int(try row.integer("position")),
      state: StepState(rawValue: try row.text("state")) ?? .waiting,
      dueOn: Day(try row.text("due_on")) ?? Day(daysSince1970: 0),
      assignee: row.optionalID("assignee"),
      completion: done.map { Completion(at: $0.at, by: $0.by, note: $0.note, remains: remains) },
      approval: Review(row, "approved", note: "approval_note"), returned: Review(row, "returned", note: "return_note"))
  }
}

extension Remainder {
  var cbor: CBOR {
    var map: [String: CBOR] = ["what": .text(what), "where": .text(place)]
    map["until"] = until.map { .text($0.description) }
    return .map(map)
  }

  init?(cbor: CBOR) {
    guard let map = cbor.map, let what = map["what"]?.text, let place = map["where"]?.text else { return nil }
    self.init(what: what, place: place, until: map["until"]?.text.flatMap { Day($0) })
  }
}
