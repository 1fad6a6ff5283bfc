import Platform

/// Where a register lies and whom it concerns.
///
/// There are two. The real one stands in the installation's own tenant and concerns every customer. The other belongs to the
/// promises' checks: it stands in the first of their hidden tenants and concerns these alone, so that a check can go through
/// announcing, waiting and lapsing with the same code and the same policy, and without a trace on the real list.
package enum Realm: Sendable, Equatable {
  case customers, probes
}

/// A tenant whom a register concerns.
struct Concerned: Sendable {
  let id: TenantID
  /// Its name in addresses.
  let slug: String
}

/// Finds registers and what stands in them.
package struct Registers: Sendable {
  let ledger: Ledger
  let tenants: Tenants
  /// Slugs of the hidden tenants of the promises' checks; the register of the probes stands in the first.
  let probes: [String]

  package init(ledger: Ledger, tenants: Tenants, probes: [String]) {
    self.ledger = ledger
    self.tenants = tenants
    self.probes = probes
  }

  /// Nil is the installation itself.
  package func realm(of tenant: TenantID?) -> Realm {
    guard let tenant, let entry = ledger.tenant(tenant), entry.isHidden, entry.slug != Tenants.systemSlug else {
      return .customers
    }
    return .probes
  }

  /// The tenant in which the register stands, if it has been made.
  func home(of realm: Realm) async throws -> TenantID? {
    guard let slug = realm == .customers ? Tenants.systemSlug : probes.first else { return nil }
    return try await ledger.find(slug: slug)?.id
  }

  func madeHome(of realm: Realm) async throws -> TenantID {
    if let home = try await home(of: realm) { return home }
    guard realm == .customers else { throw Problem(.unavailable, "The tenants of the checks are not there yet.") }
    return try await tenants.system()
  }

  /// Everybody whom the register concerns.
  func audience(of realm: Realm) async throws -> [Concerned] {
    try await ledger.refreshTenants()
    let entries =
      realm == .customers ? ledger.tenants.filter { !$0.isHidden } : probes.compactMap { ledger.tenant(slug: $0) }
    return entries.map { Concerned(id: $0.id, slug: $0.slug) }.sorted { $0.slug < $1.slug }
  }

  package func providers(in realm: Realm) async throws -> [Provider] {
    guard let home = try await home(of: realm) else { return [] }
    return try await ledger.view(Provider.self, home).rows
  }

  package func changes(in realm: Realm) async throws -> [RegisterChange] {
    guard let home = try await home(of: realm) else { return [] }
    return try await ledger.view(RegisterChange.self, home).rows
  }

  /// What the tenant has to say; nil and the installation's own tenant say nothing.
  package func side(of tenant: TenantID?) async throws -> TenantSide {
    guard let tenant, ledger.tenant(tenant)?.slug != Tenants.systemSlug else { return .installation }
    let objections = try await ledger.view(Objection.self, tenant).rows.filter(\.isStanding).map(\.provider)
    return TenantSide(
      objections: Set(objections), destinations: try await ledger.view(Destination.self, tenant).rows,
      regions: try await ledger.view(RegionChoice.self, tenant)[RegionChoice.key]?.regions)
  }
}
