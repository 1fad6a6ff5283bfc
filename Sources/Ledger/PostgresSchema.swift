import Kernel
import Storage

/// The schema `steward` of a PostgreSQL database: made and brought forward by the owner's role, used by the application's.
///
/// The application's role owns nothing. It reads, inserts, updates and deletes rows of the tenant that its transaction names; what is in
/// the log it can only add to. It cannot truncate, alter, or see two tenants in one transaction.
package struct PostgresSchema: Sendable {
  /// All tables of all modules.
  let tables: [Table]

  package init(tables: [Table]) { self.tables = Ledger.everyTable(tables) + [FileChunk.table] }

  /// Those that a tenant has on either engine.
  var tablesOfTenants: [Table] { tables.filter { $0.name != FileChunk.table.name } }

  // MARK: The owner's part

  /// Makes what is missing and brings the rest forward, for all tenants in one transaction; a second run changes nothing. Refuses data of
  /// a newer program.
  package func bringForward(owner: PostgresServer, application: PostgresServer) throws {
    let link = try PostgresLink(owner)
    let role = try Self.quoted(application.user)
    _ = try link.query("BEGIN")
    do {
      // One at a time, however many servers start; the schema too: two that make it at once would refuse each other.
      _ = try link.query("SELECT pg_advisory_xact_lock(7236845)")
      try link.exec("CREATE SCHEMA IF NOT EXISTS steward; SET search_path = steward")
      for statement in try statements(Self.versions(link), role) { try link.exec(statement) }
      _ = try link.query("COMMIT")
    } catch {
      _ = try? link.query("ROLLBACK")
      throw error
    }
  }

  private static func versions(_ link: PostgresLink) throws -> [String: Int]? {
    guard try link.query("SELECT to_regclass('steward.schema_table') IS NOT NULL").integer(0, 0) == 1 else {
      return nil
    }
    let rows = try link.query("SELECT name, version FROM schema_table")
    return Dictionary(
      (0..<rows.count).map { (rows.text($0, 0), Int(rows.integer($0, 1))) }, uniquingKeysWith: { first, _ in first })
  }

  private func statements(_ present: [String: Int]?, _ role: String) throws -> [String] {
    var statements = present == nil ? Self.beginning : []
    if let present, present[TableVersion.table.name] ?? 0 < TableVersion.withFacets {
      statements += JournalTables.postgresUpgrade
    }
    for table in tables {
      switch present?[table.name] {
      case nil: statements += table.postgresDDL + (table.name == FileChunk.table.name ? [FileChunk.storage] : [])
      case table.version?: continue
      case let version? where version < table.version:
        guard let steps = table.postgresUpgrade(from: version) else {
          throw Problem(
            .unavailable, "This data is too old for this Steward; upgrade through the versions in between.",
            detail: "no step leads table \(table.name) from version \(version) to \(table.version)")
        }
        statements += steps
      default: throw Self.newer
      }
      statements.append(
        """
        INSERT INTO schema_table (name, version) VALUES ('\(table.name)', \(table.version))
        ON CONFLICT (name) DO UPDATE SET version = excluded.version
        """)
    }
    let hasQueue = tables.contains { $0.name == "job" }
    return statements + [PostgresDialect.translate(Control.movedTable)] + JournalTables.postgresImageGuard
      + Self.eraseTenantFunction
      + ["GRANT EXECUTE ON FUNCTION steward_erase_tenant(text) TO \(role)"]
      + (hasQueue ? Self.dueFunction + ["GRANT EXECUTE ON FUNCTION steward_due() TO \(role)"] : [])
      + Self.grants(to: role)
  }

  private static let beginning =
    [
      """
      CREATE FUNCTION steward_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'steward: this table is written through the ledger only' USING ERRCODE = 'insufficient_privilege';
      END $$
      """,
      PostgresDialect.translate(
        "CREATE TABLE schema_table (name TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL) STRICT"),
    ] + Control.ddl.map(PostgresDialect.translate) + JournalTables.postgresDDL

  /// When each tenant's queue has something to do next, in milliseconds: ids and times, for servers that look for work. It runs as the
  /// owner, whom a policy of its own lets read this table; the application's role sees one tenant at a time. What a clock that was wrong
  /// wrote is due, as decision 0054 says of every queue.
  private static let dueFunction = [
    "DROP POLICY IF EXISTS job_for_owner ON job",
    "CREATE POLICY job_for_owner ON job FOR SELECT TO CURRENT_USER USING (true)",
    """
    CREATE OR REPLACE FUNCTION steward_due() RETURNS TABLE (tenant text, due bigint) LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = steward, pg_temp AS $$
      SELECT j.tenant, min(CASE WHEN j.state = 'running' THEN j.lease_until
        WHEN j.run_at > c.now + 86400000 OR j.created_at > c.now + 60000 THEN c.now ELSE j.run_at END)
      FROM steward.job j, (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now) c
      WHERE j.state IN ('waiting', 'running') GROUP BY j.tenant
    $$
    """,
    "REVOKE ALL ON FUNCTION steward_due() FROM PUBLIC",
    // Of a queue nearly all is done: what is left is found without walking through it.
    "CREATE INDEX IF NOT EXISTS job_pending ON job (tenant) WHERE state IN ('waiting', 'running')",
  ]

  /// Removes a tenant whose keys are gone, its log too, which the application's role can only add to. It runs as the owner, for the tenant
  /// that the transaction names twice.
  private static let eraseTenantFunction = [
    """
    CREATE OR REPLACE FUNCTION steward_erase_tenant(erased text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = steward, pg_temp AS $$
      DECLARE name text;
      BEGIN
        IF current_setting('steward.erase_tenant', true) IS DISTINCT FROM erased THEN
          RAISE EXCEPTION 'steward: name the tenant that is erased' USING ERRCODE = 'insufficient_privilege';
        END IF;
        PERFORM set_config('steward.tenant', erased, true), set_config('steward.work', 'on', true);
        FOR name IN SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
          WHERE c.relnamespace = 'steward'::regnamespace AND c.relkind = 'r' AND a.attname = 'tenant' AND NOT a.attisdropped
        LOOP
          EXECUTE format('DELETE FROM steward.%I WHERE tenant = $1', name) USING erased;
        END LOOP;
        DELETE FROM steward.tenant WHERE id = erased;
      END $$
    """,
    "REVOKE ALL ON FUNCTION steward_erase_tenant(text) FROM PUBLIC",
  ]

  private static func grants(to role: String) -> [String] {
    [
      "REVOKE ALL ON SCHEMA steward FROM PUBLIC",
      "GRANT USAGE ON SCHEMA steward TO \(role)",
      "REVOKE ALL ON ALL TABLES IN SCHEMA steward FROM \(role)",
      "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA steward TO \(role)",
      "REVOKE INSERT, UPDATE, DELETE ON schema_table FROM \(role)",
      "REVOKE UPDATE, DELETE ON installation, tenant, moved, \(JournalTables.addedOnly.joined(separator: ", ")) FROM \(role)",
      "GRANT UPDATE (image) ON log_change TO \(role)",
    ]
  }

  private static func quoted(_ role: String?) throws -> String {
    guard let role, !role.isEmpty, role.utf8.count <= 63 else {
      throw Problem.invalid(
        "database", "Name the application's role in the address of the database: postgres://ROLE@….")
    }
    return SQL.identifier(role)
  }

  private static let newer = Problem(
    .unavailable,
    "This data was written by a newer Steward; install that version again, or restore a backup from before the upgrade."
  )

  // MARK: The application's part

  /// Refuses a role that may do more than Steward needs, and a schema that is not this program's.
  package func check(_ link: PostgresLink) throws {
    guard let present = try Self.versions(link) else {
      throw Problem(
        .unavailable,
        "This database has no schema of Steward yet; name the owner's role with --database-owner to make it.")
    }
    try Self.refuseRights(link)
    try Self.refuseFunctions(link)
    for table in tables where present[table.name] != table.version {
      if present[table.name] ?? 0 > table.version { throw Self.newer }
      throw Problem(
        .unavailable,
        "The database's tables are older than this Steward; start once with the owner's role in --database-owner.",
        detail: table.name)
    }
  }

  /// What runs as the owner must not look among temporary tables first, where anybody may put a view that calls a function of theirs: without
  /// `pg_temp` in the list, that is where PostgreSQL looks first.
  private static func refuseFunctions(_ link: PostgresLink) throws {
    let rows = try link.query(
      """
      SELECT proname FROM pg_proc WHERE pronamespace = 'steward'::regnamespace AND prosecdef
      AND NOT coalesce(proconfig, '{}') @> ARRAY['search_path=steward, pg_temp'] LIMIT 1
      """)
    guard rows.count > 0 else { return }
    throw Problem(
      .unavailable,
      "A function of the database is older than this Steward; start once with the owner's role in --database-owner.",
      detail: rows.text(0, 0))
  }

  /// Whatever the role may do itself, or as a role that it may become.
  private static let tooMuch = """
    WITH mine AS (SELECT * FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')),
      ours AS (SELECT * FROM pg_class WHERE relnamespace = 'steward'::regnamespace)
    SELECT 'is a superuser' FROM mine WHERE rolsuper
    UNION ALL SELECT 'passes row-level security' FROM mine WHERE rolbypassrls
    UNION ALL SELECT 'may make roles' FROM mine WHERE rolcreaterole
    UNION ALL SELECT 'may make databases' FROM mine WHERE rolcreatedb
    UNION ALL SELECT 'may replicate' FROM mine WHERE rolreplication
    UNION ALL SELECT 'is a member of ' || rolname FROM mine
      WHERE rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
    UNION ALL SELECT 'may create in the schema' WHERE has_schema_privilege(current_user, 'steward', 'CREATE')
    UNION ALL SELECT 'owns the schema' FROM pg_namespace JOIN mine ON mine.oid = nspowner WHERE nspname = 'steward'
    UNION ALL SELECT 'owns the database' FROM pg_database JOIN mine ON mine.oid = datdba WHERE datname = current_database()
    UNION ALL SELECT 'owns ' || relname FROM ours WHERE pg_has_role(current_user, relowner, 'MEMBER')
    UNION ALL SELECT 'may truncate ' || relname FROM ours
      WHERE relkind = 'r' AND has_table_privilege(current_user, oid, 'TRUNCATE, TRIGGER')
    UNION ALL SELECT 'may change ' || relname FROM ours
      WHERE relname IN ('installation', 'tenant', 'moved', 'schema_table', 'log_entry', 'log_change', 'log_checkpoint', 'log_facet')
      AND (has_table_privilege(current_user, oid, 'DELETE') OR EXISTS (SELECT 1 FROM pg_attribute a
        WHERE a.attrelid = ours.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND (relname, a.attname) IS DISTINCT FROM ('log_change', 'image')
        AND has_column_privilege(current_user, ours.oid, a.attnum, 'UPDATE')))
    """

  private static func refuseRights(_ link: PostgresLink) throws {
    // Since PostgreSQL 15 the switch that turns triggers off can be granted.
    let switches =
      link.serverVersion < 150_000
      ? ""
      : " UNION ALL SELECT 'may turn triggers off' WHERE has_parameter_privilege(current_user, 'session_replication_role', 'SET')"
    let rows = try link.query(tooMuch + switches + " LIMIT 3")
    guard rows.count > 0 else { return }
    let rights = (0..<rows.count).map { rows.text($0, 0) }.joined(separator: ", ")
    throw Problem(
      .unavailable,
      "The role in --database has more rights than Steward needs (\(rights)); name a plain application role, see docs/operations/postgresql.md."
    )
  }
}
