import Kernel

/// What can be said of a promise at one moment.
package enum PromiseState: String, Sendable, CaseIterable {
  /// Every clause of the sentence was exercised by a check on this installation within its maximum age.
  case proven
  case failing
  /// The last proof is older than its maximum age.
  case stale
  /// The check could not run, has not run yet, or does not exist yet.
  case unknown
  case declared
  case roadmap
  case notApplicable = "not applicable"
}

/// What a check found, as it stands on the record.
package struct CheckResult: Sendable, Equatable {
  package enum Outcome: String, Sendable, CaseIterable {
    case proven, failing
    /// The check itself broke down, which says nothing about the promise.
    case couldNotRun = "could not run"
  }

  package let promise: String
  package let outcome: Outcome
  /// Why it is failing or could not run; empty when proven.
  package let reason: String
  /// What was done, with counts and indexes; no content, no secret.
  package let evidence: String
  package let checkedAt: Instant

  package init(promise: String, outcome: Outcome, reason: String = "", evidence: String = "", checkedAt: Instant) {
    self.promise = promise
    self.outcome = outcome
    self.reason = reason
    self.evidence = evidence
    self.checkedAt = checkedAt
  }
}

/// The state of a promise with the reason for it.
package struct Standing: Sendable, Equatable {
  package let state: PromiseState
  package let reason: String
  package let checkedAt: Instant?
  /// Until when the last proof counts.
  package let expiresAt: Instant?
  package let evidence: String?

  /// A proof from further in the future than this was made by a clock that cannot be trusted.
  package static let toleratedClockSkewSeconds = 300

  /// The whole rule, from the record, the last result and the time alone.
  package static func of(_ promise: Promise, last: CheckResult?, now: Instant) -> Standing {
    switch promise.basis {
    case .checked(let maximumAge): checked(last, maximumAge, now)
    case .planned(let part): Standing(.unknown, "No check exists yet: it is planned with \(part).")
    case .declared(let counterEvidence):
      Standing(.declared, "Software cannot prove this; we declare it. \(counterEvidence)")
    case .notApplicable(let reason): Standing(.notApplicable, reason)
    case .roadmap(let due):
      now.day <= due
        ? Standing(.roadmap, "Announced for \(due).")
        : Standing(.failing, "It was announced for \(due), and that day has passed.")
    }
  }

  private static func checked(_ last: CheckResult?, _ maximumAge: Int, _ now: Instant) -> Standing {
    guard let last else { return Standing(.unknown, "Its check has not run on this installation yet.") }
    let expiry = last.checkedAt.adding(seconds: maximumAge)
    func standing(_ state: PromiseState, _ reason: String, expires: Instant?) -> Standing {
      Standing(state, reason, checkedAt: last.checkedAt, expiresAt: expires, evidence: last.evidence)
    }
    guard last.checkedAt <= now.adding(seconds: toleratedClockSkewSeconds) else {
      return standing(.unknown, "Its last result is dated in the future, so one of the clocks was wrong.", expires: nil)
    }
    switch last.outcome {
    case .couldNotRun: return standing(.unknown, "Its check could not run: \(last.reason)", expires: nil)
    case .failing: return standing(.failing, last.reason, expires: nil)
    case .proven where now > expiry:
      return standing(.stale, "Its last proof is older than \(Duration.words(seconds: maximumAge)).", expires: expiry)
    case .proven: return standing(.proven, "Its check ran and found every clause to hold.", expires: expiry)
    }
  }

  private init(
    _ state: PromiseState, _ reason: String, checkedAt: Instant? = nil, expiresAt: Instant? = nil,
    evidence: String? = nil
  ) {
    self.state = state
    self.reason = reason
    self.checkedAt = checkedAt
    self.expiresAt = expiresAt
    self.evidence = evidence.flatMap { $0.isEmpty ? nil : $0 }
  }
}

extension Duration {
  /// "3 hours", "30 minutes", "45 seconds": the largest unit that says it exactly.
  package static func words(seconds: Int) -> String {
    for (unit, name) in [(86_400, "day"), (3_600, "hour"), (60, "minute")] where seconds >= unit && seconds % unit == 0
    {
      return count(seconds / unit, name)
    }
    return count(seconds, "second")
  }

  private static func count(_ number: Int, _ name: String) -> String { "\(number) \(name)\(number == 1 ? "" : "s")" }
}
