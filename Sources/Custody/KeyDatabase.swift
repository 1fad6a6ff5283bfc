import Foundation
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
  private let transactions = OpenTransactions()

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

  func heads(of tenant: TenantID) throws -> [KeyFile] { try asking([]) { try $0.heads(of: tenant) } }

  func terms() throws -> [KeyFile] { try asking([]) { try $0.terms() } }

  func epochs(ofBlocksOf tenant: TenantID) throws -> [Int64: Int64] {
    try asking([:]) { try $0.epochs(ofBlocksOf: tenant) }
  }

  func replicaList() throws -> [UInt8]? { try asking(nil) { try $0.replicaList() } }

  /// `none`: the answer of a database without a key store, which is a place that is empty. A connection that ended since it was last
  /// used says nothing about the database: it is asked once more.
  ///
  /// Whoever holds a lock asks through the connection that holds it: with another one, as many holders as there are connections would wait
  /// for each other for ever.
  private func asking<T>(_ none: T, _ body: (KeyRows) throws -> T) throws -> T {
    if let link = transactions.link { return try body(KeyRows(link: link)) }
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

  func addNew(_ files: [(file: KeyFile, bytes: [UInt8])]) throws { try transaction { try $0.addNew(files) } }

  /// Nothing to do: what can be read is committed, and what is committed is durable.
  func renew(_ file: KeyFile) {}

  func raise(_ mark: Int64, of tenant: TenantID) throws {
    try transaction { try $0.raise(mark, of: tenant) }
  }

  func replace(_ blocks: [(file: KeyFile, bytes: [UInt8])]) throws { try transaction { try $0.replace(blocks) } }

  func put(_ bytes: [UInt8], as book: KeyFile) throws { try transaction { try $0.put(bytes, as: book) } }

  func end(_ files: [KeyFile]) throws { try transaction { try $0.end(files) } }

  /// What was updated and deleted lies in the file until its room is used again.
  func sweep() {
    try? pool.runBlocking { link in
      try link.exec("VACUUM steward_keys.key_file")
      _ = link.takeWarnings()
    }
  }

  func setReplicaList(_ bytes: [UInt8]) throws { try transaction { try $0.setReplicaList(bytes) } }

  func locked<T>(_ lock: KeyLock, _ body: (any KeyFiles) throws -> T) throws -> T {
    try transaction { rows in
      switch lock {
      case .store: _ = try rows.link.query("SELECT pg_advisory_xact_lock(?)", [.integer(Self.storeLock)])
      case .tenant, .terms:
        _ = try rows.link.query("SELECT pg_advisory_xact_lock_shared(?)", [.integer(Self.storeLock)])
        _ = try rows.link.query("SELECT pg_advisory_xact_lock(?)", [.integer(lock.number)])
      }
      return try body(rows)
    }
  }

  /// Everything or nothing, and durable when it returns. An end that nobody saw counts as none: what may have been written is not used.
  func transaction<T>(_ body: (KeyRows) throws -> T) throws -> T {
    do {
      return try pool.runBlocking { link in
        do {
          try link.queue("BEGIN")
          let value = try transactions.whileOpen(link) { try body(KeyRows(link: link)) }
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

  /// Also where it was made by an earlier version, which let no file be replaced.
  func prepareToRewrite() throws {
    do { try pool.runBlocking { try $0.exec(KeyDatabase.schema) } } catch let error as StorageError {
      throw refusal(error)
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
        guard try link.query("SELECT to_regclass('steward_keys.key_file') IS NULL").integer(0, 0) != 0 else {
          return try bringForward(link)
        }
        try link.exec(KeyDatabase.schema)
      }
    } catch let error as StorageError {
      throw refusal(error)
    }
  }

  func prepareToEnd() throws {
    do { try pool.runBlocking { try bringForward($0) } } catch let error as StorageError { throw refusal(error) }
  }

  /// A store of an earlier version lets no key be destroyed. Where this role may not change that, destroying says so when it comes to it.
  private func bringForward(_ link: PostgresLink) throws {
    let isCurrent = try link.query("SELECT to_regprocedure('steward_keys.keep_2()') IS NOT NULL").integer(0, 0) != 0
    if !isCurrent { try? link.exec(KeyDatabase.schema) }
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
    CREATE OR REPLACE FUNCTION steward_keys.keep_2() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF current_setting('steward_keys.change', true) = 'root' AND TG_LEVEL = 'ROW' THEN
          IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
          RETURN NEW;
        END IF;
        IF TG_OP = 'UPDATE' THEN
          IF NEW.path = OLD.path AND (OLD.path = 'replicas' OR (OLD.path LIKE 'tenants/%/taken'
            AND steward_keys.mark(NEW.data) > steward_keys.mark(OLD.data)) OR (OLD.path LIKE 'tenants/%/blocks/%'
            AND substring(NEW.data for 8) > substring(OLD.data for 8))) THEN
            RETURN NEW;
          END IF;
        END IF;
        IF TG_OP IN ('UPDATE', 'DELETE') THEN
          IF OLD.path = ANY (string_to_array(current_setting('steward_keys.ending', true), ' ')) THEN
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            IF NEW.path = OLD.path THEN RETURN NEW; END IF;
          END IF;
        END IF;
        RAISE EXCEPTION 'keys are never replaced or removed unless they are destroyed, and a mark only rises';
      END $$;
    CREATE OR REPLACE TRIGGER keep BEFORE UPDATE OR DELETE ON steward_keys.key_file
      FOR EACH ROW EXECUTE FUNCTION steward_keys.keep_2();
    CREATE OR REPLACE TRIGGER keep_all BEFORE TRUNCATE ON steward_keys.key_file
      FOR EACH STATEMENT EXECUTE FUNCTION steward_keys.keep_2();
    DROP FUNCTION IF EXISTS steward_keys.keep();
    """
}

/// The connection with the innermost transaction of each thread that has one. A body runs on one thread from its begin to its end.
private final class OpenTransactions: @unchecked Sendable {
  // Read and written with `lock` locked. A link is only ever given to the thread that borrowed it.
  private var links: [pthread_t: PostgresLink] = [:]
  private let lock = NSLock()

  var link: PostgresLink? { lock.withLock { links[pthread_self()] } }

  func whileOpen<T>(_ link: PostgresLink, _ body: () throws -> T) rethrows -> T {
    let outer = replace(with: link)
    defer { _ = replace(with: outer) }
    return try body()
  }

  private func replace(with link: PostgresLink?) -> PostgresLink? {
    lock.withLock {
      let old = links[pthread_self()]
      links[pthread_self()] = link
      return old
    }
  }
}

/// The rows as one connection sees them, in its transaction if it has one.
struct KeyRows: KeyFiles {
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

  func heads(of tenant: TenantID) throws -> [KeyFile] {
    let bounds = ["tenants/\(tenant)/", "tenants/\(tenant)/blocks/", "tenants/\(tenant)/blocks0", "tenants/\(tenant)0"]
    return files(
      try link.query(
        "SELECT path FROM steward_keys.key_file WHERE (path > ? AND path < ?) OR (path > ? AND path < ?)",
        bounds.map { Value.text($0) }))
  }

  func terms() throws -> [KeyFile] {
    try TermKeyName.Series.allCases.flatMap { series in
      let bounds = ["\(series.rawValue)/", "\(series.rawValue)0"].map { Value.text($0) }
      return files(try link.query("SELECT path FROM steward_keys.key_file WHERE path > ? AND path < ?", bounds))
    }
  }

  func epochs(ofBlocksOf tenant: TenantID) throws -> [Int64: Int64] {
    let found = try link.query(
      "SELECT path, substring(data for \(KeyBlock.headSize)) FROM steward_keys.key_file WHERE path > ? AND path < ?",
      [.text("tenants/\(tenant)/blocks/"), .text("tenants/\(tenant)/blocks0")])
    return (0..<found.count).reduce(into: [:]) { epochs, row in
      guard case .block(_, let number)? = KeyFile(path: found.text(row, 0)) else { return }
      epochs[number] = KeyBlock.epoch(of: found.bytes(row, 1)) ?? -1
    }
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

  func addNew(_ files: [(file: KeyFile, bytes: [UInt8])]) throws {
    for one in files {
      try link.queue(
        "INSERT INTO steward_keys.key_file (path, data) VALUES (?, ?) ON CONFLICT (path) DO NOTHING",
        [.text(one.file.path), .bytes(one.bytes)])
    }
    try link.drain()
  }

  func renew(_ file: KeyFile) {}

  func raise(_ mark: Int64, of tenant: TenantID) throws {
    try link.queue(
      """
      INSERT INTO steward_keys.key_file (path, data) VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET data = excluded.data
      WHERE steward_keys.mark(key_file.data) < steward_keys.mark(excluded.data)
      """, [.text(KeyFile.taken(tenant).path), .bytes(TakenMark.text(mark))])
  }

  func replace(_ blocks: [(file: KeyFile, bytes: [UInt8])]) throws {
    for block in blocks {
      try link.queue(
        """
        INSERT INTO steward_keys.key_file (path, data) VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET data = excluded.data
        WHERE substring(key_file.data for 8) < substring(excluded.data for 8)
        """, [.text(block.file.path), .bytes(block.bytes)])
    }
    try link.drain()
  }

  func put(_ bytes: [UInt8], as book: KeyFile) throws {
    try allow(ending: [book])
    try link.queue(
      """
      INSERT INTO steward_keys.key_file (path, data) VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET data = excluded.data
      """, [.text(book.path), .bytes(bytes)])
    try allow(ending: [])
  }

  private func allow(ending files: [KeyFile]) throws {
    _ = try link.query(
      "SELECT set_config('steward_keys.ending', ?, true)", [.text(files.map(\.path).joined(separator: " "))])
  }

  /// Past the guard, which is told which ones.
  func end(_ files: [KeyFile]) throws {
    guard !files.isEmpty else { return }
    try allow(ending: files)
    for file in files {
      let random = SecretBytes.random(count: 64).withBytes { Array($0) }
      if file.isOverwritten {
        try link.queue(
          "UPDATE steward_keys.key_file SET data = ? WHERE path = ?", [.bytes(random), .text(file.path)])
      }
      try link.queue("DELETE FROM steward_keys.key_file WHERE path = ?", [.text(file.path)])
    }
    try allow(ending: [])
  }

  func setReplicaList(_ bytes: [UInt8]) throws {
    try link.queue(
      """
      INSERT INTO steward_keys.key_file (path, data) VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET data = excluded.data
      """, [.text(KeyRows.replicaPath), .bytes(bytes)])
  }
}
