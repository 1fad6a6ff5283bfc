import Certificate
import Platform

/// A step on the page of its case, with exactly the actions that its reader has.
struct StepCard: Equatable, Sendable {
  struct Need: Equatable, Sendable {
    let label: String
    let grade: String
    let state: String
    let tone: String
  }

  struct Approval: Equatable, Sendable {
    let detail: String
    let state: String
    let tone: String
  }

  struct Piece: Equatable, Sendable {
    let path: String
    let name: String
    let kind: String
    let size: String
    let when: String
    let who: String
    let sha256: String
    let grade: String
    let meaning: String
    let canTrash: Bool
  }

  struct Done: Equatable, Sendable {
    let who: String
    let when: String
    let note: String?
    let remains: [String]
    let hasRemains: Bool
  }

  struct Attach: Equatable, Sendable {
    let kinds: [CasePage.Option]
    let isOpen: Bool
  }

  struct Complete: Equatable, Sendable {
    let completeLabel: String
  }

  struct Assign: Equatable, Sendable {
    let people: [CasePage.Option]
  }

  struct Review: Equatable, Sendable {
    let isOpen = true
  }

  let id: String
  let path: String
  let title: String
  let stateClass: String
  let state: String
  let tone: String
  let due: String
  let dueText: String
  let dueTone: String
  /// Whose it is and what it comes after.
  let about: String?
  let returned: String?
  let needs: [Need]
  let approval: Approval?
  let evidence: [Piece]
  let hasEvidence: Bool
  let completion: Done?
  let approvalNote: String?
  /// What has to happen before it can be completed, in one sentence.
  let next: String?
  let review: Review?
  let ownReview: Bool
  let attach: Attach?
  let complete: Complete?
  let assign: Assign?
  let hasActions: Bool

  init(
    _ request: Request, _ principal: Principal, _ file: CaseFile, _ step: CaseStep, people: [PersonCard],
    names: [PersonID: String]
  ) {
    let shape = file.shape(of: step.id)
    let look = StepLook(request, step, request.now.day)
    let pieces = file.evidence(of: step.id)
    let may = Rights(principal, file, step)
    id = step.id
    path = "/cases/\(file.id)/steps/\(step.id)"
    title = file.title(of: step.id)
    stateClass = step.state.rawValue
    (state, tone) = (look.state, look.tone)
    (due, dueText, dueTone) = (look.day, look.due, look.dueTone)
    about = StepCard.about(request, file, step, names)
    returned = step.returned.map { StepCard.said(request, "offboarding_returned_by", $0) }
    needs = (shape?.evidence ?? []).map { Need(request, $0, pieces, step.state) }
    approval = shape?.approval == true ? Approval(request, step) : nil
    let base = path
    evidence = pieces.map { Piece(request, $0, path: "\(base)/evidence/\($0.id)", canTrash: may.discard) }
    hasEvidence = !pieces.isEmpty
    completion = step.completion.map { Done(request, $0) }
    approvalNote = step.approval.map { StepCard.said(request, "offboarding_approved_by", $0) }
    let gaps = shape.map { file.gaps(before: $0) } ?? []
    let isOpen = file.state == .open && file.trashed == nil && (step.state == .ready || step.state == .waiting)
    next = isOpen && !gaps.isEmpty ? StepCard.next(request, file, step) : nil
    review = may.review ? Review() : nil
    ownReview = may.ownReview
    attach = may.work ? Attach(request, shape, isOpen: isOpen && step.state == .ready && !gaps.isEmpty) : nil
    let label = request.text(shape?.approval == true ? "offboarding_hand_in" : "offboarding_complete_do")
    complete = may.work && isOpen && gaps.isEmpty ? Complete(completeLabel: label) : nil
    assign = may.assign ? Assign(people, step) : nil
    hasActions = attach != nil || complete != nil || assign != nil
  }

  private static func about(
    _ request: Request, _ file: CaseFile, _ step: CaseStep, _ names: [PersonID: String]
  ) -> String? {
    let name = step.assignee.map { names[$0] ?? request.text("offboarding_person_gone") }
    let nobody = step.state == .complete ? nil : request.text("offboarding_assigned_nobody")
    let whose = name.map { request.text("offboarding_assigned_to", ["name": $0]) } ?? nobody
    let isNear = step.state == .ready || step.state == .inReview
    let before = isNear ? titles(file, file.shape(of: step.id)?.after ?? []) : ""
    let after = before.isEmpty ? nil : request.text("offboarding_comes_after", ["steps": before])
    let parts = [whose, after].compactMap(\.self)
    return parts.isEmpty ? nil : parts.joined(separator: " · ")
  }

  private static func next(_ request: Request, _ file: CaseFile, _ step: CaseStep) -> String {
    let open = (file.shape(of: step.id)?.after ?? []).filter { file.step($0)?.state != .complete }
    guard !open.isEmpty else { return request.text("offboarding_next_attach") }
    return request.text("offboarding_next_wait", ["steps": titles(file, open)])
  }

  private static func titles(_ file: CaseFile, _ steps: [String]) -> String {
    steps.map { "“\(file.title(of: $0))”" }.joined(separator: ", ")
  }

