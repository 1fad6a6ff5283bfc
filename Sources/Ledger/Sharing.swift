import Kernel
import Storage
import Synchronization

/// What several servers on one database have to ask it, because another one may have changed it. Where a process has the database
/// to itself (`isShared` is false) nothing of it costs a question.
extension Ledger {
  // MARK: Tenants

  /// Learns of tenants that other servers made. A tenant is never renamed or removed, so what is known stays true.
  package func refreshTenants() async throws {
    guard isShared else { return }
    learn(try await installation.tenants("ORDER BY id"))
  }

  /// As `tenant(slug:)`; one that another server made a moment ago is found too.
  package func find(slug: String) async throws -> Installation.TenantEntry? {
    if let entry = tenant(slug: slug) { return entry }
    guard isShared else { return nil }
    return learn(try await installation.tenants("WHERE slug = \(slug)")).first
  }

  /// As `tenant(_:)`; one that another server made a moment ago is found too.
  package func find(_ id: TenantID) async throws -> Installation.TenantEntry? {
    if let entry = tenant(id) { return entry }
    guard isShared else { return nil }
    return learn(try await installation.tenants("WHERE id = \(id)")).first
  }

  @discardableResult
  private func learn(_ entries: [Installation.TenantEntry]) -> [Installation.TenantEntry] {
    known.withLock { known in for entry in entries { known.add(entry) } }
    return entries
  }

  // MARK: Jobs

  /// The tenants in whose queue of jobs something is due at `now`, each with the moment at which it was first: a job that waits, or a
  /// run that nobody renewed. Empty where no other server can have left it.
  package func dueTenants(now: Instant) async throws -> [TenantID: Instant] {
    guard isShared else { return [:] }
    let all = try await installation.isShared ? installation.dueTenants() : peekedDue()
    return all.filter { $0.value <= now }
  }

  /// The same by a look into one tenant after another: what it means, where the engine has no function for it.
  private func peekedDue() throws -> [TenantID: Instant] {
    var due: [TenantID: Instant] = [:]
    for tenant in tenants {
      let moment = try peek(tenant.id) { peek in
        try peek.rows(
          """
          SELECT min(CASE state WHEN 'waiting' THEN run_at WHEN 'running' THEN lease_until END) FROM job
          WHERE tenant = \(peek.tenant) AND state IN ('waiting', 'running')
          """
        ).first?.first?.integer
      }
      if let moment { due[tenant.id] = Instant(milliseconds: moment) }
    }
    return due
  }
}

/// Tenants by id and by slug.
struct KnownTenants: Sendable {
  private var byID: [TenantID: Installation.TenantEntry] = [:]
  private var bySlug: [String: TenantID] = [:]

  mutating func add(_ entry: Installation.TenantEntry) {
    byID[entry.id] = entry
    bySlug[entry.slug] = entry.id
  }

  mutating func remove(_ id: TenantID) {
    guard let entry = byID.removeValue(forKey: id) else { return }
    if bySlug[entry.slug] == id { bySlug[entry.slug] = nil }
  }

  subscript(id: TenantID) -> Installation.TenantEntry? { byID[id] }
  subscript(slug slug: String) -> Installation.TenantEntry? { bySlug[slug].flatMap { byID[$0] } }

  /// In the order in which they were made.
  var sorted: [Installation.TenantEntry] { byID.values.sorted { $0.id < $1.id } }
}
