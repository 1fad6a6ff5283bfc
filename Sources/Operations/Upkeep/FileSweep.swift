import Platform

/// Removes uploads that were sealed and then belonged to nothing: the command that should have adopted them failed, or the process ended.
enum FileSweep {
  static let kind = JobKind(
    "operations.sweep-files", summary: "Remove uploads that came in more than a day ago and belong to nothing.",
    schedule: .daily(hour: 3, minute: 20), scope: .everyTenant, isNeeded: { $0.hasFiles },
    run: { run in _ = try await run.services.ledger.sweepFiles(run.tenant) })
}
