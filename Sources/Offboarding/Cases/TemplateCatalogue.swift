import Certificate
import Kernel

/// The templates from which cases are opened. A template never changes once it has been published: another one with a higher
/// version is published beside it, and a case keeps the copy it was opened with.
package struct TemplateCatalogue: Sendable {
  /// All versions, in the order of publication.
  package let templates: [CaseTemplate]

  package init(_ templates: [CaseTemplate]) { self.templates = templates }

  package static let builtIn = TemplateCatalogue([.vendorOffboarding])

  /// The version asked for, or the newest; nil if there is none.
  package func template(_ id: String, version: Int? = nil) -> CaseTemplate? {
    templates.filter { $0.id == id && (version == nil || $0.version == version) }.max { $0.version < $1.version }
  }

  /// The newest of each, for opening a case.
  package var current: [CaseTemplate] {
    var seen: Set<String> = []
    return templates.reversed().compactMap { one in
      guard seen.insert(one.id).inserted else { return nil }
      return template(one.id)
    }.reversed()
  }
}

extension CaseTemplate {
  /// Returning data and revoking access run side by side; deletion is asked for once the data is back and nobody at the vendor gets
  /// more; what the vendor confirms is checked. Every needed kind is an upload, so E2 is within reach of everyone; the
  /// confirmation may be an attestation of the vendor's officer.
  package static let vendorOffboarding = CaseTemplate(
    id: "vendor-offboarding", name: "Vendor offboarding", version: 1,
    steps: [
      Step(
        id: "return", title: "Get our data back", kind: "return", after: [], days: 30, basis: .termination,
        evidence: [Need(kind: "data-export", minimumGrade: .e2)], approval: false),
      Step(
        id: "verify-return", title: "Verify that the data is complete", kind: "verify", after: ["return"], days: 14,
        basis: .step, evidence: [Need(kind: "return-check", minimumGrade: .e2)], approval: true),
      Step(
        id: "revoke-access", title: "Revoke the vendor's access", kind: "revoke", after: [], days: 1,
        basis: .termination, evidence: [Need(kind: "access-review", minimumGrade: .e2)], approval: false),
      Step(
        id: "request-deletion", title: "Request deletion", kind: "request", after: ["verify-return", "revoke-access"],
        days: 7, basis: .step, evidence: [Need(kind: "deletion-request", minimumGrade: .e2)], approval: false),
      Step(
        id: "vendor-confirms", title: "Vendor confirms deletion", kind: "confirm", after: ["request-deletion"],
        days: 30,
        basis: .retention, evidence: [Need(kind: "deletion-confirmation", minimumGrade: .e1)], approval: false),
      Step(
        id: "verify-deletion", title: "Verify the deletion", kind: "verify", after: ["vendor-confirms"], days: 14,
        basis: .step, evidence: [Need(kind: "deletion-check", minimumGrade: .e2)], approval: true),
    ])
}
