import Foundation
import Kernel
@testable import Storage
import Testing

@Suite("One connection to PostgreSQL", .enabled(if: TestServer.isThere))
struct PostgresLinkTests {
  @Test("what statements rely on is set when a connection opens")
  func settings() throws {
    let link = try TestServer.link()
    func setting(_ name: String) throws -> String {
      try link.query("SELECT current_setting(?)", [.text(name)]).text(0, 0)
    }
    #expect(try setting("TimeZone") == "UTC")
    #expect(try setting("search_path") == "steward, pg_temp")
    #expect(try setting("statement_timeout") == "30s")
    #expect(try setting("lock_timeout") == "5s")
    #expect(try setting("idle_in_transaction_session_timeout") == "15s")
    #expect(try setting("synchronous_commit") == "on")
    #expect(try setting("client_encoding") == "UTF8")
    #expect(link.serverVersion >= 130_000)
    #expect(!link.isInTransaction)
  }

  @Test("a role whose commits do not wait for the disk has them wait", arguments: ["off", "local", "remote_write"])
  func durable(setting: String) throws {
    let role = "lazy_\(setting)"
    let admin = try TestServer.link()
    try admin.exec(
      """
      DROP ROLE IF EXISTS \(role); CREATE ROLE \(role) LOGIN PASSWORD 'x';
      ALTER ROLE \(role) SET synchronous_commit = \(setting); ALTER ROLE \(role) SET search_path = public
      """)
    let link = try PostgresLink(try TestServer.server().with(user: role, password: "x"))
    let read = "SELECT current_setting('synchronous_commit'), current_setting('search_path')"
    #expect(try link.query(read).row(0).values == [.text("on"), .text("steward, pg_temp")])
  }

  // MARK: - Values

  static let values: [Value] = [
    .null, .integer(0), .integer(-1), .integer(.max), .integer(.min), .text(""), .text("ä🙂 '?' \\ \u{1}\n"), .bytes([]),
    .bytes([0]), .bytes(Array(0...255)),
  ]

  @Test("every value comes back as it went", arguments: values)
  func roundTrip(value: Value) throws {
    let link = try TestServer.link()
    try link.exec("CREATE TEMP TABLE kept (number bigint, words text COLLATE \"C\", raw bytea)")
    let row: [Value] = [
      value.integer == nil ? .null : value, value.text == nil ? .null : value, value.bytes == nil ? .null : value,
    ]
    try link.queue("INSERT INTO kept (number, words, raw) VALUES (?, ?, ?)", row)
    let result = try link.query("SELECT number, words, raw FROM kept")
    #expect(link.changedRows == 1)
    #expect(result.count == 1)
    #expect(result.columns == ["number", "words", "raw"])
    #expect(result.row(0).values == row)
    #expect((0..<3).map { result.isNull(0, $0) } == row.map(\.isNull))
    #expect(result.integer(0, 0) == value.integer ?? 0)
    #expect(result.text(0, 1) == value.text ?? "")
    #expect(result.bytes(0, 2) == value.bytes ?? [])
  }

  @Test("values of 16 MiB come back as they went")
  func large() throws {
    let link = try TestServer.link()
    let row: [Value] = [.text(String(repeating: "x", count: 16 << 20)), .bytes([UInt8](repeating: 0, count: 16 << 20))]
    let isSame = try link.query("SELECT ?::text, ?::bytea", row).row(0).values == row
    #expect(isSame)
  }

