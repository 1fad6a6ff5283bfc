import Kernel
import Storage

/// A place of keys that is a schema of a PostgreSQL database: one row for each file of docs/format.md §5.3, under the same path.
///
/// All that is there is sealed under the root key, which lies elsewhere; whoever has the database alone can open nothing.
final class KeyDatabase: KeyPlace {
  /// A reservation and a reader do not wait for each other.
  private static let connections = 2
  /// How long a question waits for a database that is away before it is refused.
  private static let patienceSeconds = 2.0
  private static let limits = PostgresLimits(
    connectSeconds: 5, statementMilliseconds: 10_000, lockMilliseconds: KeyLock.patienceMilliseconds,
    idleInTransactionMilliseconds: 30_000, silenceMilliseconds: 15_000)
  /// "stewkeys"; tenants' numbers have 56 bits and lie below it.
  private static let storeLock: Int64 = 0x7374_6577_6b65_7973

  let address: KeyDatabaseAddress
  private let pool: PostgresPool

  init(_ address: KeyDatabaseAddress) {
    self.address = address
    pool = PostgresPool(
      address.server, size: KeyDatabase.connections, limits: KeyDatabase.limits,
      patienceSeconds: KeyDatabase.patienceSeconds)
  }

  var name: KeyPlaceName { .database(address) }

  // MARK: Reading

  func read(_ file: KeyFile) throws -> [UInt8]? { try asking(nil) { try $0.read(file) } }

  func exists(_ file: KeyFile) throws -> Bool { try asking(false) { try $0.exists(file) } }

  func list() throws -> [KeyFile] { try asking([]) { try $0.list() } }

  func list(of tenant: TenantID) throws -> [KeyFile] { try asking([]) { try $0.list(of: tenant) } }

  func replicaList() throws -> [UInt8]? { try asking(nil) { try $0.replicaList() } }

  /// `none`: the answer of a database without a key store, which is a place that is empty. A connection that ended since it was last
  /// used says nothing about the database: it is asked once more.
  private func asking<T>(_ none: T, _ body: (KeyRows) throws -> T) throws -> T {
    for isLast in [false, true] {
      var wasThere = false
      do {
        return try pool.runBlocking { link in
          wasThere = !link.isBroken
          return try body(KeyRows(link: link))
        }
      } catch let error as StorageError {
        if error.sqlState == "42P01" || error.sqlState == "3F000" { return none }
        if isLast || !wasThere || !error.isConnectionLost { throw refusal(error) }
      }
    }
    return none
  }

  // MARK: Writing

  func add(_ bytes: [UInt8], as file: KeyFile) throws -> [UInt8] {
    try transaction { try $0.add(bytes, as: file) }
  }

  /// Nothing to do: what can be read is committed, and what is committed is durable.
  func renew(_ file: KeyFile) {}

  func raise(_ mark: Int64, of tenant: TenantID) throws {
    try transaction { try $0.raise(mark, of: tenant) }
  }

  func setReplicaList(_ bytes: [UInt8]) throws { try transaction { try $0.setReplicaList(bytes) } }

  func locked<T>(_ lock: KeyLock, _ body: (any KeyFiles) throws -> T) throws -> T {
    try transaction { rows in
      switch lock {
      case .store: _ = try rows.link.query("SELECT pg_advisory_xact_lock(?)", [.integer(Self.storeLock)])
      case .tenant(let tenant):
        _ = try rows.link.query("SELECT pg_advisory_xact_lock_shared(?)", [.integer(Self.storeLock)])
        _ = try rows.link.query("SELECT pg_advisory_xact_lock(?)", [.integer(KeyLock.number(of: tenant))])
      }
      return try body(rows)
    }
  }

  /// Everything or nothing, and durable when it returns. An end that nobody saw counts as none: what may have been written is not used.
  private func transaction<T>(_ body: (KeyRows) throws -> T) throws -> T {
    do {
      return try pool.runBlocking { link in
        do {
          try link.queue("BEGIN")
          let value = try body(KeyRows(link: link))
          try link.drain()
          _ = link.takeWarnings()
          _ = try link.query("COMMIT")
          // A wait for a standby that was cut short succeeds with a warning.
          if let warning = link.takeWarnings().first {
            throw StorageError(sqlState: warning.sqlState, message: warning.message)
          }
          return value
        } catch {
          try? link.rollback()
          throw error
        }
      }
    } catch let error as StorageError {
      throw error.sqlState == "55P03" ? KeyLock.taken : refusal(error)
    }
  }

  private func refusal(_ error: StorageError) -> Problem {
    Problem(
      .unavailable,
      error.isConnectionLost
        ? "The database of the keys cannot be reached, so what needs it was not done. Try again once it is back."
        : "The database of the keys refused what was asked of it, so it was not done; its log and ours say why.",
      detail: "\(address.server): \(error)")
  }

