import Crypto
import Custody
import Glibc
import Kernel
import Storage
import Synchronization
import TransparencyLog

/// A data directory and its key store: who it is, which tenants it has, and the lock that keeps a second process out.
package final class Installation: Sendable {
  package let directory: String
  package let id: ID<Kernel.Installation>
  package let keyStore: KeyStore
  /// The newest of its keys, and what outsiders who pinned an earlier one need.
  private let signing: Mutex<InstallationSigning>
  /// Where the data lies, for whoever reads it past the ledger.
  package let place: DataPlace
  private let control: any TenantDatabase
  /// For all files of this installation.
  let disk: DiskHealth
  /// Where what is here is being moved to by this very process.
  private let movingTo: String?
  /// Nil where the directory itself holds the data.
  private let pool: PostgresPool?
  /// Keeps a second process out of a data directory; -1 where several may work.
  private let lock: Int32

  /// Whether a sync failed in this process, also while it was closed.
  package var diskHasFailed: Bool { disk.hasFailed }

  /// Whether other servers write the same data.
  package var isShared: Bool { pool != nil }

  package var verifierKey: String { signer.verifierKey.description }

  /// The signer of log-key certificates. Its verifier key is what outsiders pin.
  var signer: NoteSigner { signing.withLock { $0.signer } }

  /// Which keys count, for whoever pins the newest.
  package var trust: InstallationTrust { signing.withLock { $0.trust } }

  /// The statements of changed keys, as outsiders get them; empty while the first key counts.
  package var chain: [UInt8] { signing.withLock { $0.chain } }

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

  private static func hasControl(_ directory: String) -> Bool {
    access(directory + "/control.db", F_OK) == 0 || access(directory + DataPlace.nameOfDatabaseFile, F_OK) == 0
  }

  // MARK: Making one

  /// Makes an installation at an empty or missing directory, with a key store outside of it. One that was interrupted is finished. With a
  /// database, that holds the data, and may hold it already: then this directory is one more to serve it from.
  package static func create(
    at directory: String, keys: KeyLocation, replicas: [String] = [], database: DatabaseSettings? = nil, now: Instant
  ) throws -> Installation {
    do { return try make(at: directory, keys: keys, replicas: replicas, database, now: now) } catch {
      throw DiskProblem.explain(error)
    }
  }

  private static func make(
    at directory: String, keys: KeyLocation, replicas: [String], _ database: DatabaseSettings?, now: Instant
  ) throws -> Installation {
    guard !exists(at: directory) else {
      throw Problem(.conflict, "There is already an installation in this directory; choose another one with --data.")
    }
    // Of several servers that begin at once on an empty database one makes the installation, and the others find it made.
    let turn = try database.map(Installation.takeTurn)
    defer { withExtendedLifetime(turn) {} }
    if exists(at: directory) { return try Installation(opening: directory, keys: keys, replicas: replicas, database) }
    if let database { try refuseStranger(keys, database, directory) }
    try DurableFile.makeDirectory(directory)
    if database == nil {
      try DurableFile.makeDirectory(directory + "/tenants")
      try DurableFile.makeDirectory(directory + "/files")
    }
    let provider = try keys.provider(dataDirectory: directory)
    let place = try keys.place
    try keys.prepare()
    // Before anything is made that would stand in the way of a second try.
    for replica in replicas { _ = try KeyReplicas.place(replica, store: place, dataDirectory: directory) }
    if let file = provider as? FileKeyProvider { try makeRoot(file, at: place) }
    // The id first: a key that is left behind without it belongs to nobody and could not be told from another installation's.
    let made = ID<Kernel.Installation>.make(at: now)
    // From the first file on.
    let disk = DiskHealth()
    let id = try database.map { try createControl(in: $0, made, now) } ?? createControl(directory, made, now, disk)
    if !(provider is FileKeyProvider) {
      try KeyStore.makeRoot(at: place, provider: provider, installation: id.text, now: now)
    }
    let store = try KeyStore(at: place, provider: provider, disk: .real(disk))
    if (try? store.installationSeed(id: id.text)) == nil {
      try store.createInstallationKey(id: id.text)
    } else if case .directory(let directory) = place {
      try DurableFile.renew(directory + "/installation.key")
    }
    if let database {
      try DurableFile.write(Array((database.url + "\n").utf8), to: directory + DataPlace.nameOfDatabaseFile)
    }
    let installation = try Installation(opening: directory, keys: keys, replicas: replicas, database, disk: disk)
    try DurableFile.write(Array((installation.verifierKey + "\n").utf8), to: directory + "/steward.vkey")
    return installation
  }

  /// A database with tenants has keys somewhere: others, made here, would sign a second history of it.
  private static func refuseStranger(_ keys: KeyLocation, _ database: DatabaseSettings, _ directory: String) throws {
    let pool = try database.open(connections: 1)
    defer { pool.close() }
    let known = try PostgresDatabase(pool: pool, tenant: nil).onWriterBlocking { connection, _ in
      try connection.firstRow(raw: "SELECT 1 FROM tenant LIMIT 1") == nil ? nil : try Control.installation(connection)
    }
    guard let known else { return }
    let (place, provider) = (try keys.place, try keys.provider(dataDirectory: directory))
    // Keys without the file that opens them: `makeRoot` says so.
    if let file = provider as? FileKeyProvider, DurableFile.resolved(file.path) == nil, try KeyStore.isMade(at: place) {
      return
    }
    let opens = (try? KeyStore(at: place, provider: provider).installationSeed(id: known.text)) != nil
    guard opens else {
      throw Problem(
        .conflict,
        "This database holds an installation already, and its keys are not at \(place); name them with --keys, and their root key with --root-key."
      )
    }
  }

  /// Before the id: what an earlier try left may be there for this machine only.
  private static func makeRoot(_ provider: FileKeyProvider, at place: KeyPlaceName) throws {
    guard DurableFile.resolved(provider.path) == nil else { return try DurableFile.renew(provider.path) }
    guard try !KeyStore.isMade(at: place) else {
      throw Problem(
        .unavailable,
        "There are keys at \(place), and no root key at \(provider.path): bring its file from where they were made.")
    }
    try provider.create()
  }

  /// A connection whose lock lets one process at a time make an installation in this database; it ends with it.
  private static func takeTurn(_ database: DatabaseSettings) throws -> PostgresLink {
    let link = try PostgresLink(try PostgresServer(url: database.url))
    _ = try link.query("SELECT pg_advisory_lock(7236846)")
    return link
  }

  /// The id that counts: the given one, or that of an earlier try.
  private static func createControl(
    _ directory: String, _ id: ID<Kernel.Installation>, _ now: Instant, _ disk: DiskHealth
  ) throws -> ID<Kernel.Installation> {
    let control = try SQLiteDatabase(path: directory + "/control.db", readers: 2, disk: disk)
    defer { control.close() }
    return try control.onWriterBlocking { connection, _ in
      if let known = try Control.installation(connection) { return known }
      try connection.begin()
      for statement in Control.ddl { try connection.run(raw: statement) }
      try Control.write(id, now, connection)
      try connection.commit()
      return id
    }
  }

  /// The same in a database whose schema is there, or is made by the owner's role.
  private static func createControl(
    in database: DatabaseSettings, _ id: ID<Kernel.Installation>, _ now: Instant
  ) throws -> ID<Kernel.Installation> {
    let pool = try database.open(connections: 1)
    defer { pool.close() }
    return try PostgresDatabase(pool: pool, tenant: nil).onWriterBlocking { connection, _ in
      try connection.begin()
      if let known = try Control.installation(connection) {
        try connection.rollback()
        return known
      }
      try Control.write(id, now, connection)
      try connection.commit()
      return id
    }
  }

  // MARK: Opening one

  /// `replicas` are added to those that the key store has; all of them are reachable and in one state when this returns.
  /// `database` says how to reach the database of a directory that has one. What was moved away is not there, unless it goes to `movingTo`:
  /// that move is not over.
  package convenience init(
    openAt directory: String, keys: KeyLocation, replicas: [String] = [], database: DatabaseSettings? = nil,
    movingTo target: String? = nil
  ) throws {
    try Installation.mustExist(directory)
    do {
      try self.init(opening: directory, keys: keys, replicas: replicas, database, movingTo: target)
    } catch {
      throw DiskProblem.explain(error)
    }
  }

  /// Says where the data of this directory was moved; whoever opened it again would go on with a second history of the same logs.
  package static let nameOfMovedFile = "/moved"

  private static let wasMoved = Problem(
    .unavailable,
    "This data was moved by `steward migrate`; the file or the table `moved` says where. Serve it from there.")

  private static func mustExist(_ directory: String) throws {
    if exists(at: directory) {
      guard access(directory + nameOfMovedFile, F_OK) != 0 else {
        throw wasMoved
      }
      return
    }
    throw Problem(
      .unavailable,
      hasControl(directory)
        ? "This installation is not whole: steward.vkey is missing. If `steward init` was interrupted, run it again."
        : "There is no installation in this directory; make one with `steward init --data DIR`.")
  }

  private init(
    opening directory: String, keys: KeyLocation, replicas: [String], _ database: DatabaseSettings?,
    movingTo target: String? = nil, disk: DiskHealth = DiskHealth()
  ) throws {
    self.disk = disk
    self.movingTo = target
    self.directory = directory
    let place = try DataPlace(directory, tables: database?.schema.tablesOfTenants ?? [])
    self.place = place
    if place.server == nil, database != nil {
      throw Problem(
        .conflict, "This directory holds its data itself; move it into the database with `steward migrate`.")
    }
    if place.server != nil, database == nil {
      throw Problem(.internal, "The data of this directory lies in a database, which was not named.")
    }
    let lock = place.server == nil ? try Installation.takeLock(directory) : -1
    self.lock = lock
    do {
      if let database {
        let opened = try database.open()
        pool = opened
        control = PostgresDatabase(pool: opened, tenant: nil)
      } else {
        pool = nil
        control = try SQLiteDatabase(path: directory + "/control.db", readers: 2, disk: disk)
      }
      guard let id = try control.onWriterBlocking({ connection, _ in try Control.installation(connection) }) else {
        throw Problem(.unavailable, "The control database is damaged; restore it from a backup.")
      }
      self.id = id
      let moved = try control.onWriterBlocking { connection, _ in try Control.moved(exceptTo: target, connection) }
      guard !moved.contains(id.text) else { throw Installation.wasMoved }
      keyStore = try KeyStore(
        at: try keys.place, provider: try keys.provider(dataDirectory: directory),
        installation: id.text, dataDirectory: directory, addingReplicas: replicas, disk: .real(disk))
      signing = Mutex(try InstallationSigning(id, keyStore))
      try writeVerifierKey()
    } catch {
      Installation.release(lock)
      throw error
    }
  }

  /// The id in the control database; also beside a running server.
  package static func id(of directory: String) throws -> ID<Kernel.Installation> {
    try mustExist(directory)
    return try id(inControlOf: directory)
  }

  private static func id(inControlOf directory: String) throws -> ID<Kernel.Installation> {
    guard let id = try DataPlace(directory).control(Control.installation) else {
      throw Problem(.unavailable, "The control database is damaged; restore it from a backup.")
    }
    return id
  }

  /// Takes a replica off the key store's list while nothing runs; also one that cannot be reached, which would keep the installation shut.
  package static func forgetReplica(_ replica: String, dataDirectory: String, keys: KeyLocation) throws {
    let lock = try DataPlace(dataDirectory).server == nil ? takeLock(dataDirectory) : -1
    defer { release(lock) }
    try KeyReplicas.forget(replica, at: try keys.place)
  }

  /// The recovery kit of an installation; reads only, so that it can be made beside a running server.
  package static func recoveryKit(dataDirectory: String, keys: KeyLocation, now: Instant) throws -> RecoveryKit {
    let id = try id(of: dataDirectory)
    let store = try KeyStore(at: try keys.place, provider: try keys.provider(dataDirectory: dataDirectory))
    let signer = try InstallationSigning(id, store).signer
    return store.recoveryKit(id: id.text, verifierKey: signer.verifierKey.description, now: now)
  }

  /// Writes into the key store that a kit was made, for whoever asks later whether it still opens anything.
  package static func noteKit(keys: KeyLocation, dataDirectory: String, now: Instant) throws {
    try KeyStore(at: try keys.place, provider: try keys.provider(dataDirectory: dataDirectory)).noteKit(now: now)
  }

  /// Puts a fresh root key, kept as `root` says, in the place of the one that is; beside running servers too (`KeyStore.changeRoot`).
  package static func changeRoot(
    dataDirectory: String, keys: KeyLocation, to root: String, now: Instant
  ) throws -> KeyStore.RootChangeReport {
    try KeyStore.changeRoot(
      at: try keys.place, installation: try id(of: dataDirectory).text,
      from: try keys.provider(dataDirectory: dataDirectory),
      to: try keys.with(rootKey: root).provider(dataDirectory: dataDirectory), now: now)
  }

  package func close() {
    control.close()
    pool?.close()
    Installation.release(lock)
  }

  /// Gives the lock up and not only the descriptor: a process that is being started at this moment has a copy of that until it becomes
  /// another program, and the lock would last as long.
  private static func release(_ lock: Int32) {
    guard lock >= 0 else { return }
    flock(lock, LOCK_UN)
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
        .unavailable, "Another Steward process uses this data directory; stop it first.")
    }
    return descriptor
  }

  // MARK: Tenants

  /// Where files lie that lie in no other store.
  package var filesDirectory: String { directory + "/files" }

  /// Looks whether another server has changed the installation key.
  package func refreshKeys() throws {
    guard isShared else { return }
    guard try keyStore.newestInstallationKey() != signing.withLock({ $0.number }) else { return }
    let newest = try InstallationSigning(id, keyStore)
    signing.withLock { $0 = newest }
    try writeVerifierKey()
  }

  /// Gives the installation a new key (docs/format.md §3.8); safe to repeat after a crash. What it certified before is certified anew tenant by tenant
  /// (`Ledger.bringForward`).
  func rotateKey(now: Instant) throws {
    let old = try InstallationSigning(id, keyStore)
    let number = old.number + 1
    // A chain that nobody reads would shut the installation.
    guard number - 1 <= InstallationTrust.maximumLinks else {
      throw Problem(
        .conflict,
        "The installation has changed its key \(InstallationTrust.maximumLinks) times, which is all a chain holds.")
    }
    try keyStore.makeInstallationKey(id: id.text, number: number)
    let new = try NoteSigner(
      name: "steward/\(id)", seed: try keyStore.installationSeed(id: id.text, number: number))
    let link = InstallationLink(
      number: number, old: old.signer.verifierKey, new: new.verifierKey, since: now)
    try keyStore.addInstallationLink(try link.signed(old: old.signer, new: new), number: number)
    let newest = try InstallationSigning(id, keyStore)
    signing.withLock { $0 = newest }
    try writeVerifierKey()
  }

  /// Brings `steward.vkey` and `steward.chain` to the key that counts: after a change, a restore, or in the directory of another server.
  private func writeVerifierKey() throws {
    let now = signing.withLock { $0 }
    let (vkey, chain) = (directory + "/steward.vkey", directory + "/steward.chain")
    // Of an installation that is being made it is the last file.
    guard now.number > 1, let there = try DurableFile.read(vkey) else { return }
    // The chain first: with it the older key still leads to everything.
    if try DurableFile.read(chain) != now.chain { try DurableFile.write(now.chain, to: chain) }
    let line = Array("\(now.signer.verifierKey)\n".utf8)
    if there != line { try DurableFile.write(line, to: vkey) }
  }

  /// What counts unless another store is named: where every server that has the rows has the files too.
  package var ordinaryFiles: any SealedFileStore {
    isShared ? MovingFiles(to: DatabaseFiles(self), from: directoryFiles, isShared: true) : directoryFiles
  }

  /// The store of those that lie in the data directory.
  package var directoryFiles: DirectoryFiles { DirectoryFiles(filesDirectory, disk: disk) }

  private func databasePath(_ id: TenantID) -> String { "\(directory)/tenants/\(id).db" }

  /// What a tenant's ledger writes and reads.
  func database(of id: TenantID) throws -> any TenantDatabase {
    if let pool { return PostgresDatabase(pool: pool, tenant: id.text) }
    return try SQLiteDatabase(path: databasePath(id), disk: disk)
  }

  /// One snapshot of a tenant's plain columns, without opening it. `isOpen`: whether this process has it open.
  func peek<T>(_ id: TenantID, isOpen: Bool, _ body: (Connection) throws -> T) throws -> T {
    if let pool { return try PostgresDatabase(pool: pool, tenant: id.text).readBlocking(body) }
    // Nobody writes a file that is not open here (one process has the directory), and with nothing in the WAL it is whole by
    // itself: then SQLite may read it without making files of its own beside it.
    let path = databasePath(id)
    let isStill = !isOpen && DataPlace.size(of: path + "-wal") == 0
    return try SQLiteDatabase.readOnly(path: path, immutable: isStill, body)
  }

  package func tenants() throws -> [TenantEntry] {
    try control.onWriterBlocking { [movingTo] connection, _ in
      try Control.tenants("ORDER BY id", exceptMovedTo: movingTo, connection)
    }
  }

  /// Notes where tenants went, or with `all` the installation itself: nobody opens them here any more, from this directory or, of a
  /// database, from any other.
  package func noteMoved(_ tenants: [TenantID], all: Bool, to target: String, now: Instant) throws {
    let ids = tenants.map(\.text) + (all ? [id.text] : [])
    try control.onWriterBlocking { connection, _ in
      guard try connection.dialect == .sqlite || connection.hasTable("moved") else {
        throw Problem(
          .unavailable,
          "The source's tables are older than this Steward; start once with the owner's role in --database-owner.",
          detail: "moved")
      }
      try connection.begin()
      try Control.noteMoved(ids, to: target, now, connection)
      try connection.commit()
    }
  }

  /// Removes the data of a tenant that has no keys any more: its rows or its database, and its name. May be repeated.
  func removeTenant(_ id: TenantID) throws {
    guard try keyStore.isEnded(id) else { throw Problem(.internal, "A tenant's keys go before its data.") }
    if isShared {
      return try control.onWriterBlocking { connection, _ in
        try connection.begin()
        try connection.run(raw: "SELECT set_config('steward.erase_tenant', ?, true)", [.text(id.text)])
        try connection.run(raw: "SELECT steward_erase_tenant(?)", [.text(id.text)])
        try connection.commit()
      }
    }
    for suffix in ["-wal", "-shm", ""] {
      let path = databasePath(id) + suffix
      guard unlink(path) == 0 || errno == ENOENT else {
        throw DurableFile.FileError(operation: "remove", path: path, number: errno)
      }
    }
    try DurableFile.syncDirectory(of: databasePath(id))
    rmdir("\(filesDirectory)/\(id)")
    try control.onWriterBlocking { connection, _ in
      try connection.begin()
      try connection.run(raw: "DELETE FROM tenant WHERE id = ?", [.text(id.text)])
      try connection.commit()
    }
    _ = try control.scrub(upTo: .max)
  }

  /// What the control table says now of those that `tail` names, such as `"WHERE slug = \(slug)"`.
  func tenants(_ tail: SQL) async throws -> [TenantEntry] {
    try await control.read { [movingTo] connection in
      try Control.tenants(tail, exceptMovedTo: movingTo, connection)
    }
  }

  /// When each tenant's queue next has something to do, from all of them at once; only on a shared database.
  func dueTenants() async throws -> [TenantID: Instant] {
    let rows = try await control.read { connection in
      try connection.rows(raw: "SELECT tenant, due FROM steward_due()")
    }
    return rows.reduce(into: [:]) { due, row in
      guard let id = row[0].text.flatMap({ TenantID($0) }), let time = row[1].integer else { return }
      due[id] = Instant(milliseconds: time)
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
    let seed = try keyStore.logSeed(of: id, number: 1)
    let key = try NoteSigner(name: origin, seed: seed).verifierKey
    try refreshKeys()
    let certificate = try certify(key, since: now)
    if !isShared { try SQLiteDatabase(path: databasePath(id), readers: 1, disk: disk).close() }
    let entry = TenantEntry(id: id, slug: slug, logOrigin: origin, isHidden: isHidden, certificate: certificate)
    try control.onWriterBlocking { connection, _ in try Control.add(entry, now, connection) }
    return entry
  }
}
