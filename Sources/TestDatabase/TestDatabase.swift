import Glibc
import Kernel
import Ledger
import Storage
import Synchronization

/// A database of its own for one test, where the suite runs on PostgreSQL:
///
///     STEWARD_TEST_ENGINE=postgres python3 Tools/postgres run -- swift test
///
/// Each is copied from a template that is made once per process and set of tables.
package struct TestDatabase: Sendable {
  private static let templates = Mutex<[String: String]>([:])

  package let name: String
  package let settings: DatabaseSettings

  package static var isWanted: Bool { variable("STEWARD_TEST_ENGINE") == "postgres" }

  /// Whether there is a server, for tests that need one on whichever engine the suite runs.
  package static var isThere: Bool { variable("STEWARD_TEST_POSTGRES") != nil }

  /// Nil where the suite runs on SQLite, or where `isUsed` says so.
  package static func make(tables: [Table], connections: Int = 4, isUsed: Bool = isWanted) throws -> TestDatabase? {
    isUsed ? try another(tables: tables, connections: connections) : nil
  }

  /// On whichever engine the suite runs.
  package static func another(tables: [Table], connections: Int = 4) throws -> TestDatabase {
    guard let server = variable("STEWARD_TEST_POSTGRES") else {
      throw Problem(.internal, "Run this through `python3 Tools/postgres run -- …`: there is no database server.")
    }
    let schema = PostgresSchema(tables: tables)
    let template = try template(server, schema, key: tables.map(\.name).joined(separator: ","))
    let name = fresh("test")
    try perform("CREATE DATABASE \(name) TEMPLATE \(template) OWNER steward_owner", on: server)
    return TestDatabase(
      name: name,
      settings: DatabaseSettings(
        url: try url(server, "steward_app", name), connections: connections, schema: schema))
  }

  /// For a program with other tables: its owner brings the schema forward.
  package func settings(tables: [Table]) throws -> DatabaseSettings {
    guard let server = Self.variable("STEWARD_TEST_POSTGRES") else { return settings }
    return DatabaseSettings(
      url: settings.url, owner: try Self.url(server, "steward_owner", name), connections: settings.connections,
      schema: PostgresSchema(tables: tables))
  }

  /// Removes it; whoever still has a connection loses it.
  package func drop() {
    guard let server = Self.variable("STEWARD_TEST_POSTGRES") else { return }
    try? Self.perform("DROP DATABASE IF EXISTS \(name) WITH (FORCE)", on: server)
  }

  /// This database as somebody else sees it; nil is whoever may do anything.
  package func server(as role: String? = nil) throws -> PostgresServer {
    guard let server = Self.variable("STEWARD_TEST_POSTGRES") else {
      throw Problem(.internal, "There is no database server.")
    }
    guard let role else { return try PostgresServer(url: server).with(database: name) }
    return try PostgresServer(url: Self.url(server, role, name))
  }

  /// Statements run by somebody who may do anything: what an attacker at the database can do.
  package func tamper(_ statements: [String]) throws {
    guard let server = Self.variable("STEWARD_TEST_POSTGRES") else { return }
    let link = try PostgresLink(try PostgresServer(url: server).with(database: name))
    try link.exec("SET search_path = steward")
    for statement in statements { try link.exec(Self.translated(statement)) }
  }

  /// What tests write for SQLite, in PostgreSQL's words.
  private static func translated(_ statement: String) -> String {
    var out = statement
    out.replace(/CAST\(replace\(CAST\((\w+) AS TEXT\), ('[^']*'), ('[^']*')\) AS BLOB\)/) {
      "convert_to(replace(convert_from(\($0.output.1), 'UTF8'), \($0.output.2), \($0.output.3)), 'UTF8')"
    }
    out = out.replacing("AS BLOB", with: "AS BYTEA")
    out.replace(/zeroblob\((\d+)\)/) { "decode(repeat('00', \($0.output.1)), 'hex')" }
    out.replace(/x'([0-9a-f]*)'/) { "'\\x\($0.output.1)'::bytea" }
    out.replace(/^DROP TRIGGER (\w+)_guard_(\w+)$/) {
      "DROP TRIGGER \($0.output.1)_guard_\($0.output.2) ON \($0.output.1)"
    }
    return out
  }

  private static func template(_ server: String, _ schema: PostgresSchema, key: String) throws -> String {
    try templates.withLock { templates in
      if let name = templates[key] { return name }
      let name = fresh("template")
      try perform("CREATE DATABASE \(name) OWNER steward_owner", on: server)
      try schema.bringForward(
        owner: try PostgresServer(url: try url(server, "steward_owner", name)),
        application: try PostgresServer(url: try url(server, "steward_app", name)))
      templates[key] = name
      return name
    }
  }

  private static func perform(_ statement: String, on server: String) throws {
    try PostgresLink(try PostgresServer(url: server)).exec(statement)
  }

  private static func fresh(_ kind: String) -> String { "\(kind)_\(Hex.encode(RandomPool.bytes(8)))" }

  /// The same server asked by a role that has the same password.
  private static func url(_ server: String, _ role: String, _ database: String) throws -> String {
    guard let at = server.lastIndex(of: "@"), let colon = server[..<at].lastIndex(of: ":"),
      let slash = server.lastIndex(of: "/"), at < slash
    else { throw Problem(.internal, "STEWARD_TEST_POSTGRES is no URL with a password.") }
    return "postgres://\(role)\(server[colon..<slash])/\(database)"
  }

  private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
