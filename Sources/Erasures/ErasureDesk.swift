import Certificate
import Platform

/// What somebody can do about erasures in one tenant. Whether they may at all, the routes decide.
package struct ErasureDesk: Sendable {
  /// Characters of a reason.
  package static let maximumReasonLength = 500

  let services: Services
  let tenant: TenantID
  let person: Erasure.Person

  package init(services: Services, tenant: TenantID, person: Erasure.Person) {
    self.services = services
    self.tenant = tenant
    self.person = person
  }

  private var ledger: Ledger { services.ledger }
  private var actor: Actor { .person(person.id) }

  /// On whose record an erasure stands: a tenant's own end cannot stand on its own.
  private func home(of kind: ErasureTarget.Kind) async throws -> TenantID {
    kind == .tenant ? try await services.tenants.system() : tenant
  }

  // MARK: Reading

  /// Newest first, before the key `before`; the tenant's own end, if it was asked for, is among them.
  package func list(before: String?, limit: Int) async throws -> (items: [Erasure], next: String?) {
    let (tenant, system) = (tenant, try await services.tenants.system())
    let own = try await ledger.read(tenant) {
      try $0.fetch(Erasure.self, "AND id < \(before ?? "z") ORDER BY id DESC LIMIT \(limit + 1)")
    }
    let ends = try await ledger.read(system) {
      try $0.fetch(
        Erasure.self,
        "AND object_type = 'tenant' AND object_id = \(tenant) AND id < \(before ?? "z") ORDER BY id DESC LIMIT \(limit + 1)"
      )
    }
    let all = (own + ends).sorted { $0.id.text > $1.id.text }
    return (Array(all.prefix(limit)), all.count > limit ? all[limit - 1].key : nil)
  }

  /// What people call things that are there; of the first hundred that were asked for.
  func titles(of targets: [ErasureTarget]) async throws -> [ErasureTarget: String] {
    let (erasers, asked) = (services.erasers, targets.prefix(100))
    guard !asked.isEmpty else { return [:] }
    return try await ledger.read(tenant) { reader in
      try asked.reduce(into: [:]) { titles, target in titles[target] = try erasers.find(target, reader)?.title }
    }
  }

  package func find(_ id: ErasureID) async throws -> Erasure { try await located(id).erasure }

  private func located(_ id: ErasureID) async throws -> (home: TenantID, erasure: Erasure) {
    if let own = try await ledger.read(tenant, { try $0.find(Erasure.self, id) }) { return (tenant, own) }
    let system = try await services.tenants.system()
    guard let end = try await ledger.read(system, { try $0.find(Erasure.self, id) }), end.target.kind == .tenant,
      end.target.id == tenant.text
    else { throw Problem(.notFound, "There is no such erasure; look at the list of erasures.") }
    return (system, end)
  }

  /// What would go and what would remain, without proposing anything.
  package func inventory(_ target: ErasureTarget) async throws -> Inventory {
    if target.kind == .tenant, target.id != tenant.text { throw Problem.notFound }
    if let inventory = try await Inventory.take(target, of: tenant, services) { return inventory }
    throw try await ledger.read(tenant) { reader in
      switch target.kind {
      case .vendor: try reader.absence("vendor", target.id)
      case .case: try reader.absence("case_file", target.id)
      case .person: try reader.absence("person", target.id)
      default: Problem.invalid("object", "There is nothing of this kind with this id.")
      }
    }
  }

  // MARK: Deciding

  package func propose(_ target: ErasureTarget, reason: String, suppress: Bool) async throws -> Written<Erasure> {
    let reason = reason.trimmed
    guard !reason.isEmpty, reason.count <= ErasureDesk.maximumReasonLength else {
      throw Problem.invalid("reason", "Say why in 1 to \(ErasureDesk.maximumReasonLength) characters.")
    }
    guard !suppress || target.kind == .vendor else {
      throw Problem.invalid("suppress", "Only a vendor can be kept from coming back.")
    }
    let inventory = try await inventory(target)
    let written = try await proposed(target, reason, suppress, inventory)
    await tell("erasure.propose", of: target)
    return written
  }

  /// The end of an organisation stands on the installation's record, which outlives it. Its own says so too, to its owners: an entry without
  /// changes. Nothing depends on it, so that a freeze cannot stand in the way of what was done.
  private func tell(_ action: StaticString, of target: ErasureTarget) async {
    guard target.kind == .tenant else { return }
    _ = try? await ledger.write(tenant, Act(action, on: target.object, by: actor)) { _ in }
  }

  private func proposed(
    _ target: ErasureTarget, _ reason: String, _ suppress: Bool, _ inventory: Inventory
  ) async throws -> Written<Erasure> {
    let id = ErasureID.make(at: ledger.clock.now)
    let person = person
    let act = Act("erasure.propose", on: ObjectRef("erasure", id), by: actor)
    return try await ledger.write(try await home(of: target.kind), act) { work in
      let open = try work.rows(
        """
        SELECT id FROM erasure WHERE tenant = \(work.tenant) AND object_type = \(target.kind.rawValue)
        AND object_id = \(target.id) AND state IN ('proposed', 'started', 'pending')
        """)
      if let other = open.first?[0].text {
        throw Problem(.conflict, "This is proposed already; confirm or withdraw the erasure \(other).")
      }
      let erasure = Erasure(
        id: id, target: target, suppress: suppress, reason: reason, by: person, at: work.now, inventory: inventory)
      let subject = try work.newSubject()
      try work.insert(erasure, subject: subject)
      try work.commit(Fact.proposal(erasure), subject: subject)
      return erasure
    }
  }

  /// The last confirmation starts it: from there on it cannot be taken back. What can be done at once is done before this returns.
  ///
  /// `number` says which confirmation is meant, so that one request that arrives twice is not both: `conflict` for any but the next.
  package func confirm(_ id: ErasureID, number: Int = 1) async throws -> (erasure: Erasure, receipt: Receipt) {
    let (home, known) = try await located(id)
    if known.state == .proposed {
      guard let inventory = try await Inventory.take(known.target, of: tenant, services) else {
        throw ErasureDesk.nothingLeft
      }
      guard !inventory.isHeld else { throw ErasureDesk.held }
    }
    let (person, jobs, erasers) = (person, services.jobs, services.erasers)
    let act = Act("erasure.confirm", on: ObjectRef("erasure", id), by: actor)
    let written = try await ledger.write(home, act) { work in
      guard var erasure = try work.find(Erasure.self, id) else { throw Problem.notFound }
      guard erasure.state == .proposed else { throw ErasureDesk.refusal(erasure.state) }
      guard number == erasure.nextConfirmation else { throw ErasureDesk.notNext(erasure.nextConfirmation) }
      erasure.progress.confirmed.append(Erasure.Progress.Confirmation(person: person, at: work.now))
      if erasure.progress.confirmed.count == erasure.confirmationsNeeded {
        // Asked again in here: from this transaction on nobody gets a hold on it.
        guard try !ErasureDesk.isHeld(erasure.target, erasers, work) else { throw ErasureDesk.held }
        erasure.state = .started
        try jobs.enqueue(ErasureCarrier.kindName, uniqueKey: id.text, in: work)
      }
      try work.update(erasure)
      try work.commit(Fact.confirmation(erasure), subject: try work.subject(of: Erasure.self, erasure.key))
      return erasure
    }
    guard written.value.state == .started, written.value.target.kind != .tenant else {
      // The last one is told by `erasure.end`.
      if written.value.state == .proposed { await tell("erasure.confirm", of: written.value.target) }
      return (written.value, written.receipt)
    }
    // What goes wrong here is tried again by the job, which says what it was.
    let started = try? await ErasureCarrier(services: services, home: home).start(id)
    return (started ?? written.value, written.receipt)
  }

  package func withdraw(_ id: ErasureID) async throws -> Written<Erasure> {
    let (home, _) = try await located(id)
    let act = Act("erasure.withdraw", on: ObjectRef("erasure", id), by: actor)
    let written = try await ledger.write(home, act) { work in
      guard var erasure = try work.find(Erasure.self, id) else { throw Problem.notFound }
      guard erasure.state == .proposed else { throw ErasureDesk.refusal(erasure.state) }
      erasure.state = .withdrawn
      try work.update(erasure)
      return erasure
    }
    await tell("erasure.withdraw", of: written.value.target)
    return written
  }

  /// Of an organisation its own record says it (`Ledger.beginEnd`).
  private static func isHeld(_ target: ErasureTarget, _ erasers: Erasers, _ work: Work) throws -> Bool {
    guard target.kind != .tenant, let found = try erasers.find(target, work) else { return false }
    return try work.isHeld([], about: found.objects + found.within + [ObjectRef("tenant", work.tenant)])
  }

  static let tooLate = Problem(
    .conflict, "An erasure of this, or of something that belongs to it, has begun; no hold can keep that any more.")
  static let held = Problem(.conflict, "This is under legal hold; an owner has to lift the hold first.")

  private static let nothingLeft = Problem(
    .conflict, "Nothing of this is left to erase: something larger was erased first. Withdraw this erasure.")

  private static func notNext(_ number: Int) -> Problem {
    let sentence = "Confirmation \(number) comes next; if that is what you mean, say so in confirmation."
    return Problem(.conflict, sentence, errors: [Problem.FieldError("confirmation", sentence)])
  }

  private static func refusal(_ state: Erasure.State) -> Problem {
    switch state {
    case .withdrawn: Problem(.conflict, "This erasure was withdrawn; propose it again.")
    case .final: Problem(.conflict, "This erasure is final.")
    default: Problem(.conflict, "This erasure has been confirmed and started; it cannot be taken back.")
    }
  }

  // MARK: The record

  /// The file for `steward-verify erasure`; `conflict` until the erasure is final.
  package func record(_ id: ErasureID) async throws -> [UInt8] {
    let (home, erasure) = try await located(id)
    guard erasure.state == .final else {
      throw Problem(.conflict, "There is a record once the erasure is final; it is \(erasure.state.rawValue).")
    }
    return try await ErasureDesk.record(id, home, ledger)
  }

  static func record(_ id: ErasureID, _ home: TenantID, _ ledger: Ledger) async throws -> [UInt8] {
    let (checkpoint, entries) = try await ledger.read(home) { reader in
      var filter = EntryFilter()
      filter.object = ObjectRef("erasure", id).description
      filter.ascending = true
      filter.limit = BundleLimit.entries
      let logged = try reader.entries(filter)
      guard let end = logged.firstIndex(where: { $0.action == "erasure.final" }),
        let checkpoint = try reader.checkpoint(covering: logged[end].index)
      else { throw Problem.notFound }
      let entries = try logged[...end].map { entry in
        Bundle.Entry(
          leaf: entry.data, index: entry.index,
          proof: try reader.inclusionProof(index: entry.index, size: checkpoint.size),
          disclosed: try reader.disclosures(ofEntry: entry.index).map { try $0.disclosed() })
      }
      return (checkpoint.note, entries)
    }
    return try ErasureRecord.make(
      checkpoint: checkpoint, logKeyCertificate: try await ledger.logCertificate(home, of: checkpoint), entries: entries
    )
  }

  // MARK: Coming back

  /// Lets what was erased come back. `notFound` if nothing stands in its way.
  package func readmit(_ id: ErasureID) async throws -> Receipt {
    let act = Act("erasure.readmit", on: ObjectRef("erasure", id), by: actor)
    return try await ledger.write(tenant, act) { work in
      guard try Suppression.lift(id.text, in: work) > 0 else {
        throw Problem(.notFound, "Nothing keeps this from coming back.")
      }
    }.receipt
  }

  package func isSuppressed(_ id: ErasureID) async throws -> Bool {
    try await ledger.read(tenant) { reader in
      try !reader.rows("SELECT 1 FROM suppression WHERE tenant = \(reader.tenant) AND erasure = \(id) LIMIT 1").isEmpty
    }
  }
}

