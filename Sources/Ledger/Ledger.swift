import Custody
import Kernel
import Storage
import Synchronization
import TransparencyLog

/// The one write path. Every write of a tenant goes through `write`; there is no second way, and the database refuses one.
///
///     write(tenant, act) { work in … }  →  rows + entry  →  leaf  →  tree  →  signed checkpoint  →  COMMIT  →  value + receipt
package final class Ledger: Sendable {
  package let installation: Installation
  package let clock: any StewardClock
  /// All tables of all modules, by name.
  package let tables: [String: Table]
  /// What a freeze does not stop.
  package let freezeRule: FreezeRule
  /// Where sealed files lie.
  package let files: any SealedFileStore
  /// How each derived table is made from primary rows.
  let derivations: [Derivation]
  /// Whether other servers write the same tenants: then nothing that one of them can change may be believed from memory.
  package let isShared: Bool
  let opened: OpenTenants
  let known = Mutex(KnownTenants())
  package let meter = LedgerMeter()
  private let tending = Mutex<Task<Void, Never>?>(nil)

  /// Without `files` they lie in `DIR/files`, or in the database where several servers work on one. `isShared`: as if other servers wrote
  /// the same tenants, also where the engine lets none.
  package init(
    installation: Installation, tables: [Table], derivations: [Derivation] = [], freezeRule: FreezeRule = .strict,
    files: (any SealedFileStore)? = nil, clock: any StewardClock = SystemClock(), isShared: Bool = false
  ) throws {
    self.installation = installation
    self.isShared = isShared || installation.isShared
    self.files = files ?? installation.ordinaryFiles
    self.derivations = derivations
    self.clock = clock
    self.freezeRule = freezeRule
    // After a failed sync no file may be opened, and what is open can still be read.
    opened = OpenTenants(installation.isShared ? .sharedDatabase : .files) { !installation.diskHasFailed }
    let all = Self.everyTable(tables)
    self.tables = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    guard self.tables.count == all.count else { throw Problem(.internal, "Two tables have one name.") }
    let tenants = try installation.tenants()
    known.withLock { known in for tenant in tenants { known.add(tenant) } }
    let task = tendKeys()
    tending.withLock { $0 = task }
  }

  deinit { tending.withLock { $0?.cancel() } }

  /// The tables of the modules with the ledger's own.
  static func everyTable(_ tables: [Table]) -> [Table] {
    [
      TableVersion.table, CommittedFact.table, FreezeRecord.table, ErasedRow.table, LegalHold.table, TenantEnding.table,
      LogKeyRecord.table, InstallationKeyRecord.table,
    ] + tables
  }

  /// Waits for what is being written and closes every file.
  package func close() async {
    tending.withLock { $0?.cancel() }
    await opened.shut()
    installation.close()
  }

  // MARK: Tenants

  /// Those that this process knows; `refreshTenants` first where none may be missing.
  package var tenants: [Installation.TenantEntry] { known.withLock { $0.sorted } }

  /// Among those that this process knows; a tenant that another server made is found by `find`.
  package func tenant(slug: String) -> Installation.TenantEntry? {
    known.withLock { $0[slug: slug] }
  }

  /// The same.
  package func tenant(_ id: TenantID) -> Installation.TenantEntry? { known.withLock { $0[id] } }

  /// Makes a tenant with its keys, its log and its tables.
  package func createTenant(slug: String, isHidden: Bool = false) async throws -> Installation.TenantEntry {
    let entry = try installation.addTenant(slug: slug, isHidden: isHidden, now: clock.now)
    known.withLock { $0.add(entry) }
    try await using(entry.id) { _ in }
    return entry
  }

  // MARK: Writing

  /// Runs `body` as one command: its changes, its entry and its receipt are durable together, or nothing happened.
  ///
  /// `body` may be run again; it contains nothing but SQL. What it throws reaches the caller unchanged.
  package func write<T: Sendable>(
    _ tenant: TenantID, _ act: Act, _ body: @escaping @Sendable (Work) throws -> T
  ) async throws
    -> Written<T>
  {
    let done = try await using(tenant) { try await $0.write(act, body) }
    return Written(value: done.value, receipt: try done.proof.receipt())
  }

  /// Writes transient tables: no entry, not on the record, in the same batches.
  package func writeTransient(_ tenant: TenantID, _ statements: [SQL]) async throws {
    try await writeTransient(tenant) { work in for statement in statements { try work.run(statement) } }
  }

  /// Reads and writes transient tables as one command: no entry, not on the record, in the same batches. A freeze does not stop it.
  package func writeTransient<T: Sendable>(
    _ tenant: TenantID, _ body: @escaping @Sendable (TransientWork) throws -> T
  ) async throws -> T {
    let result = Mutex<T?>(nil)
    _ = try await using(tenant) { ledger in
      try await ledger.perform(
        .transient { work in
          let value = try body(work)
          result.withLock { $0 = value }
        })
    }
    guard let value = result.withLock({ $0 }) else { throw Problem(.internal, "The write was made without a value.") }
    return value
  }

  // MARK: Reading

  package func read<T: Sendable>(_ tenant: TenantID, _ body: @escaping @Sendable (Reader) throws -> T) async throws -> T
  {
    try await using(tenant) { ledger in
      try await ledger.database.read { connection in
        try body(Reader(tenant: tenant, connection: connection, keys: ledger.keys))
      }
    }
  }

  /// Rises with every commit that touched one of the primary tables; for caches. With no tables: with every commit.
  package func version(_ tenant: TenantID, tables: [String] = [""]) async throws -> Int64 {
    try await standing(tenant, tables).version
  }

  func standing(_ tenant: TenantID, _ tables: [String]) async throws -> LogWatch.Standing {
    // Asked several times for a request, and answered from memory where nobody else writes.
    if !isShared, let standing = opened.peek(tenant, { $0.watch.standing(of: tables) }) { return standing }
    return try await using(tenant) { ledger in
      if isShared { try await ledger.watch.look(in: ledger.database) }
      return ledger.watch.standing(of: tables)
    }
  }

  package func keyedHash(_ tenant: TenantID, _ purpose: String, _ value: String) async throws -> [UInt8] {
    try await using(tenant) { $0.keys.keyedHash(purpose, value) }
  }

  /// The opened rows of a table, in memory, current with the latest commit. It goes when the tenant is closed.
  package func view<R: Record>(_ type: R.Type, _ tenant: TenantID) async throws -> ViewSnapshot<R> {
    try await using(tenant) { ledger in
      let holder = ledger.views.withLock { views in
        if let holder = views[R.table.name] as? ViewHolder<R> { return holder }
        let holder = ViewHolder<R>(ledger: self, tenant: tenant)
        views[R.table.name] = holder
        return holder
      }
      return try await holder.snapshot()
    }
  }

  /// One record, as of the latest commit: from the view where it is in memory and current, and else from the database. A view is made by whoever
  /// wants many records, never for one.
  package func find<R: Record>(_ type: R.Type, _ key: String, _ tenant: TenantID) async throws -> R? {
    try await using(tenant) { ledger in
      if let holder = ledger.views.withLock({ $0[R.table.name] as? ViewHolder<R> }) {
        if isShared { try await ledger.watch.look(in: ledger.database) }
        if let found = await holder.find(key, asOf: ledger.watch.standing(of: [R.table.name])) { return found }
      }
      return try await ledger.database.read { connection in
        try Reader(tenant: tenant, connection: connection, keys: ledger.keys).find(R.self, key)
      }
    }
  }

  /// What was opened leaves memory; it is opened again when it is asked for.
  func dropViews(of tenant: TenantID) {
    opened.ifOpen(tenant) { ledger in ledger.views.withLock { $0 = [:] } }
  }

  /// Makes the next command of a tenant fail while it is being journaled. For checks on hidden tenants; refused for others.
  package func inject(_ fault: LedgerFault, into tenant: TenantID) async throws {
    guard self.tenant(tenant)?.isHidden == true else {
      throw Problem(.forbidden, "Faults can be asked of probe tenants only.")
    }
    try await using(tenant) { ledger in ledger.fault.withLock { $0 = fault } }
  }
}

/// A value and the proof that the write that made it is on the record.
package struct Written<T: Sendable>: Sendable {
  package let value: T
  package let receipt: Receipt
}
