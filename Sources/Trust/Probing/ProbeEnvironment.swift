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
  /// Small backups of a probe tenant that can be restored and can grow old.
  package var backupDrill: @Sendable (TenantID) async throws -> BackupDrill
  package var providers: ProviderProbe
  /// What can be said of the root key, with the keys of these tenants looked for in what lies here.
  package var rootKey: @Sendable ([TenantID]) async throws -> RootKeyFacts
  /// What is left of a tenant that was erased.
  package var remains: @Sendable (TenantID) async throws -> [String]
  /// Lets so many seconds go by.
  package var wait: @Sendable (Int) async throws -> Void
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
    backupDrill = { try await services.backups.drill(of: $0) }
    remains = { try await services.ledger.remains(of: $0) }
    wait = { try await services.clock.wait(seconds: $0) }
    publishBadge = { try await BadgeShelf(results: ResultStore(services: services)).publish($0, report: $1) }
  }

  /// The same for a task that may be told to stop: nothing is begun any more once it was.
  func stopping() -> ProbeEnvironment {
    var copy = self
    copy.send = Self.stopping(send)
    copy.failNextAppend = Self.stopping(failNextAppend)
    copy.opens = { [opens] in
      try Task.checkCancellation()
      return try await opens($0, $1, $2)
    }
    copy.publishBadge = { [publishBadge] in
      try Task.checkCancellation()
      return try await publishBadge($0, $1)
    }
    copy.backupSpecimen = Self.stopping(backupSpecimen)
    copy.backupDrill = Self.stopping(backupDrill)
    copy.rootKey = Self.stopping(rootKey)
    copy.remains = Self.stopping(remains)
    copy.wait = Self.stopping(wait)
    copy.backups = { [backups] in
      try Task.checkCancellation()
      return try await backups()
    }
    copy.scanListener = { [scanListener] in
      try Task.checkCancellation()
      return try await scanListener()
    }
    return copy
  }

  private static func stopping<A: Sendable, B>(
    _ body: @escaping @Sendable (A) async throws -> B
  ) -> @Sendable (A) async throws -> B {
    { argument in
      try Task.checkCancellation()
      return try await body(argument)
    }
  }

  /// What `roles` may do by the declared matrix.
  func permissions(of roles: Set<Role>) -> Set<Permission> {
    Set(grants.filter { !$0.roles.isDisjoint(with: roles) }.map(\.permission))
  }
}
