import Custody
import Kernel
import Storage
import Synchronization
import TransparencyLog

/// The write path of one tenant: takes the waiting commands as a batch and makes them durable together.
///
/// Who owns what: `waiting` belongs to the lock; `head` is touched on the writer's thread only. A batch is one
/// transaction: each command in a savepoint of its own, then the batch entry, the tree, one signature, one commit. A command that
/// throws rolls back its savepoint and nobody else's.
final class TenantLedger: @unchecked Sendable {
  // Unchecked: `head` and `isFrozen` are confined to the database's serial writer queue.
  static let largestBatch = 256

  let tenant: TenantID
  let database: SQLiteDatabase
  let keys: TenantKeys
  let log: LogIdentity
  private let freezeRule: FreezeRule
  private let clock: any StewardClock
  private let waiting = Mutex(Waiting())
  private var head: LogStore.Head?
  /// Whether the switch stands, as of the statement that ran last; nil if that has to be looked up. Exact, because only this
  /// thread writes the tenant.
  private var isFrozen: Bool?
  /// Last log size at which a commit touched a primary table; for caches and views.
  let versions = Mutex<[String: Int64]>([:])
  let fault = Mutex<LedgerFault?>(nil)
  private let meter: LedgerMeter

  private struct Waiting {
    var commands: [Pending] = []
    var isDraining = false
  }

  struct Pending: Sendable {
    enum Kind: Sendable {
      case act(Act, @Sendable (Work) throws -> Void)
      case transient(@Sendable (TransientWork) throws -> Void)
    }
    let kind: Kind
    let finish: @Sendable (Result<ProvableWrite?, any Error>) -> Void
  }

  init(
    tenant: TenantID, database: SQLiteDatabase, keys: TenantKeys, log: LogIdentity, freezeRule: FreezeRule,
    clock: any StewardClock, meter: LedgerMeter = LedgerMeter()
  ) {
    self.meter = meter
    self.tenant = tenant
    self.database = database
    self.keys = keys
    self.log = log
    self.freezeRule = freezeRule
    self.clock = clock
  }

  func enqueue(_ command: Pending) {
    let mustStart = waiting.withLock { waiting in
      waiting.commands.append(command)
      defer { waiting.isDraining = true }
      return !waiting.isDraining
    }
    if mustStart { database.onWriter { connection, gate in self.drain(connection, gate) } }
  }

  private func drain(_ connection: Connection, _ gate: WorkGate) {
    while true {
      let batch = waiting.withLock { waiting in
        let batch = Array(waiting.commands.prefix(Self.largestBatch))
        waiting.commands.removeFirst(batch.count)
        if batch.isEmpty { waiting.isDraining = false }
        return batch
      }
      if batch.isEmpty { return }
      run(batch, connection, gate)
    }
  }

  // MARK: A batch

  private func run(_ commands: [Pending], _ connection: Connection, _ gate: WorkGate) {
    let results: [Result<ProvableWrite?, any Error>]
    do { results = try commit(commands, connection, gate) } catch {
      head = nil
      isFrozen = nil
      try? connection.rollback()
      // After a failed write or sync nobody knows what the disk holds: this process must not acknowledge anything any more.
      if let error = error as? StorageError ?? (error as? UnknownOutcome)?.error, error.isInputOutput {
        database.declareFailed()
      }
      results = commands.map { _ in .failure(DiskProblem.explain(error)) }
      meter.noteFailure(commands: commands.count)
    }
    for (command, result) in zip(commands, results) { command.finish(result) }
  }

