import Platform

/// What somebody can do with the vendors of one tenant. Pages, API and demo all come through here.
package struct VendorDesk: Sendable {
  package let ledger: Ledger
  package let tenant: TenantID
  package let actor: Actor

  package init(ledger: Ledger, tenant: TenantID, actor: Actor) {
    self.ledger = ledger
    self.tenant = tenant
    self.actor = actor
  }

  package func create(_ draft: VendorDraft) async throws -> Written<VendorRecord> {
    let details = try draft.applied(to: nil).mapError(\.problem).get()
    let record = VendorRecord(id: VendorID.make(at: ledger.clock.now), details: details)
    let sealed = try await ledger.seal(record, for: tenant)
    return try await ledger.write(tenant, Act("vendor.create", on: ObjectRef("vendor", record.id), by: actor)) { work in
      // Asked in here, since a mark may be placed while this waits for its turn.
      try Suppression.refuse(details.identity, work)
      try VendorRegistry.move(record.id, from: nil, to: details.registryID, work)
      try work.insert(sealed)
      return record
    }
  }

  package func change(_ id: VendorID, _ draft: VendorDraft) async throws -> Written<VendorRecord> {
    try await ledger.write(tenant, Act("vendor.update", on: ObjectRef("vendor", id), by: actor)) { work in
      guard let old = try work.find(VendorRecord.self, id) else { throw try work.absence("vendor", id.text) }
      guard old.trashed == nil else { throw Trash.lying }
      let new = VendorRecord(id: id, details: try draft.applied(to: old.details).mapError(\.problem).get())
      if new.details.identity != old.details.identity { try Suppression.refuse(new.details.identity, work) }
      try VendorRegistry.move(id, from: old.details.registryID, to: new.details.registryID, work)
      try work.update(new)
      return new
    }
  }

  package func vendor(_ id: VendorID) async throws -> VendorRecord {
    if let vendor = try await ledger.find(VendorRecord.self, id.text, tenant) { return vendor }
    throw try await ledger.read(tenant) { try $0.absence("vendor", id.text) }
  }

  /// Part of the vendors in which every word of `query` occurs, oldest first, from behind the key `after` on.
  package func list(query: String, after: String?, limit: Int) async throws -> VendorPage {
    let view = try await ledger.view(VendorRecord.self, tenant)
    let all = Words.isBlank(query) ? view.rows : view.search(Words.searchable(query))
    let found = view.trashedCount == 0 ? all : all.filter { $0.trashed == nil }
    let start = after.map { VendorDesk.firstIndex(in: found, behind: $0) } ?? 0
    let items = Array(found[start...].prefix(limit))
    return VendorPage(
      items: items, total: found.count, next: start + items.count < found.count ? items.last?.id.text : nil)
  }

  /// Rows lie in key order, so the place to go on is found by halving.
  private static func firstIndex(in rows: [VendorRecord], behind key: String) -> Int {
    var (low, high) = (0, rows.count)
    while low < high {
      let middle = (low + high) / 2
      if rows[middle].key <= key { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

package struct VendorPage: Sendable {
  package let items: [VendorRecord]
  /// How many there are in all.
  package let total: Int
  /// The key behind which the next part begins.
  package let next: String?
}
