import Custody
import Dispatch
import Kernel
import Storage
import Synchronization

extension Ledger {
  /// How long after the last copy of a key ended another server may still use it, and a margin (docs/format.md §5.6).
  private static let leaseSeconds = 25

  /// Destroys the keys of erased subjects at every place, and drops what this process holds of them. To be repeated until it is complete.
  package func destroyKeys(
    of tenant: TenantID, _ subjects: [SubjectRef], erasure: String
  ) async throws -> KeyDestruction {
    let keys = try await using(tenant) { $0.keys }
    let clock = clock
    // Whatever becomes of it: from the first step on the keys count as gone here, and what they opened must not be told any more.
    defer { dropViews(of: tenant) }
    // The clock is read behind each end: a server may use a key until then, and `earliestFinal` counts from it.
    return try await onThread { try keys.destroy(subjects, erasure: erasure, now: clock.now) }
  }

  /// Subjects whose keys were destroyed by this erasure.
  package func destroyedKeys(of tenant: TenantID, by erasure: String) async throws -> [SubjectRef] {
    let keys = try await using(tenant) { $0.keys }
    let stones = try await onThread { try keys.tombstones() }
    return stones.values.filter { $0.erasure == erasure }.map(\.subject)
  }

  /// When no server can use a key any more whose last copy ended at `end`.
  package func earliestFinal(after end: Instant) -> Instant {
    isShared ? end.adding(seconds: Ledger.leaseSeconds) : end
  }

