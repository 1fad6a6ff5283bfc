import Kernel

/// A person as a fact names them: id and the name they had then.
package struct PersonRef: Sendable, Equatable {
  package let id: String
  package let name: String

  init(strict json: JSON?, _ what: String) throws(BundleError) {
    let object = try StrictObject(json, ["id", "name"], what)
    id = try object.text("id")
    name = try object.text("name")
  }

  package var json: JSON { ["id": .string(id), "name": .string(name)] }
}

/// What stays somewhere after a step, and until when if that is known.
package struct Remains: Sendable, Equatable {
  package let what: String
  package let place: String
  package let until: Day?

  init(strict json: JSON) throws(BundleError) {
    let object = try StrictObject(json, ["what", "where", "until"], "something that remains")
    what = try object.text("what")
    place = try object.text("where")
    until = try object.optionalDay("until")
  }

  package var json: JSON { ["what": .string(what), "where": .string(place), "until": JSON(until?.description)] }
}

/// A disclosed fact of a case (docs/format.md §6.2), read strictly.
package enum CaseFact: Sendable {
  case opening(Opening)
  case assignment(step: String)
  case evidence(Evidence)
  case completion(Completion)
  case approval(Review)
  case sendBack(Review)
  /// A piece of evidence was put into the trash.
  case removal(EvidenceRef)
  /// It was brought back.
  case reinstatement(EvidenceRef)
  case statement(JSON)

  package struct Opening: Sendable {
    package let vendor: JSON
    package let terminatedOn: Day
    package let dataCategories: [String]
    package let template: CaseTemplate
  }

  package struct Evidence: Sendable {
    package let id: String
    package let step: String
    package let kind: String
    package let grade: Grade
    package let sha256: Digest
    /// The fact without its type: an element of evidence.json.
    package let json: JSON
  }

  package struct EvidenceRef: Sendable {
    package let id: String
    package let step: String
  }

  package struct Completion: Sendable {
    package let step: String
    package let person: PersonRef
    package let note: String
    package let remains: [Remains]
    package let inReview: Bool
  }

  package struct Review: Sendable {
    package let step: String
    package let person: PersonRef
    package let note: String
  }

  package init(_ fact: JSON) throws {
    switch fact["type"]?.string {
    case "case": self = .opening(try Opening(fact))
    case "assignment":
      let object = try StrictObject(fact, ["type", "step", "person"], "an assignment")
      _ = try PersonRef(strict: object.json("person"), "the person of an assignment")
      self = .assignment(step: try object.text("step"))
    case "evidence": self = .evidence(try Evidence(fact))
    case "completion": self = .completion(try Completion(fact))
    case "approval": self = .approval(try Review(fact))
    case "return": self = .sendBack(try Review(fact))
    case "removal": self = .removal(try EvidenceRef(fact))
    case "reinstatement": self = .reinstatement(try EvidenceRef(fact))
    case "statement": self = .statement(fact)
    default: throw BundleError("a fact has an unknown type")
    }
  }

  /// The action of the entry in which such a fact stands.
  package var action: String {
    switch self {
    case .opening: "case.open"
    case .assignment: "case.step.assign"
    case .evidence: "case.evidence.attach"
    case .completion: "case.step.complete"
    case .approval: "case.step.approve"
    case .sendBack: "case.step.return"
    case .removal: "case.evidence.trash"
    case .reinstatement: "case.evidence.restore"
    case .statement: "case.certify"
    }
  }

  /// Who must have made the entry, if the fact names someone who acted.
  package var performer: PersonRef? {
    switch self {
    case .completion(let fact): fact.person
    case .approval(let fact), .sendBack(let fact): fact.person
    default: nil
    }
  }

  package var step: String? {
    switch self {
    case .assignment(let step): step
    case .evidence(let fact): fact.step
    case .completion(let fact): fact.step
    case .approval(let fact), .sendBack(let fact): fact.step
    case .removal(let fact), .reinstatement(let fact): fact.step
    case .opening, .statement: nil
    }
  }
}

extension CaseFact.Opening {
  fileprivate init(_ fact: JSON) throws {
    let object = try StrictObject(
      fact, ["type", "vendor", "terminated_on", "data_categories", "template"], "the fact of the opening")
    let vendor = try StrictObject(object.json("vendor"), ["id", "name", "registry_id"], "the vendor")
    _ = (try vendor.text("id"), try vendor.text("name"), try vendor.optionalText("registry_id"))
    self.vendor = object.json("vendor")
    terminatedOn = try object.day("terminated_on")
    dataCategories = try object.texts("data_categories")
    template = try CaseTemplate.strict(object.json("template"))
  }
}

extension CaseFact.Evidence {
  fileprivate init(_ fact: JSON) throws {
    let names = ["type", "id", "step", "kind", "grade", "name", "media_type", "size", "sha256"]
    let object = try StrictObject(fact, names, "a fact of evidence")
    id = try object.text("id")
    step = try object.text("step")
    kind = try object.text("kind")
    guard let grade = Grade(rawValue: try object.text("grade")) else {
      throw BundleError("evidence has an unknown grade")
    }
    guard let digest = Digest(hex: try object.text("sha256")) else {
      throw BundleError("evidence has a hash that is none")
    }
    _ = (try object.text("name"), try object.text("media_type"), try object.integer("size"))
    self.grade = grade
    sha256 = digest
    var members = fact.object ?? [:]
    members["type"] = nil
    json = .object(members)
  }
}

extension CaseFact.EvidenceRef {
  fileprivate init(_ fact: JSON) throws {
    let object = try StrictObject(fact, ["type", "id", "step"], "the fact of evidence that went or came back")
    self.init(id: try object.text("id"), step: try object.text("step"))
  }
}

extension CaseFact {
  /// Entries of a case that say nothing of it: a reminder, and that it lay in the trash for a while. They have no commitment.
  static let silent: Set<String> = ["case.remind", "case.trash", "case.restore"]
}

extension CaseFact.Completion {
  fileprivate init(_ fact: JSON) throws {
    let object = try StrictObject(fact, ["type", "step", "person", "note", "remains", "state"], "a completion")
    step = try object.text("step")
    person = try PersonRef(strict: object.json("person"), "the person of a completion")
    note = try object.text("note")
    remains = try object.list("remains").map(Remains.init(strict:))
    switch try object.text("state") {
    case "complete": inReview = false
    case "in_review": inReview = true
    default: throw BundleError("a completion has an unknown state")
    }
  }
}

extension CaseFact.Review {
  fileprivate init(_ fact: JSON) throws {
    let object = try StrictObject(fact, ["type", "step", "person", "note"], "an approval or return")
    step = try object.text("step")
    person = try PersonRef(strict: object.json("person"), "the person of an approval or return")
    note = try object.text("note")
  }
}