  private static func said(_ request: Request, _ key: String, _ review: Offboarding.Review) -> String {
    let who = request.text(key, ["name": review.by.name, "when": review.at.forPeople])
    return review.note.isEmpty ? who : "\(who): \(review.note)"
  }
}

/// What the reader may do with a step as it is now.
private struct Rights {
  let work: Bool
  let review: Bool
  let ownReview: Bool
  let assign: Bool
  let discard: Bool

  init(_ principal: Principal, _ file: CaseFile, _ step: CaseStep) {
    let isOpen = file.state == .open && file.trashed == nil
    discard = isOpen && [.waiting, .ready].contains(step.state) && principal.has(.casesWrite)
    work = isOpen && (principal.has(.casesWrite) || step.assignee == principal.person && principal.has(.stepsAssigned))
    let waits = isOpen && step.state == .inReview && principal.has(.casesApprove)
    ownReview = waits && step.completion?.by.id == principal.person
    review = waits && !ownReview
    assign = isOpen && step.state != .complete && principal.has(.casesWrite)
  }
}

extension StepCard.Need {
  fileprivate init(_ request: Request, _ need: CaseTemplate.Need, _ pieces: [Evidence], _ step: StepState) {
    let ofKind = pieces.filter { $0.kind == need.kind }
    let attached = ofKind.count { $0.grade >= need.minimumGrade }
    label = KindName.text(need.kind)
    grade = request.text(
      "offboarding_grade_least", ["grade": GradeName.text(request, need.minimumGrade)])
    if attached > 0 {
      (state, tone) = (request.text("offboarding_need_met", ["count": String(attached)]), "good")
    } else if !ofKind.isEmpty {
      (state, tone) = (request.text("offboarding_need_low"), "bad")
    } else if step == .waiting {
      (state, tone) = (request.text("offboarding_need_later"), "off")
    } else {
      (state, tone) = (request.text("offboarding_need_missing"), "wait")
    }
  }
}

extension StepCard.Approval {
  fileprivate init(_ request: Request, _ step: CaseStep) {
    if let approval = step.approval {
      self.init(detail: approval.by.name, state: request.text("offboarding_approval_given"), tone: "good")
    } else if step.state == .inReview {
      self.init(detail: "", state: request.text("offboarding_approval_waits"), tone: "info")
    } else {
      self.init(detail: "", state: request.text("offboarding_approval_later"), tone: "off")
    }
  }
}

extension StepCard.Piece {
  fileprivate init(_ request: Request, _ piece: Evidence, path: String, canTrash: Bool) {
    self.init(
      path: path, name: piece.name, kind: KindName.text(piece.kind), size: FileSize.text(piece.size),
      when: piece.attachedAt.forPeople, who: piece.attachedBy.name, sha256: piece.sha256.hex,
      grade: GradeName.text(request, piece.grade), meaning: piece.grade.meaning, canTrash: canTrash)
  }
}

extension StepCard.Done {
  fileprivate init(_ request: Request, _ completion: Completion) {
    who = request.text("offboarding_done_by", ["name": completion.by.name])
    when = completion.at.forPeople
    note = completion.note.isEmpty ? nil : completion.note
    remains = completion.remains.map { rest in
      let until = rest.until.map { request.text("offboarding_remains_until_day", ["day": $0.description]) }
      return request.text(
        "offboarding_remains_line",
        ["what": rest.what, "where": rest.place, "until": until ?? request.text("offboarding_remains_no_end")])
    }
    hasRemains = !remains.isEmpty
  }
}

extension StepCard.Attach {
  fileprivate init(_ request: Request, _ shape: CaseTemplate.Step?, isOpen: Bool) {
    let needed = (shape?.evidence ?? []).map {
      CasePage.Option(value: $0.kind, label: KindName.text($0.kind), isSelected: false)
    }
    let other = CasePage.Option(
      value: EvidenceKind.other, label: request.text("offboarding_kind_other"), isSelected: false)
    self.init(kinds: needed + [other], isOpen: isOpen)
  }
}

extension StepCard.Assign {
  fileprivate init(_ people: [PersonCard], _ step: CaseStep) {
    let able = people.filter { $0.isActive && !$0.roles.isDisjoint(with: [.owner, .manager, .member]) }
    self.init(
      people: able.map {
        CasePage.Option(
          value: $0.id.text, label: "\($0.name) (\($0.roles.map(\.rawValue).sorted().joined(separator: ", ")))",
          isSelected: $0.id == step.assignee)
      })
  }
}

/// `deletion-request` as a person reads it.
enum KindName {
  static func text(_ kind: String) -> String {
    let words = kind.split(separator: "-").joined(separator: " ")
    return words.prefix(1).uppercased() + words.dropFirst()
  }
}

/// `E2` as a person reads it: the grade and its word.
enum GradeName {
  static func text(_ request: Request, _ grade: Grade) -> String {
    "\(grade.rawValue) \(request.text("offboarding_grade_\(grade.rawValue.lowercased())"))"
  }
}

/// Bytes in the unit that suits them.
enum FileSize {
  static func text(_ bytes: Int64) -> String {
    var (amount, unit) = (bytes, 0)
    while amount >= 10_240, unit < 3 { (amount, unit) = (amount / 1_024, unit + 1) }
    return "\(amount) \(["bytes", "KiB", "MiB", "GiB"][unit])"
  }
}