  /// For calls that wait for a disk or another server.
  func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(with: Result { do { return try body() } catch { throw DiskProblem.explain(error) } })
      }
    }
  }

  // MARK: Off the disk

  /// Takes what was erased off the disk as far as this program can: the write-ahead log, unused parts of the database's file if that has at most
  /// `largest` bytes, and the files of erased rows wherever they lie. Answers where bytes of it may be left. To be repeated if it throws.
  @discardableResult
  package func scrub(_ tenant: TenantID, upTo largest: Int64 = .max) async throws -> Scrubbed {
    try await using(tenant) { try await scrub($0, upTo: largest) }
  }

  @discardableResult
  func scrub(_ ledger: TenantLedger, upTo largest: Int64 = .max) async throws -> Scrubbed {
    let tenant = ledger.tenant
    let named = try await ledger.database.read { connection in
      try connection.rows(
        raw: "SELECT file FROM \(ErasedRow.table.name) WHERE tenant = ? AND file IS NOT NULL", [.text(tenant.text)])
    }
    let erased = Set(named.flatMap { ($0[0].text ?? "").split(separator: " ").compactMap { FileID(String($0)) } })
    if !erased.isEmpty {
      for file in try await files.list(tenant) where erased.contains(file.id) {
        try await files.remove(tenant, file.id)
      }
    }
    return try await onThread { try ledger.database.scrub(upTo: largest) }
  }

  // MARK: Tenants

  /// Destroys every key of a tenant at every place, and then its data; where other servers work on it, that is left to `removeTenant` at
  /// `earliestFinal`. To be repeated until it is complete. What remains is what the installation's own log says, which is the caller's to write.
  ///
  /// Throws `Problem.conflict` while anything of the tenant is under legal hold.
  package func eraseTenant(_ tenant: TenantID, erasure: String) async throws -> KeyDestruction {
    let (store, clock) = (installation.keyStore, clock)
    if try await onThread({ try !store.isEnded(tenant) }) { try await beginEnd(of: tenant, erasure: erasure) }
    let destruction = try await onThread { try store.endTenant(tenant, erasure: erasure, now: clock.now) }
    await forget(tenant)
    if !isShared { try await removeTenant(tenant) }
    return destruction
  }

  /// Removes what is left of a tenant whose keys are gone: files, rows, its name. May be repeated.
  package func removeTenant(_ tenant: TenantID) async throws {
    let installation = installation
    guard try installation.keyStore.isEnded(tenant) else {
      throw Problem(.conflict, "A tenant's keys are destroyed before its data is removed.")
    }
    for file in try await files.list(tenant) { try await files.remove(tenant, file.id) }
    try await onThread { try installation.removeTenant(tenant) }
    known.withLock { $0.remove(tenant) }
  }

  /// Nothing of it stays in memory, and it is not opened again.
  private func forget(_ tenant: TenantID) async { await opened.end(tenant) }

  // MARK: Data that is older than its keys

  /// Erases again what lies there although its keys were destroyed: the data came back from a backup, or is an old copy. Before anything of
  /// the tenant is read.
  func reapplyErasures(_ ledger: TenantLedger) async throws {
    let stones = try ledger.keys.tombstones()
    guard !stones.isEmpty else { return }
    let (tenant, shape) = (ledger.tenant, TenantShape(tables: tables, derivations: derivations))
    let left = try await ledger.database.read { connection in
      let known = try connection.rows(
        raw: "SELECT DISTINCT erased_subject FROM \(ErasedRow.table.name) WHERE tenant = ?", [.text(tenant.text)])
      let subjects = Set(stones.keys).subtracting(known.compactMap { $0[0].integer.map { SubjectRef($0) } })
      let reader = Reader(tenant: tenant, connection: connection, keys: ledger.keys)
      let remains = try reader.remainsByWalking(under: subjects, in: shape.primary)
      return Set(remains.live.map(\.subject)).union(remains.images.map(\.image.subject))
    }
    guard !left.isEmpty else { return }
    var isWhole = true
    let ordered = left.sorted { $0.number < $1.number }
    for start in stride(from: 0, to: ordered.count, by: Ledger.subjectsAtOnce) {
      let some = Set(ordered[start..<min(start + Ledger.subjectsAtOnce, ordered.count)])
      if try await !reapply(some, stones, ledger) { isWhole = false }
    }
    if !isWhole, Set(tables.values.filter { $0.kind == .derived }.map(\.name)) == Set(derivations.map(\.table.name)) {
      _ = try await rebuildDerived(ledger)
    }
    try await scrub(ledger)
  }

  private static let subjectsAtOnce = 200

  private func reapply(
    _ subjects: Set<SubjectRef>, _ stones: [SubjectRef: Tombstone], _ ledger: TenantLedger
  ) async throws -> Bool {
    let act = Act("erasure.reapply", on: ObjectRef("erasure", "reapply"), by: .system("erasure"))
    return try await ledger.write(act) { work in
      let remains = try work.remainsByWalking(under: subjects, in: work.shape.primary)
      return try work.end(remains) { stones[$0]?.erasure ?? "" }
    }.value
  }

  // MARK: Other servers

  /// How often this process looks whether keys in its memory were destroyed by another.
  private static let tending = Duration.seconds(5)

  /// Until the ledger is gone; only where there are other servers.
  func tendKeys() -> Task<Void, Never>? {
    guard isShared else { return nil }
    return Task { [weak self] in
      while !Task.isCancelled {
        try? await Task.sleep(for: Ledger.tending)
        await self?.tendKeysOnce()
      }
    }
  }

  func tendKeysOnce() async {
    for id in opened.all {
      var held: (keys: TenantKeys, hasViews: Bool)?
      opened.ifOpen(id) { held = ($0.keys, $0.views.withLock { !$0.isEmpty }) }
      guard let held else { continue }
      let isOther = try? await onThread { held.hasViews ? try held.keys.renew() : held.keys.tend() }
      // Whoever used a key meanwhile may have seen the change before this did.
      let turns = held.keys.turns
      var isLater = false
      opened.ifOpen(id) { ledger in
        guard ledger.keys === held.keys else { return }
        isLater = ledger.turnsSeen.withLock { seen in
          defer { seen = turns }
          return seen != turns
        }
      }
      // A store that cannot be asked may have lost the keys of what is shown here.
      if isOther ?? true || isLater { dropViews(of: id) }
    }
  }
}
