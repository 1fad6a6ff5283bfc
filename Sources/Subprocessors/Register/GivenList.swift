import Platform

/// The list as a tenant was given it when it began: an entry of its own log that says who was there then.
struct GivenList: Record {
  static let table = Table(
    "subprocessor_list", .primary,
    columns: [Column("given_at", .integer, .operational, purpose: "when it was given", nullable: false)],
    sealed: [Column("list", .text, .content, purpose: "the sub-processors at that moment, as published")],
    retention: "as long as the tenant")
  /// There is one row.
  static let key = "first"

  let list: String
  let givenAt: Instant

  init(list: String, givenAt: Instant) {
    self.list = list
    self.givenAt = givenAt
  }

  init(_ row: OpenedRow) throws {
    list = try row.contentText("list")
    givenAt = try row.instant("given_at")
  }

  var key: String { GivenList.key }
  var plain: [String: Value] { ["given_at": givenAt.value] }
  var content: [String: CBOR] { ["list": .text(list)] }
}

extension Register {
  /// Gives a new tenant the list as it is: it begins with these, and nobody waits for it.
  package func give(to tenant: TenantID) async throws {
    let now = services.now
    let list = PublicList(at: now, providers: try await list(), changes: [])
    let text = JSON.array(list.providers.map { $0.json(at: now) }).text
    let act = Act("subprocessor.list", on: ObjectRef("tenant", tenant), by: actor)
    _ = try await services.ledger.write(tenant, act) { work in
      guard try work.find(GivenList.self, GivenList.key) == nil else { return }
      try work.insert(GivenList(list: text, givenAt: now))
    }
  }
}
