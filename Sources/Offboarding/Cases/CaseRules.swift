import Certificate
import Kernel
import Platform

// The rules of a case, as functions of values: no clock, no storage. Each verb either changes the case or throws a `Problem` that
// says what is missing; `steward-verify` replays the same rules from the facts.

extension CaseFile {
  /// A new case: every step as the template has it, the first ones ready.
  package static func opened(
    _ id: CaseID, vendor: VendorID, details: VendorDetails, template: CaseTemplate, terminatedOn: Day, at now: Instant,
    by person: NamedPerson
  ) -> CaseFile {
    var file = CaseFile(
      id: id, vendor: vendor, vendorName: details.name, registryID: details.registryID,
      dataCategories: details.dataCategories, declaredRetentionDays: details.retentionDays, template: template,
      terminatedOn: terminatedOn, openedAt: now, openedBy: person, state: .open, steps: [], evidence: [])
    file.steps = template.steps.enumerated().map { position, step in
      CaseStep(key: StepID.make(at: now), id: step.id, position: position, state: .waiting, dueOn: terminatedOn)
    }
    file.settle()
    return file
  }

  /// Works out what follows from the completions: which steps are ready, and when each is due. Later steps of a template only
  /// come after earlier ones or after any; hence it repeats until nothing changes, at most once per step.
  mutating func settle() {
    for _ in steps {
      let before = steps
      for position in steps.indices {
        guard steps[position].state == .waiting || steps[position].state == .ready,
          let shape = shape(of: steps[position].id)
        else { continue }
        let isReady = shape.after.allSatisfy { step($0)?.state == .complete }
        steps[position].state = isReady ? .ready : .waiting
        steps[position].dueOn = dueDay(of: shape)
      }
      if steps == before { return }
    }
  }

  /// From the day of termination, from what the vendor declares to retain (else the template's days), or from the completion of
  /// the steps before; as long as those are open, from the day on which they are due.
  func dueDay(of shape: CaseTemplate.Step) -> Day {
    switch shape.basis {
    case .termination: return terminatedOn.adding(days: shape.days)
    case .retention: return terminatedOn.adding(days: declaredRetentionDays ?? shape.days)
    case .step:
      let bases = shape.after.compactMap { step($0) }.map { before in
        before.state == .complete ? (before.approval?.at ?? before.completion?.at)?.day ?? before.dueOn : before.dueOn
      }
      return (bases.max() ?? terminatedOn).adding(days: shape.days)
    }
  }
}

// MARK: - What is missing

extension CaseFile {
  /// Evidence that the step needs and does not have, kind by kind.
  package func missingEvidence(of shape: CaseTemplate.Step) -> [Problem.FieldError] {
    shape.evidence.compactMap { need in
      let attached = evidence(of: shape.id).filter { $0.kind == need.kind }
      guard !attached.contains(where: { $0.grade >= need.minimumGrade }) else { return nil }
      let found = attached.isEmpty ? "none is attached" : "what is attached has a lower grade"
      return Problem.FieldError(
        "evidence.\(need.kind)",
        "“\(shape.title)” needs evidence of the kind \(need.kind) of grade \(need.minimumGrade.rawValue) or better; \(found)."
      )
    }
  }

  /// Everything that keeps the step from being completed.
  package func gaps(before shape: CaseTemplate.Step) -> [Problem.FieldError] {
    let waiting = shape.after.filter { step($0)?.state != .complete }.map { id in
      Problem.FieldError("after.\(id)", "“\(title(of: id))” must be complete first.")
    }
    return waiting + missingEvidence(of: shape)
  }

  /// Everything that keeps the certificate from being issued.
  package var certificateGaps: [Problem.FieldError] {
    template.steps.flatMap { shape -> [Problem.FieldError] in
      guard let step = step(shape.id) else {
        return [Problem.FieldError("steps.\(shape.id)", "Nothing is known of “\(shape.title)”.")]
      }
      switch step.state {
      case .waiting: return [Problem.FieldError("steps.\(shape.id)", "“\(shape.title)” waits for steps before it.")]
      case .ready:
        return [Problem.FieldError("steps.\(shape.id)", "“\(shape.title)” is not complete.")]
          + missingEvidence(of: shape)
      case .inReview:
        return [Problem.FieldError("steps.\(shape.id)", "“\(shape.title)” needs the approval of a second person.")]
      case .complete: return missingEvidence(of: shape) + missingApproval(of: step, shape)
      }
    }
  }

  private func missingApproval(of step: CaseStep, _ shape: CaseTemplate.Step) -> [Problem.FieldError] {
    guard shape.approval, step.approval == nil || step.approval?.by.id == step.completion?.by.id else { return [] }
    return [Problem.FieldError("steps.\(shape.id)", "“\(shape.title)” needs the approval of a second person.")]
  }

  /// A case that is certified or withdrawn stays as it is, and so does one in the trash.
  package func requireOpen() throws(Problem) {
    guard trashed == nil else { throw Trash.lying }
    switch state {
    case .open: return
    case .certified: throw Problem(.conflict, "The case is certified; nothing in it can be changed any more.")
    case .withdrawn: throw Problem(.conflict, "The case was withdrawn; open a new one.")
    }
  }

