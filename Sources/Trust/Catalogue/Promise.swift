import Kernel

/// One sentence that we publish about ourselves, bound to what makes it true and to how anybody can test it.
///
/// The catalogue of these records is the only source of the trust page: a text that is not bound to a record cannot be published.
package struct Promise: Sendable, Equatable {
  /// "F1"… from the statement about vendor offboarding, "A1"… from that about the operating platform.
  package let id: String
  package let topic: Topic
  /// "E", "E/O": enforced by code, observed by a probe, procedure with a clock, declared.
  package let kind: String
  /// What a visitor reads. May hold `{name}` for what the configuration says (see `TrustFacts`).
  package let sentence: String
  package let because: String
  package let test: String
  package let basis: Basis

  /// What decides the state of a promise.
  package enum Basis: Sendable, Equatable {
    /// A check runs; its proof counts for `maximumAgeSeconds`.
    case checked(maximumAgeSeconds: Int = Promise.ordinaryMaximumAgeSeconds)
    /// No check exists yet.
    case planned(with: String)
    /// Software cannot prove it; this is what would disprove it.
    case declared(disprovedBy: String)
    /// Bound to a provider or a deployment that this installation does not have.
    case notApplicable(because: String)
    /// Announced for a day; red once it has passed.
    case roadmap(due: Day)
  }

  /// Checks run every hour; two may be missed before a proof no longer counts.
  package static let ordinaryMaximumAgeSeconds = 3 * 3_600
  /// For what leaves traces behind: it runs once a day, and one run may be missed.
  package static let dailyMaximumAgeSeconds = 49 * 3_600

  init(
    _ id: String, _ topic: Topic, _ kind: String, _ sentence: String, because: String, test: String, _ basis: Basis
  ) {
    self.id = id
    self.topic = topic
    self.kind = kind
    self.sentence = sentence
    self.because = because
    self.test = test
    self.basis = basis
  }

  package var isChecked: Bool { if case .checked = basis { true } else { false } }

  /// The sentence for the deployment at hand.
  package func sentence(with facts: [String: String]) -> String {
    facts.reduce(sentence) { $0.replacing("{\($1.key)}", with: $1.value) }
  }
}

/// The chapters of the statement, in the order in which they are read.
package enum Topic: String, Sendable, CaseIterable {
  case processing, access, encryption, hosting, evidence, development, identity, privacy, control, law, providers
  case incidents, research, continuity, statement
}
