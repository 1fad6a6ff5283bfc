import Kernel
import Ledger
import Storage
import Synchronization

/// Looks after messages that nobody works on: after a restart, a restore, a lost job, a change of what holds them up.
extension Outbox {
  /// How old a disclosure of a shared database is when whoever began it has surely ended: no attempt takes so long.
  static let longestAttemptSeconds = 600

  /// A round in every tenant, after the start. A tenant that cannot be opened keeps nobody else waiting, and neither does the round a request.
  package func recover() async throws {
    try await ledger.refreshTenants()
    for tenant in ledger.tenants {
      try Task.checkCancellation()
      await Task.yield()
      guard (try? ledger.peek(tenant.id, Outbox.needsTending)) ?? true else { continue }
      _ = try? await tend(tenant.id)
    }
  }

  /// Whether a tenant has messages that are on their way, or texts that are to be removed one day; from plain columns.
  @Sendable static func needsTending(_ peek: Peek) throws -> Bool {
    try !peek.rows(
      """
      SELECT 1 FROM message WHERE tenant = \(peek.tenant) AND (state NOT IN ('sent', 'failed') OR has_text = 1) LIMIT 1
      """
    ).isEmpty
  }

  /// One round in one tenant. Writes only if there is something to do. Answers how many messages it moved on.
  @discardableResult
  package func tend(_ tenant: TenantID) async throws -> Int {
    guard !isProbe(tenant) else { return 0 }
    let now = ledger.clock.now
    let unfinished = try await unfinished(tenant)
    let kept = try await kept(unfinished, tenant, at: now)
    let old = try await withOldTexts(tenant, at: now)
    let hasLeft = try await hasLeftDisclosures(tenant, at: now)
    guard !kept.isEmpty || !old.isEmpty || hasLeft else { return 0 }
    let act = Act("outbox.tend", on: ObjectRef("tenant", tenant), by: .system("outbox"))
    return try await ledger.write(tenant, act) { [self] work in
      var count = 0
      for seen in kept where !underway.withLock({ $0.contains(seen.id) }) {
        guard let message = try? Outbox.unchanged(seen, in: work) else { continue }
        if message.state == .sending, try isWithJob(message, work) { continue }
        try moveOn(message, in: work)
        count += 1
      }
      if hasLeft { try closeDisclosures(in: work) }
      for key in old { count += try removeTexts(key, in: work) }
      return count
    }.value
  }

  private func unfinished(_ tenant: TenantID) async throws -> [MessageRecord] {
    try await ledger.read(tenant) { reader in
      try reader.fetch(
        MessageRecord.self,
        "AND state IN ('waiting', 'sending', 'unknown', 'held') ORDER BY id LIMIT \(Outbox.largestRound)")
    }
  }

  /// Those for which something is to be done.
  private func kept(
    _ messages: [MessageRecord], _ tenant: TenantID, at now: Instant
  ) async throws -> [MessageRecord] {
    let asked = try await jobKeys(tenant)
    let withJob = ledger.isShared ? Set(asked.compactMap { $0.split(separator: "/").first.map(String.init) }) : []
    var kept: [MessageRecord] = []
    // One refusal by the gate stands for all messages of a purpose, so that a held tenant does not write an entry each round.
    var admitted: [String: Bool] = [:]
    for message in messages where !underway.withLock({ $0.contains(message.id) }) {
      let isTooOld = message.createdAt.adding(seconds: MessageRecord.retentionSeconds) <= now
      if message.state == .sending, withJob.contains(message.key) { continue }
      if message.state == .sending || message.isOver(at: now) || isTooOld {
        kept.append(message)
      } else if message.state == .held {
        let isNowAdmitted =
          if let known = admitted[message.purpose] { known } else { await isAdmitted(message, tenant) }
        admitted[message.purpose] = isNowAdmitted
        if isNowAdmitted { kept.append(message) }
      } else if !asked.contains(Outbox.jobKey(message)) {
        kept.append(message)
      }
    }
    return kept
  }

  private func isAdmitted(_ message: MessageRecord, _ tenant: TenantID) async -> Bool {
    guard let transport, let mail = outgoing(message, tenant) else { return false }
    do {
      _ = try await transport.admit(mail)
      return true
    } catch { return false }
  }

  /// Keys of the jobs that are to send a message.
  private func jobKeys(_ tenant: TenantID) async throws -> Set<String> {
    try await ledger.read(tenant) { reader in
      let rows = try reader.rows(
        "SELECT unique_key FROM job WHERE tenant = \(tenant) AND kind = \(OutboxJobs.send) AND unique_key IS NOT NULL")
      return Set(rows.compactMap { $0.first?.text })
    }
  }

  /// Whether the attempt is another server's, or whoever takes its job over will make it again. `/` ends the id in the job's key.
  private func isWithJob(_ message: MessageRecord, _ reader: Reader) throws -> Bool {
    guard ledger.isShared else { return false }
    return try !reader.rows(
      """
      SELECT 1 FROM job WHERE tenant = \(reader.tenant) AND kind = \(OutboxJobs.send)
      AND unique_key >= \(message.key + "/") AND unique_key < \(message.key + "0") LIMIT 1
      """
    ).isEmpty
  }