  private func commit(
    _ commands: [Pending], _ connection: Connection, _ gate: WorkGate
  ) throws -> [Result<ProvableWrite?, any Error>] {
    guard !database.hasFailed else {
      throw Problem(.unavailable, "The disk failed under this record; restart Steward after checking it.")
    }
    let store = LogStore(tenant: tenant, connection: connection)
    var batch = Batch(head: try head ?? store.head(), now: clock.now)
    try connection.begin()
    let outcomes: [Result<Int64?, any Error>] = try commands.map { command in
      try connection.run(raw: "SAVEPOINT command")
      do {
        let index = try gate.whileOpen { try perform(command, &batch, store) }
        try connection.run(raw: "RELEASE command")
        return .success(index)
      } catch {
        // Then SQLite may have rolled back everything: nothing of this batch can stand.
        if let error = error as? StorageError, error.isInputOutput || error.isFull { throw error }
        isFrozen = nil
        try connection.run(raw: "ROLLBACK TO command")
        try connection.run(raw: "RELEASE command")
        return .failure(DiskProblem.explain(error))
      }
    }
    guard !batch.leaves.isEmpty else {
      try finish(connection)
      batch.afterCommit.forEach { $0() }
      return outcomes.map { $0.map { _ in nil } }
    }
    let sealed = try gate.whileOpen { try close(&batch, store) }
    try finish(connection)
    head = batch.head
    publish(batch)
    meter.note(commands: batch.leaves.count, refused: outcomes.count { if case .failure = $0 { true } else { false } })
    batch.afterCommit.forEach { $0() }
    return outcomes.map { outcome in
      outcome.map { index in index.map { ProvableWrite(index: $0, batch: sealed, certificate: log.certificate) } }
    }
  }

  private func finish(_ connection: Connection) throws {
    do { try connection.commit() } catch let error as StorageError where !error.isFull {
      throw UnknownOutcome(error: error)
    }
  }

  /// A batch while it grows.
  private struct Batch {
    var head: LogStore.Head
    let now: Instant
    var leaves: [Digest] = []
    var data: [[UInt8]] = []
    var tables: Set<String> = []
    var afterCommit: [@Sendable () -> Void] = []

    init(head: LogStore.Head, now: Instant) {
      self.head = head
      self.now = max(now, head.time)
    }

    var nextIndex: Int64 { head.size + Int64(leaves.count) }

    /// Applied to the lanes when the batch is closed: where a command fails nothing has to be taken back.
    var records: [ChangeRecord] = []

    mutating func settleLanes() throws {
      for record in records {
        if let before = record.before { try head.lanes.remove(before) }
        if let after = record.after { try head.lanes.add(after) }
        tables.insert(record.table)
      }
    }
  }

  private func perform(_ command: Pending, _ batch: inout Batch, _ store: LogStore) throws -> Int64? {
    switch command.kind {
    case .transient(let body):
      let work = TransientWork(
        tenant: tenant, connection: store.connection, keys: keys, now: batch.now,
        isFrozen: try isFrozen(store.connection))
      try body(work)
      batch.afterCommit += work.afterCommit
      return nil
    case .act(let act, let body):
      return try perform(act, body, &batch, store)
    }
  }

  private func perform(
    _ act: Act, _ body: (Work) throws -> Void, _ batch: inout Batch, _ store: LogStore
  ) throws -> Int64 {
    guard try !isFrozen(store.connection) || freezeRule.exempts(act.action) else { throw Problem.frozen }
    let index = batch.nextIndex
    let work = Work(
      tenant: tenant, connection: store.connection, keys: keys, now: batch.now, actor: act.actor, entry: index)
    try body(work)
    try failIfAsked()
    let written = work.changes.compactMap { change in change.record.map { (change, $0) } }
    let entry = try entry(act, work, written.map(\.1), store)
    let data = try entry.encoded()
    let leaf = MerkleTree.leafHash(data)
    try store.insert(entry, index: index, leaf: leaf, data: data)
    for (position, item) in written.enumerated() { try store.insert(item.0, item.1, index: index, position: position) }
    batch.records += written.map(\.1)
    if written.contains(where: { $0.1.table == FreezeRecord.table.name }) { isFrozen = nil }
    batch.afterCommit += work.afterCommit
    batch.leaves.append(leaf)
    batch.data.append(data)
    return index
  }

