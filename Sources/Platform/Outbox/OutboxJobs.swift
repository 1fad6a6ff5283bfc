import Kernel

/// The outbox's work in the background.
enum OutboxJobs {
  static let send = "outbox.send"
  static let tend = "outbox.tend"

  static let kinds: [JobKind] = [
    JobKind(
      send, summary: "Send a message.", maximumAttempts: 4,
      run: { run in
        guard let id = run.payload["message"]?.string.flatMap({ MessageID($0) }) else { return }
        // How an attempt ends is the message's own state, with the next attempt's job where there is to be one.
        try await run.services.outbox.send(id, of: run.tenant)
      }),
    JobKind(
      tend, summary: "Look after messages that wait or are held, and remove texts after 30 days.",
      schedule: .every(seconds: 3_600), isNeeded: Outbox.needsTending,
      run: { run in try await run.services.outbox.tend(run.tenant) }),
  ]
}

/// Limits of one attempt.
package enum MailLimits {
  package static let totalSeconds = 90
  package static let connectSeconds = 15
  package static let stalledSeconds = 45
}
