import Custody
import Dispatch
import Kernel
import Storage
import Synchronization
import TransparencyLog

/// Opening and closing tenants. Callers never do either: whoever asks something of a tenant finds it open, and one that nobody has
/// asked for some minutes, or that was asked longest ago among too many, is closed: its connections, its keys, its views.
extension Ledger {
  /// How often `closeIdleTenants` is to be called.
  package static let idleRoundSeconds = 60

  /// Runs `body` with the tenant's write path, which stays open until `body` ends. There is no other way to it.
  func using<T>(_ id: TenantID, _ body: (TenantLedger) async throws -> T) async throws -> T {
    // Nearly always it is open: then nobody waits, and nothing is looked up twice.
    let tenant = if let open = opened.enterOpen(id) { open } else { try await enter(id) }
    defer { opened.leave(id) }
    return try await body(tenant)
  }

  /// Keeps the tenant open beyond one call; without it a tenant may be closed between two, and is opened again.
  package func stay(_ id: TenantID) async throws -> TenantUse {
    _ = try await enter(id)
    return TenantUse(id, in: opened)
  }

  private func enter(_ id: TenantID) async throws -> TenantLedger {
    guard let entry = try await find(id) else { throw Problem.notFound }
    return try await opened.enter(id) { [self] departure in
      do { return try await load(entry, after: departure) } catch { throw DiskProblem.explain(error) }
    }
  }

  /// Closes tenants that nobody has used for some rounds. Answers how many.
  @discardableResult
  package func closeIdleTenants() async -> Int { await opened.closeIdle() }

  /// Gives back what the opened databases hold beyond their files: caches of pages, connections for reading.
  package func releaseMemory() async {
    for id in opened.all { opened.ifOpen(id) { $0.database.releaseMemory() } }
  }

  /// How many tenants' databases are open.
  package var openTenants: Int { opened.all.count }

  /// Which, in no order.
  package var openTenantIDs: [TenantID] { opened.all }

  // MARK: Opening one

  private static let opener = DispatchQueue(label: "steward.tenants.open", attributes: .concurrent)

  /// What takes files is done on a thread that may wait.
  private func load(
    _ entry: Installation.TenantEntry, after departure: OpenTenants.Departure?
  ) async throws -> TenantLedger {
    let parts: Parts
    do {
      parts = try await withCheckedThrowingContinuation { continuation in
        Ledger.opener.async { continuation.resume(with: Result { try self.parts(of: entry, after: departure) }) }
      }
    } catch is TenantErased {
      // Its data is of before, and nobody can read it.
      if !isShared { try await removeTenant(entry.id) }
      throw Problem.notFound
    }
    do {
      // In this process it was brought forward and its keys were compared before, and the keys' mark has been again.
      if let departure { return tenant(entry, parts, version: departure.version) }
      let tables = tables
      let size = try await parts.database.read { connection in
        try KeyRollback.refuse(entry.id, tables, parts.keys, connection)
        guard try connection.hasTable("log_head") else { return Int64(0) }
        return try LogStore(tenant: entry.id, connection: connection).end().size
      }
      let tenant = tenant(entry, parts, version: size)
      try await Migration(tables: tables, tenant: tenant).run { try await self.takeUpLogKey(tenant) }
      try await settleKeys(tenant)
      try await reapplyErasures(tenant)
      return tenant
    } catch {
      parts.database.close()
      throw error
    }
  }

  private struct Parts: Sendable {
    let keys: TenantKeys
    let database: any TenantDatabase
  }

  private func parts(of entry: Installation.TenantEntry, after departure: OpenTenants.Departure?) throws -> Parts {
    Parts(
      keys: try installation.keyStore.openTenant(
        entry.id, lease: isShared ? KeyLease() : nil, goingOnWith: departure?.keys),
      database: try installation.database(of: entry.id))
  }

  private func tenant(_ entry: Installation.TenantEntry, _ parts: Parts, version: Int64) -> TenantLedger {
    TenantLedger(
      tenant: entry.id, database: parts.database, keys: parts.keys, log: LogKeyring(entry, installation.keyStore),
      freezeRule: freezeRule, shape: TenantShape(tables: tables, derivations: derivations), clock: clock, meter: meter,
      version: version)
  }
}

extension TenantLedger {
  /// Closes it. Only for one that nobody uses: then every command that was asked for has its answer.
  func depart() -> OpenTenants.Departure {
    let departure = OpenTenants.Departure(keys: keys.leaveRemainder(), version: watch.standing(of: [""]).version)
    database.close()
    return departure
  }

  var isAskedToFail: Bool { fault.withLock { $0 != nil } }
}