  /// Whether the tenant is frozen, as this transaction sees it. A tenant that has not been migrated yet has no such table.
  private func isFrozen(_ connection: Connection) throws -> Bool {
    if let isFrozen { return isFrozen }
    let name = FreezeRecord.table.name
    guard try connection.firstRow(raw: "SELECT 1 FROM sqlite_schema WHERE name = ?", [.text(name)]) != nil else {
      return false
    }
    let found = try connection.firstRow(raw: "SELECT 1 FROM \(name) WHERE tenant = ?", [.text(tenant.text)]) != nil
    isFrozen = found
    return found
  }

  private func entry(_ act: Act, _ work: Work, _ records: [ChangeRecord], _ store: LogStore) throws -> LeafEntry {
    let object = act.object.description
    let last = try store.last(of: object)
    return LeafEntry(
      time: work.now, command: act.command ?? CommandID.make(at: work.now), actor: act.actor.description,
      action: act.action,
      object: object, ordinal: last.map { $0.ordinal + 1 } ?? 0, previous: last?.index, instruction: act.instruction,
      changeCount: records.count,
      changeRoot: MerkleTree.root(ofLeaves: records.map { MerkleTree.leafHash($0.encoded) }),
      commitments: work.commitments)
  }

  private func close(_ batch: inout Batch, _ store: LogStore) throws -> SealedBatch {
    let index = batch.nextIndex
    try batch.settleLanes()
    let entry = LeafBatch(
      time: batch.now, count: Int64(batch.leaves.count), state: batch.head.lanes.commitment, map: nil)
    let data = try entry.encoded()
    let leaf = MerkleTree.leafHash(data)
    try store.insert(entry, index: index, leaf: leaf, data: data)
    let tree = TreeExtension(old: batch.head.frontier, leaves: batch.leaves + [leaf])
    let first = batch.head.size
    batch.head.frontier = try tree.newFrontier()
    batch.head.time = batch.now
    let checkpoint = Checkpoint(origin: log.origin, size: tree.newSize, root: batch.head.frontier.root)
    let note = try log.signer.sign(text: checkpoint.text)
    try store.writeTiles(tree)
    try store.insert(checkpoint: note, size: tree.newSize)
    try store.write(batch.head)
    return SealedBatch(tree: tree, firstIndex: first, data: batch.data, checkpoint: note)
  }

  private func publish(_ batch: Batch) {
    versions.withLock { versions in
      for table in batch.tables { versions[table] = batch.head.size }
      versions[""] = batch.head.size
    }
  }

  private func failIfAsked() throws {
    let asked = fault.withLock { fault in
      defer { fault = nil }
      return fault
    }
    if asked == .nextAppend {
      // An ordinary error: one of the disk would rightly end all writes.
      throw StorageError(code: 1, message: "the journal refused the append")
    }
  }
}

/// What a closed batch can prove.
struct SealedBatch: Sendable {
  let tree: TreeExtension
  let firstIndex: Int64
  let data: [[UInt8]]
  let checkpoint: [UInt8]
}

/// An acknowledged write. Its receipt is made by whoever asked for the write: the writer's thread has the next batch to run.
struct ProvableWrite: Sendable {
  let index: Int64
  let batch: SealedBatch
  let certificate: [UInt8]

  func receipt() throws -> Receipt {
    let hashes = try Proofs.inclusion(index: index, size: batch.tree.newSize, reader: batch.tree)
    return try Receipt.make(
      index: index, hashes: hashes, checkpoint: batch.checkpoint, certificate: certificate,
      leaf: batch.data[Int(index - batch.firstIndex)])
  }
}

/// A failure that a check asks for, to see that the write fails with it. Only for probe tenants.
package enum LedgerFault: Sendable, Equatable {
  /// The next command runs and then cannot be journaled.
  case nextAppend
}

/// The identity of a tenant's log: origin, key, and the installation's certificate for it.
struct LogIdentity: Sendable {
  let origin: String
  let signer: NoteSigner
  /// The whole note.
  let certificate: [UInt8]
}
