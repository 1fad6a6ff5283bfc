@testable import Custody
import Foundation
import Kernel
import Storage
import Testing

/// A key store of its own for one test, in a directory or in a database that is made for it, with room beside it.
final class KeyHome {
  static let id = "01jd7x0000000000000000000b"

  enum Kind: String, CaseIterable, CustomTestStringConvertible {
    case directory, database
    var testDescription: String { rawValue }

    /// The database only where the tests were given one.
    static var all: [Kind] { KeyHome.server == nil ? [.directory] : [.directory, .database] }
  }

  /// The superuser's URL, if there is a PostgreSQL for tests.
  static let server = ProcessInfo.processInfo.environment["STEWARD_TEST_POSTGRES"]

  let home = NSTemporaryDirectory() + "steward-key-home-" + UUID().uuidString
  let tenant = TenantID.make(at: Instant(milliseconds: 1))
  let place: String
  private let databases: [String]

  init(_ kind: Kind, databases count: Int = 1) throws {
    try FileManager.default.createDirectory(atPath: home + "/data", withIntermediateDirectories: true)
    var names: [String] = []
    if kind == .database {
      for _ in 0..<count { names.append("keys_" + UUID().uuidString.filter(\.isLetter).lowercased()) }
    }
    databases = names
    let password = KeyHome.server.flatMap { URLComponents(string: $0)?.password } ?? ""
    _ = FileManager.default.createFile(
      atPath: home + "/pgpass", contents: Data("*:*:*:*:\(password)\n".utf8), attributes: [.posixPermissions: 0o600])
    for name in names { try KeyHome.administer("CREATE DATABASE \(name)") }
    let beside = home
    place = try names.first.map { try KeyHome.address($0, passwordsIn: beside) } ?? beside + "/keys"
    try location.prepare()
    try provider.create()
    try KeyStore(at: try location.place, provider: provider).createInstallationKey(id: KeyHome.id)
  }

  deinit {
    for name in databases { try? KeyHome.administer("DROP DATABASE \(name) WITH (FORCE)") }
    try? FileManager.default.removeItem(atPath: home)
  }

  var rootKey: String { home + "/root.key" }
  var location: KeyLocation { KeyLocation(place, rootKey: rootKey) }
  var provider: FileKeyProvider { get throws { try FileKeyProvider(path: rootKey, dataDirectory: home + "/data") } }

  /// As a process that only reads or takes would.
  func store() throws -> KeyStore { try KeyStore(at: try location.place, provider: try provider) }

  /// As an installation is opened.
  func settled(adding: [String] = []) throws -> KeyStore {
    try KeyStore(
      at: try location.place, provider: try provider, installation: KeyHome.id, dataDirectory: home + "/data",
      addingReplicas: adding)
  }

  /// The address of the nth database, without its password.
  func address(_ number: Int) throws -> String { try KeyHome.address(databases[number], passwordsIn: home) }

  private static func address(_ database: String, passwordsIn home: String) throws -> String {
    var parts = try #require(URLComponents(string: server ?? ""))
    parts.password = nil
    parts.path = "/" + database
    parts.query = "passfile=\(home)/pgpass" + (parts.query.map { "&\($0)" } ?? "")
    return try #require(parts.string)
  }

  /// Runs statements on the first database, or on that of the superuser.
  func run(_ sql: String, here: Bool = true) throws {
    try PostgresLink(try PostgresServer(url: here ? try address(0) : try #require(KeyHome.server))).exec(sql)
  }

  private static func administer(_ sql: String) throws {
    try PostgresLink(try PostgresServer(url: try #require(server))).exec(sql)
  }

  /// No connection gets to the database, and those that are there end; or they may again.
  func setAway(_ isAway: Bool) throws {
    try KeyHome.administer("ALTER DATABASE \(databases[0]) ALLOW_CONNECTIONS \(!isAway)")
    if isAway {
      try KeyHome.administer("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(databases[0])'")
    }
  }
}
