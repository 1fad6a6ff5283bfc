import Foundation
@testable import Storage
import Testing

/// A server of its own, to be killed.
private final class OwnServer {
  private static let tool = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../Tools/postgres").standardizedFileURL.path

  private let directory = NSTemporaryDirectory() + "steward-pg-own-" + UUID().uuidString.prefix(8)
  private(set) var server: PostgresServer

  init() throws { server = try PostgresServer(url: Self.call("start", directory)) }

  deinit {
    _ = try? Self.call("stop", directory)
    try? FileManager.default.removeItem(atPath: directory)
  }

  func kill() throws { _ = try Self.call("kill", directory) }
  func start() throws { server = try PostgresServer(url: Self.call("start", directory)) }

  private static func call(_ verb: String, _ directory: String) throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", tool, verb, directory]
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

@Suite("PostgreSQL fails", .enabled(if: TestServer.isThere))
struct PostgresOutageTests {
  @Test(
    "what was acknowledged survives the server's death; what was not is in doubt, and the pool goes on with the next server"
  )
  func killed() throws {
    let own = try OwnServer()
    let pool = PostgresPool(own.server, size: 2)
    defer { pool.close() }
    try pool.runBlocking { try $0.exec("CREATE SCHEMA steward; CREATE TABLE steward.kept (n bigint)") }
    let insert = "INSERT INTO kept (n) VALUES (?)"
    var acknowledged = 0
    let lost = #expect(throws: StorageError.self) {
      try pool.runBlocking { link in
        while true {
          try link.queue("BEGIN")
          for _ in 0..<50 { try link.queue(insert, [.integer(Int64(acknowledged))]) }
          if acknowledged == 20 { try own.kill() }
          try link.queue("COMMIT")
          try link.drain()
          acknowledged += 1
        }
      }
    }
    #expect(lost?.isConnectionLost == true, "\(lost?.description ?? "")")
    try own.start()
    let rows = try pool.runBlocking { try $0.query("SELECT count(*), count(DISTINCT n) FROM kept").row(0).values }
    #expect(rows == [.integer(20 * 50), .integer(20)])
  }

  @Test("a commit whose standby does not answer ends with a warning or a lost connection, never in silence")
  func standby() throws {
    let own = try OwnServer()
    let server = own.server
    let admin = try PostgresLink(server)
    try admin.exec("CREATE SCHEMA steward; CREATE TABLE steward.kept (n bigint)")
    try admin.exec("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    _ = try admin.query("SELECT pg_reload_conf()")
    let link = try PostgresLink(server)
    while try link.query("SHOW synchronous_standby_names").text(0, 0) != "nobody" { usleep(1_000) }
    Self.whenWaiting(link.serverProcess, server, "pg_cancel_backend(pid)")
    try link.queue("BEGIN")
    try link.queue("INSERT INTO kept (n) VALUES (?)", [.integer(1)])
    try link.queue("COMMIT")
    try link.drain()
    #expect(link.warnings.map(\.sqlState) == ["01000"])
    #expect(link.takeWarnings().first?.message.contains("synchronous replication") == true)
    #expect(try link.query("SELECT count(*) FROM kept").integer(0, 0) == 1)
    // A server that ends while it waits says so in a warning, and then ends.
    Self.whenWaiting(link.serverProcess, server, "pg_terminate_backend(pid)")
    try link.queue("INSERT INTO kept (n) VALUES (?)", [.integer(2)])
    let state = sqlState { try link.drain() }
    #expect(state == "57P01" || state == "08006" || (state == nil && link.warnings.map(\.sqlState) == ["57P01"]))
  }

  /// Somebody else does this to a process of the server as soon as it waits for a standby.
  private static func whenWaiting(_ process: Int, _ server: PostgresServer, _ call: String) {
    Thread.detachNewThread {
      guard let other = try? PostgresLink(server) else { return }
      let statement = "SELECT \(call) FROM pg_stat_activity WHERE pid = ? AND wait_event = 'SyncRep'"
      while (try? other.query(statement, [.integer(Int64(process))]).count) == 0 { usleep(1_000) }
    }
  }
}
