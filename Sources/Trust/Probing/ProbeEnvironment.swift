import Platform

/// Everything a check can lay hands on: the front door, and the few things behind it that no visitor can reach.
///
/// A test that sabotages a mechanism replaces one of these members; the checks stay as they are.
package struct ProbeEnvironment: Sendable {
  package var services: Services
  /// What is declared: routes with their permissions, roles with theirs.
  package var routes: [Route]
  package var grants: [PermissionGrant]
  /// How long a session lives unused and in any case, in seconds.
  package var sessionIdleSeconds: Int
  package var sessionAbsoluteSeconds: Int
  package var send: @Sendable (FrontDoor.Call) async throws -> FrontDoor.Answer
  /// Makes the next command of a probe tenant fail while it is being journaled.
  package var failNextAppend: @Sendable (TenantID) async throws -> Void
  /// Whether sealed bytes open at a place with a tenant's keys.
  package var opens: @Sendable ([UInt8], SealedPlace, TenantID) async throws -> Bool
  package var publishBadge: @Sendable (String, [UInt8]?) async throws -> Void
  /// What is known of the backups; nil without a place for them.
  package var backups: @Sendable () async throws -> BackupFacts?
  /// A real backup of a probe tenant.
  package var backupSpecimen: @Sendable (TenantID) async throws -> BackupSpecimen
  package var providers: ProviderProbe
  /// What can be said of the root key, with the keys of these tenants looked for in what lies here.
  package var rootKey: @Sendable ([TenantID]) async throws -> RootKeyFacts
  /// Tries everything on our own listener, from outside.
  package var scanListener: @Sendable () async throws -> ListenerReport

  package init(
    services: Services, catalogue: Platform.Catalogue, sessionIdleSeconds: Int, sessionAbsoluteSeconds: Int,
    providers: ProviderProbe,
    scanListener: @escaping @Sendable () async throws -> ListenerReport = { ListenerReport(ending: .nowhere) },
    rootKey: @escaping @Sendable ([TenantID]) async throws -> RootKeyFacts = { _ in RootKeyFacts(kind: "file") }
  ) {
    self.rootKey = rootKey
    self.providers = providers
    self.scanListener = scanListener
    self.services = services
    routes = catalogue.table.routes
    grants = catalogue.grants
    self.sessionIdleSeconds = sessionIdleSeconds
    self.sessionAbsoluteSeconds = sessionAbsoluteSeconds
    send = { try await services.frontDoor.send($0) }
    failNextAppend = { try await services.ledger.inject(.nextAppend, into: $0) }
    opens = { try await services.ledger.opens($0, at: $1, keysOf: $2) }
    backups = { try await services.backups.facts() }
    backupSpecimen = { try await services.backups.specimen(of: $0) }
    publishBadge = { try await BadgeShelf(results: ResultStore(services: services)).publish($0, report: $1) }
  }

  /// What `roles` may do by the declared matrix.
  func permissions(of roles: Set<Role>) -> Set<Permission> {
    Set(grants.filter { !$0.roles.isDisjoint(with: roles) }.map(\.permission))
  }
}
