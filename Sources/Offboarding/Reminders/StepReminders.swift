import Platform

/// Tells those who can do something about it that a step is due soon or overdue: whom it is assigned to, and who opened the case.
///
/// One mail to each of them per step and day. A step that waits for another is not reminded of: nobody can do it yet, and the one it
/// waits for is due before it.
struct StepReminders: Sendable {
  /// Days before the due day on which reminding begins.
  static let daysAhead = 3
  static let kindName = "offboarding.remind"

  let services: Services
  let tenant: TenantID

  static let kind = JobKind(
    kindName, summary: "Remind people of steps that are due within \(daysAhead) days or overdue.",
    schedule: .daily(hour: 6, minute: 0), isOnDemand: true,
    isNeeded: { peek in
      try !peek.rows("SELECT 1 FROM case_file WHERE tenant = \(peek.tenant) AND state = 'open' LIMIT 1").isEmpty
    },
    run: { run in try await StepReminders(services: run.services, tenant: run.tenant).remind(run) })

  func remind(_ run: JobRun) async throws {
    let today = services.now.day
    let cases = try await due(today)
    for (done, id) in cases.enumerated() {
      try await run.progress(done, of: cases.count)
      try await remind(of: id, today, run)
    }
  }

  /// Open cases with a step that is to be reminded of today.
  private func due(_ today: Day) async throws -> [CaseID] {
    try await services.ledger.read(tenant) { [tenant] reader in
      try reader.rows(
        """
        SELECT DISTINCT c.id FROM case_file c JOIN case_step s ON s.tenant = c.tenant AND s.case_id = c.id
        LEFT JOIN step_reminder r ON r.tenant = s.tenant AND r.id = s.id
        WHERE c.tenant = \(tenant) AND c.state = 'open' AND c.trashed_at IS NULL AND s.state IN ('ready', 'in_review')
        AND s.due_on <= \(today.adding(days: StepReminders.daysAhead))
        AND (r.reminded_on IS NULL OR r.reminded_on < \(today)) ORDER BY c.id
        """
      ).compactMap { $0.first?.text.flatMap { CaseID($0) } }
    }
  }

  /// All reminders of one case in one command: they are posted together with the note that they were, or not at all.
  private func remind(of id: CaseID, _ today: Day, _ run: JobRun) async throws {
    guard let file = try await services.ledger.read(tenant, { try CaseStore.load(id, $0) }) else { return }
    let people = try await recipients(file)
    let act = Act("case.remind", on: ObjectRef("case", id), by: .system("offboarding"))
    _ = try await services.ledger.write(tenant, act) { work in
      try run.hold(in: work)
      guard let file = try CaseStore.load(id, work), file.state == .open, file.trashed == nil,
        try !CaseStore.isEnding(file, work)
      else { return }
      for step in file.steps where StepReminders.isDue(step, today) {
        let last = try work.find(StepReminderRecord.self, step.key)
        if let last, last.remindedOn >= today { continue }
        for person in [step.assignee, file.openedBy.id].compactMap({ $0.flatMap { people[$0] } }).unique {
          try services.outbox.post(draft(to: person, step, of: file, today), in: work)
        }
        let record = StepReminderRecord(step: step.key, remindedOn: today, count: (last?.count ?? 0) + 1)
        if last == nil { try work.insert(record) } else { try work.update(record) }
      }
    }
  }

  private static func isDue(_ step: CaseStep, _ today: Day) -> Bool {
    (step.state == .ready || step.state == .inReview) && step.dueOn <= today.adding(days: daysAhead)
  }

  private func recipients(_ file: CaseFile) async throws -> [PersonID: PersonCard] {
    var found: [PersonID: PersonCard] = [:]
    for id in Set(file.steps.compactMap(\.assignee) + [file.openedBy.id]) {
      if let card = try await services.people.person(id, in: tenant), card.isActive { found[id] = card }
    }
    return found
  }

  /// A reminder is of no use after the next one.
  private func draft(to person: PersonCard, _ step: CaseStep, of file: CaseFile, _ today: Day) -> MailDraft {
    MailDraft(
      step.dueOn < today ? "step_overdue" : "step_due", to: person.name, person.email,
      values: [
        "name": person.name, "vendor": file.vendorName, "step": file.title(of: step.id), "due": step.dueOn.description,
        "link": "\(services.installation.origin)/cases/\(file.id)",
      ],
      purpose: "reminder",
      expiresAt: Instant(milliseconds: Int64(today.adding(days: 1).daysSince1970) * 86_400_000).adding(
        seconds: 6 * 3_600))
  }
}

extension [PersonCard] {
  /// Each person once, in order.
  fileprivate var unique: [PersonCard] {
    reduce(into: []) { found, card in
      if !found.contains(where: { $0.id == card.id }) { found.append(card) }
    }
  }
}
