import Kernel
import Ledger
import Storage
import Synchronization

/// A customer of this installation, as the platform knows it.
package struct TenantProfile: Sendable, Equatable {
  package let id: TenantID
  /// What its people type to sign in: `/t/acme`.
  package let slug: String
  package let name: String
  /// Probe tenants exist for the promises' checks and are shown nowhere.
  package let isHidden: Bool

  package init(id: TenantID, slug: String, name: String, isHidden: Bool) {
    self.id = id
    self.slug = slug
    self.name = name
    self.isHidden = isHidden
  }
}

/// The tenant's name, sealed in its own tables: the control database knows no content.
struct TenantNameRecord: Record {
  static let table = Table(
    "tenant_name", .primary, columns: [],
    sealed: [Column("name", .text, .content, purpose: "the customer's name on pages and certificates")],
    retention: "as long as the tenant")
  /// There is one row.
  static let key = "name"

  let name: String

  init(name: String) { self.name = name }
  init(_ row: OpenedRow) throws { name = try row.contentText("name") }

  var key: String { TenantNameRecord.key }
  var plain: [String: Value] { [:] }
  var content: [String: CBOR] { ["name": .text(name)] }
}

/// All tenants of this installation, found by id or slug. Names never change: they are opened once and kept.
package final class Tenants: Sendable {
  /// Characters of a tenant's name.
  package static let maximumNameLength = 200

  private let ledger: Ledger
  private let names = Mutex<[TenantID: String]>([:])

  package init(ledger: Ledger) { self.ledger = ledger }

  /// Makes a tenant with its keys and log; its first entry is `tenant.create`. `conflict` if the slug is taken. One whose making was
  /// interrupted before that entry is finished.
  package func create(
    slug: String, name: String, isHidden: Bool = false, by actor: Actor
  ) async throws -> TenantProfile {
    let name = name.trimmed
    guard !name.isEmpty, name.count <= Tenants.maximumNameLength else {
      throw Problem.invalid("name", "Name the tenant in 1 to \(Tenants.maximumNameLength) characters.")
    }
    let left = try await ledger.find(slug: slug).flatMap { $0.isHidden == isHidden ? $0 : nil }
    let entry = if let left { left } else { try await ledger.createTenant(slug: slug, isHidden: isHidden) }
    _ = try await ledger.write(entry.id, Act("tenant.create", on: ObjectRef("tenant", entry.id), by: actor)) { work in
      guard try work.find(TenantNameRecord.self, TenantNameRecord.key) == nil else {
        throw Problem(.conflict, "There is already a tenant of this name; choose another one.")
      }
      try work.insert(TenantNameRecord(name: name))
    }
    names.withLock { $0[entry.id] = name }
    return TenantProfile(id: entry.id, slug: entry.slug, name: name, isHidden: isHidden)
  }

  package static let systemSlug = "system"

  /// The installation's own tenant, made by whoever needs it first: what the platform does for itself is on its log.
  package func system() async throws -> TenantID {
    if let tenant = try await ledger.find(slug: Tenants.systemSlug) { return tenant.id }
    do {
      return try await create(slug: Tenants.systemSlug, name: "Steward", isHidden: true, by: .system("platform")).id
    } catch let problem as Problem where problem.code == .conflict {
      // Another server was first.
      guard let tenant = try await ledger.find(slug: Tenants.systemSlug) else { throw problem }
      return tenant.id
    }
  }

  package func find(slug: String) async throws -> TenantProfile? {
    guard let entry = try await ledger.find(slug: slug) else { return nil }
    return try await profile(of: entry.id)
  }

  package func profile(of tenant: TenantID) async throws -> TenantProfile? {
    guard let entry = try await ledger.find(tenant) else { return nil }
    return TenantProfile(
      id: tenant, slug: entry.slug, name: try await name(of: entry.id, slug: entry.slug), isHidden: entry.isHidden)
  }

  /// Every tenant that is not hidden, in the order in which they were made.
  package func all() async throws -> [TenantProfile] {
    try await ledger.refreshTenants()
    var profiles: [TenantProfile] = []
    for entry in ledger.tenants where !entry.isHidden {
      profiles.append(
        TenantProfile(
          id: entry.id, slug: entry.slug, name: try await name(of: entry.id, slug: entry.slug), isHidden: false))
    }
    return profiles
  }

  private func name(of tenant: TenantID, slug: String) async throws -> String {
    if let name = names.withLock({ $0[tenant] }) { return name }
    let record = try await ledger.read(tenant) { try $0.find(TenantNameRecord.self, TenantNameRecord.key) }
    // One that is being made has no name yet.
    guard let name = record?.name else { return slug }
    names.withLock { $0[tenant] = name }
    return name
  }
}

/// A tenant's name in an address, made from its name: "Acme GmbH" → "acme-gmbh". Empty if nothing is left.
package enum Slug {
  package static func make(from name: String) -> String {
    var slug = ""
    for byte in name.lowercased().utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        slug.unicodeScalars.append(Unicode.Scalar(byte))
      default: if !slug.isEmpty, slug.last != "-" { slug.append("-") }
      }
    }
    return slug.prefix(40).split(separator: "-").joined(separator: "-")
  }
}
