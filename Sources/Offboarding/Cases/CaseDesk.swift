import Certificate
import Platform

/// How much of the cases somebody has to do with.
package enum CaseScope: Sendable, Equatable {
  case all
  /// Only steps that are assigned to them; the rest does not exist for them.
  case assigned(PersonID)

  /// The case as it looks from here; nil if nothing of it is to be seen.
  package func seen(_ file: CaseFile) -> CaseFile? {
    guard case .assigned(let person) = self else { return file }
    guard file.trashed == nil else { return nil }
    var part = file
    part.steps = file.steps.filter { $0.assignee == person }
    let ids = Set(part.steps.map(\.id))
    part.evidence = file.evidence.filter { ids.contains($0.step) }
    return part.steps.isEmpty ? nil : part
  }

  func require(_ file: CaseFile, step: String?) throws(Problem) {
    guard let part = seen(file), step == nil || part.step(step ?? "") != nil else { throw Problem.notFound }
  }
}

/// What somebody can do with the cases of one tenant. Every command has the case as its object and commits to its fact
/// (docs/format.md §6.2). Whether the person may do it at all, the routes decide; what they can see of it, `scope`.
package struct CaseDesk: Sendable {
  package let ledger: Ledger
  package let tenant: TenantID
  package let person: NamedPerson
  package let scope: CaseScope
  package let templates: TemplateCatalogue

  package init(
    ledger: Ledger, tenant: TenantID, person: NamedPerson, scope: CaseScope = .all,
    templates: TemplateCatalogue = .builtIn
  ) {
    self.ledger = ledger
    self.tenant = tenant
    self.person = person
    self.scope = scope
    self.templates = templates
  }
}

// MARK: - Reading

extension CaseDesk {
  package func find(_ id: CaseID) async throws -> CaseFile {
    let scope = scope
    return try await ledger.read(tenant) { reader in
      guard let file = try CaseStore.load(id, reader) else {
        throw scope == .all ? try reader.absence("case_file", id.text) : Problem.notFound
      }
      guard let part = scope.seen(file) else { throw Problem.notFound }
      return part
    }
  }

  /// Cases that were erased, the latest first; none for whoever sees only assigned steps.
  package func erased(limit: Int) async throws -> [ErasedRow] {
    guard scope == .all else { return [] }
    return try await ledger.read(tenant) {
      try $0.fetch(ErasedRow.self, "AND tbl = 'case_file' ORDER BY erased_at DESC, id LIMIT \(limit)")
    }
  }

  package func list(
    _ filter: CaseFilter, before: String?, limit: Int
  ) async throws -> (items: [CaseFile], next: String?) {
    var narrowed = filter
    if case .assigned(let person) = scope { narrowed.assignee = person }
    let wanted = narrowed
    let found = try await ledger.read(tenant) { try CaseStore.list(wanted, before: before, limit: limit + 1, $0) }
    let items = found.prefix(limit)
    return (items.compactMap(scope.seen), found.count > limit ? items.last?.id.text : nil)
  }
}

// MARK: - Commands

extension CaseDesk {
  package func open(vendor: VendorID, template: CaseTemplate, terminatedOn: Day) async throws -> Written<CaseFile> {
    let id = CaseID.make(at: ledger.clock.now)
    let person = person
    return try await ledger.write(tenant, act("case.open", id)) { work in
      guard let record = try work.find(VendorRecord.self, vendor) else {
        throw Problem.invalid("vendor", "There is no such vendor.")
      }
      guard record.trashed == nil else { throw Problem.invalid("vendor", "This vendor is in the trash.") }
      try Ending.refuse([ObjectRef("vendor", vendor)], work)
      let file = CaseFile.opened(
        id, vendor: vendor, details: record.details, template: template, terminatedOn: terminatedOn, at: work.now,
        by: person)
      try CaseStore.insert(file, work)
      return file
    }
  }

  package func assign(_ id: CaseID, _ step: String, to assignee: NamedPerson) async throws -> Written<CaseFile> {
    try await change(id, step, "case.step.assign") { file, _ in
      try file.assign(step, to: assignee.id)
      return Fact.assignment(step, assignee)
    }
  }

  package func complete(
    _ id: CaseID, _ step: String, note: String, remains: [Remainder]
  ) async throws -> Written<CaseFile> {
    let person = person
    return try await change(id, step, "case.step.complete") { file, work in
      let completion = Completion(at: work.now, by: person, note: note, remains: remains)
      try file.complete(step, completion)
      return file.step(step).map { Fact.completion($0, completion) }
    }
  }

  package func approve(_ id: CaseID, _ step: String, note: String) async throws -> Written<CaseFile> {
    let person = person
    return try await change(id, step, "case.step.approve") { file, work in
      let review = Review(at: work.now, by: person, note: note)
      try file.approve(step, review)
      return Fact.approval(step, review)
    }
  }

  package func sendBack(_ id: CaseID, _ step: String, note: String) async throws -> Written<CaseFile> {
    let person = person
    return try await change(id, step, "case.step.return") { file, work in
      let review = Review(at: work.now, by: person, note: note)
      try file.sendBack(step, review)
      return Fact.sendingBack(step, review)
    }
  }

  package func withdraw(_ id: CaseID, note: String) async throws -> Written<CaseFile> {
    let person = person
    return try await change(id, nil, "case.withdraw") { file, work in
      try file.withdraw(Review(at: work.now, by: person, note: note))
      return nil
    }
  }

  /// One command on a case: load, check what is visible, change by the rules, write what differs, commit to the fact.
  func change(
    _ id: CaseID, _ step: String?, _ action: StaticString,
    _ verb: @escaping @Sendable (inout CaseFile, Work) throws -> JSON?
  ) async throws -> Written<CaseFile> {
    let scope = scope
    return try await ledger.write(tenant, act(action, id)) { work in
      guard let old = try CaseStore.load(id, work) else { throw Problem.notFound }
      try scope.require(old, step: step)
      guard old.trashed == nil else { throw Trash.lying }
      try CaseStore.refuseEnding(old, work)
      var new = old
      let fact = try verb(&new, work)
      try CaseStore.save(new, over: old, work)
      if let fact { try work.commit(fact, subject: try CaseStore.subject(of: id, work)) }
      guard let part = scope.seen(new) else { throw Problem.notFound }
      return part
    }
  }

  func act(_ action: StaticString, _ id: CaseID) -> Act {
    Act(action, on: ObjectRef("case", id), by: .person(person.id))
  }
}
