/// Tables as PostgreSQL has them: the same columns, keys and indexes, the guards as triggers of the engine, and row-level security as a
/// second fence behind the `tenant = …` that every statement of ours has.
package enum PostgresDialect {
  /// A CREATE TABLE or CREATE INDEX of ours, written for SQLite.
  package static func translate(_ statement: String) -> String {
    var out = statement
    for (from, to) in [
      (" STRICT, WITHOUT ROWID", ""), (" STRICT", ""), (" TEXT", " TEXT COLLATE \"C\""), (" BLOB", " BYTEA"),
      (" INTEGER", " BIGINT"),
    ] {
      out = out.split(separator: from, omittingEmptySubsequences: false).joined(separator: to)
    }
    return out
  }

  /// PostgreSQL cuts longer names, and two could become one.
  static let longestName = 63

  /// Statements that make the fences of a table with the column `tenant`.
  package static func fences(on table: String) -> [String] {
    ["INSERT", "UPDATE", "DELETE"].map { verb in
      """
      CREATE TRIGGER \(table)_guard_\(verb.lowercased()) BEFORE \(verb) ON \(table) FOR EACH STATEMENT
      WHEN (current_setting('steward.work', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION steward_refuse()
      """
    } + [
      """
      CREATE TRIGGER \(table)_guard_truncate BEFORE TRUNCATE ON \(table) FOR EACH STATEMENT
      EXECUTE FUNCTION steward_refuse()
      """,
      "ALTER TABLE \(table) ENABLE ROW LEVEL SECURITY",
      "ALTER TABLE \(table) FORCE ROW LEVEL SECURITY",
      """
      CREATE POLICY \(table)_of_tenant ON \(table) USING (tenant = (SELECT current_setting('steward.tenant', true)))
      WITH CHECK (tenant = current_setting('steward.tenant', true))
      """,
    ]
  }
}

extension Table {
  /// CREATE statements in PostgreSQL's dialect: the table, its indexes, its fences.
  package var postgresDDL: [String] {
    [PostgresDialect.translate(createTable)] + indexDDL.map(PostgresDialect.translate)
      + PostgresDialect.fences(on: name)
  }

  /// The statements that lead from `version` to this one for all tenants at once. Nil if a step is missing or cannot be made.
  package func postgresUpgrade(from version: Int) -> [String]? {
    upgrade(from: version) { step in
      switch step {
      case .recreate: kind == .primary ? nil : ["DROP TABLE IF EXISTS \(name)"] + postgresDDL
      default: sqlite(step)?.map(PostgresDialect.translate)
      }
    }
  }
}
