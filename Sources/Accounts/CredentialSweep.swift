import Platform

/// Removes sessions that have ended by themselves and set-up links that nobody used: what no longer opens anything need not lie about.
struct CredentialSweep: Sendable {
  /// Rows that one command removes.
  static let batch = 500

  static let kind = JobKind(
    "accounts.sweep", summary: "Remove sessions that have ended and set-up links that ran out.",
    schedule: .daily(hour: 3, minute: 0), scope: .everyTenant,
    isNeeded: { peek in
      try !peek.rows("SELECT 1 FROM session WHERE tenant = \(peek.tenant) LIMIT 1").isEmpty
        || !peek.rows("SELECT 1 FROM setup_link WHERE tenant = \(peek.tenant) LIMIT 1").isEmpty
    },
    run: { run in try await CredentialSweep().sweep(run) })

  func sweep(_ run: JobRun) async throws {
    while try await sweepBatch(run) == CredentialSweep.batch { try await run.checkCancellation() }
    try await sweepUses(run)
  }

  /// Answers how many rows it removed; an installation in which nothing has ended gets no entry.
  private func sweepBatch(_ run: JobRun) async throws -> Int {
    let now = run.services.now
    let (sessions, links) = try await run.services.ledger.read(run.tenant) { reader in
      (try CredentialSweep.endedSessions(reader, now), try CredentialSweep.endedLinks(reader, now))
    }
    let (ended, expired) = (
      sessions.prefix(CredentialSweep.batch),
      links.prefix(CredentialSweep.batch - min(sessions.count, CredentialSweep.batch))
    )
    guard !ended.isEmpty || !expired.isEmpty else { return 0 }
    let act = Act("session.sweep", on: ObjectRef("tenant", run.tenant), by: .system("accounts"))
    _ = try await run.services.ledger.write(run.tenant, act) { work in
      try run.hold(in: work)
      for key in ended where try work.find(SessionRecord.self, key) != nil { try work.delete(SessionRecord.self, key) }
      for key in expired where try work.find(SetupLinkRecord.self, key) != nil {
        try work.delete(SetupLinkRecord.self, key)
      }
    }
    return ended.count + expired.count
  }

  private static func endedSessions(_ reader: Reader, _ now: Instant) throws -> [String] {
    let oldest = now.adding(seconds: -SessionRecord.absoluteSeconds)
    return try reader.rows(
      "SELECT id FROM session WHERE tenant = \(reader.tenant) AND created_at <= \(oldest) ORDER BY id LIMIT \(batch)"
    ).compactMap { $0.first?.text }
  }

  private static func endedLinks(_ reader: Reader, _ now: Instant) throws -> [String] {
    try reader.rows(
      "SELECT id FROM setup_link WHERE tenant = \(reader.tenant) AND expires_at <= \(now) ORDER BY id LIMIT \(batch)"
    ).compactMap { $0.first?.text }
  }

  /// Last uses of sessions that are no more.
  private func sweepUses(_ run: JobRun) async throws {
    let tenant = run.tenant
    try await run.services.ledger.writeTransient(tenant) { work in
      _ = try work.run(
        """
        DELETE FROM session_use WHERE tenant = \(tenant) AND session NOT IN (SELECT id FROM session WHERE tenant = \(tenant))
        """, on: AccountsSchema.sessionUse)
    }
  }
}
