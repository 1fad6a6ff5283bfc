import Platform

/// What a tenant's people can see and say: the list as it is for them, objections, destinations of their own, regions.
struct TenantDesk: Sendable {
  let services: Services
  let registers: Registers
  let tenant: TenantID
  let actor: Actor

  init(_ request: Request, _ registers: Registers) throws {
    let principal = try request.principal
    (services, self.registers) = (request.services, registers)
    (tenant, actor) = (principal.tenant, principal.actor)
  }

  /// An entry of the list with what it means for this tenant.
  struct Item: Sendable {
    let provider: Provider
    let objection: Objection?
    /// Why nothing of this tenant goes there; nil if something may.
    let refusal: Refusal?
  }

  func list() async throws -> [Item] {
    let providers = try await registers.providers(in: registers.realm(of: tenant))
    let admission = Admission(providers: providers, tenant: try await registers.side(of: tenant))
    let objections = try await services.ledger.view(Objection.self, tenant)
    return PublicList(at: services.now, providers: providers, changes: []).providers.map { provider in
      let standing = objections[provider.id.text].flatMap { $0.isStanding ? $0 : nil }
      return Item(provider: provider, objection: standing, refusal: refusal(provider, admission))
    }
  }

  /// The answer that the gate would give for everything the entry names.
  private func refusal(_ provider: Provider, _ admission: Admission) -> Refusal? {
    if provider.state == .ended { return .state(provider.details.name, .ended) }
    for host in provider.details.hosts {
      for purpose in provider.details.purposes {
        let intent = EgressIntent(
          tenant: tenant, module: "subprocessors", purpose: purpose,
          categories: provider.details.categories.map(\.rawValue), count: 0, host: host.host, port: host.port)
        if let refusal = admission.decide(intent, at: services.now).refusal { return refusal }
      }
    }
    return nil
  }

  // MARK: Objections

  func object(to id: SubprocessorID, because reason: String) async throws -> Written<Objection> {
    let reason = reason.trimmed
    guard !reason.isEmpty, reason.unicodeScalars.count <= Objection.maximumReasonLength else {
      throw Problem.invalid("reason", "Say why in 1 to \(Objection.maximumReasonLength) characters.")
    }
    let provider = try await known(id)
    guard provider.details.kind == .subprocessor else {
      throw Problem(.conflict, "This is a system of the operator's own, not a sub-processor.")
    }
    guard provider.state != .ended else { throw Problem(.conflict, "It has ended; nothing goes there any more.") }
    let objection = Objection(provider: id, reason: reason, objectedAt: services.now)
    let act = Act("objection.raise", on: ObjectRef("subprocessor", id), by: actor)
    return try await services.ledger.write(tenant, act) { work in
      if let earlier = try work.find(Objection.self, id) {
        guard !earlier.isStanding else { throw Problem(.conflict, "Your organisation objects to it already.") }
        try work.update(objection)
      } else {
        try work.insert(objection)
      }
      return objection
    }
  }

  func withdraw(_ id: SubprocessorID) async throws -> Written<Objection> {
    let now = services.now
    let act = Act("objection.withdraw", on: ObjectRef("subprocessor", id), by: actor)
    return try await services.ledger.write(tenant, act) { work in
      guard var objection = try work.find(Objection.self, id), objection.isStanding else {
        throw Problem(.conflict, "Your organisation does not object to it.")
      }
      objection.withdrawnAt = now
      try work.update(objection)
      return objection
    }
  }

  /// A draft is nobody's business yet.
  func known(_ id: SubprocessorID) async throws -> Provider {
    let providers = try await registers.providers(in: registers.realm(of: tenant))
    guard let provider = providers.first(where: { $0.id == id }), provider.isPublic else {
      throw Problem(.notFound, "There is no such entry in the list of sub-processors.")
    }
    return provider
  }

  // MARK: Places of one's own

  func destinations() async throws -> [Destination] { try await services.ledger.view(Destination.self, tenant).rows }

  func choose(_ endpoint: Endpoint, purpose: String, categories: [DataCategory]) async throws -> Written<Destination> {
    let destination = Destination(
      id: .make(at: services.now), endpoint: endpoint, purpose: purpose, categories: categories, addedAt: services.now)
    let act = Act("destination.choose", on: ObjectRef("destination", destination.id), by: actor)
    return try await services.ledger.write(tenant, act) { work in
      let chosen = try work.fetch(Destination.self)
      guard chosen.count < Destination.maximum else {
        throw Problem(.conflict, "Remove a destination first: there are \(Destination.maximum) already.")
      }
      guard !chosen.contains(where: { $0.endpoint == endpoint && $0.purpose == purpose }) else {
        throw Problem(.conflict, "This destination is chosen for this purpose already.")
      }
      try work.insert(destination)
      return destination
    }
  }

  func remove(_ id: DestinationID) async throws -> Receipt {
    let act = Act("destination.remove", on: ObjectRef("destination", id), by: actor)
    return try await services.ledger.write(tenant, act) { work in
      guard try work.find(Destination.self, id) != nil else {
        throw Problem(.notFound, "There is no such destination.")
      }
      try work.delete(Destination.self, id.text)
    }.receipt
  }

  // MARK: Regions

  func regions() async throws -> Set<Region>? {
    try await services.ledger.view(RegionChoice.self, tenant)[RegionChoice.key]?.regions
  }

  /// Nil lets data go anywhere.
  func allow(_ regions: Set<Region>?) async throws -> Receipt {
    let act = Act("region.choose", on: ObjectRef("tenant", tenant), by: actor)
    return try await services.ledger.write(tenant, act) { work in
      let isSet = try work.find(RegionChoice.self, RegionChoice.key) != nil
      switch (regions, isSet) {
      case (let regions?, true): try work.update(RegionChoice(regions: regions))
      case (let regions?, false): try work.insert(RegionChoice(regions: regions))
      case (nil, true): try work.delete(RegionChoice.self, RegionChoice.key)
      case (nil, false): break
      }
    }.receipt
  }
}

extension Result where Failure == Refusal {
  var refusal: Refusal? { if case .failure(let refusal) = self { refusal } else { nil } }
}
