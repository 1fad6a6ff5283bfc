import Custody
import Dispatch
import Kernel
import Storage
import Synchronization
import TransparencyLog

/// The write path of one tenant: takes the waiting commands as a batch and makes them durable together.
///
/// Who owns what: `waiting` belongs to the lock; `head` is touched on the writer's thread only. A batch is one
/// transaction: the commands, then the batch entry, the tree, one signature, one commit. Commands run without savepoints; only if one throws that
/// has written something is the batch rolled back and run again, each command in a savepoint of its own: then one that throws rolls back
/// its own and nobody else's.
///
/// On PostgreSQL any number of servers write one tenant: a batch locks the tenant's head first and believes nothing it knew before. It is
/// sent in one go, and whatever fails in it has it run again. A connection that ends before the commit
/// was sent costs another attempt; after it, the commit is looked up before anybody is told anything.
final class TenantLedger: @unchecked Sendable {
  // Unchecked: `head`, `isFrozen`, `signing`, `facets` and `unfinished` are touched by the one drain that runs at a time, which hands them on with
  // the next.
  static let largestBatch = 256

  let tenant: TenantID
  let database: any TenantDatabase
  let keys: TenantKeys
  let log: LogKeyring
  private let freezeRule: FreezeRule
  private let shape: TenantShape
  private let clock: any StewardClock
  private let waiting = Mutex(Waiting())
  private var head: LogStore.Head?
  /// What the next turn has to try again.
  private var unfinished: Attempt?
  private var doubt: Doubt?
  /// Whether the switch stands, as of the statement that ran last; nil if that has to be looked up. Exact, because only this
  /// thread writes the tenant.
  private var isFrozen: Bool?
  /// Who signs the next batch; nil if that has to be looked up, which on a shared database is under every lock of the head.
  private var signing: LogIdentity?
  /// When each table was last changed; for caches and views.
  let watch: LogWatch
  /// `ViewHolder`s by table; they go with it.
  let views = Mutex<[String: any Sendable]>([:])
  /// `TenantKeys.turns` when views were dropped last.
  let turnsSeen = Mutex<Int64>(0)
  /// Of entries that are committed.
  private var facets = FacetsSeen()
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

