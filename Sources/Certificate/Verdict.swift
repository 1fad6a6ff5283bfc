import Kernel

/// One thing that was looked at, in words that a person understands.
package struct Finding: Sendable, Equatable {
  package enum Result: String, Sendable {
    case ok
    case failed
    /// Not claimed and not counted: what this verification cannot say.
    case limit
  }

  /// A check of docs/format.md §6.5, or `step:<id>`.
  package let check: String
  package let result: Result
  package let reason: String

  package init(_ check: String, _ result: Result, _ reason: String) {
    self.check = check
    self.result = result
    self.reason = reason
  }

  package var json: JSON { ["check": .string(check), "result": .string(result.rawValue), "reason": .string(reason)] }
}

/// What came of verifying something, and the exit code that says so.
package struct Verdict: Sendable {
  package enum Outcome: String, Sendable {
    case verified
    case notVerified = "not verified"
    case unusable
    case unidentified = "intact, signer not identified"

    package var exitCode: Int32 {
      switch self {
      case .verified: 0
      case .notVerified: 1
      case .unusable: 2
      case .unidentified: 3
      }
    }
  }

  package let outcome: Outcome
  package let findings: [Finding]

  package init(outcome: Outcome, findings: [Finding]) {
    self.outcome = outcome
    self.findings = findings
  }

  /// One failed finding is enough; without a pinned key nothing is ever verified.
  package init(findings: [Finding], isPinned: Bool) {
    self.findings = findings
    if findings.contains(where: { $0.result == .failed }) {
      outcome = .notVerified
    } else {
      outcome = isPinned ? .verified : .unidentified
    }
  }

  package static func unusable(_ reason: String) -> Verdict {
    Verdict(outcome: .unusable, findings: [Finding("input", .failed, reason)])
  }

  package var json: JSON {
    [
      "outcome": .string(outcome.rawValue), "exit_code": .integer(Int64(outcome.exitCode)),
      "findings": .array(findings.map(\.json)),
    ]
  }
}
