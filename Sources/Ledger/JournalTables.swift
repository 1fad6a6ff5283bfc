import Kernel
import Storage

/// The tables of the record itself. They are not primary tables: the log commits to them, not the state commitment.
enum JournalTables {
  static let names = ["log_head", "log_entry", "log_change", "log_tile", "log_checkpoint"]

  /// With what is made from them again wherever it is missing.
  private static let all = names + [FacetStore.table]

  /// What is written once and never again.
  static let addedOnly = ["log_entry", "log_change", "log_checkpoint", FacetStore.table]

  static let ddl = tables + all.flatMap(Table.guards) + [imageGuard]

  /// All that ever changes in a change record is that its before image goes, in an erasure (docs/format.md §3.7).
  static let imageGuard = """
    CREATE TRIGGER \(nameOfImageGuard) BEFORE UPDATE ON log_change WHEN steward_erase() IS NOT 1 OR NEW.image IS NOT NULL
    OR \(unchanged.map { "NEW.\($0) IS NOT OLD.\($0)" }.joined(separator: " OR "))
    BEGIN SELECT RAISE(ABORT, 'steward: a change record loses its image in an erasure only'); END
    """

  static let nameOfImageGuard = "log_change_guard_image"

  private static let unchanged = ["tenant", "idx", "position", "tbl", "row_key", "op", "before", "after"]

  /// The same in PostgreSQL, whoever made the schema.
  static let postgresImageGuard = [
    """
    CREATE OR REPLACE FUNCTION steward_erase_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('steward.erase', true) = 'on' AND NEW.image IS NULL
    AND (\(unchanged.map { "NEW.\($0)" }.joined(separator: ", "))) IS NOT DISTINCT FROM (\(unchanged.map { "OLD.\($0)" }.joined(separator: ", ")))
    THEN RETURN NEW; END IF;
    RAISE EXCEPTION 'steward: a change record loses its image in an erasure only' USING ERRCODE = 'insufficient_privilege';
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER \(nameOfImageGuard) BEFORE UPDATE ON log_change FOR EACH ROW
    EXECUTE FUNCTION steward_erase_only()
    """,
  ]

  /// For all tenants of a PostgreSQL database. The head is rewritten with every batch: whole in its page, with room for the next version.
  static let postgresDDL =
    tables.map(PostgresDialect.translate) + all.flatMap(PostgresDialect.fences) + [
      "ALTER TABLE log_head ALTER COLUMN lanes SET STORAGE MAIN",
      "ALTER TABLE log_head SET (toast_tuple_target = 8160, fillfactor = 30)",
    ]

  /// What the owner's role does to a database whose `table_version` is of version 1. Each tenant's facets are filled when it is opened.
  static let postgresUpgrade =
    [PostgresDialect.translate(FacetStore.ddl)] + PostgresDialect.fences(on: FacetStore.table)
    + FacetStore.dropOfIndexes

  private static let tables: [String] =
    [
      """
      CREATE TABLE log_head (tenant TEXT NOT NULL PRIMARY KEY, size INTEGER NOT NULL, frontier BLOB NOT NULL,
      lanes BLOB NOT NULL, time INTEGER NOT NULL) STRICT, WITHOUT ROWID
      """,
      """
      CREATE TABLE log_entry (tenant TEXT NOT NULL, idx INTEGER NOT NULL, time INTEGER NOT NULL, actor TEXT, action TEXT,
      object TEXT, ordinal INTEGER, changes INTEGER, leaf BLOB NOT NULL, data BLOB NOT NULL, PRIMARY KEY (tenant, idx)) STRICT, WITHOUT ROWID
      """,
      "CREATE INDEX log_entry_by_object ON log_entry (tenant, object, idx) WHERE object IS NOT NULL",
      FacetStore.ddl,
      """
      CREATE TABLE log_change (tenant TEXT NOT NULL, idx INTEGER NOT NULL, position INTEGER NOT NULL, tbl TEXT NOT NULL,
      row_key TEXT NOT NULL, op TEXT NOT NULL, before BLOB, after BLOB, image BLOB, PRIMARY KEY (tenant, idx, position)) STRICT, WITHOUT ROWID
      """,
      """
      CREATE TABLE log_tile (tenant TEXT NOT NULL, level INTEGER NOT NULL, idx INTEGER NOT NULL, data BLOB NOT NULL,
      PRIMARY KEY (tenant, level, idx)) STRICT, WITHOUT ROWID
      """,
      """
      CREATE TABLE log_checkpoint (tenant TEXT NOT NULL, size INTEGER NOT NULL, note BLOB NOT NULL,
      PRIMARY KEY (tenant, size)) STRICT, WITHOUT ROWID
      """,
    ]
}

/// Which shape each table of a tenant has; a primary row, so that migrations are on the record. Its own version is that of the journal's tables,
/// too: a program that knows no `log_facet` refuses data that has it, since it would not fill it.
struct TableVersion: Record {
  /// Since when the journal has `log_facet`.
  static let withFacets = 2
  /// Since when it says there which subjects began and ended where.
  static let withSubjects = 3

  static let table = Table(
    "table_version", .primary, version: withSubjects,
    columns: [
      Column("version", .integer, .operational, purpose: "shape of the table named by the key", nullable: false)
    ], retention: "as long as the tenant",
    upgrades: [Table.Upgrade(to: withFacets, [.sealedShape]), Table.Upgrade(to: withSubjects, [.sealedShape])])

  let name: String
  let version: Int

  var key: String { name }
  var plain: [String: Value] { ["version": .integer(Int64(version))] }
  var content: [String: CBOR] { [:] }

  init(name: String, version: Int) {
    self.name = name
    self.version = version
  }

  init(_ row: OpenedRow) throws {
    name = row.key
    version = Int(try row.integer("version"))
  }
}

/// A fact behind a commitment with its salt, sealed under the subject it belongs to (docs/format.md §3.3).
package struct CommittedFact: Record {
  package static let table = Table(
    "disclosure", .primary, columns: [],
    sealed: [
      Column("fact", .text, .personal, purpose: "what someone may later have to show one by one"),
      Column("salt", .bytes, .secret, purpose: "keeps the commitment from being guessed"),
    ], retention: "as long as the subject's key")

  /// Index of the entry that holds the commitment, and which of its commitments.
  package let entry: Int64
  package let position: Int
  package let fact: [UInt8]
  package let salt: [UInt8]

  package var key: String { CommittedFact.key(entry, position) }
  package var plain: [String: Value] { [:] }
  package var content: [String: CBOR] { ["fact": .bytes(fact), "salt": .bytes(salt)] }

  static func key(_ entry: Int64, _ position: Int) -> String { "\(entry).\(position)" }

  init(entry: Int64, position: Int, fact: [UInt8], salt: [UInt8]) {
    self.entry = entry
    self.position = position
    self.fact = fact
    self.salt = salt
  }

  package init(_ row: OpenedRow) throws {
    let parts = row.key.split(separator: ".")
    guard parts.count == 2, let entry = Int64(parts[0]), let position = Int(parts[1]),
      let fact = row.content["fact"]?.bytes,
      let salt = row.content["salt"]?.bytes
    else { throw RowDoesNotOpen(table: "disclosure", key: row.key) }
    self.init(entry: entry, position: position, fact: fact, salt: salt)
  }

  /// `{"fact":…,"salt":…}` as it stands in a bundle.
  package func disclosed() throws -> JSON {
    .object(["fact": try JSON.parse(fact), "salt": .string(Base64.encode(salt))])
  }
}