    /// What its entry will be about.
    var object: String? { if case .act(let act, _) = kind { act.object.description } else { nil } }
  }

  init(
    tenant: TenantID, database: any TenantDatabase, keys: TenantKeys, log: LogKeyring, freezeRule: FreezeRule,
    shape: TenantShape = TenantShape(), clock: any StewardClock, meter: LedgerMeter = LedgerMeter(), version: Int64 = 0
  ) {
    self.shape = shape
    self.meter = meter
    self.tenant = tenant
    watch = LogWatch(tenant: tenant, version: version)
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
    if mustStart { schedule() }
  }

  /// Runs a command to its end; nil for a transient one.
  func perform(_ kind: Pending.Kind) async throws -> ProvableWrite? {
    try await withCheckedThrowingContinuation { continuation in
      enqueue(Pending(kind: kind, finish: { continuation.resume(with: $0) }))
    }
  }

  /// Runs an act to its end, with what its body gave; also before the tenant is open for others.
  func write<T: Sendable>(
    _ act: Act, _ body: @escaping @Sendable (Work) throws -> T
  ) async throws -> (value: T, proof: ProvableWrite) {
    let result = Mutex<T?>(nil)
    let proof = try await perform(
      .act(
        act,
        { work in
          let value = try body(work)
          result.withLock { $0 = value }
        }))
    guard let value = result.withLock({ $0 }), let proof else {
      throw Problem(.internal, "The write was made without a receipt.")
    }
    return (value, proof)
  }

  private func schedule() { database.onWriter { self.drain($0) } }

  private func drain(_ access: WriterAccess) {
    while true {
      let attempt = unfinished ?? takeBatch()
      unfinished = nil
      guard let attempt else { return }
      unfinished = run(attempt, access)
      // Connections are shared with other tenants: theirs is the next turn. One that is lost has to be another's, too.
      if database.isShared { return schedule() }
    }
  }

  private func takeBatch() -> Attempt? {
    let commands = waiting.withLock { waiting in
      guard waiting.commands.count > Self.largestBatch else {
        let commands = waiting.commands
        waiting.commands = []
        if commands.isEmpty { waiting.isDraining = false }
        return commands
      }
      let commands = Array(waiting.commands.prefix(Self.largestBatch))
      waiting.commands.removeFirst(commands.count)
      return commands
    }
    return commands.isEmpty ? nil : Attempt(commands: commands)
  }

  // MARK: Attempts

  /// A batch that somebody waits for.
  private struct Attempt {
    let commands: [Pending]
    /// Whether each command has a savepoint, and on PostgreSQL each statement's outcome is waited for; else they are sent together and only the
    /// end says whether all went well.
    var isCareful = false
    /// A commit that may have taken place.
    var doubt: Doubt?
    let started = ContinuousClock.now

    var isOverdue: Bool { ContinuousClock.now - started > TenantLedger.patience }
  }

  private struct Doubt {
    let batch: Batch
    /// Nil: nothing went on the record, so there is nothing to look for.
    let sealed: SealedBatch?
    let outcomes: [Result<Int64?, any Error>]
    let reason: StorageError
  }

  /// A batch whose statements were sent together has to be run again, each by itself, to know whose fault it was.
  private struct NotTogether: Error {}

  /// How long a batch is tried again while the database is away.
  private static let patience = Duration.seconds(15)

  /// Runs a batch to its end and tells whoever waits. Answers what has to be tried again, on another connection or in another way.
  private func run(_ attempt: Attempt, _ access: WriterAccess) -> Attempt? {
    var next = attempt
    do {
      if let doubt = attempt.doubt {
        next.doubt = nil
        // Not there: nothing was written, and the commands are run as if for the first time.
        guard try settle(doubt, access.connection) else { return next }
        acknowledge(attempt.commands, conclude(doubt.batch, doubt.sealed, doubt.outcomes))
        return nil
      }
      acknowledge(attempt.commands, try commit(attempt, access))
      return nil
    } catch let unknown as Unknown {
      next.doubt = doubt ?? attempt.doubt
      doubt = nil
      return attempt.isOverdue ? fail(attempt, UnknownOutcome(error: unknown.reason)) : next
    } catch is NotTogether {
      next.isCareful = true
      return next
    } catch let error as StorageError where database.isShared && (error.isConnectionLost || error.isRetryable) {
      next.doubt = attempt.doubt
      guard attempt.isOverdue else { return next }
      return fail(attempt, attempt.doubt.map { UnknownOutcome(error: $0.reason) } ?? error)
    } catch {
      return fail(attempt, attempt.doubt.map { UnknownOutcome(error: $0.reason) } ?? error)
    }
  }

  /// From here on a batch is worth another thread's attention beside the writer's.
  private static let largeBatch = 64

  /// To wake many callers takes as long as to write some of them: meanwhile the next batch is on its way.
  private func acknowledge(_ commands: [Pending], _ results: [Result<ProvableWrite?, any Error>]) {
    guard commands.count >= Self.largeBatch else { return Self.tell(commands, results) }
    DispatchQueue.global(qos: .userInitiated).async { Self.tell(commands, results) }
  }

  private static func tell(_ commands: [Pending], _ results: [Result<ProvableWrite?, any Error>]) {
    for (command, result) in zip(commands, results) { command.finish(result) }
  }

  private func fail(_ attempt: Attempt, _ error: any Error) -> Attempt? {
    // After a failed write or sync nobody knows what the disk holds: this process must not acknowledge anything any more.
    if let error = error as? StorageError ?? (error as? UnknownOutcome)?.error, error.isInputOutput {
      database.declareFailed()
    }
    meter.noteFailure(commands: attempt.commands.count)
    acknowledge(attempt.commands, attempt.commands.map { _ in .failure(DiskProblem.explain(error)) })
    return nil
  }

  // MARK: A batch

  /// What is not known stands in `doubt`.
  private struct Unknown: Error { let reason: StorageError }

  private func commit(_ attempt: Attempt, _ access: WriterAccess) throws -> [Result<ProvableWrite?, any Error>] {
    guard !database.hasFailed else {
      throw Problem(.unavailable, "The disk failed under this record; restart Steward after checking it.")
    }
    let connection = access.connection
    do {
      try begin(connection, attempt)
      let store = LogStore(tenant: tenant, connection: connection)
      var batch = try opened(attempt, store)
      let outcomes = try attempt.commands.map { try outcome(of: $0, &batch, store, access.gate) }
      let sealed = batch.leaves.isEmpty ? nil : try access.gate.whileOpen { try close(&batch, store) }
      do {
        // What went on the record can be looked up: then one round trip does.
        if sealed != nil, let pipeline = connection.pipeline {
          try pipeline.commitTogether()
        } else {
          try connection.commit()
        }
      } catch let error as CommitInDoubt {
        doubt = Doubt(batch: batch, sealed: sealed, outcomes: outcomes, reason: error.reason)
        throw Unknown(reason: error.reason)
      } catch let error as StorageError where connection.dialect == .sqlite && !error.isFull {
        throw UnknownOutcome(error: error)
      }
      return conclude(batch, sealed, outcomes)
    } catch {
      head = nil
      isFrozen = nil
      signing = nil
      facets = FacetsSeen()
      try? connection.rollback()
      throw understood(error, connection)
    }
  }

  /// What was sent together failed together: only what is certain is told as it is.
  private func understood(_ error: any Error, _ connection: Connection) -> any Error {
    guard let pipeline = connection.pipeline, pipeline.isTogether, !(error is Unknown) else { return error }
    if let error = error as? StorageError, error.isConnectionLost || error.isRetryable { return error }
    return NotTogether()
  }

  private func begin(_ connection: Connection, _ attempt: Attempt) throws {
    if let pipeline = connection.pipeline {
      try pipeline.begin(together: !attempt.isCareful)
    } else {
      try connection.begin()
    }
  }

  /// The batch as it begins: where the log stands, and on a shared database all that has to be asked, in few answers.
  private func opened(_ attempt: Attempt, _ store: LogStore) throws -> Batch {
    guard database.isShared else {
      let identity = try signing ?? log.current(store.connection)
      signing = identity
      return Batch(
        head: try head ?? store.head(), facets, now: clock.now, isTogether: !attempt.isCareful, signing: identity)
    }
    let head = try store.head(locking: true)
    // Under the lock: from the commit of a rotation on nobody signs with the key before it, whichever server he is.
    let standing = try log.standing(store.connection)
    isFrozen = standing.isFrozen
    var batch = Batch(
      head: head, facets, now: clock.now, isTogether: !attempt.isCareful, signing: standing.signing)
    let objects = Set(attempt.commands.compactMap(\.object))
    if !objects.isEmpty {
      let found = try store.lasts(of: objects)
      for object in objects { batch.lasts.updateValue(found[object], forKey: object) }
    }
    return batch
  }

  private func outcome(
    of command: Pending, _ batch: inout Batch, _ store: LogStore, _ gate: WorkGate
  ) throws -> Result<Int64?, any Error> {
    if batch.isTogether { return try outcomeTogether(of: command, &batch, store, gate) }
    let connection = store.connection
    try connection.run(raw: "SAVEPOINT command")
    do {
      let index = try gate.whileOpen { try perform(command, &batch, store, gate) }
      try connection.run(raw: "RELEASE command")
      return .success(index)
    } catch {
      // Then SQLite may have rolled back everything, or there is no connection: nothing of this batch can stand.
      if let error = error as? StorageError, error.endsTransaction { throw error }
      if let error = error as? DurableFile.FileError, error.isOfSync {
        database.declareFailed()
        throw error
      }
      isFrozen = nil
      batch.journal.forgetFacets()
      try connection.run(raw: "ROLLBACK TO command")
      try connection.run(raw: "RELEASE command")
      return .failure(DiskProblem.explain(error))
    }
  }

  /// Without a savepoint. Throws where the whole batch has to be run again with them.
  private func outcomeTogether(
    of command: Pending, _ batch: inout Batch, _ store: LogStore, _ gate: WorkGate
  ) throws -> Result<Int64?, any Error> {
    let connection = store.connection
    let statements = connection.statements
    do {
      let index = try gate.whileOpen { try perform(command, &batch, store, gate) }
      if connection.pipeline?.hasFailed == true { throw NotTogether() }
      return .success(index)
    } catch let error as NotTogether {
      throw error
    } catch {
      if let error = error as? DurableFile.FileError, error.isOfSync { database.declareFailed() }
      // Then SQLite may have rolled back everything.
      if connection.pipeline == nil, let error = error as? StorageError, error.endsTransaction { throw error }
      // It stands by itself only if it wrote nothing that would have to be taken back.
      guard connection.pipeline?.hasFailed != true, connection.statements == statements else { throw NotTogether() }
      return .failure(DiskProblem.explain(error))
    }
  }

  /// What is true once the commit is.
  private func conclude(
    _ batch: Batch, _ sealed: SealedBatch?, _ outcomes: [Result<Int64?, any Error>]
  ) -> [Result<ProvableWrite?, any Error>] {
    guard let sealed else {
      batch.afterCommit.forEach { $0() }
      return outcomes.map { $0.map { _ in nil } }
    }
    head = batch.head
    if batch.tables.contains(LogKeyRecord.table.name) { signing = nil }
    facets = batch.journal.facets
    watch.note(batch.tables, from: sealed.firstIndex, to: batch.head.size, last: sealed.last)
    meter.note(commands: batch.leaves.count, refused: outcomes.count { if case .failure = $0 { true } else { false } })
    batch.afterCommit.forEach { $0() }
    return outcomes.map { outcome in
      outcome.map { index in index.map { ProvableWrite(index: $0, batch: sealed) } }
    }
  }

  /// Whether a commit in doubt took place. The head's lock is had only once the transaction in doubt has ended; and a write of our own
  /// is acknowledged only after everything before it, on every machine that must have it.
  private func settle(_ doubt: Doubt, _ connection: Connection) throws -> Bool {
    guard let sealed = doubt.sealed else { throw UnknownOutcome(error: doubt.reason) }
    do {
      try connection.begin()
      let store = LogStore(tenant: tenant, connection: connection)
      let head = try store.head(locking: true)
      let isThere = try store.data(of: sealed.firstIndex) == sealed.data.first
      try store.write(head)
      try connection.commit()
      return isThere
    } catch let error as CommitInDoubt {
      throw Unknown(reason: error.reason)
    } catch {
      try? connection.rollback()
      throw error
    }
  }

  /// A batch while it grows.
  private struct Batch {
    var head: LogStore.Head
    let now: Instant
    /// Also where the batch holds the rotation: what the old key signs last is its own end.
    let signing: LogIdentity
    var leaves: [Digest] = []
    var data: [[UInt8]] = []
    var tables: Set<String> = []
    /// Where the objects of this batch stand, as far as it is known; nil for one that has no entry yet.
    var lasts: [String: LogStore.Last?] = [:]
    /// What goes into the journal and is not written yet.
    let journal: JournalRows
    var afterCommit: [@Sendable () -> Void] = []

    /// Without savepoints: if a command has to be taken back, all are.
    let isTogether: Bool

    init(head: LogStore.Head, _ facets: FacetsSeen, now: Instant, isTogether: Bool, signing: LogIdentity) {
      self.head = head
      self.signing = signing
      self.isTogether = isTogether
      journal = JournalRows(facets: facets)
      self.now = max(now, head.time)
    }

    var nextIndex: Int64 { head.size + Int64(leaves.count) }

    /// Applied to the lanes when the batch is closed: where a command fails nothing has to be taken back.
    var records: [ChangeRecord] = []

    /// The lanes at the end of the batch.
    static func lanes(_ before: Lanes, after records: [ChangeRecord]) throws -> Lanes {
      var lanes = before
      for record in records {
        if let before = record.before { try lanes.remove(before) }
        if let after = record.after { try lanes.add(after) }
      }
      return lanes
    }

    mutating func noteTables() {
      var last = ""
      // Mostly the same as the one before.
      for record in records where record.table != last {
        tables.insert(record.table)
        last = record.table
      }
    }
  }

  private func perform(
    _ command: Pending, _ batch: inout Batch, _ store: LogStore, _ gate: WorkGate
  ) throws -> Int64? {
    switch command.kind {
    case .transient(let body):
      let work = TransientWork(
        tenant: tenant, connection: store.connection, keys: keys, now: batch.now,
        isFrozen: try isFrozen(store.connection))
      try body(work)
      batch.afterCommit += work.afterCommit
      return nil
    case .act(let act, let body):
      return try perform(act, body, &batch, store, gate)
    }
  }

  private func perform(
    _ act: Act, _ body: (Work) throws -> Void, _ batch: inout Batch, _ store: LogStore, _ gate: WorkGate
  ) throws -> Int64 {
    guard try !isFrozen(store.connection) || freezeRule.exempts(act.action) else { throw Problem.frozen }
    let index = batch.nextIndex
    let journal = batch.journal
    let work = Work(
      tenant: tenant, connection: store.connection, keys: keys, now: batch.now, actor: act.actor, entry: index,
      gate: gate, shape: shape, settleJournal: { try journal.write(to: store) })
    try body(work)
    try failIfAsked(isLast: !batch.isTogether)
    let written = work.changes.compactMap { change in change.record.map { (change, $0) } }
    let object = act.object.description
    let last = if let known = batch.lasts[object] { known } else { try store.last(of: object) }
    let entry = entry(act, work, written.map(\.1), last)
    let data = try entry.encoded()
    let leaf = MerkleTree.leafHash(data)
    journal.add(entry, index: index, leaf: leaf, data: data, changes: written)
    // Inside the command's savepoint, where it has one.
    if !batch.isTogether { try journal.write(to: store) }
    batch.lasts.updateValue(LogStore.Last(ordinal: entry.ordinal, index: index), forKey: object)
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
    guard try connection.dialect == .postgres || connection.hasTable(name) else { return false }
    let found = try connection.firstRow(raw: "SELECT 1 FROM \(name) WHERE tenant = ?", [.text(tenant.text)]) != nil
    isFrozen = found
    return found
  }

  private func entry(_ act: Act, _ work: Work, _ records: [ChangeRecord], _ last: LogStore.Last?) -> LeafEntry {
    LeafEntry(
      time: work.now, command: act.command ?? CommandID.make(at: work.now), actor: act.actor.description,
      action: act.action,
      object: act.object.description, ordinal: last.map { $0.ordinal + 1 } ?? 0, previous: last?.index,
      instruction: act.instruction,
      changeCount: records.count,
      changeRoot: MerkleTree.root(ofLeaves: records.map { MerkleTree.leafHash($0.encoded) }),
      commitments: work.commitments)
  }

  private func close(_ batch: inout Batch, _ store: LogStore) throws -> SealedBatch {
    let index = batch.nextIndex
    let (before, records) = (batch.head.lanes, batch.records)
    let lanes = records.count < Self.largeBatch ? nil : Aside { try Batch.lanes(before, after: records) }
    try batch.journal.write(to: store)
    batch.head.lanes = try lanes?.value() ?? Batch.lanes(before, after: records)
    batch.noteTables()
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
    let note = try batch.signing.sign(checkpoint)
    try store.writeTiles(tree)
    try store.insert(checkpoint: note, size: tree.newSize)
    try store.write(batch.head)
    return SealedBatch(
      tree: tree, firstIndex: first, data: batch.data, last: leaf, checkpoint: note,
      certificate: batch.signing.certificate)
  }

  private func failIfAsked(isLast: Bool) throws {
    let asked = fault.withLock { fault in
      defer { if isLast { fault = nil } }
      return fault
    }
    if asked == .nextAppend {
      // The batch is run again for it, each command by itself: then it counts.
      guard isLast else { throw NotTogether() }
      // None of the disk, which would rightly end all writes; and nothing for the operator, for it was asked for.
      throw Problem(.unavailable, "The record could not be written, as was asked for; nothing was changed.")
    }
  }
}

/// What a closed batch can prove.
struct SealedBatch: Sendable {
  let tree: TreeExtension
  let firstIndex: Int64
  let data: [[UInt8]]
  /// The batch's own leaf.
  let last: Digest
  let checkpoint: [UInt8]
  /// Of the key that signed the checkpoint.
  let certificate: [UInt8]
}

/// An acknowledged write. Its receipt is made by whoever asked for the write: the writer's thread has the next batch to run.
struct ProvableWrite: Sendable {
  let index: Int64
  let batch: SealedBatch

  func receipt() throws -> Receipt {
    let hashes = try Proofs.inclusion(index: index, size: batch.tree.newSize, reader: batch.tree)
    return try Receipt.make(
      index: index, hashes: hashes, checkpoint: batch.checkpoint, certificate: batch.certificate,
      leaf: batch.data[Int(index - batch.firstIndex)])
  }
}

/// A failure that a check asks for, to see that the write fails with it. Only for probe tenants.
package enum LedgerFault: Sendable, Equatable {
  /// The next command runs and then cannot be journaled.
  case nextAppend
}