// MARK: - Legal holds

extension ErasureDesk {
  package func holds() async throws -> [LegalHold] {
    try await ledger.read(tenant) { try $0.fetch(LegalHold.self, "ORDER BY since DESC, id LIMIT 1000") }
  }

  package func hold(_ target: ErasureTarget, reason: String) async throws -> Receipt {
    let reason = reason.trimmed
    guard !reason.isEmpty, reason.count <= ErasureDesk.maximumReasonLength else {
      throw Problem.invalid("reason", "Say why in 1 to \(ErasureDesk.maximumReasonLength) characters.")
    }
    guard [.vendor, .case, .person, .tenant].contains(target.kind) else {
      throw Problem.invalid("object", "A hold is placed on a vendor, a case, a person or the organisation.")
    }
    _ = try await inventory(target)
    let erasers = services.erasers
    return try await ledger.write(tenant, Act("erasure.hold", on: target.object, by: actor)) { work in
      if target.kind != .tenant {
        guard let found = try erasers.find(target, work) else { throw Problem.notFound }
        guard try !Ending.isUnderWay(found.objects + found.within, work) else { throw ErasureDesk.tooLate }
      }
      guard try !work.isHeld(target.object) else { throw Problem(.conflict, "This is under legal hold already.") }
      try work.hold(target.object, reason: reason)
    }.receipt
  }

  package func liftHold(_ target: ErasureTarget) async throws -> Receipt {
    try await ledger.write(tenant, Act("erasure.release", on: target.object, by: actor)) { work in
      guard try work.isHeld(target.object) else { throw Problem(.notFound, "This is under no legal hold.") }
      try work.liftHold(target.object)
    }.receipt
  }
}
