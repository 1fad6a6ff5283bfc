import Kernel

/// A fact at its place in the history of a case: its ordinal and the time of its entry.
package struct CaseEvent: Sendable {
  package let position: Int
  package let time: Instant
  package let fact: CaseFact

  package init(position: Int, time: Instant, fact: CaseFact) {
    self.position = position
    self.time = time
    self.fact = fact
  }
}

/// The rules of a case, replayed from its facts against the template it was opened with (docs/format.md §6.5, check 7).
///
/// It looks at the end of the history: the last completion of each step, what was there before it, what followed it. A
/// completion that was returned and repeated is judged by the last one.
package struct CaseReplay: Sendable {
  /// Where and when something happened.
  package struct Act: Sendable {
    package let position: Int
    package let time: Instant
    package let person: PersonRef
  }

  package struct StepHistory: Sendable {
    package let shape: CaseTemplate.Step
    package fileprivate(set) var completion: Act?
    package fileprivate(set) var note = ""
    package fileprivate(set) var remains: [Remains] = []
    package fileprivate(set) var approval: Act?
    package fileprivate(set) var evidence: [(position: Int, fact: CaseFact.Evidence)] = []

    /// From which ordinal on the step counts as complete. Stored: worked out where it is read, from the two optionals above, it
    /// ends the optimiser of Swift 6.3.1 (an ownership error in CopyPropagation).
    package fileprivate(set) var completeSince: Int?
  }

  package let template: CaseTemplate
  /// In the order of the template.
  package private(set) var steps: [StepHistory]
  /// In the order of attachment.
  package private(set) var evidence: [CaseFact.Evidence] = []
  /// What was taken out, until it comes back.
  private var removed: [CaseFact.Evidence] = []

  /// Throws if an event names a step that the template does not have, or evidence a second time.
  package init(template: CaseTemplate, events: [CaseEvent]) throws {
    self.template = template
    steps = template.steps.map { StepHistory(shape: $0) }
    for event in events { try apply(event) }
  }

  private mutating func apply(_ event: CaseEvent) throws {
    guard let id = event.fact.step else { return }
    guard let index = steps.firstIndex(where: { $0.shape.id == id }) else {
      throw BundleError("an entry names a step that the template does not have")
    }
    switch event.fact {
    case .evidence(let fact):
      guard !(evidence + removed).contains(where: { $0.id == fact.id }) else {
        throw BundleError("a piece of evidence is attached twice")
      }
      evidence.append(fact)
      steps[index].evidence.append((event.position, fact))
    case .removal(let fact): try remove(fact, from: index)
    case .reinstatement(let fact):
      guard let place = removed.firstIndex(where: { $0.id == fact.id && $0.step == fact.step }) else { break }
      let piece = removed.remove(at: place)
      evidence.append(piece)
      steps[index].evidence.append((event.position, piece))
    case .completion(let fact):
      guard fact.inReview == steps[index].shape.approval else {
        throw BundleError("the state of a completion does not fit the template")
      }
      steps[index].completion = Act(position: event.position, time: event.time, person: fact.person)
      steps[index].note = fact.note
      steps[index].remains = fact.remains
      steps[index].approval = nil
      steps[index].completeSince = steps[index].shape.approval ? nil : event.position
    case .approval(let fact):
      steps[index].approval = Act(position: event.position, time: event.time, person: fact.person)
      if steps[index].shape.approval { steps[index].completeSince = event.position }
    case .sendBack:
      steps[index].completion = nil
      steps[index].approval = nil
      steps[index].completeSince = nil
    case .opening, .assignment, .statement: break
    }
  }

  /// What nothing was shown of, because it was erased since, was nothing to begin with.
  private mutating func remove(_ fact: CaseFact.EvidenceRef, from index: Int) throws {
    guard steps[index].completion == nil else {
      throw BundleError("a piece of evidence went from a step that had been completed")
    }
    guard let place = evidence.firstIndex(where: { $0.id == fact.id && $0.step == fact.step }) else { return }
    removed.append(evidence.remove(at: place))
    steps[index].evidence.removeAll { $0.fact.id == fact.id }
  }

  /// What breaks the rules in this step, a sentence each; empty if nothing does.
  package func violations(of step: StepHistory) -> [String] {
    guard let completion = step.completion else { return ["it was not completed"] }
    return approvalViolations(step, completion) + orderViolations(step, completion)
      + evidenceViolations(step, completion)
  }

  private func approvalViolations(_ step: StepHistory, _ completion: Act) -> [String] {
    guard step.shape.approval else { return [] }
    guard let approval = step.approval else { return ["nobody approved it after it was completed last"] }
    return approval.person.id == completion.person.id ? ["it was approved by the person who completed it"] : []
  }

  private func orderViolations(_ step: StepHistory, _ completion: Act) -> [String] {
    step.shape.after.compactMap { id in
      let since = steps.first { $0.shape.id == id }?.completeSince
      guard let since, since < completion.position else {
        return "it was completed before “\(template.step(id)?.title ?? id)” was"
      }
      return nil
    }
  }

  private func evidenceViolations(_ step: StepHistory, _ completion: Act) -> [String] {
    let inTime = step.evidence.filter { $0.position < completion.position }.map(\.fact)
    return step.shape.evidence.compactMap { need in
      let found = inTime.filter { $0.kind == need.kind }
      if found.contains(where: { $0.grade >= need.minimumGrade }) { return nil }
      return found.isEmpty
        ? "no evidence of the kind \(need.kind) was attached before it was completed"
        : "its evidence of the kind \(need.kind) is below the grade \(need.minimumGrade.rawValue)"
    }
  }
}
