import Foundation
@testable import Storage
import Synchronization
import Testing

@Suite("Connections in a pool", .enabled(if: TestServer.isThere))
struct PostgresPoolTests {
  @Test("jobs run side by side, as many as there are connections")
  func together() throws {
    let pool = PostgresPool(try TestServer.server(), size: 3)
    defer { pool.close() }
    let processes = Mutex<Set<Int>>([])
    let done = DispatchSemaphore(value: 0)
    for _ in 0..<30 {
      pool.run { link in
        _ = try? link.query("SELECT pg_sleep(0.005)")
        _ = processes.withLock { $0.insert(link.serverProcess) }
        done.signal()
      }
    }
    for _ in 0..<30 { done.wait() }
    #expect((2...3).contains(processes.withLock { $0.count }))
  }

  @Test("what a job leaves open is rolled back before the next")
  func tidy() throws {
    let pool = PostgresPool(try TestServer.server(), size: 1)
    defer { pool.close() }
    try pool.runBlocking { link in
      try link.queue("BEGIN")
      try link.queue("CREATE TABLE untidy (n bigint)")
      try link.queue("SELECT 1 / 0")
    }
    try pool.runBlocking { link in
      #expect(!link.isInTransaction)
      #expect(link.warnings.isEmpty)
      let tables = try link.query("SELECT count(*) FROM pg_tables WHERE tablename = 'untidy'")
      #expect(tables.integer(0, 0) == 0)
    }
  }

  @Test("a connection that broke is replaced, whether it broke in a job or between two")
  func replaced() throws {
    let pool = PostgresPool(try TestServer.server(), size: 1)
    defer { pool.close() }
    let lost = sqlState {
      try pool.runBlocking { link in
        try TestServer.terminate(link)
        _ = try link.query("SELECT 1")
      }
    }
    #expect(lost == "57P01" || lost == "08006")
    let second = try pool.runBlocking { link in
      _ = try link.query("SELECT 1")
      return link.serverProcess
    }
    _ = try TestServer.link().query("SELECT pg_terminate_backend(?, 5000)", [.integer(Int64(second))])
    #expect(try pool.runBlocking { try $0.query("SELECT 1").integer(0, 0) } == 1)
  }

  @Test("a connection whose server takes no more writes is replaced")
  func readOnly() throws {
    let pool = PostgresPool(try TestServer.server(), size: 1)
    defer { pool.close() }
    let first = try pool.runBlocking { link in
      _ = try link.query("SET default_transaction_read_only = on")
      #expect(sqlState { _ = try link.query("CREATE TABLE read_only (n bigint)") } == "25006")
      return link.serverProcess
    }
    #expect(try pool.runBlocking { $0.serverProcess } != first)
  }

  @Test("jobs wait for a server that is away, and fail with the reason when they have waited long enough")
  func away() throws {
    let pool = PostgresPool(
      try PostgresServer(url: "postgres://u@127.0.0.1:1/d"), size: 2, patienceSeconds: 0.2)
    let started = ContinuousClock.now
    #expect(sqlState { try pool.runBlocking { _ = try $0.query("SELECT 1") } } == "08001")
    #expect(ContinuousClock.now - started >= .milliseconds(200))
    pool.close()
  }

  @Test("closing finishes what is queued; a job that comes later gets a connection that refuses")
  func closing() throws {
    let pool = PostgresPool(try TestServer.server(), size: 2)
    let ran = Mutex(0)
    for _ in 0..<20 {
      pool.run { link in
        if (try? link.query("SELECT 1").count) == 1 { ran.withLock { $0 += 1 } }
      }
    }
    pool.close()
    #expect(ran.withLock { $0 } == 20)
    #expect(sqlState { try pool.runBlocking { _ = try $0.query("SELECT 1") } } == "08003")
    pool.close()
  }

  @Test("closing does not wait for a server that is away")
  func closingAway() throws {
    let pool = PostgresPool(try PostgresServer(url: "postgres://u@127.0.0.1:1/d"), size: 1, patienceSeconds: 60)
    let state = Mutex<String?>(nil)
    pool.run { link in state.withLock { $0 = sqlState { try link.drain() } } }
    pool.close()
    #expect(state.withLock { $0 } == "08001")
  }
}
