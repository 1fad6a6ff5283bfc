import Platform

/// The verbs of the register. Each is one write in the tenant where the register stands, and so an entry of its log.
package struct Register: Sendable {
  /// Entries that have not ended.
  package static let maximumEntries = 200
  /// Characters of an operator's reason.
  package static let maximumNoteLength = 500

  let services: Services
  let registers: Registers
  let realm: Realm
  let actor: Actor

  package init(services: Services, registers: Registers, realm: Realm = .customers, actor: Actor) {
    self.services = services
    self.registers = registers
    self.realm = realm
    self.actor = actor
  }

  private var post: NoticePost { NoticePost(services: services, registers: registers, realm: realm, actor: actor) }

  package func list() async throws -> [Provider] { try await registers.providers(in: realm) }

  package func provider(_ id: SubprocessorID) async throws -> Provider {
    guard let provider = try await list().first(where: { $0.id == id }) else {
      throw Problem(.notFound, "There is no such entry; `steward subprocessor list` shows them all.")
    }
    return provider
  }

  /// A new draft; with a known id a draft is rewritten, or a contract renewed.
  package func add(_ input: ProviderInput) async throws -> Provider {
    guard let id = input.id else { return try await insert(input) }
    let isDraft = try await provider(id).state == .draft
    return try await change(id, "subprocessor.renew", isDraft ? .added : .renewed) { try $0.rewritten(input) }
  }

  private func insert(_ input: ProviderInput) async throws -> Provider {
    guard try await list().count(where: { $0.state != .ended }) < Register.maximumEntries else {
      throw Problem(.conflict, "End an entry first: there are \(Register.maximumEntries) already.")
    }
    let now = services.now
    let provider = Provider(id: .make(at: now), details: input.details, contract: input.contract)
    let act = Act("subprocessor.add", on: ObjectRef("subprocessor", provider.id), by: actor)
    return try await services.ledger.write(try await registers.madeHome(of: realm), act) { work in
      try work.insert(provider)
      try work.insert(Register.entry(provider.id, .added, at: now, ""))
      return provider.touched(by: work.entry)
    }.value
  }

  /// Tells every owner of every tenant; once more, those whom no notice reached or will reach.
  package func announce(_ id: SubprocessorID) async throws -> (provider: Provider, posted: Int) {
    let now = services.now
    var provider = try await provider(id)
    if provider.state != .announced {
      let announced = Provider.Announced(id: .make(at: now), at: now)
      provider = try await change(id, "subprocessor.announce", .announced) { try $0.announced(announced) }
    }
    return (provider, try await post.post(provider))
  }

  package func standing(_ provider: Provider) async throws -> NoticeStanding? {
    guard let announced = provider.announced else { return nil }
    return try await post.standing(announced)
  }

  package func activate(_ id: SubprocessorID) async throws -> Provider {
    let now = services.now
    let provider = try await noticed(try await provider(id))
    let hasCustomers = provider.state == .draft ? try await hasCustomers() : true
    return try await change(id, "subprocessor.activate", .activated) {
      try $0.activated(at: now, hasCustomers: hasCustomers)
    }
  }

  package func suspend(_ id: SubprocessorID, note: String) async throws -> Provider {
    let note = try Register.checked(note)
    return try await change(id, "subprocessor.suspend", .suspended, note: note) { try $0.suspended() }
  }

  package func end(_ id: SubprocessorID, note: String) async throws -> Provider {
    let note = try Register.checked(note)
    return try await change(id, "subprocessor.end", .ended, note: note) { try $0.ended() }
  }

  /// The daily look: whose contract has lapsed is suspended, and whose notices have all been sent has its clock started. The gate
  /// does not wait for it: it refuses from the first second after the contract's last day.
  package func review() async throws {
    let now = services.now
    for provider in try await list() {
      if provider.state == .active, provider.hasLapsed(at: now) {
        _ = try await change(provider.id, "subprocessor.lapse", .lapsed) { current in
          guard current.hasLapsed(at: now) else { throw Problem(.conflict, "The contract was renewed meanwhile.") }
          return try current.suspended()
        }
      } else {
        _ = try await noticed(provider)
      }
    }
  }

  /// The provider with the time of its last notice, if that is known by now.
  private func noticed(_ provider: Provider) async throws -> Provider {
    guard provider.state == .announced, provider.notifiedAt == nil, let announced = provider.announced,
      let complete = try await post.standing(announced).completeAt
    else { return provider }
    return try await change(provider.id, "subprocessor.notified", .notified) { try $0.notified(at: complete) }
  }

  /// Whether anybody uses the installation: an active person in a tenant, or an entry that a person made.
  private func hasCustomers() async throws -> Bool {
    for tenant in try await registers.audience(of: realm) {
      if try await services.people.people(in: tenant.id).contains(where: \.isActive) { return true }
      if try await services.ledger.read(tenant.id, { try $0.occurs(.actor, from: "person:", before: "person;") }) {
        return true
      }
    }
    return false
  }

  private func change(
    _ id: SubprocessorID, _ action: StaticString, _ kind: RegisterChange.Kind, note: String = "",
    _ step: @escaping @Sendable (Provider) throws -> Provider
  ) async throws -> Provider {
    let now = services.now
    let act = Act(action, on: ObjectRef("subprocessor", id), by: actor)
    return try await services.ledger.write(try await registers.madeHome(of: realm), act) { work in
      guard let provider = try work.find(Provider.self, id) else { throw Problem.notFound }
      let next = try step(provider)
      try work.update(next)
      try work.insert(Register.entry(id, kind, at: now, note))
      return next.touched(by: work.entry)
    }.value
  }

  private static func entry(
    _ provider: SubprocessorID, _ kind: RegisterChange.Kind, at now: Instant, _ note: String
  ) -> RegisterChange {
    RegisterChange(id: .make(at: now), provider: provider, kind: kind, at: now, note: note)
  }

  private static func checked(_ note: String) throws -> String {
    let note = note.trimmed
    guard PlainLine.isOne(note, limit: maximumNoteLength) else {
      throw Problem.invalid(
        "reason", "Give the reason in a line of 1 to \(maximumNoteLength) characters; it is published.")
    }
    return note
  }
}

extension Provider {
  fileprivate func touched(by entry: Int64) -> Provider {
    var copy = self
    copy.entry = entry
    return copy
  }
}
