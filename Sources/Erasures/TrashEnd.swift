import Certificate
import Platform

/// Erases what has been in the trash for its time. The instruction is that of whoever put it there and let the time pass: the entries are
/// the system's, and name that person (docs/format.md §9.1). What is under legal hold stays in the trash for as long.
struct TrashEnd: Sendable {
  static let kindName = "erasure.trash"
  static let reason = "Its time in the trash ended."
  /// Of one kind in one round.
  private static let limit = 1_000
  private static let actor = Actor.system("trash")

  let services: Services
  let tenant: TenantID

  private var ledger: Ledger { services.ledger }

  static let kind = JobKind(
    kindName, summary: "Erase what has been in the trash for \(Trash.days) days.",
    schedule: .daily(hour: 2, minute: 30), isOnDemand: true, isNeeded: { try Trash.isUsed($0) },
    run: { run in try await TrashEnd(services: run.services, tenant: run.tenant).end(run) })

  func end(_ run: JobRun) async throws {
    // A vendor takes its cases with it, so each kind is looked for after the ones before it have gone.
    for table in Trash.tables {
      let now = services.now
      let due = try await ledger.read(tenant) {
        try Trash.expired(table, at: now, limit: TrashEnd.limit, $0)
      }
      for (done, expired) in due.enumerated() {
        try await run.progress(done, of: due.count)
        do { try await end(expired, table) } catch is Stays { continue }
      }
    }
  }

  /// It is held, somebody brought it back, or another erasure has it.
  private struct Stays: Error {}

  private func end(_ expired: Trash.Expired, _ table: String) async throws {
    guard let inventory = try await Inventory.take(expired.target, of: tenant, services), !inventory.isHeld else {
      return
    }
    let name = try await services.people.person(expired.trashed.by, in: tenant)?.name ?? ""
    let person = Erasure.Person(id: expired.trashed.by, name: name)
    let id = try await propose(expired, inventory, person)
    try await confirm(id, expired, person)
    // What goes wrong here is tried again by the job that carries it.
    _ = try? await ErasureCarrier(services: services, home: tenant).start(id)
  }

  private func propose(
    _ expired: Trash.Expired, _ inventory: Inventory, _ person: Erasure.Person
  ) async throws -> ErasureID {
    if let begun = try await begun(expired.target) { return begun }
    let (id, erasers) = (ErasureID.make(at: ledger.clock.now), services.erasers)
    let act = Act("erasure.propose", on: ObjectRef("erasure", id), by: TrashEnd.actor)
    return try await ledger.write(tenant, act) { work in
      try TrashEnd.require(expired, erasers, work)
      guard try TrashEnd.open(expired.target, work).isEmpty else { throw Stays() }
      var erasure = Erasure(
        id: id, target: expired.target, suppress: false, reason: TrashEnd.reason, by: person, at: work.now,
        inventory: inventory)
      erasure.progress.isOfTrash = true
      let subject = try work.newSubject()
      try work.insert(erasure, subject: subject)
      try work.commit(Fact.proposal(erasure), subject: subject)
      return id
    }.value
  }

  private func confirm(_ id: ErasureID, _ expired: Trash.Expired, _ person: Erasure.Person) async throws {
    let (jobs, erasers) = (services.jobs, services.erasers)
    let act = Act("erasure.confirm", on: ObjectRef("erasure", id), by: TrashEnd.actor)
    _ = try await ledger.write(tenant, act) { work in
      try TrashEnd.require(expired, erasers, work)
      guard var erasure = try work.find(Erasure.self, id), erasure.state == .proposed else { throw Stays() }
      erasure.progress.confirmed = [Erasure.Progress.Confirmation(person: person, at: work.now)]
      erasure.state = .started
      try jobs.enqueue(ErasureCarrier.kindName, uniqueKey: id.text, in: work)
      try work.update(erasure)
      try work.commit(Fact.confirmation(erasure), subject: try work.subject(of: Erasure.self, erasure.key))
    }
  }

  /// One of ours that was cut off between its two steps.
  private func begun(_ target: ErasureTarget) async throws -> ErasureID? {
    try await ledger.read(tenant) { reader in
      try TrashEnd.open(target, reader).first { $0.progress.isOfTrash && $0.state == .proposed }?.id
    }
  }

  private static func open(_ target: ErasureTarget, _ reader: Reader) throws -> [Erasure] {
    try reader.fetch(
      Erasure.self,
      """
      AND object_type = \(target.kind.rawValue) AND object_id = \(target.id)
      AND state IN ('proposed', 'started', 'pending') ORDER BY id
      """)
  }

  /// It still lies there, and nothing holds it.
  private static func require(_ expired: Trash.Expired, _ erasers: Erasers, _ work: Work) throws {
    guard try Trash.isThere(expired, work), let finding = try erasers.find(expired.target, work) else { throw Stays() }
    let about = finding.objects + finding.within + [ObjectRef("tenant", work.tenant)]
    guard try !work.isHeld([], about: about) else { throw Stays() }
  }
}
