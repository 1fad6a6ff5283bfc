import GRDB
import GRDBSQLite
import Glibc
import Synchronization

/// One SQLite file in WAL mode: one writer on its own thread, a few readers, `synchronous=FULL`.
///
/// The writer alone carries the function the guards ask (`Table.guards`), and it answers 1 only while a `Work` is open. Only the writer
/// checkpoints: SQLite before 3.51.3 can corrupt a WAL that is reset by one connection while another writes.
package final class SQLiteDatabase: Sendable {
  private let pool: DatabasePool
  private let gate: Gate
  private let failed = Mutex(false)

  /// Whether a `Work` is open. Touched on the writer's thread only, in the trigger function and around a batch.
  private final class Gate: @unchecked Sendable {
    // Confined to the writer's serial queue, which GRDB guarantees for functions of that connection.
    var isOpen = false
  }

  /// Opens or creates the file. Throws if the file system does not give `synchronous=FULL` in WAL mode.
  package init(path: String, readers: Int = 4) throws {
    Self.makePrivate(path)
    try WriteAheadLog.makeDurable(ofDatabase: path)
    var configuration = Configuration()
    configuration.maximumReaderCount = readers
    configuration.busyMode = .timeout(5)
    configuration.journalMode = .wal
    configuration.foreignKeysEnabled = false
    configuration.prepareDatabase { db in
      try db.execute(sql: "PRAGMA trusted_schema = ON; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY")
    }
    let gate = Gate()
    self.gate = gate
    pool = try StorageError.translating {
      let pool = try DatabasePool(path: path, configuration: configuration)
      try pool.writeWithoutTransaction { db in try Self.prepareWriter(db, gate) }
      return pool
    }
  }

  /// A new file is readable by its owner alone; SQLite gives the same mode to what it writes beside it (`-wal`, `-shm`). One that is
  /// there is not opened: closing it would drop the locks that this process may hold on it. What is wrong with the path SQLite says.
  private static func makePrivate(_ path: String) {
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if descriptor >= 0 { Glibc.close(descriptor) }
  }

  private static func prepareWriter(_ db: Database, _ gate: Gate) throws {
    db.add(function: DatabaseFunction("steward_work", argumentCount: 0, pure: false) { _ in gate.isOpen ? 1 : 0 })
    // GRDB sets NORMAL when it turns WAL on, whatever prepareDatabase said: set it here and read it back.
    // 16 MiB of WAL and not 4: a checkpoint syncs twice, and the same pages change in many commits.
    try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 4000")
    let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous")
    let journal = try String.fetchOne(db, sql: "PRAGMA journal_mode")
    guard synchronous == 2, journal == "wal" else {
      throw StorageError(
        code: SQLITE_MISUSE, message: "this file system does not offer WAL with synchronous=FULL; use a local disk")
    }
  }

  /// Runs `body` on the writer's thread without blocking the caller; `body` begins and ends its own transactions.
  package func onWriter(_ body: @escaping @Sendable (Connection, WorkGate) -> Void) {
    pool.asyncWriteWithoutTransaction { [gate] db in
      body(Connection(db), WorkGate { gate.isOpen = $0 })
    }
  }

  /// Runs `body` on the writer's thread and waits. For opening and for tools. A transaction that `body` leaves by throwing is rolled back.
  package func onWriterBlocking<T>(_ body: (Connection, WorkGate) throws -> T) throws -> T {
    guard !hasFailed else { throw StorageError.afterFailure }
    return try pool.writeWithoutTransaction { [gate] db in
      do { return try body(Connection(db), WorkGate { gate.isOpen = $0 }) } catch {
        if let error = error as? StorageError, error.isInputOutput { declareFailed() }
        try? db.rollback()
        throw error
      }
    }
  }

  /// Whether the disk failed under a write: then nothing may be written through this handle, since nobody knows what is durable.
  package var hasFailed: Bool { failed.withLock { $0 } }

  package func declareFailed() { failed.withLock { $0 = true } }

  /// Runs `body` in a read transaction: one snapshot, on a reader's thread.
  package func read<T: Sendable>(_ body: @escaping @Sendable (Connection) throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      pool.asyncRead { result in
        continuation.resume(with: Result { try StorageError.translating { try body(Connection(try result.get())) } })
      }
    }
  }

  /// Copies what the log holds into the file, unless the disk failed, and closes both. GRDB closes the writer before the readers, so that
  /// SQLite's own checkpoint of the last connection never happens. A reader elsewhere is not waited for: the log then stays.
  package func close() {
    if !hasFailed {
      try? pool.writeWithoutTransaction { db in
        try db.execute(sql: "PRAGMA busy_timeout = 0")
        try db.checkpoint(.truncate)
      }
    }
    try? pool.close()
  }

  /// A file opened for reading only, for verification beside a running server. `immutable` promises that nobody writes it meanwhile and
  /// that it has no WAL (sqlite.org/uri.html): then no other file is made or read.
  package static func readOnly<T>(path: String, immutable: Bool = false, _ body: (Connection) throws -> T) throws -> T {
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(10)
    return try StorageError.translating {
      let queue = try DatabaseQueue(path: immutable ? uri(path) : path, configuration: configuration)
      defer { try? queue.close() }
      return try queue.read { try body(Connection($0)) }
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
package struct WorkGate {
  private let set: (Bool) -> Void
  init(_ set: @escaping (Bool) -> Void) { self.set = set }

  package func whileOpen<T>(_ body: () throws -> T) rethrows -> T {
    set(true)
    defer { set(false) }
    return try body()
  }
}
