import Kernel

/// The steps a case goes through and what each one needs. A case carries the whole template it was opened with, so that
/// its rules can be replayed from the record alone (docs/format.md §6.2).
package struct CaseTemplate: Sendable, Equatable {
  package static let format = "steward.template/1"

  package enum Limit {
    package static let steps = 200
    package static let needsPerStep = 50
    package static let days: Int64 = 36_500
  }

  /// A kind of evidence that a step needs, and the least grade that counts.
  package struct Need: Sendable, Equatable {
    package let kind: String
    package let minimumGrade: Grade

    package init(kind: String, minimumGrade: Grade) {
      self.kind = kind
      self.minimumGrade = minimumGrade
    }
  }

  /// From when the days of a step count.
  package enum Basis: String, Sendable {
    case termination, step, retention
  }

  package struct Step: Sendable, Equatable {
    package let id: String
    package let title: String
    package let kind: String
    /// Ids of the steps that have to be complete first.
    package let after: [String]
    package let days: Int
    package let basis: Basis
    package let evidence: [Need]
    /// A second person has to approve.
    package let approval: Bool

    package init(
      id: String, title: String, kind: String, after: [String], days: Int, basis: Basis, evidence: [Need],
      approval: Bool
    ) {
      self.id = id
      self.title = title
      self.kind = kind
      self.after = after
      self.days = days
      self.basis = basis
      self.evidence = evidence
      self.approval = approval
    }
  }

  package let id: String
  package let name: String
  package let version: Int
  package let steps: [Step]

  package init(id: String, name: String, version: Int, steps: [Step]) {
    self.id = id
    self.name = name
    self.version = version
    self.steps = steps
  }

  package func step(_ id: String) -> Step? { steps.first { $0.id == id } }
}

// MARK: - Its written form

extension CaseTemplate {
  package var json: JSON {
    [
      "format": .string(CaseTemplate.format), "id": .string(id), "name": .string(name),
      "version": .integer(Int64(version)),
      "steps": .array(steps.map(\.json)),
    ]
  }

  /// SHA-256 of the canonical JSON.
  package var hash: Digest { Digest(sha256: json.canonical) }

  /// Refuses unknown members, steps of one name, and a step that comes after one that is not there or after itself.
  package init(json: JSON) throws(Problem) {
    do {
      self = try CaseTemplate.strict(json)
    } catch {
      throw Problem(.invalid, "The template cannot be used: \(error.reason).")
    }
  }

  static func strict(_ json: JSON) throws(BundleError) -> CaseTemplate {
    let object = try StrictObject(json, ["format", "id", "name", "version", "steps"], "the template")
    try object.check("format", is: CaseTemplate.format)
    let version = Int(try object.integer("version"))
    let list = try object.list("steps")
    guard (1...Limit.steps).contains(list.count) else { throw BundleError("a template has 1 to \(Limit.steps) steps") }
    var steps: [Step] = []
    for step in list { steps.append(try Step.strict(step)) }
    let template = CaseTemplate(
      id: try object.text("id"), name: try object.text("name"), version: version, steps: steps)
    try template.checkOrder()
    return template
  }

  /// Every step can be reached: taking away again and again the steps whose predecessors are gone leaves none.
  private func checkOrder() throws(BundleError) {
    guard Set(steps.map(\.id)).count == steps.count else { throw BundleError("two steps of the template have one id") }
    var done: Set<String> = []
    for _ in steps {
      for step in steps where step.after.allSatisfy(done.contains) { done.insert(step.id) }
    }
    guard done.count == steps.count else {
      throw BundleError("a step of the template comes after itself or after a step that is not there")
    }
  }
}

extension CaseTemplate.Step {
  fileprivate var json: JSON {
    let needs: [JSON] = evidence.map { ["kind": .string($0.kind), "minimum_grade": .string($0.minimumGrade.rawValue)] }
    return [
      "id": .string(id), "title": .string(title), "kind": .string(kind), "after": .array(after.map(JSON.string)),
      "days": .integer(Int64(days)), "basis": .string(basis.rawValue), "evidence": .array(needs),
      "approval": .bool(approval),
    ]
  }

  fileprivate static func strict(_ json: JSON) throws(BundleError) -> CaseTemplate.Step {
    let names = ["id", "title", "kind", "after", "days", "basis", "evidence", "approval"]
    let object = try StrictObject(json, names, "a step of the template")
    let days = try object.integer("days")
    guard days <= CaseTemplate.Limit.days else {
      throw BundleError("a step of the template has more than a hundred years")
    }
    guard let basis = CaseTemplate.Basis(rawValue: try object.text("basis")) else {
      throw BundleError("a step of the template counts its days from something unknown")
    }
    let list = try object.list("evidence")
    guard list.count <= CaseTemplate.Limit.needsPerStep else {
      throw BundleError("a step needs too many kinds of evidence")
    }
    var needs: [CaseTemplate.Need] = []
    for need in list {
      let need = try StrictObject(need, ["kind", "minimum_grade"], "a need of the template")
      guard let grade = Grade(rawValue: try need.text("minimum_grade")) else {
        throw BundleError("a step of the template needs an unknown grade")
      }
      needs.append(CaseTemplate.Need(kind: try need.text("kind"), minimumGrade: grade))
    }
    return CaseTemplate.Step(
      id: try object.text("id"), title: try object.text("title"), kind: try object.text("kind"),
      after: try object.texts("after"), days: Int(days), basis: basis, evidence: needs,
      approval: try object.bool("approval"))
  }
}