  private func moveOn(_ seen: MessageRecord, in work: Work) throws {
    var message = seen
    let isTooOld = message.createdAt.adding(seconds: MessageRecord.retentionSeconds) <= work.now
    if message.state == .sending {
      // Nobody makes this attempt any more, and nobody saw its end.
      message.isRepeat = true
      message.move(to: .unknown, .interrupted, at: work.now)
      try closeDisclosures(in: work)
    }
    if message.isOver(at: work.now) || isTooOld {
      message.move(to: .failed, isTooOld ? .gaveUp : .expired, said: message.said, at: work.now)
    } else {
      if message.state == .held { message.move(to: message.isRepeat ? .unknown : .waiting, at: work.now) }
      try enqueue(message, in: work)
    }
    try work.update(message)
  }

  /// Disclosures whose end nobody saw. Where nobody else makes attempts, no other than the ones underway can be meant by a row that
  /// is still open; where others do, only age tells.
  private func closeDisclosures(in work: Work) throws {
    guard ledger.isShared || underway.withLock({ $0.isEmpty }) else { return }
    let latest = work.now.adding(seconds: ledger.isShared ? -Outbox.longestAttemptSeconds : 0)
    let open = try work.fetch(
      DisclosureRecord.self, "AND outcome = 'begun' AND module = 'mail' AND begun_at <= \(latest)")
    for var record in open {
      record.outcome = .unknown
      record.endedAt = work.now
      try work.update(record)
    }
  }

  /// Whether there are some that another server's end left open, and whose message went on with its job.
  private func hasLeftDisclosures(_ tenant: TenantID, at now: Instant) async throws -> Bool {
    guard ledger.isShared else { return false }
    let latest = now.adding(seconds: -Outbox.longestAttemptSeconds)
    return try await ledger.read(tenant) { reader in
      try !reader.rows(
        """
        SELECT 1 FROM egress_disclosure WHERE tenant = \(tenant) AND outcome = 'begun' AND module = 'mail'
        AND begun_at <= \(latest) LIMIT 1
        """
      ).isEmpty
    }
  }

  // MARK: Retention

  private func withOldTexts(_ tenant: TenantID, at now: Instant) async throws -> [String] {
    let before = now.adding(seconds: -MessageRecord.retentionSeconds)
    return try await ledger.read(tenant) { reader in
      let messages = try reader.rows(
        """
        SELECT id FROM message WHERE tenant = \(tenant) AND state IN ('sent', 'failed') AND has_text = 1
        AND changed_at <= \(before) LIMIT \(Outbox.largestRound)
        """)
      let mailbox = try reader.rows(
        "SELECT id FROM mailbox WHERE tenant = \(tenant) AND delivered_at <= \(before) LIMIT \(Outbox.largestRound)")
      return Set((messages + mailbox).compactMap { $0.first?.text }).sorted()
    }
  }

  private func removeTexts(_ key: String, in work: Work) throws -> Int {
    if try work.find(MailboxRecord.self, key) != nil { try work.delete(MailboxRecord.self, key) }
    guard var message = try work.find(MessageRecord.self, key), message.state.isFinished else { return 0 }
    message.removeTexts()
    try work.update(message)
    return 1
  }
}

// MARK: - By hand

extension Outbox {
  /// Puts a message that came to a stop back on its way: what failed or is held. `conflict` if there is nothing to do again.
  package func retry(_ id: MessageID, of tenant: TenantID, by actor: Actor) async throws -> Receipt {
    try await ledger.write(tenant, Act("message.retry", on: ObjectRef("message", id), by: actor)) { [self] work in
      guard var message = try work.find(MessageRecord.self, id) else { throw Problem.notFound }
      guard transport != nil else {
        throw Problem(.conflict, "No mail server is set up; ask the operator for one.")
      }
      guard message.canBeRetried(at: work.now) else {
        throw Problem(.conflict, "This message cannot be sent again; write a new one.")
      }
      message.move(to: message.isRepeat ? .unknown : .waiting, at: work.now)
      try enqueue(message, in: work)
      try work.run(
        """
        UPDATE job SET run_at = \(ledger.clock.now) WHERE tenant = \(tenant) AND kind = \(OutboxJobs.send)
        AND unique_key = \(Outbox.jobKey(message)) AND state = 'waiting'
        """, on: JobTable.table)
      try work.update(message)
    }.receipt
  }
}

extension MessageRecord {
  /// A message that has been sent, or whose texts are gone, cannot.
  package func canBeRetried(at now: Instant) -> Bool {
    guard !isOver(at: now), reason != .probe, !text.isEmpty else { return false }
    return state == .held || (state == .waiting && notBefore != nil)
  }
}
