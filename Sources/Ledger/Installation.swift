import Crypto
import Custody
import Glibc
import Kernel
import Storage
import TransparencyLog

/// A data directory and its key store: who it is, which tenants it has, and the lock that keeps a second process out.
package final class Installation: Sendable {
  package let directory: String
  package let id: ID<Kernel.Installation>
  package let keyStore: KeyStore
  /// The signer of log-key certificates. Its verifier key is what outsiders pin.
  let signer: NoteSigner
  let control: SQLiteDatabase
  private let lock: Int32

  package var verifierKey: String { signer.verifierKey.description }

  /// A tenant as the control database knows it: enough to find it, and no content.
  package struct TenantEntry: Sendable, Hashable {
    package let id: TenantID
    /// Name in addresses (`/t/acme`); chosen by the operator, `[a-z0-9-]{1,40}`.
    package let slug: String
    package let logOrigin: String
    /// A probe or the installation's own: not listed, no sign-in.
    package let isHidden: Bool
    let certificate: [UInt8]
  }

  /// Where a data directory's key store lies unless told otherwise.
  package static func defaultKeysDirectory(for directory: String) -> String {
    (directory.hasSuffix("/") ? String(directory.dropLast()) : directory) + ".keys"
  }

  /// Whether there is a whole one: its verifier key is written last.
  package static func exists(at directory: String) -> Bool {
    hasControl(directory) && access(directory + "/steward.vkey", F_OK) == 0
  }

  private static func hasControl(_ directory: String) -> Bool { access(directory + "/control.db", F_OK) == 0 }

  // MARK: Making one

  /// Makes an installation at an empty or missing directory, with a key store outside of it. One that was interrupted is finished.
  package static func create(
    at directory: String, keys: String, replicas: [String] = [], now: Instant
  ) throws -> Installation {
    do { return try make(at: directory, keys: keys, replicas: replicas, now: now) } catch {
      throw DiskProblem.explain(error)
    }
  }

  private static func make(at directory: String, keys: String, replicas: [String], now: Instant) throws -> Installation
  {
    guard !exists(at: directory) else {
      throw Problem(.conflict, "There is already an installation in this directory; choose another one with --data.")
    }
    try DurableFile.makeDirectory(directory)
    try DurableFile.makeDirectory(directory + "/tenants")
    try DurableFile.makeDirectory(directory + "/files")
    let provider = try FileKeyProvider(path: keys + "/root.key", dataDirectory: directory)
    try DurableFile.makeDirectory(keys)
    // Before anything is made that would stand in the way of a second try.
    for replica in replicas { _ = try KeyReplicas.place(replica, store: keys, dataDirectory: directory) }
    if DurableFile.resolved(provider.path) == nil { try provider.create() }
    // The id first: a key that is left behind without it belongs to nobody and could not be told from another installation's.
    let id = try createControl(directory, ID<Kernel.Installation>.make(at: now), now)
    let store = try KeyStore(directory: keys, provider: provider)
    if (try? store.installationSeed(id: id.text)) == nil { try store.createInstallationKey(id: id.text) }
    let installation = try Installation(opening: directory, keys: keys, replicas: replicas)
    try DurableFile.write(Array((installation.verifierKey + "\n").utf8), to: directory + "/steward.vkey")
    return installation
  }

  /// The id that counts: the given one, or that of an earlier try.
  private static func createControl(
    _ directory: String, _ id: ID<Kernel.Installation>, _ now: Instant
  ) throws -> ID<Kernel.Installation> {
    let control = try SQLiteDatabase(path: directory + "/control.db", readers: 2)
    defer { control.close() }
    let isThere = try control.onWriterBlocking { connection, _ in
      try connection.firstRow(raw: "SELECT 1 FROM sqlite_schema WHERE name = 'installation'") != nil
    }
    if isThere { return try Installation.id(inControlOf: directory) }
    try control.onWriterBlocking { connection, _ in
      try connection.begin()
      try connection.run(
        raw:
          "CREATE TABLE installation (id TEXT NOT NULL PRIMARY KEY, created INTEGER NOT NULL, format INTEGER NOT NULL) STRICT"
      )
      try connection.run(
        raw: """
          CREATE TABLE tenant (id TEXT NOT NULL PRIMARY KEY, slug TEXT NOT NULL UNIQUE, origin TEXT NOT NULL UNIQUE,
          certificate BLOB NOT NULL, hidden INTEGER NOT NULL, created INTEGER NOT NULL) STRICT
          """)
      try connection.run(
        raw: "INSERT INTO installation (id, created, format) VALUES (?, ?, ?)",
        [.text(id.text), .integer(now.milliseconds), .integer(DirectoryFormat.current)])
      try connection.commit()
    }
    return id
  }

  // MARK: Opening one

  /// `replicas` are added to those that the key store has; all of them are reachable and in one state when this returns.
  package convenience init(openAt directory: String, keys: String, replicas: [String] = []) throws {
    try Installation.mustExist(directory)
    do { try self.init(opening: directory, keys: keys, replicas: replicas) } catch { throw DiskProblem.explain(error) }
  }

  private static func mustExist(_ directory: String) throws {
    if exists(at: directory) { return }
    throw Problem(
      .unavailable,
      hasControl(directory)
        ? "This installation is not whole: steward.vkey is missing. If `steward init` was interrupted, run it again."
        : "There is no installation in this directory; make one with `steward init --data DIR`.")
  }

  private init(opening directory: String, keys: String, replicas: [String]) throws {
    self.directory = directory
    lock = try Installation.takeLock(directory)
    do {
      let id = try Installation.id(inControlOf: directory)
      self.id = id
      keyStore = try KeyStore(
        directory: keys, provider: try FileKeyProvider(path: keys + "/root.key", dataDirectory: directory),
        installation: id.text, dataDirectory: directory, addingReplicas: replicas)
      signer = try NoteSigner(name: "steward/\(id)", seed: try keyStore.installationSeed(id: id.text))
      control = try SQLiteDatabase(path: directory + "/control.db", readers: 2)
    } catch {
      Glibc.close(lock)
      throw error
    }
  }

  /// The id in the control database; also beside a running server.
  package static func id(of directory: String) throws -> ID<Kernel.Installation> {
    try mustExist(directory)
    return try id(inControlOf: directory)
  }

  private static func id(inControlOf directory: String) throws -> ID<Kernel.Installation> {
    let row = try SQLiteDatabase.readOnly(path: directory + "/control.db") { connection in
      try connection.firstRow(raw: "SELECT id, format FROM installation")
    }
    try DirectoryFormat.check(row?[1].integer)
    guard let text = row?[0].text, let id = ID<Kernel.Installation>(text) else {
      throw Problem(.unavailable, "The control database is damaged; restore it from a backup.")
    }
    return id
  }

  /// Takes a replica off the key store's list while nothing runs; also one that cannot be reached, which would keep the installation shut.
  package static func forgetReplica(_ path: String, dataDirectory: String, keys: String) throws {
    let lock = try takeLock(dataDirectory)
    defer { Glibc.close(lock) }
    try KeyReplicas.forget(path, in: keys)
  }

  /// The recovery kit of an installation; reads only, so that it can be made beside a running server.
  package static func recoveryKit(dataDirectory: String, keys: String, now: Instant) throws -> RecoveryKit {
    let id = try id(of: dataDirectory)
    let store = try KeyStore(
      directory: keys, provider: try FileKeyProvider(path: keys + "/root.key", dataDirectory: dataDirectory))
    let signer = try NoteSigner(name: "steward/\(id)", seed: try store.installationSeed(id: id.text))
    return store.recoveryKit(id: id.text, verifierKey: signer.verifierKey.description, now: now)
  }

  package func close() {
    control.close()
    Glibc.close(lock)
  }

  /// One process writes a data directory.
  private static func takeLock(_ directory: String) throws -> Int32 {
    let descriptor = Glibc.open(directory + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw DurableFile.FileError(operation: "open", path: directory + "/lock", number: errno)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      Glibc.close(descriptor)
      throw Problem(
        .unavailable, "Another Steward process uses this data directory; stop it first or ask it through its socket.")
    }
    return descriptor
  }

  // MARK: Tenants

  func databasePath(_ id: TenantID) -> String { "\(directory)/tenants/\(id).db" }

  package func tenants() throws -> [TenantEntry] {
    try control.onWriterBlocking { connection, _ in
      try connection.rows(raw: "SELECT id, slug, origin, certificate, hidden FROM tenant ORDER BY id").compactMap {
        row in
        guard let id = row[0].text.flatMap({ TenantID($0) }), let slug = row[1].text, let origin = row[2].text,
          let certificate = row[3].bytes
        else { return nil }
        return TenantEntry(
          id: id, slug: slug, logOrigin: origin, isHidden: row[4].integer == 1, certificate: certificate)
      }
    }
  }

  /// Keys first, then an empty database, then the control row: a crash in between leaves what nobody uses, never a tenant that lacks
  /// either. A named tenant without a database was robbed of it.
  func addTenant(slug: String, isHidden: Bool, now: Instant) throws -> TenantEntry {
    do { return try add(slug: slug, isHidden: isHidden, now: now) } catch { throw DiskProblem.explain(error) }
  }

  private func add(slug: String, isHidden: Bool, now: Instant) throws -> TenantEntry {
    guard (1...40).contains(slug.utf8.count),
      slug.utf8.allSatisfy({ byte in "abcdefghijklmnopqrstuvwxyz0123456789-".utf8.contains(byte) })
    else {
      throw Problem.invalid("slug", "A tenant's name in addresses has 1 to 40 lower-case letters, digits or hyphens.")
    }
    let id = TenantID.make(at: now)
    try keyStore.createTenant(id)
    let origin = "steward/\(self.id)/\(ID<Log>.make(at: now))"
    let seed = try keyStore.openTenant(id).logSeed
    let key = try NoteSigner(name: origin, seed: seed).verifierKey
    let certificate = try signer.sign(text: LogKeyCertificate(key: key, since: now).text)
    try SQLiteDatabase(path: databasePath(id), readers: 1).close()
    try control.onWriterBlocking { connection, _ in
      do {
        try connection.run(
          raw: "INSERT INTO tenant (id, slug, origin, certificate, hidden, created) VALUES (?,?,?,?,?,?)",
          [
            .text(id.text), .text(slug), .text(origin), .bytes(certificate), .integer(isHidden ? 1 : 0),
            .integer(now.milliseconds),
          ])
      } catch let error as StorageError where error.isConstraint {
        throw Problem(.conflict, "There is already a tenant of this name; choose another one.")
      }
    }
    return TenantEntry(id: id, slug: slug, logOrigin: origin, isHidden: isHidden, certificate: certificate)
  }
}
