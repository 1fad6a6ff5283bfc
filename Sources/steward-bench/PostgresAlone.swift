import Foundation
import Storage

/// What one connection to PostgreSQL does, without the ledger: which way of inserting is worth its trouble. Prints JSON.
enum PostgresAlone {
  private static let rows = 20_000
  /// Of one commit.
  private static let batch = 500

  /// `url`: of the superuser of a throw-away server (`Tools/postgres`) on this machine, which has the role `steward_owner`.
  static func run(url: String) throws {
    let link = try PostgresLink(PostgresServer(url: url), limits: .maintenance)
    // A superuser passes by row-level security.
    try link.exec("CREATE SCHEMA steward_bench AUTHORIZATION steward_owner; SET ROLE steward_owner")
    defer { try? link.exec("DROP SCHEMA steward_bench CASCADE") }
    var figures: [String: [String: Any]] = [:]
    figures["round trip"] = ["value": try roundTrip(link) * 1e6, "unit": "us"]
    figures["commit of one row"] = ["value": try commits(link), "unit": "1/s"]
    for guarded in [false, true] {
      let suffix = guarded ? ", row-level security and a trigger" : ""
      for (name, insert) in ways {
        try makeTable(link, guarded: guarded)
        let cost = try cost(link, insert)
        figures[name + suffix] = [
          "value": cost.rowsPerSecond, "unit": "1/s", "client us": cost.client, "server us": cost.server,
        ]
      }
    }
    let data = try JSONSerialization.data(withJSONObject: figures, options: [.sortedKeys, .prettyPrinted])
    print(String(decoding: data, as: UTF8.self))
  }

  private typealias Way = @Sendable (PostgresLink, [[Value]]) throws -> Void

  private static let columns = ["tenant", "id", "entry", "schema", "subject", "sealed"]
  private static let single =
    "INSERT INTO steward_bench.t (tenant, id, entry, schema, subject, sealed) VALUES (?, ?, ?, ?, ?, ?)"

  private static let ways: [(String, Way)] = [
    ("rows one by one, each waited for", { link, rows in for row in rows { _ = try link.query(single, row) } }),
    ("rows pipelined", { link, rows in for row in rows { try link.queue(single, row) } }),
    ("rows as arrays", { link, rows in try link.queueInsert(into: "steward_bench.t", columns, rows) }),
  ]

  /// In the shape of a primary table: 512 bytes sealed, a key that begins with the tenant.
  private static func makeTable(_ link: PostgresLink, guarded: Bool) throws {
    try link.exec(
      """
      DROP TABLE IF EXISTS steward_bench.t;
      CREATE TABLE steward_bench.t (tenant text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, entry bigint NOT NULL,
        schema bigint NOT NULL, subject bigint NOT NULL, sealed bytea NOT NULL, PRIMARY KEY (tenant, id));
      SELECT set_config('steward.tenant', 'tenant', false), set_config('steward.work', '1', false)
      """)
    guard guarded else { return }
    try link.exec(
      """
      ALTER TABLE steward_bench.t ENABLE ROW LEVEL SECURITY;
      ALTER TABLE steward_bench.t FORCE ROW LEVEL SECURITY;
      CREATE POLICY own ON steward_bench.t USING (tenant = current_setting('steward.tenant', true));
      CREATE OR REPLACE FUNCTION steward_bench.guard() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF current_setting('steward.work', true) IS DISTINCT FROM '1' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$;
      CREATE TRIGGER guard BEFORE INSERT ON steward_bench.t FOR EACH ROW EXECUTE FUNCTION steward_bench.guard()
      """)
  }

  /// Processor time of a row is steadier than the clock on a machine that does other things besides.
  private struct Cost {
    let rowsPerSecond: Double
    let client: Double
    let server: Double
  }

  private static func cost(_ link: PostgresLink, _ insert: Way) throws -> Cost {
    var next = 0
    func batchRows() -> [[Value]] {
      (0..<batch).map { _ in
        next += 1
        return [
          .text("tenant"), .text(UUID().uuidString), .integer(Int64(next)), .integer(1), .integer(Int64(next)),
          .bytes([UInt8](repeating: UInt8(truncatingIfNeeded: next), count: 512)),
        ]
      }
    }
    let batches = (0..<(rows / batch)).map { _ in batchRows() }
    let before = (client: processorTime("self"), server: processorTime(link.serverProcess))
    let seconds = try elapsed {
      for batch in batches {
        try link.queue("BEGIN")
        try insert(link, batch)
        _ = try link.query("COMMIT")
      }
    }
    return Cost(
      rowsPerSecond: Double(rows) / seconds, client: (processorTime("self") - before.client) / Double(rows),
      server: (processorTime(link.serverProcess) - before.server) / Double(rows))
  }

  /// Of a process with one thread, in microseconds (proc(5), `schedstat`).
  private static func processorTime(_ process: some CustomStringConvertible) -> Double {
    let text = try? String(contentsOfFile: "/proc/\(process)/schedstat", encoding: .utf8)
    return (text?.split(separator: " ").first.flatMap { Double($0) } ?? 0) / 1_000
  }

  private static func roundTrip(_ link: PostgresLink) throws -> Double {
    let times = 5_000
    _ = try link.query("SELECT ?::bigint", [.integer(1)])
    return try elapsed { for _ in 0..<times { _ = try link.query("SELECT ?::bigint", [.integer(1)]) } } / Double(times)
  }

  private static func commits(_ link: PostgresLink) throws -> Double {
    let times = 1_000
    try makeTable(link, guarded: false)
    let seconds = try elapsed {
      for number in 0..<times {
        let row: [Value] = [.text("t"), .text("\(number)"), .integer(1), .integer(1), .integer(1), .bytes([1])]
        _ = try link.query(single, row)
      }
    }
    return Double(times) / seconds
  }

  private static func elapsed(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    return (ContinuousClock.now - start) / .seconds(1)
  }
}
