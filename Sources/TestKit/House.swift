import Accounts
import Foundation
import Logging
import Platform
import Server
import Synchronization
import TestDatabase

/// A whole installation for one test: the real application on a temporary directory, with a clock that stands still and people
/// who are always the same.
///
///     let house = try await House.open()
///     defer { house.leave() }
///     let answer = try await house.anna.get("/v1/me")
package final class House: Sendable {
  /// When every test begins.
  package static let beginning = Instant("2026-03-02T09:00:00.000Z") ?? Instant(milliseconds: 0)

  package let app: StewardApp
  package let clock: FixedClock
  package let directory: String
  /// Nil where the suite runs on SQLite.
  package let database: TestDatabase?
  private let successor = Mutex<StewardApp?>(nil)
  private let neighbours = Mutex<[StewardApp]>([])
  package let acme: TenantProfile
  package let globex: TenantProfile
  /// Manager.
  package let anna: Guest
  /// Manager who approves.
  package let ben: Guest
  /// Member to whom nothing is assigned.
  package let mia: Guest
  /// Auditor.
  package let adam: Guest
  /// Owner of Acme.
  package let olga: Guest
  /// Owner of Globex.
  package let gina: Guest
  /// Nobody.
  package var stranger: Guest { Guest(app: app, name: "stranger", id: nil, token: nil) }

  package static func open(
    mail: MailSettings = MailSettings(), backsUp: Bool = false, objectStore: ObjectStoreSettings? = nil,
    logger: Logger? = nil, isShared: Bool = false
  ) async throws -> House {
    let directory = try temporaryDirectory()
    let clock = FixedClock(beginning)
    let data = directory + "/data"
    let database = try TestDatabase.make(tables: ModuleList.everyTable)
    try Installation.create(at: data, keys: "\(data).keys", database: database?.settings, now: clock.now).close()
    var quiet = StewardApp.logger()
    quiet.logLevel = .critical
    var configuration = ServerConfiguration(
      dataDirectory: data, keysDirectory: nil, listen: ListenAddress(host: "localhost", port: 8080))
    configuration.mail = mail
    configuration.objectStore = objectStore
    configuration.database = database?.settings
    if backsUp {
      configuration.backups = BackupSettings(place: directory + "/place")
      try FileManager.default.createDirectory(atPath: directory + "/place", withIntermediateDirectories: false)
    }
    let app = try StewardApp(configuration, clock: clock, logger: logger ?? quiet, isShared: isShared)
    return try await House(app: app, clock: clock, directory: directory, database: database)
  }

  private init(app: StewardApp, clock: FixedClock, directory: String, database: TestDatabase?) async throws {
    self.database = database
    self.app = app
    self.clock = clock
    self.directory = directory
    acme = try await app.tenants.create(slug: "acme", name: "Acme GmbH", by: House.actor)
    globex = try await app.tenants.create(slug: "globex", name: "Globex Ltd", by: House.actor)
    anna = try await House.guest(app, acme, "Anna Berg", "anna@acme.example", .manager)
    ben = try await House.guest(app, acme, "Ben Castillo", "ben@acme.example", .manager)
    mia = try await House.guest(app, acme, "Mia Novak", "mia@acme.example", .member)
    adam = try await House.guest(app, acme, "Adam Reyes", "adam@acme.example", .auditor)
    olga = try await House.guest(app, acme, "Olga Lindqvist", "olga@acme.example", .owner)
    gina = try await House.guest(app, globex, "Gina Moreau", "gina@globex.example", .owner)
    app.readiness.declare()
  }

  private static let actor = Actor.system("test")

  private static func guest(
    _ app: StewardApp, _ tenant: TenantProfile, _ name: String, _ email: String, _ role: Role
  ) async throws -> Guest {
    let id = try await app.accounts.enrol(tenant.id, name: name, email: email, roles: [role], by: actor)
    let token = try await app.accounts.issueToken(tenant.id, for: id, label: "test", by: actor)
    return Guest(app: app, name: name, id: id, token: token)
  }

  /// Gives a guest a password; hashing takes a while, so only tests that need one ask for it.
  package func setPassword(_ password: String, for guest: Guest) async throws {
    guard let id = guest.id else { return }
    try await app.accounts.setPassword(acme.id, id, password, by: House.actor)
  }

  /// A statement run behind the ledger's back, with the guards taken away: what someone with the file, or with the database, can do.
  package func tamper(_ tenant: TenantID, _ statement: String) throws {
    if let database { return try database.tamper(["SET session_replication_role = replica", statement]) }
    let file = try SQLiteDatabase(path: "\(directory)/data/tenants/\(tenant).db")
    defer { file.close() }
    try file.onWriterBlocking { connection, gate in
      // This one asks for more than an open work: an image goes in an erasure only.
      let guards = try connection.rows(raw: "SELECT sql FROM sqlite_schema WHERE name = 'log_change_guard_image'")
      try connection.run(raw: "DROP TRIGGER IF EXISTS log_change_guard_image")
      try gate.whileOpen { try connection.run(raw: statement) }
      for text in guards.compactMap(\.[0].text) { try connection.run(raw: text) }
    }
  }

  /// The same directory in a new life of the process. The house itself must not be used from then on, but to leave it.
  package func reopened() async throws -> StewardApp {
    await app.close()
    var logger = StewardApp.logger()
    logger.logLevel = .critical
    let next = try StewardApp(app.configuration, clock: clock, logger: logger)
    successor.withLock { $0 = next }
    return next
  }

  /// A second server on the same database, which knows of the first only what that says. For a house that is shared. Where the engine
  /// lets one process have the database, the two have a ledger in common and nothing else.
  package func neighbour() throws -> StewardApp {
    var logger = StewardApp.logger()
    logger.logLevel = .critical
    let next = try StewardApp(app.configuration, clock: clock, logger: logger, beside: database == nil ? app : nil)
    next.readiness.declare()
    if database != nil { neighbours.withLock { $0.append(next) } }
    return next
  }

  /// Closes the application and removes its directory.
  package func leave() {
    Task {
      for neighbour in neighbours.withLock({ $0 }) { await neighbour.close() }
      await (successor.withLock { $0 } ?? app).close()
      removeTree(directory)
      database?.drop()
    }
  }
}

/// A new directory under the system's temporary one.
package func temporaryDirectory() throws -> String {
  var template = Array("/tmp/steward-test-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw Problem(.internal, "No temporary directory can be made.") }
  return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// Removes a directory that a test made, and nothing else.
package func removeTree(_ path: String) {
  guard path.hasPrefix("/tmp/steward-test-") else { return }
  try? FileManager.default.removeItem(atPath: path)
}

extension House {
  /// Everybody by first name, for scenarios.
  package var guests: [String: Guest] {
    ["anna": anna, "ben": ben, "mia": mia, "adam": adam, "olga": olga, "gina": gina, "stranger": stranger]
  }

  package func play(_ scenario: String) async throws { try await Scenario(scenario).play(guests) }
}
