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

  package static func exists(at directory: String) -> Bool { access(directory + "/control.db", F_OK) == 0 }

  // MARK: Making one

  /// Makes an installation at an empty or missing directory, with a key store outside of it.
  package static func create(at directory: String, keys: String, now: Instant) throws -> Installation {
    guard !exists(at: directory) else {
      throw Problem(.conflict, "There is already an installation in this directory; choose another one with --data.")
    }
    try DurableFile.makeDirectory(directory)
    try DurableFile.makeDirectory(directory + "/tenants")
    try DurableFile.makeDirectory(directory + "/files")
    let provider = try FileKeyProvider(path: keys + "/root.key", dataDirectory: directory)
    try DurableFile.makeDirectory(keys)
    if DurableFile.resolved(provider.path) == nil { try provider.create() }
    let id = ID<Kernel.Installation>.make(at: now)
    let store = try KeyStore(directory: keys, provider: provider)
    try store.createInstallationKey(id: id.text)
    try createControl(directory, id, now)
    let installation = try Installation(openAt: directory, keys: keys)
    try DurableFile.write(Array((installation.verifierKey + "\n").utf8), to: directory + "/steward.vkey")
    return installation
  }

  private static func createControl(_ directory: String, _ id: ID<Kernel.Installation>, _ now: Instant) throws {
    let control = try SQLiteDatabase(path: directory + "/control.db", readers: 2)
    defer { control.close() }
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
        raw: "INSERT INTO installation (id, created, format) VALUES (?, ?, 1)",
        [.text(id.text), .integer(now.milliseconds)])
      try connection.commit()
    }
  }

  // MARK: Opening one

  package init(openAt directory: String, keys: String) throws {
    guard Installation.exists(at: directory) else {
      throw Problem(
        .unavailable, "There is no installation in this directory; make one with `steward init --data DIR`.")
    }
    self.directory = directory
    lock = try Installation.takeLock(directory)
    let provider = try FileKeyProvider(path: keys + "/root.key", dataDirectory: directory)
    keyStore = try KeyStore(directory: keys, provider: provider)
    control = try SQLiteDatabase(path: directory + "/control.db", readers: 2)
    let row = try control.onWriterBlocking { connection, _ in
      try connection.firstRow(raw: "SELECT id, format FROM installation")
    }
    guard let text = row?[0].text, let id = ID<Kernel.Installation>(text), row?[1].integer == 1 else {
      throw Problem(.unavailable, "This data directory was made by another version of Steward; use that version.")
    }
    self.id = id
    signer = try NoteSigner(name: "steward/\(id)", seed: try keyStore.installationSeed(id: id.text))
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

  /// Keys first, then the control row: a crash in between leaves unused keys, never a tenant without keys.
  func addTenant(slug: String, isHidden: Bool, now: Instant) throws -> TenantEntry {
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
