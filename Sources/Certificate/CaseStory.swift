import Kernel
import TransparencyLog

/// The facts of a case, each checked against the commitment and the actor of its entry, and what they add up to.
struct CaseStory {
  let opening: CaseFact.Opening
  let replay: CaseReplay
  /// Pieces of evidence of which nothing is shown: they were erased.
  let erased: Int
  private let first: LeafEntry
  private let last: LeafEntry

  init(_ lines: [BundleContents.Line]) throws {
    guard let first = lines.first?.entry, let last = lines.last?.entry else {
      throw BundleError("the case has no history")
    }
    let events = try lines.enumerated().compactMap { ordinal, line in try CaseStory.event(ordinal, line) }
    erased = lines.count(where: CaseStory.isErased)
    guard case .opening(let opening)? = events.first?.fact else {
      throw BundleError("the case does not begin with its opening")
    }
    guard case .statement? = events.last?.fact else { throw BundleError("the case does not end with its statement") }
    for event in events.dropFirst().dropLast() {
      switch event.fact {
      case .opening, .statement: throw BundleError("entry \(event.position) opens or certifies the case again")
      default: continue
      }
    }
    self.first = first
    self.last = last
    self.opening = opening
    replay = try CaseReplay(template: opening.template, events: events)
  }

  /// The fact of evidence whose key was destroyed cannot be shown. It counts for nothing.
  private static func isErased(_ line: BundleContents.Line) -> Bool {
    line.entry.action == "case.evidence.attach" && line.entry.commitments.count == 1 && line.disclosed.isEmpty
  }

  private static func event(_ ordinal: Int, _ line: BundleContents.Line) throws -> CaseEvent? {
    if isErased(line) { return nil }
    if CaseFact.silent.contains(line.entry.action), line.entry.commitments.isEmpty, line.disclosed.isEmpty {
      return nil
    }
    guard line.entry.commitments.count == 1, line.disclosed.count == 1, let disclosed = line.disclosed.first else {
      throw BundleError("entry \(ordinal) does not have exactly one fact")
    }
    guard line.entry.commitments == [disclosed.commitment] else {
      throw BundleError("the fact of entry \(ordinal) is not the one it commits to")
    }
    let fact = try CaseFact(disclosed.fact)
    guard fact.action == line.entry.action else {
      throw BundleError("the fact of entry \(ordinal) does not belong to its action")
    }
    if let performer = fact.performer, line.entry.actor != "person:\(performer.id)" {
      throw BundleError("entry \(ordinal) was made by someone else than its fact names")
    }
    return CaseEvent(position: ordinal, time: line.entry.time, fact: fact)
  }

  /// What the statement has to say. The names of tenant and issuer, and the limits, stand on the word of who signed it.
  func statement(claimed: JSON) throws -> JSON {
    let issuer = try PersonRef(strict: claimed["issued_by"], "issued_by")
    guard last.actor == "person:\(issuer.id)" else {
      throw BundleError("the issuer in the statement is not who recorded the certificate")
    }
    let tenant = try StrictObject(claimed["tenant"], ["id", "name"], "the tenant")
    _ = (try tenant.text("id"), try tenant.text("name"))
    let limits = claimed["limits"]?.array?.compactMap(\.string) ?? []
    guard !limits.isEmpty else { throw BundleError("the statement does not say what it does not claim") }
    let particulars = Statement.Particulars(
      caseID: String(first.object.dropFirst("case:".count)), openedAt: first.time, tenant: claimed["tenant"] ?? .null,
      issuedAt: last.time, issuedBy: issuer.json, limits: limits)
    return Statement.fact(opening, replay, particulars)
  }
}

/// One sentence for each step of the statement.
enum StepSentence {
  static func finding(_ step: CaseReplay.StepHistory, _ violations: [String]) -> Finding {
    let check = "step:\(step.shape.id)"
    guard let completion = step.completion, violations.isEmpty else {
      return Finding(check, .failed, "Step “\(step.shape.title)” does not hold: \(violations.joined(separator: "; ")).")
    }
    var text = "Step “\(step.shape.title)” was completed by \(completion.person.name) on \(completion.time.day)"
    text += evidence(step)
    if let approval = step.approval { text += ", approved by \(approval.person.name) on \(approval.time.day)" }
    if !step.remains.isEmpty { text += "; something remains (\(step.remains.count))" }
    return Finding(check, .ok, text + ".")
  }

  private static func evidence(_ step: CaseReplay.StepHistory) -> String {
    guard !step.evidence.isEmpty else { return " without evidence" }
    let grades = Set(step.evidence.map(\.fact.grade)).sorted().map(\.rawValue)
    return " with \(grades.joined(separator: ", ")) evidence (\(step.evidence.count))"
  }
}
