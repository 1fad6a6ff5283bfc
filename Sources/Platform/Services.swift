import Ledger
import Web

/// What every handler can reach. Values and thread-safe references only; no global state.
package struct Services: Sendable {
  package let ledger: Ledger
  package let tenants: Tenants
  package let clock: any StewardClock
  package let texts: Texts
  package let people: any PeopleDirectory
  /// Makes and checks cursors, form tokens and the like; its key is derived from the installation's root key or drawn at start.
  package let stamps: Stamps
  /// The application seen from inside: for probes that go through the front door.
  package let frontDoor: FrontDoor
  package let installation: InstallationFacts
  package var jobs: Jobs
  package var freezes: Freezes
  package let outbox: Outbox
  /// What one of several servers at a time does.
  package var turns: Turns { Turns(ledger: ledger, tenants: tenants) }
  /// Who may ask how much.
  package let admission: Admission
  /// The one door out of this process.
  package var egress: EgressGate
  package let backups: BackupStatus
  /// What belongs to what, for erasures.
  package let erasers: Erasers

  package var now: Instant { clock.now }
}

/// What pages and documents say about this installation.
package struct InstallationFacts: Sendable {
  package let productName: String
  package let version: String
  /// "http://localhost:8080": scheme, host and port under which people reach it, without a trailing slash.
  package let origin: String
  /// True if TLS ends at this process.
  package let isTLS: Bool
  package let securityContact: String

  package init(productName: String = "Steward", version: String, origin: String, isTLS: Bool, securityContact: String) {
    self.productName = productName
    self.version = version
    self.origin = origin
    self.isTLS = isTLS
    self.securityContact = securityContact
  }
}

/// A person as other modules see them.
package struct PersonCard: Sendable, Equatable {
  package let id: PersonID
  package let name: String
  package let email: String
  package let roles: Set<Role>
  package let isActive: Bool

  package init(id: PersonID, name: String, email: String, roles: Set<Role>, isActive: Bool) {
    self.id = id
    self.name = name
    self.email = email
    self.roles = roles
    self.isActive = isActive
  }
}

/// The people of a tenant, kept by `Accounts`.
package protocol PeopleDirectory: Sendable {
  /// Nil if there is no such person in this tenant; a disabled person is still found.
  func person(_ id: PersonID, in tenant: TenantID) async throws -> PersonCard?
  func people(in tenant: TenantID) async throws -> [PersonCard]
  /// Adds a person and returns their id; `conflict` if the address is taken in this tenant.
  func enrol(
    _ tenant: TenantID, name: String, email: String, roles: Set<Role>, by actor: Actor
  ) async throws -> PersonID
  /// A bearer token for a person, in clear for this once.
  func issueToken(_ tenant: TenantID, for person: PersonID, label: String, by actor: Actor) async throws -> String
  /// Throws `invalid` for `password` unless it is the person's own; for what must not be done by whoever finds a browser open.
  func confirm(_ principal: Principal, password: String) async throws
  /// Sessions and tokens of the person end with the next request.
  func disable(_ tenant: TenantID, _ person: PersonID, by actor: Actor) async throws
}