  // MARK: Making it

  func prepare() throws {
    do {
      try pool.runBlocking { link in
        // A role that may not make anything can use what is there.
        guard try link.query("SELECT to_regclass('steward_keys.key_file') IS NULL").integer(0, 0) != 0 else { return }
        try link.exec(KeyDatabase.schema)
      }
    } catch let error as StorageError {
      throw refusal(error)
    }
  }

  /// The guard stops accidents: whoever owns the schema can take it off.
  private static let schema = """
    SELECT pg_advisory_xact_lock(\(storeLock));
    CREATE SCHEMA IF NOT EXISTS steward_keys;
    REVOKE ALL ON SCHEMA steward_keys FROM PUBLIC;
    CREATE TABLE IF NOT EXISTS steward_keys.key_file (
      path text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(path) BETWEEN 1 AND 200),
      data bytea NOT NULL CHECK (octet_length(data) BETWEEN 1 AND \(DurableFile.maximumSize)));
    CREATE OR REPLACE FUNCTION steward_keys.mark(data bytea) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
      SELECT CASE WHEN encode(data, 'escape') ~ E'^[0-9]{1,18}\\n$'
        THEN rtrim(encode(data, 'escape'), E'\\n')::bigint ELSE -1 END $$;
    CREATE OR REPLACE FUNCTION steward_keys.keep() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF TG_OP = 'UPDATE' THEN
          IF NEW.path = OLD.path AND (OLD.path = 'replicas' OR (OLD.path LIKE 'tenants/%/taken'
            AND steward_keys.mark(NEW.data) > steward_keys.mark(OLD.data))) THEN
            RETURN NEW;
          END IF;
        END IF;
        RAISE EXCEPTION 'keys are never replaced or removed, and a mark only rises';
      END $$;
    CREATE OR REPLACE TRIGGER keep BEFORE UPDATE OR DELETE ON steward_keys.key_file
      FOR EACH ROW EXECUTE FUNCTION steward_keys.keep();
    CREATE OR REPLACE TRIGGER keep_all BEFORE TRUNCATE ON steward_keys.key_file
      FOR EACH STATEMENT EXECUTE FUNCTION steward_keys.keep();
    """
}

/// The rows as one connection sees them, in its transaction if it has one.
private struct KeyRows: KeyFiles {
  private static let replicaPath = "replicas"

  let link: PostgresLink

  func read(_ file: KeyFile) throws -> [UInt8]? { try read(file.path) }

  private func read(_ path: String) throws -> [UInt8]? {
    let found = try link.query("SELECT data FROM steward_keys.key_file WHERE path = ?", [.text(path)])
    return found.count == 0 ? nil : found.bytes(0, 0)
  }

  func exists(_ file: KeyFile) throws -> Bool {
    try link.query("SELECT 1 FROM steward_keys.key_file WHERE path = ?", [.text(file.path)]).count > 0
  }

  func list() throws -> [KeyFile] {
    files(try link.query("SELECT path FROM steward_keys.key_file")).sorted { $0.order < $1.order }
  }

  func list(of tenant: TenantID) throws -> [KeyFile] {
    // Behind "/" comes "0".
    let bounds = ["tenants/\(tenant)/", "tenants/\(tenant)0"].map { Value.text($0) }
    return files(try link.query("SELECT path FROM steward_keys.key_file WHERE path > ? AND path < ?", bounds))
  }

  private func files(_ found: PostgresResult) -> [KeyFile] {
    (0..<found.count).compactMap { KeyFile(path: found.text($0, 0)) }
  }

  func replicaList() throws -> [UInt8]? { try read(KeyRows.replicaPath) }

  func add(_ bytes: [UInt8], as file: KeyFile) throws -> [UInt8] {
    try link.queue(
      "INSERT INTO steward_keys.key_file (path, data) VALUES (?, ?) ON CONFLICT (path) DO NOTHING",
      [.text(file.path), .bytes(bytes)])
    return try read(file) ?? []
  }

  func renew(_ file: KeyFile) {}

  func raise(_ mark: Int64, of tenant: TenantID) throws {
    try link.queue(
      """
      INSERT INTO steward_keys.key_file (path, data) VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET data = excluded.data
      WHERE steward_keys.mark(key_file.data) < steward_keys.mark(excluded.data)
      """, [.text(KeyFile.taken(tenant).path), .bytes(TakenMark.text(mark))])
  }

  func setReplicaList(_ bytes: [UInt8]) throws {
    try link.queue(
      """
      INSERT INTO steward_keys.key_file (path, data) VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET data = excluded.data
      """, [.text(KeyRows.replicaPath), .bytes(bytes)])
  }
}
