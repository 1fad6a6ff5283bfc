import Certificate
import Kernel
import Platform

package enum Vendor {}
package enum CaseNoun {}
package enum StepNoun {}
package enum EvidenceNoun {}
package enum CertificateNoun {}
package typealias VendorID = ID<Vendor>
package typealias CaseID = ID<CaseNoun>
package typealias StepID = ID<StepNoun>
package typealias EvidenceID = ID<EvidenceNoun>
package typealias CertificateID = ID<CertificateNoun>

/// A person as a fact names them: the name is the one they had at that moment, and stays.
package struct NamedPerson: Sendable, Equatable {
  package let id: PersonID
  package let name: String

  package init(id: PersonID, name: String) {
    self.id = id
    self.name = name
  }

  package var json: JSON { ["id": .string(id.text), "name": .string(name)] }
}

/// Data that stays somewhere after a step, and until when.
package struct Remainder: Sendable, Equatable {
  package let what: String
  package let place: String
  /// Nil if no end is known.
  package let until: Day?

  package init(what: String, place: String, until: Day?) {
    self.what = what
    self.place = place
    self.until = until
  }

  package enum Limit {
    package static let text = 1_000
    /// Remainders of one step.
    package static let count = 50
  }

  package var json: JSON { ["what": .string(what), "where": .string(place), "until": JSON(until?.description)] }
}

/// How far a step is.
package enum StepState: String, Sendable {
  /// A step it comes after is not complete.
  case waiting
  case ready
  /// Done by one person, not yet approved by another.
  case inReview = "in_review"
  case complete
}

package enum CaseState: String, Sendable { case open, certified, withdrawn }

/// A step done, as the performer left it.
package struct Completion: Sendable, Equatable {
  package let at: Instant
  package let by: NamedPerson
  package let note: String
  package let remains: [Remainder]
}

/// A second person's word on a step: an approval, or the reason for sending it back.
package struct Review: Sendable, Equatable {
  package let at: Instant
  package let by: NamedPerson
  package let note: String
}

/// One step of a case.
package struct CaseStep: Sendable, Equatable {
  package let key: StepID
  /// As the template names it.
  package let id: String
  package let position: Int
  package var state: StepState
  package var dueOn: Day
  package var assignee: PersonID?
  package var completion: Completion?
  package var approval: Review?
  /// The last time it was sent back, until it is done again.
  package var returned: Review?
}

/// A piece of evidence: a sealed file and what is said about it.
package struct Evidence: Sendable, Equatable {
  package let id: EvidenceID
  package let caseID: CaseID
  /// As the template names it.
  package let step: String
  package let kind: String
  package let grade: Grade
  package let name: String
  package let mediaType: String
  package let file: FileID
  package let size: Int64
  package let sha256: Digest
  package let attachedAt: Instant
  package let attachedBy: NamedPerson
  package var trashed: Trashed?
}

/// A case as a whole: what it was opened with, its steps and its evidence. The rules of a case are functions of this value.
package struct CaseFile: Sendable, Equatable {
  package let id: CaseID
  package let vendor: VendorID
  /// Name, register number, categories and declared retention of the vendor as they were when the case was opened.
  package let vendorName: String
  package let registryID: String?
  package let dataCategories: [String]
  package let declaredRetentionDays: Int?
  package let template: CaseTemplate
  package let terminatedOn: Day
  package let openedAt: Instant
  package let openedBy: NamedPerson
  package var state: CaseState
  package var closing: Review?
  package var certificate: CertificateID?
  package var trashed: Trashed?
  /// In the order of the template.
  package var steps: [CaseStep]
  /// In the order of attachment, without what lies in the trash.
  package var evidence: [Evidence]
}

extension CaseFile {
  package func step(_ id: String) -> CaseStep? { steps.first { $0.id == id } }
  package func evidence(of step: String) -> [Evidence] { evidence.filter { $0.step == step } }
  package func shape(of step: String) -> CaseTemplate.Step? { template.steps.first { $0.id == step } }
  package func title(of step: String) -> String { shape(of: step)?.title ?? step }
}