  fileprivate func located(_ id: String) throws(Problem) -> (position: Int, shape: CaseTemplate.Step) {
    guard let position = steps.firstIndex(where: { $0.id == id }), let shape = shape(of: id) else {
      throw Problem.notFound
    }
    return (position, shape)
  }
}

// MARK: - Verbs

extension CaseFile {
  package mutating func assign(_ id: String, to person: PersonID) throws(Problem) {
    let position = try located(id).position
    try requireOpen()
    steps[position].assignee = person
  }

  package mutating func attach(_ piece: Evidence) throws(Problem) {
    _ = try located(piece.step)
    try requireOpen()
    guard evidence.count < CaseLimit.evidence else {
      throw Problem(.conflict, "A case holds at most \(CaseLimit.evidence) pieces of evidence.")
    }
    evidence.append(piece)
  }

  /// Done; where the template asks for it, a second person has to approve.
  package mutating func complete(_ id: String, _ completion: Completion) throws(Problem) {
    let (position, shape) = try located(id)
    try requireOpen()
    switch steps[position].state {
    case .complete: throw Problem(.conflict, "“\(shape.title)” is complete already.")
    case .inReview:
      throw Problem(
        .conflict, "“\(shape.title)” waits for the approval of a second person.",
        errors: [Problem.FieldError("approval", "Another manager or owner has to approve “\(shape.title)”.")])
    case .waiting, .ready: break
    }
    let gaps = gaps(before: shape)
    guard gaps.isEmpty else {
      throw Problem(.conflict, "“\(shape.title)” cannot be completed yet; errors names what is missing.", errors: gaps)
    }
    steps[position].completion = completion
    steps[position].approval = nil
    steps[position].returned = nil
    steps[position].state = shape.approval ? .inReview : .complete
    settle()
  }

  package mutating func approve(_ id: String, _ review: Review) throws(Problem) {
    let (position, shape) = try located(id)
    try requireOpen()
    guard steps[position].state == .inReview else {
      throw Problem(.conflict, "“\(shape.title)” does not wait for an approval.")
    }
    guard steps[position].completion?.by.id != review.by.id else {
      throw Problem(.forbidden, "Whoever completed a step cannot approve it; another manager or owner has to.")
    }
    steps[position].approval = review
    steps[position].state = .complete
    settle()
  }

  /// Sends a step back. A complete one can be sent back as long as nothing that comes after it was done.
  package mutating func sendBack(_ id: String, _ review: Review) throws(Problem) {
    let (position, shape) = try located(id)
    try requireOpen()
    guard steps[position].state == .inReview || steps[position].state == .complete else {
      throw Problem(.conflict, "“\(shape.title)” has not been completed, so there is nothing to send back.")
    }
    let built = followers(of: id).filter { [.inReview, .complete].contains(step($0)?.state) }
    guard built.isEmpty else {
      throw Problem(
        .conflict, "Send back the steps that build on “\(shape.title)” first.",
        errors: built.map { Problem.FieldError("steps.\($0)", "“\(title(of: $0))” was done on the strength of it.") })
    }
    steps[position].completion = nil
    steps[position].approval = nil
    steps[position].returned = review
    steps[position].state = .ready
    settle()
  }

  private func followers(of id: String) -> [String] {
    template.steps.filter { $0.after.contains(id) }.map(\.id)
  }

  /// Takes a piece of evidence out of the case. A step that was done on the strength of it has to be sent back first.
  package mutating func discard(_ id: EvidenceID, _ trashed: Trashed) throws(Problem) -> Evidence {
    try requireOpen()
    guard let place = evidence.firstIndex(where: { $0.id == id }) else { throw Problem.notFound }
    try requireUndone(evidence[place].step)
    var piece = evidence.remove(at: place)
    piece.trashed = trashed
    return piece
  }

  package mutating func bringBack(_ piece: Evidence) throws(Problem) -> Evidence {
    var piece = piece
    piece.trashed = nil
    try attach(piece)
    return piece
  }

  private func requireUndone(_ id: String) throws(Problem) {
    let (position, shape) = try located(id)
    guard [.waiting, .ready].contains(steps[position].state) else {
      throw Problem(.conflict, "“\(shape.title)” was done on the strength of it; send that step back first.")
    }
  }

  package mutating func withdraw(_ closing: Review) throws(Problem) {
    try requireOpen()
    state = .withdrawn
    self.closing = closing
  }

  package mutating func certify(_ certificate: CertificateID, _ closing: Review) throws(Problem) {
    try requireOpen()
    let gaps = certificateGaps
    guard gaps.isEmpty else {
      throw Problem(.conflict, "The certificate cannot be issued yet; errors names every gap.", errors: gaps)
    }
    state = .certified
    self.closing = closing
    self.certificate = certificate
  }
}

package enum CaseLimit {
  /// Characters of a note.
  package static let note = 4_000
  /// Pieces of evidence in one case, so that a bundle stays within its own limits (docs/format.md §7).
  package static let evidence = 500
}
