import Foundation
@testable import Storage
import Testing

/// The throw-away server that `Tools/postgres run` starts, with one database for these tests.
enum TestServer {
  static let url = ProcessInfo.processInfo.environment["STEWARD_TEST_POSTGRES"]
  static var isThere: Bool { url != nil }

  /// The database, made once in a process.
  private static let prepared: Result<PostgresServer, any Error> = Result {
    let server = try PostgresServer(url: try #require(url))
    let name = "storage_\(UUID().uuidString.prefix(8).lowercased())"
    try PostgresLink(server, limits: .maintenance).exec("CREATE DATABASE \(name) TEMPLATE template0")
    let own = server.with(database: name)
    try PostgresLink(own).exec("CREATE SCHEMA steward")
    return own
  }

  static func server() throws -> PostgresServer { try prepared.get() }
  static func link(_ limits: PostgresLimits = .serving) throws -> PostgresLink {
    try PostgresLink(server(), limits: limits)
  }

  /// Ends the server's process of `link` with FATAL 57P01, as a restart would.
  static func terminate(_ link: PostgresLink) throws {
    _ = try Self.link().query("SELECT pg_terminate_backend(?, 5000)", [.integer(Int64(link.serverProcess))])
  }

  /// Cuts the line without a word, as a dead machine would.
  static func cut(_ link: PostgresLink) { shutdown(link.descriptor, Int32(SHUT_RDWR)) }
}

/// The SQLSTATE of what `body` throws.
func sqlState(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch let error as StorageError { return error.sqlState } catch { return "\(error)" }
}
