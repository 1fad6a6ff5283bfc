import CSQLite
import GRDB
import GRDBSQLite
import Glibc

/// One SQLite file in WAL mode: one writer on its own thread, a few readers, `synchronous=FULL`.
///
/// The writer alone carries the function the guards ask (`Table.guards`), and it answers 1 only while a `Work` is open. Only the writer
/// checkpoints: SQLite before 3.51.3 can corrupt a WAL that is reset by one connection while another writes.
package final class SQLiteDatabase: TenantDatabase {
  private let pool: DatabasePool
  private let gate: Gate
  private let disk: DiskHealth
  package var isShared: Bool { false }

  /// Whether a `Work` is open. Touched on the writer's thread only, in the trigger function and around a batch.
  private final class Gate: @unchecked Sendable {
    // Confined to the writer's serial queue, which GRDB guarantees for functions of that connection.
    var isOpen = false
    /// Whether before images may be taken out of the journal.
    var isErasing = false
  }

  /// Opens or creates the file. Throws if the file system does not give `synchronous=FULL` in WAL mode.
  package init(path: String, readers: Int = 4, disk: DiskHealth = DiskHealth()) throws {
    LinkedSQLite.configured
    self.disk = disk
    guard !disk.hasFailed else { throw StorageError.afterFailure }
    let isNew = Self.makePrivate(path)
    try Self.noting(disk) { try WriteAheadLog.makeDurable(ofDatabase: path, disk) }
    let hadLog = access(path + "-wal", F_OK) == 0
    var configuration = Configuration()
    configuration.maximumReaderCount = readers
    configuration.busyMode = .timeout(5)
    configuration.journalMode = .wal
    configuration.foreignKeysEnabled = false
    configuration.prepareDatabase { [disk] db in
      // The hook of the writer points to it.
      _ = disk
      // Only `close` and the hook look at what becomes of a checkpoint.
      _ = db.sqliteConnection.map { steward_sqlite_close_plainly($0) }
      try db.execute(sql: "PRAGMA trusted_schema = ON; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY")
    }
    let gate = Gate()
    self.gate = gate
    pool = try Self.noting(disk) {
      let pool = try DatabasePool(path: path, configuration: configuration)
      try pool.writeWithoutTransaction { db in
        try Self.prepareWriter(db, gate)
        Self.watchCheckpoints(db, disk)
      }
      return pool
    }
    if isNew || !hadLog { try keepNames(path, isNew: isNew) }
  }

  /// What fails while it is opened failed all the same: the next try would find what the first one lost.
  private static func noting<T>(_ disk: DiskHealth, _ body: () throws -> T) throws -> T {
    do { return try StorageError.translating(body) } catch let error as StorageError {
      if error.isInputOutput { disk.declareFailed() }
      throw error
    }
  }

  /// Makes the names of new files durable. SQLite does so too, and says nothing if it fails: all commits would then be in a log that is gone
  /// after a power cut.
  private func keepNames(_ path: String, isNew: Bool) throws {
    do { try WriteAheadLog.syncDirectory(of: path, disk) } catch {
      disk.declareFailed()
      try? pool.close()
      for name in [path + "-wal", path + "-shm"] + (isNew ? [path] : []) { unlink(name) }
      throw error
    }
  }

  /// A new file is readable by its owner alone; SQLite gives the same mode to what it writes beside it (`-wal`, `-shm`). One that is
  /// there is not opened: closing it would drop the locks that this process may hold on it. What is wrong with the path SQLite says.
  /// Answers whether it made the file.
  private static func makePrivate(_ path: String) -> Bool {
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if descriptor >= 0 { Glibc.close(descriptor) }
    return descriptor >= 0
  }

  private static func prepareWriter(_ db: Database, _ gate: Gate) throws {
    try addGuardFunctions(db, gate)
    // GRDB sets NORMAL when it turns WAL on, whatever prepareDatabase said: set it here and read it back.
    try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON")
    let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous")
    let journal = try String.fetchOne(db, sql: "PRAGMA journal_mode")
    guard synchronous == 2, journal == "wal" else {
      throw StorageError(
        code: SQLITE_MISUSE, message: "this file system does not offer WAL with synchronous=FULL; use a local disk")
    }
  }

  /// As GRDB adds functions, but without its values: every statement that writes asks.
  private static func addGuardFunctions(_ db: Database, _ gate: Gate) throws {
    try add("steward_work", db, gate) { context, _, _ in
      let gate = sqlite3_user_data(context).map { Unmanaged<Gate>.fromOpaque($0).takeUnretainedValue() }
      sqlite3_result_int(context, gate?.isOpen == true ? 1 : 0)
    }
    try add("steward_erase", db, gate) { context, _, _ in
      let gate = sqlite3_user_data(context).map { Unmanaged<Gate>.fromOpaque($0).takeUnretainedValue() }
      sqlite3_result_int(context, gate?.isErasing == true ? 1 : 0)
    }
  }

  private static func add(
    _ name: String, _ db: Database, _ gate: Gate,
    _ body: @convention(c) (OpaquePointer?, Int32, UnsafeMutablePointer<OpaquePointer?>?) -> Void
  ) throws {
    let code = sqlite3_create_function_v2(
      db.sqliteConnection, name, 0, SQLITE_UTF8, Unmanaged.passRetained(gate).toOpaque(), body, nil, nil,
      { gate in if let gate { Unmanaged<Gate>.fromOpaque(gate).release() } })
    guard code == SQLITE_OK else { throw StorageError(code: code, message: "the guards' function cannot be added") }
  }

  /// 16 MiB of WAL and not 4: a checkpoint syncs twice, and the same pages change in many commits.
  private static let pagesBeforeCheckpoint: Int32 = 4_000

  /// As `PRAGMA wal_autocheckpoint`, which says nothing of a checkpoint that failed: the next one would sync the same file again, and be
  /// told that all is well.
  private static func watchCheckpoints(_ db: Database, _ disk: DiskHealth) {
    sqlite3_wal_hook(
      db.sqliteConnection,
      { context, handle, name, pages in
        guard pages >= SQLiteDatabase.pagesBeforeCheckpoint, let context else { return SQLITE_OK }
        let disk = Unmanaged<DiskHealth>.fromOpaque(context).takeUnretainedValue()
        guard !disk.hasFailed else { return SQLITE_OK }
        let code = sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
        if StorageError(code: code, message: "").isInputOutput { disk.declareFailed() }
        return SQLITE_OK
      }, Unmanaged.passUnretained(disk).toOpaque())
  }

  /// Runs `body` on the writer's thread without blocking the caller; `body` begins and ends its own transactions.
  package func onWriter(_ body: @escaping @Sendable (WriterAccess) -> Void) {
    pool.asyncWriteWithoutTransaction { [gate] db in
      let gate = WorkGate(set: { gate.isOpen = $0 }, setErasing: { gate.isErasing = $0 })
      body(WriterAccess(connection: Connection(SQLiteSession(db)), gate: gate))
    }
  }

  /// Runs `body` on the writer's thread and waits. For opening and for tools. A transaction that `body` leaves by throwing is rolled back.
  package func onWriterBlocking<T>(_ body: (Connection, WorkGate) throws -> T) throws -> T {
    guard !hasFailed else { throw StorageError.afterFailure }
    return try pool.writeWithoutTransaction { [gate] db in
      let gate = WorkGate(set: { gate.isOpen = $0 }, setErasing: { gate.isErasing = $0 })
      do { return try body(Connection(SQLiteSession(db)), gate) } catch {
        if let error = error as? StorageError, error.isInputOutput { declareFailed() }
        try? db.rollback()
        throw error
      }
    }
  }

  /// Whether the disk failed under a write: then nothing may be written through this handle, since nobody knows what is durable.
  package var hasFailed: Bool { disk.hasFailed }

  package func declareFailed() { disk.declareFailed() }

  /// Runs `body` in a read transaction: one snapshot, on a reader's thread.
  package func read<T: Sendable>(_ body: @escaping @Sendable (Connection) throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      pool.asyncRead { result in
        continuation.resume(
          with: Result { try StorageError.translating { try body(Connection(SQLiteSession(try result.get()))) } })
      }
    }
  }

  /// Writes the file anew and cuts the log to nothing, so that what was deleted lies in neither. `secure_delete` alone does not do it: when the
  /// cells of a page are dealt to two, the page keeps what it gave away beside its cells, and nothing overwrites that when the row is deleted
  /// from where it went (btree.c, rebuildPage). Waits for whoever reads an older state, and throws if that takes too long; the writer waits
  /// meanwhile, about four seconds for a gigabyte. Of a file of more than `largest` bytes the log alone is cut.
  @discardableResult
  package func scrub(upTo largest: Int64 = .max) throws -> Scrubbed {
    guard !hasFailed else { throw StorageError.afterFailure }
    return try Self.noting(disk) {
      try pool.writeWithoutTransaction { db in
        let size = try Int64.fetchOne(db, sql: "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        let isSmall = size ?? 0 <= largest
        if isSmall { try Self.writeAnew(db) }
        _ = try db.checkpoint(.truncate)
        return isSmall ? .nowhere : .unusedParts
      }
    }
  }

  private static func writeAnew(_ db: Database) throws {
    // The copy that is made on the way would lie in memory.
    try db.execute(sql: "PRAGMA temp_store = FILE")
    defer { try? db.execute(sql: "PRAGMA temp_store = MEMORY") }
    try db.execute(sql: "VACUUM")
  }

  /// Empties the caches and closes the connections for reading, without waiting; both come again with the next use.
  package func releaseMemory() { pool.releaseMemoryEventually() }

  /// Copies what the log holds into the file, unless the disk failed, and closes both. Nothing else does when a connection is closed. A
  /// reader elsewhere is not waited for: the log then stays.
  package func close() {
    if !hasFailed {
      do {
        try pool.writeWithoutTransaction { db in
          try db.execute(sql: "PRAGMA busy_timeout = 0")
          try db.checkpoint(.truncate)
        }
      } catch let error as DatabaseError {
        if StorageError(code: error.extendedResultCode.rawValue, message: "").isInputOutput { declareFailed() }
      } catch {}
    }
    try? pool.close()
  }

  /// A file opened for reading only, for verification beside a running server. `immutable` promises that nobody writes it meanwhile and
  /// that it has no WAL (sqlite.org/uri.html): then no other file is made or read.
  package static func readOnly<T>(path: String, immutable: Bool = false, _ body: (Connection) throws -> T) throws -> T {
    LinkedSQLite.configured
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(10)
    return try StorageError.translating {
      let queue = try DatabaseQueue(path: immutable ? uri(path) : path, configuration: configuration)
      defer { try? queue.close() }
      return try queue.read { try body(Connection(SQLiteSession($0))) }
    }
  }

  private static func uri(_ path: String) -> String {
    let plain = path.utf8.map { byte in
      byte < 128 && !"?#%".utf8.contains(byte) ? String(Unicode.Scalar(byte)) : "%" + String(byte, radix: 16)
    }
    return "file:\(plain.joined())?immutable=1"
  }
}

/// Opens and shuts the guards of a writer. Only `Ledger` has a use for it.
package struct WorkGate: Sendable {
  private let set: @Sendable (Bool) -> Void
  private let setErasing: @Sendable (Bool) -> Void

  init(set: @escaping @Sendable (Bool) -> Void, setErasing: @escaping @Sendable (Bool) -> Void) {
    self.set = set
    self.setErasing = setErasing
  }

  /// Where the transaction itself opens the guards.
  package static let always = WorkGate(set: { _ in }, setErasing: { _ in })

  /// While `body` runs before images may be taken out of the journal.
  package func whileErasing<T>(_ connection: Connection, _ body: () throws -> T) throws -> T {
    setErasing(true)
    defer { setErasing(false) }
    guard connection.dialect == .postgres else { return try body() }
    // Ends with the transaction in any case.
    try connection.run(raw: "SELECT set_config('steward.erase', 'on', true)")
    let value = try body()
    try connection.run(raw: "SELECT set_config('steward.erase', 'off', true)")
    return value
  }

  package func whileOpen<T>(_ body: () throws -> T) rethrows -> T {
    set(true)
    defer { set(false) }
    return try body()
  }
}
