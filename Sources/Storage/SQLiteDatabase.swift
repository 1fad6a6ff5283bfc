import GRDB
import GRDBSQLite

/// One SQLite file in WAL mode: one writer on its own thread, a few readers, `synchronous=FULL`.
///
/// The writer alone carries the function the guards ask (`Table.guards`), and it answers 1 only while a `Work` is open. Only the writer
/// checkpoints: SQLite before 3.51.3 can corrupt a WAL that is reset by one connection while another writes.
package final class SQLiteDatabase: Sendable {
  private let pool: DatabasePool
  private let gate: Gate

  /// Whether a `Work` is open. Touched on the writer's thread only, in the trigger function and around a batch.
  private final class Gate: @unchecked Sendable {
    // Confined to the writer's serial queue, which GRDB guarantees for functions of that connection.
    var isOpen = false
  }

  /// Opens or creates the file. Throws if the file system does not give `synchronous=FULL` in WAL mode.
  package init(path: String, readers: Int = 4) throws {
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
    pool = try DatabasePool(path: path, configuration: configuration)
    try pool.writeWithoutTransaction { db in try Self.prepareWriter(db, gate) }
  }

  private static func prepareWriter(_ db: Database, _ gate: Gate) throws {
    db.add(function: DatabaseFunction("steward_work", argumentCount: 0, pure: false) { _ in gate.isOpen ? 1 : 0 })
    // GRDB sets NORMAL when it turns WAL on, whatever prepareDatabase said: set it here and read it back.
    try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON")
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

  /// Runs `body` on the writer's thread and waits. For opening and for tools.
  package func onWriterBlocking<T>(_ body: (Connection, WorkGate) throws -> T) throws -> T {
    try pool.writeWithoutTransaction { [gate] db in
      try body(Connection(db), WorkGate { gate.isOpen = $0 })
    }
  }

  /// Runs `body` in a read transaction: one snapshot, on a reader's thread.
  package func read<T: Sendable>(_ body: @escaping @Sendable (Connection) throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      pool.asyncRead { result in
        continuation.resume(with: Result { try body(Connection(try result.get())) })
      }
    }
  }

  package func close() { try? pool.close() }

  /// A file opened for reading only, for verification beside a running server.
  package static func readOnly<T>(path: String, _ body: (Connection) throws -> T) throws -> T {
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(10)
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    defer { try? queue.close() }
    return try queue.read { try body(Connection($0)) }
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
