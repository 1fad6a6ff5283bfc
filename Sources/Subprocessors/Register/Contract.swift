import Kernel

/// The written terms with a provider, as far as the register must know them: what is in them, and until when they hold.
package struct Contract: Sendable, Equatable {
  /// What a contract with a sub-processor has to settle (GDPR article 28, paragraphs 3 and 4).
  package enum Clause: String, Sendable, CaseIterable {
    case security, confidentiality
    case dataProtection = "data-protection"
    case subProcessing = "sub-processing"
    case audit, deletion
    case breachNotice = "breach-notice"
  }

  /// Without these nobody is announced to a customer.
  package static let requiredClauses: [Clause] = [.security, .confidentiality, .dataProtection]

  /// The day on which it was signed.
  package let dated: Day
  /// The last day on which it holds, in UTC.
  package let expires: Day
  package let clauses: Set<Clause>
  /// Where the signed document lies, for the operator; not published.
  package let reference: String

  package init(dated: Day, expires: Day, clauses: Set<Clause>, reference: String) {
    self.dated = dated
    self.expires = expires
    self.clauses = clauses
    self.reference = reference
  }

  package func holds(at now: Instant) -> Bool { dated <= now.day && now.day <= expires }

  package var missingClauses: [Clause] { Contract.requiredClauses.filter { !clauses.contains($0) } }

  /// Why it is not enough to begin with, as a sentence that says what to do; nil if it is.
  package func fault(at now: Instant) -> String? {
    let missing = missingClauses.map(\.rawValue)
    guard missing.isEmpty else {
      return "The contract has no clause on \(missing.joined(separator: ", ")); agree on it first."
    }
    if now.day < dated { return "The contract begins on \(dated) only." }
    return holds(at: now) ? nil : "The contract ended on \(expires); renew it first."
  }
}