  @Test("other types are read as the nearest of ours, and what we do not read is refused")
  func otherTypes() throws {
    let link = try TestServer.link()
    let statement = """
      SELECT 1::int2, -2::int4, true, false, 'n'::name, 'c'::"char", '{}'::json, sum(x), 12345678901234567890::numeric,
        -0.05::numeric, 10000.000::numeric, 0::numeric, 4000000000::oid, pg_advisory_unlock_all()
      FROM (VALUES (9000000000::bigint), (1)) AS v(x)
      """
    #expect(
      try link.query(statement).row(0).values == [
        .integer(1), .integer(-2), .integer(1), .integer(0), .text("n"), .text("c"), .text("{}"),
        .integer(9_000_000_001),
        .text("12345678901234567890"), .text("-0.05"), .text("10000.000"), .integer(0), .integer(4_000_000_000), .null,
      ])
    #expect(sqlState { _ = try link.query("SELECT now()") } == "0A000")
    #expect(try link.query("SELECT 1").integer(0, 0) == 1)
  }

  @Test("holes take what the server expects there, and nothing else")
  func holes() throws {
    let link = try TestServer.link()
    let row = try link.query(
      "SELECT ?::int2, ?::int4, ?::bool, ?::text, ?::numeric, ?::varchar, ?::timestamptz = '2026-11-21T00:00:00Z'",
      [.integer(-5), .integer(7), .integer(1), .integer(12), .integer(13), .text("v"), .text("2026-11-21")])
    #expect(
      row.row(0).values == [.integer(-5), .integer(7), .integer(1), .text("12"), .integer(13), .text("v"), .integer(1)])
    #expect(sqlState { _ = try link.query("SELECT ?::int2", [.integer(40_000)]) } == "22003")
    #expect(sqlState { _ = try link.query("SELECT ?::bigint", [.text("1")]) } == "42804")
    #expect(sqlState { _ = try link.query("SELECT ?::bytea", [.text("x")]) } == "42804")
    #expect(sqlState { _ = try link.query("SELECT ?::text", [.bytes([1])]) } == "42804")
    #expect(sqlState { _ = try link.query("SELECT ?::int2", []) } == "07001")
    #expect(sqlState { _ = try link.query("SELECT ?::text", [.text("a\0b")]) } == "22021")
    #expect(try link.query("SELECT 1").integer(0, 0) == 1)
  }

  @Test("a digest is read from 32 bytes and from nothing else")
  func digest() throws {
    let link = try TestServer.link()
    let digest = Digest(sha256: [1])
    let result = try link.query("SELECT ?::bytea, ?::bytea", [digest.value, .bytes([1])])
    #expect(result.digest(0, 0) == digest)
    #expect(result.digest(0, 1) == nil)
  }

  @Test("many rows go in as arrays, in order and with their NULLs; one bad row fails them all")
  func arrays() throws {
    let link = try TestServer.link()
    try link.exec(
      "CREATE TEMP TABLE a (place bigserial, n bigint, t text COLLATE \"C\", b bytea, s int2 CHECK (s < 9))")
    let rows: [[Value]] = (0..<2_500).map { number in
      [
        .integer(number), number % 7 == 0 ? .null : .text("t\(number)"), number % 5 == 0 ? .bytes([]) : .bytes([1, 0]),
        .integer(1),
      ]
    }
    try link.queueInsert(into: "a", ["n", "t", "b", "s"], rows)
    let read = try link.query("SELECT n, t, b, s FROM a ORDER BY place")
    let isSame = (0..<read.count).map { read.row($0).values } == rows
    #expect(isSame)
    try link.queue("BEGIN")
    try link.queueInsert(into: "a", ["s"], [[.integer(1)], [.integer(9)]])
    #expect(sqlState { try link.drain() } == "23514")
    try link.rollback()
    #expect(sqlState { try link.queueInsert(into: "a", ["s"], [[.text("x")]]) } == "42804")
    #expect(sqlState { try link.queueInsert(into: "a", ["s", "n"], [[.integer(1)]]) } == "07001")
    try link.queueInsert(into: "a", ["n"], [])
    try link.queueInsert(into: "nowhere", ["n"], [[.null]])
    #expect(sqlState { try link.drain() } == "42P01")
    #expect(try link.query("SELECT count(*) FROM a").integer(0, 0) == 2_500)
  }

  // MARK: - Pipelines and errors

  @Test("thousands of statements are queued and their effects seen in order")
  func pipeline() throws {
    let link = try TestServer.link()
    try link.exec("CREATE TEMP TABLE many (n bigint PRIMARY KEY, t text)")
    try link.queue("BEGIN")
    for number in 0..<5_000 {
      try link.queue("INSERT INTO many (n, t) VALUES (?, ?)", [.integer(Int64(number)), .text("row \(number)")])
    }
    #expect(
      try link.query("SELECT count(*), sum(n) FROM many").row(0).values == [.integer(5_000), .integer(12_497_500)])
    #expect(link.isInTransaction)
    try link.queue("UPDATE many SET t = 'x' WHERE n < ?", [.integer(70)])
    try link.drain()
    #expect(link.changedRows == 70)
    try link.queue("COMMIT")
    try link.drain()
    #expect(!link.isInTransaction)
  }

  @Test("large answers and large questions at once do not block each other")
  func bothFull() throws {
    let link = try TestServer.link()
    let large = String(repeating: "x", count: 300_000)
    for _ in 0..<100 { try link.queue("SELECT ?::text", [.text(large)]) }
    #expect(try link.query("SELECT 1").integer(0, 0) == 1)
  }

  @Test("the first error of a pipeline is thrown, and the connection is usable at once")
  func firstError() throws {
    let link = try TestServer.link()
    try link.exec("CREATE TEMP TABLE t (n bigint PRIMARY KEY)")
    try link.queue("BEGIN")
    try link.queue("INSERT INTO t VALUES (?)", [.integer(1)])
    try link.queue("SAVEPOINT first")
    try link.queue("INSERT INTO t VALUES (?)", [.integer(1)])
    try link.queue("SELECT 1 / 0")
    try link.queue("SELECT nonsense")
    #expect(sqlState { try link.drain() } == "23505")
    #expect(link.isInFailedTransaction)
    #expect(sqlState { _ = try link.query("SELECT 1") } == "25P02")
    _ = try link.query("ROLLBACK TO SAVEPOINT first")
    try link.queue("INSERT INTO t VALUES (?)", [.integer(2)])
    try link.queue("INSERT INTO t VALUES (?)", [.integer(2)])
    try link.rollback(to: "first")
    try link.queue("INSERT INTO t VALUES (?)", [.integer(3)])
    try link.queue("COMMIT")
    try link.drain()
    #expect(try link.query("SELECT sum(n) FROM t").integer(0, 0) == 4)
    try link.queue("BEGIN")
    try link.queue("SELECT 1 / 0")
    try link.rollback()
    #expect(!link.isInTransaction)
  }

  @Test("whatever was queued and not committed, rolling back takes back")
  func rolledBack() throws {
    let link = try TestServer.link()
    try link.exec("CREATE TEMP TABLE t (n bigint)")
    let count = "SELECT count(*) FROM t"
    // Queued without BEGIN.
    try link.queue("INSERT INTO t VALUES (?)", [.integer(1)])
    try link.rollback()
    #expect(try link.query(count).integer(0, 0) == 0)
    // A value is refused on our side, behind a BEGIN that nobody has waited for.
    try link.queue("BEGIN")
    try link.queue("INSERT INTO t VALUES (?)", [.integer(1)])
    #expect(sqlState { try link.queue("INSERT INTO t (n) VALUES (?)", [.text("x")]) } == "42804")
    #expect(link.isInTransaction)
    try link.rollback()
    #expect(try link.query(count).integer(0, 0) == 0)
    #expect(!link.isInTransaction)
    // Nothing at all.
    try link.rollback()
    #expect(link.warnings.isEmpty)
  }

  @Test("an error long before the end of a large pipeline is thrown once")
  func earlyError() throws {
    let link = try TestServer.link()
    try link.exec("CREATE TEMP TABLE t (n bigint PRIMARY KEY)")
    try link.queue("BEGIN")
    for number in 0..<20_000 { try link.queue("INSERT INTO t VALUES (?)", [.integer(Int64(number % 1_000))]) }
    #expect(sqlState { _ = try link.query("SELECT ?::bigint", [.integer(1)]) } == "23505")
    try link.rollback()
    #expect(try link.query("SELECT count(*) FROM t").integer(0, 0) == 0)
  }

  @Test("a COMMIT of a transaction that failed is no success")
  func failedCommit() throws {
    let link = try TestServer.link()
    _ = try link.query("BEGIN")
    #expect(sqlState { _ = try link.query("SELECT 1 / 0") } == "22012")
    #expect(sqlState { _ = try link.query("COMMIT") } == "25P02")
    #expect(!link.isInTransaction)
  }

  @Test("a statement that cannot be prepared fails, again and again, and can be prepared when it can")
  func preparing() throws {
    let link = try TestServer.link()
    let insert = "INSERT INTO later (n) VALUES (?)"
    for _ in 0..<2 { #expect(sqlState { _ = try link.query(insert, [.integer(1)]) } == "42P01") }
    #expect(sqlState { _ = try link.query("SELECT ? IS NULL", [.null]) } == "42P18")
    try link.exec("CREATE TEMP TABLE later (n bigint)")
    _ = try link.query(insert, [.integer(1)])
    #expect(try link.query("SELECT * FROM later").columnCount == 1)
    try link.exec("ALTER TABLE later ADD COLUMN m text")
    #expect(sqlState { _ = try link.query("SELECT * FROM later") } == "0A000")
    #expect(try link.query("SELECT * FROM later").columnCount == 2)
  }

  @Test("more texts than are kept prepared still work, and the server keeps no more than that")
  func manyStatements() throws {
    let link = try TestServer.link()
    for number in 0..<(PostgresStatements.limit + 100) {
      #expect(try link.query("SELECT ?::bigint + \(number)", [.integer(1)]).integer(0, 0) == Int64(number + 1))
    }
    #expect(try link.query("SELECT count(*) FROM pg_prepared_statements").integer(0, 0) <= PostgresStatements.limit)
    #expect(try link.query("SELECT ?::bigint + 0", [.integer(1)]).integer(0, 0) == 1)
  }

  @Test("a script of several statements is one transaction; its error leaves the connection usable")
  func script() throws {
    let link = try TestServer.link()
    try link.exec("CREATE TEMP TABLE s (n bigint); INSERT INTO s VALUES (1); INSERT INTO s VALUES (2), (3)")
    #expect(link.changedRows == 2)
    #expect(sqlState { try link.exec("INSERT INTO s VALUES (4); SELECT 1 / 0; INSERT INTO s VALUES (5)") } == "22012")
    #expect(try link.query("SELECT count(*) FROM s").integer(0, 0) == 3)
    try link.queue("SELECT 1 / 0")
    #expect(sqlState { try link.exec("INSERT INTO s VALUES (6)") } == "22012")
  }

  @Test("warnings are kept until somebody takes them; notices are not")
  func warnings() throws {
    let link = try TestServer.link()
    try link.exec("DO $$ BEGIN RAISE NOTICE 'quiet'; RAISE WARNING 'loud'; END $$")
    try link.queue("ROLLBACK")
    try link.drain()
    #expect(link.warnings.map(\.sqlState) == ["01000", "25P01"])
    #expect(link.takeWarnings().first?.message == "loud")
    #expect(link.takeWarnings().isEmpty)
  }

  // MARK: - Time and ends

  @Test("a statement, a lock and a silent server each have their time")
  func times() throws {
    var limits = PostgresLimits.serving
    (limits.statementMilliseconds, limits.lockMilliseconds) = (150, 60)
    let link = try TestServer.link(limits)
    #expect(sqlState { _ = try link.query("SELECT pg_sleep(5)") } == "57014")
    try TestServer.link().exec("CREATE TABLE IF NOT EXISTS locked (n bigint)")
    let other = try TestServer.link()
    try other.queue("BEGIN")
    _ = try other.query("LOCK TABLE locked")
    #expect(sqlState { _ = try link.query("SELECT n FROM locked") } == "55P03")
    (limits.statementMilliseconds, limits.silenceMilliseconds) = (0, 100)
    let silent = try TestServer.link(limits)
    #expect(sqlState { _ = try silent.query("SELECT pg_sleep(5)") } == "57014")
    #expect(try silent.query("SELECT 1").integer(0, 0) == 1)
  }

  @Test("a transaction left alone is ended by the server, and the connection with it")
  func idle() throws {
    var limits = PostgresLimits.serving
    limits.idleInTransactionMilliseconds = 50
    let link = try TestServer.link(limits)
    _ = try link.query("BEGIN")
    let started = ContinuousClock.now
    while link.isStillThere(), ContinuousClock.now - started < .seconds(5) { usleep(5_000) }
    let state = sqlState { _ = try link.query("SELECT 1") }
    #expect(state == "25P03" || state == "08006")
    #expect(link.isBroken)
  }

  @Test("a statement is cancelled from another thread")
  func cancel() throws {
    let link = try TestServer.link()
    let canceller = try #require(link.canceller)
    let process = link.serverProcess
    Thread.detachNewThread {
      let other = try? TestServer.link()
      let running = "SELECT 1 FROM pg_stat_activity WHERE pid = ? AND state = 'active' AND query LIKE '%pg_sleep%'"
      while (try? other?.query(running, [.integer(Int64(process))]).count) == 0 { usleep(2_000) }
      canceller.cancel()
    }
    #expect(sqlState { _ = try link.query("SELECT pg_sleep(20)") } == "57014")
    #expect(try link.query("SELECT 1").integer(0, 0) == 1)
  }

  @Test("a server that ends in mid-pipeline is a lost connection, and stays one")
  func terminated() throws {
    let link = try TestServer.link()
    try link.queue("BEGIN")
    _ = try link.query("SELECT 1")
    for _ in 0..<100 { try link.queue("SELECT ?::bigint", [.integer(1)]) }
    try TestServer.terminate(link)
    let error = #expect(throws: StorageError.self) {
      for _ in 0..<100_000 { try link.queue("SELECT ?::bigint", [.integer(1)]) }
      try link.drain()
    }
    #expect(error?.isConnectionLost == true, "\(error?.description ?? "")")
    #expect(link.isBroken)
    #expect(throws: StorageError.self) { try link.rollback() }
    #expect(throws: StorageError.self) { try link.queue("SELECT 1") }
    #expect(throws: StorageError.self) { try link.exec("SELECT 1") }
  }

  @Test("a server that says why it ends is believed")
  func lastWords() throws {
    let link = try TestServer.link()
    let process = link.serverProcess
    Thread.detachNewThread {
      let other = try? TestServer.link()
      let running = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ? AND query LIKE '%pg_sleep%'"
      while (try? other?.query(running, [.integer(Int64(process))]).count) == 0 { usleep(2_000) }
    }
    #expect(sqlState { _ = try link.query("SELECT pg_sleep(20)") } == "57P01")
    #expect(link.isBroken)
  }

  @Test("a line that is cut without a word is a lost connection")
  func cut() throws {
    let link = try TestServer.link()
    _ = try link.query("BEGIN")
    TestServer.cut(link)
    #expect(
      sqlState {
        try link.queue("SELECT 1"); try link.drain()
      } == "08006")
    #expect(link.isBroken)
  }

  @Test("nobody there, a wrong password, a database that is not: three errors, none with the password")
  func refused() throws {
    let server = try TestServer.server()
    func refusal(_ server: PostgresServer) -> String? { sqlState { _ = try PostgresLink(server) } }
    #expect(refusal(server.with(user: "nobody_here", password: "hunter2")) == "28000")
    #expect(refusal(server.with(database: "nowhere")) == "08001")
    #expect(refusal(try PostgresServer(url: "postgres://u:hunter2@127.0.0.1:1/d")) == "08001")
    do { _ = try PostgresLink(server.with(user: "nobody_here", password: "hunter2")) } catch {
      #expect(!"\(error)".contains("hunter2"))
    }
  }

  // MARK: - Cursors

  @Test("two cursors over 100,000 rows are walked at once in constant memory")
  func cursors() throws {
    let link = try TestServer.link()
    try link.queue("BEGIN")
    let rows = "SELECT n, repeat('x', 400) FROM generate_series(?::bigint, ?::bigint) AS s(n) ORDER BY n"
    let first = try link.cursor(rows, [.integer(1), .integer(100_000)])
    let second = try link.cursor(rows, [.integer(2), .integer(100_001)])
    var (count, largest) = (0, 0)
    while let a = try first.next() {
      let b = try #require(try second.next())
      guard b.integer(0) == a.integer(0) + 1, a.text(1).utf8.count == 400 else { break }
      count += 1
      largest = max(largest, first.memorySize + second.memorySize)
    }
    #expect(count == 100_000)
    #expect(try second.next() == nil)
    #expect(largest < 2_000_000)
    try link.queue("COMMIT")
    try link.drain()
  }

  @Test("a cursor that is dropped is closed, and closing one never fails a transaction")
  func dropped() throws {
    let link = try TestServer.link()
    let open = "SELECT count(*) FROM pg_cursors WHERE name LIKE 'walk%'"
    for ending in ["COMMIT", "ROLLBACK"] {
      try link.queue("BEGIN")
      for _ in 0..<3 { _ = try link.cursor("SELECT 1 FROM generate_series(1, ?::bigint)", [.integer(5_000)]).next() }
      #expect(try link.query(open).integer(0, 0) == 0)
      try link.queue("SAVEPOINT s")
      let gone = try link.cursor("SELECT 1 FROM generate_series(1, 5000)")
      _ = try gone.next()
      try link.rollback(to: "s")
      gone.close()
      let next = try link.cursor("SELECT 2")
      #expect(try next.next()?.integer(0) == 2)
      let late = try link.cursor("SELECT 3")
      try link.queue(ending)
      late.close()
      try link.queue("SELECT 1")
      try link.drain()
    }
    #expect(sqlState { _ = try link.cursor("SELECT 1").next() } == "25P01")
  }

  @Test("a cursor over large rows fetches few of them at a time")
  func largeRows() throws {
    let link = try TestServer.link()
    try link.queue("BEGIN")
    let cursor = try link.cursor("SELECT repeat('x', 1000000) FROM generate_series(1, 200)")
    var (count, largest) = (0, 0)
    while try cursor.next() != nil {
      count += 1
      if count > 60 { largest = max(largest, cursor.memorySize) }
    }
    #expect(count == 200)
    #expect(largest < 10_000_000)
  }
}
