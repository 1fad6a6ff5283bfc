import Platform

/// Writes to the owners of every tenant, and looks what became of it.
struct NoticePost: Sendable {
  static let template = "subprocessor_notice"
  /// As the gate names it.
  static let purpose = "notice"
  /// Owners that one command writes to.
  static let largestRound = 500

  let services: Services
  let registers: Registers
  let realm: Realm
  let actor: Actor

  /// Tenants that were there when it was announced; who comes later is given the list instead, and holds nobody up.
  func audience(_ announced: Provider.Announced) async throws -> [Concerned] {
    // The first ten characters of an id are the millisecond in which it was made.
    try await registers.audience(of: realm).filter { $0.id.text.prefix(10) <= announced.id.text.prefix(10) }
  }

  /// Writes to every owner to whom no notice of this round is on its way or was sent. Answers how many messages that were.
  func post(_ provider: Provider) async throws -> Int {
    guard let announced = provider.announced else { return 0 }
    var posted = 0
    for tenant in try await audience(announced) {
      let owners = try await owners(of: tenant.id)
      let known = try await deliveries(announced, in: tenant.id)
      let due = owners.filter { owner in
        switch known[owner.id] {
        case nil, .failed: true
        case .waiting, .held, .sent: false
        }
      }
      guard !due.isEmpty else { continue }
      let round = Array(due.prefix(NoticePost.largestRound))
      do { try await post(provider, announced, to: round, in: tenant) } catch let problem as Problem
        where problem.code == .frozen
      {
        // Nothing is written there now; announcing again once the freeze is lifted reaches them.
        continue
      }
      posted += round.count
    }
    return posted
  }

  private func post(
    _ provider: Provider, _ announced: Provider.Announced, to owners: [PersonCard], in tenant: Concerned
  ) async throws {
    let act = Act("subprocessor.notice", on: ObjectRef("subprocessor", provider.id), by: actor)
    let now = services.now
    _ = try await services.ledger.write(tenant.id, act) { [services] work in
      let earlier = try work.fetch(Notice.self, "AND announcement = \(announced.id)")
      for owner in owners {
        let message = try services.outbox.post(draft(provider, to: owner, slug: tenant.slug), in: work)
        if var notice = earlier.first(where: { $0.person == owner.id }) {
          notice.message = message
          notice.postedAt = now
          try work.update(notice)
        } else {
          try work.insert(
            Notice(
              id: .make(at: now), provider: provider.id, announcement: announced.id, person: owner.id,
              message: message, postedAt: now))
        }
      }
    }
  }

  private func draft(_ provider: Provider, to owner: PersonCard, slug: String) -> MailDraft {
    let details = provider.details
    return MailDraft(
      NoticePost.template, to: owner.name, owner.email,
      values: [
        "name": details.name, "entity": details.entity, "address": details.address, "what": details.description,
        "categories": details.categories.map(\.rawValue).joined(separator: ", "),
        "region": details.region.description, "days": String(Lifecycle.noticeDays),
        "link": services.installation.origin + "/subprocessors",
      ], purpose: NoticePost.purpose)
  }

  // MARK: What became of them

  func standing(_ announced: Provider.Announced) async throws -> NoticeStanding {
    var standings: [NoticeStanding] = []
    for tenant in try await audience(announced) {
      standings.append(
        .of(
          tenant: tenant.slug, owners: try await owners(of: tenant.id).map(\.id),
          deliveries: try await deliveries(announced, in: tenant.id)))
    }
    return .of(standings, begun: announced.at)
  }

  private func owners(of tenant: TenantID) async throws -> [PersonCard] {
    try await services.people.people(in: tenant).filter { $0.isActive && $0.roles.contains(.owner) }
  }

  private func deliveries(
    _ announced: Provider.Announced, in tenant: TenantID
  ) async throws -> [PersonID: NoticeStanding.Delivery] {
    let pairs = try await services.ledger.read(tenant) { reader in
      try reader.fetch(Notice.self, "AND announcement = \(announced.id)").map { notice in
        (notice.person, NoticePost.delivery(try reader.find(MessageRecord.self, notice.message)))
      }
    }
    return Dictionary(pairs, uniquingKeysWith: { _, last in last })
  }

  private static func delivery(_ message: MessageRecord?) -> NoticeStanding.Delivery {
    guard let message else { return .failed }
    switch message.state {
    case .sent: return .sent(message.changedAt)
    case .waiting, .sending, .unknown: return .waiting
    case .held: return .held
    case .failed: return .failed
    }
  }
}
