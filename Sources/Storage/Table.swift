/// How a table stands to the record (docs/format.md §2).
package enum TableKind: String, Sendable {
  /// On the record: every change is journaled and committed to.
  case primary
  /// Rebuilt from primary rows: keyed hashes, counters. Not journaled, not backed up.
  case derived
  /// Lost on a restore without harm: last uses, throttles, idempotency keys.
  case transient
}

/// What kind of data a column holds; decides how it is stored and who may see it.
package enum DataClass: String, Sendable {
  case key, operational, content, personal, special, secret

  /// Content and above lies in the sealed image only.
  package var mustBeSealed: Bool { self != .key && self != .operational }
}

package enum ColumnType: String, Sendable {
  case integer = "INTEGER"
  case text = "TEXT"
  case bytes = "BLOB"
}

/// A column as its module declares it.
package struct Column: Sendable {
  package let name: String
  package let type: ColumnType
  package let dataClass: DataClass
  package let purpose: String
  package let nullable: Bool

  package init(_ name: String, _ type: ColumnType, _ dataClass: DataClass, purpose: String, nullable: Bool = true) {
    self.name = name
    self.type = type
    self.dataClass = dataClass
    self.purpose = purpose
    self.nullable = nullable
  }
}

package struct Index: Sendable {
  package let columns: [String]
  package let unique: Bool

  /// `tenant` leads implicitly.
  package init(_ columns: [String], unique: Bool = false) {
    self.columns = columns
    self.unique = unique
  }
}

/// A tenant table as its module declares it. The DDL of both engines, the guards and the inventories come from this value.
package struct Table: Sendable {
  package let name: String
  package let kind: TableKind
  /// Rises with every change of shape; a row keeps the version it was sealed under.
  package let version: Int
  /// Plain columns (for derived and transient tables: all of them).
  package let columns: [Column]
  /// What lies in the sealed image of a primary row.
  package let sealed: [Column]
  package let primaryKey: [String]
  package let indexes: [Index]
  package let retention: String
  /// How data of an earlier version is brought to this one; see `Upgrade`.
  package let upgrades: [Upgrade]
  /// All stored columns of a primary table in the order in which `Ledger` reads and writes them.
  package let storedColumns: [String]
  /// Positions in `storedColumns`, in the order of deterministic CBOR map keys.
  package let canonicalOrder: [Int]
  /// The statements of a primary table, written once so that their cached forms are found by identity of text.
  package let statements: Statements

  package struct Statements: Sendable {
    package let columns: String
    package let select: String
    package let insert: String
    package let update: String
    package let delete: String
  }

  package static let impliedColumns = ["tenant", "id", "entry", "schema", "subject", "sealed"]

  package init(
    _ name: String, _ kind: TableKind, version: Int = 1, columns: [Column], sealed: [Column] = [],
    primaryKey: [String] = ["id"], indexes: [Index] = [], retention: String, upgrades: [Upgrade] = []
  ) {
    self.upgrades = upgrades
    self.name = name
    self.kind = kind
    self.version = version
    self.columns = columns
    self.sealed = sealed
    self.primaryKey = kind == .primary ? ["id"] : primaryKey
    self.indexes = indexes
    self.retention = retention
    let stored = kind == .primary ? Table.impliedColumns + columns.map(\.name) : ["tenant"] + columns.map(\.name)
    storedColumns = stored
    canonicalOrder = stored.indices.sorted { a, b in
      let (first, second) = (stored[a], stored[b])
      return first.utf8.count == second.utf8.count ? first < second : first.utf8.count < second.utf8.count
    }
    let list = stored.joined(separator: ", ")
    let holes = stored.map { _ in "?" }.joined(separator: ", ")
    let assignments = stored.dropFirst(2).map { "\($0) = ?" }.joined(separator: ", ")
    statements = Statements(
      columns: list,
      select: "SELECT \(list) FROM \(name) WHERE tenant = ?",
      insert: "INSERT INTO \(name) (\(list)) VALUES (\(holes))",
      update: "UPDATE \(name) SET \(assignments) WHERE tenant = ? AND id = ?",
      delete: "DELETE FROM \(name) WHERE tenant = ? AND id = ?")
  }
}

// MARK: - Upgrades

extension Table {
  /// One step from a version to the next, declared beside the shape it leads to.
  ///
  /// Rows are never rewritten: a row keeps the version it was sealed under and is sealed anew when it is next written, so a record's
  /// `init(_ row:)` reads every version that may still lie there. What is added may be NULL, and NULL is left out of the stored
  /// row (docs/format.md §2), so no commitment changes.
  package struct Upgrade: Sendable {
    package enum Step: Sendable {
      /// A plain column, declared in `columns` and nullable.
      case addColumn(String)
      /// An index, declared in `indexes`.
      case addIndex([String])
      /// Only `sealed` changed: the database stays as it is.
      case sealedShape
      /// A derived or transient table is made anew, empty; whoever derives it fills it again.
      case recreate
    }

    /// The version that this leads to.
    package let to: Int
    package let steps: [Step]

    package init(to: Int, _ steps: [Step]) {
      self.to = to
      self.steps = steps
    }
  }

  /// The statements that lead from `version` to this one. Nil if a step is missing or cannot be made.
  package func sqliteUpgrade(from version: Int) -> [String]? { upgrade(from: version, sqlite) }

  func upgrade(from version: Int, _ make: (Upgrade.Step) -> [String]?) -> [String]? {
    guard version < self.version else { return [] }
    var statements: [String] = []
    for next in (version + 1)...self.version {
      guard let upgrade = upgrades.first(where: { $0.to == next }) else { return nil }
      for step in upgrade.steps {
        guard let made = make(step) else { return nil }
        statements += made
      }
    }
    return statements
  }

  func sqlite(_ step: Upgrade.Step) -> [String]? {
    switch step {
    case .sealedShape: return []
    case .addColumn(let name):
      guard let column = columns.first(where: { $0.name == name }), column.nullable else { return nil }
      return ["ALTER TABLE \(self.name) ADD COLUMN \(name) \(column.type.rawValue)"]
    case .addIndex(let columns):
      guard let place = indexes.firstIndex(where: { $0.columns == columns }) else { return nil }
      return [indexDDL[place]]
    case .recreate:
      return kind == .primary ? nil : ["DROP TABLE IF EXISTS \(name)"] + sqliteDDL
    }
  }
}

// MARK: - DDL

extension Table {
  /// CREATE statements in SQLite's dialect: the table, its indexes, its guards.
  package var sqliteDDL: [String] { [createTable] + indexDDL + Table.guards(on: name) }

  var createTable: String {
    let implied =
      kind == .primary
      ? [
        "tenant TEXT NOT NULL", "id TEXT NOT NULL", "entry INTEGER NOT NULL", "schema INTEGER NOT NULL",
        "subject INTEGER NOT NULL", "sealed BLOB NOT NULL",
      ] : ["tenant TEXT NOT NULL"]
    let own = columns.map { "\($0.name) \($0.type.rawValue)\($0.nullable ? "" : " NOT NULL")" }
    let key = "PRIMARY KEY (\((["tenant"] + primaryKey).joined(separator: ", ")))"
    return "CREATE TABLE \(name) (\((implied + own + [key]).joined(separator: ", "))) STRICT, WITHOUT ROWID"
  }

  package var indexDDL: [String] {
    indexes.map { index in
      let columns = (["tenant"] + index.columns).joined(separator: ", ")
      let name = Table.indexName(name, index.columns)
      return "CREATE \(index.unique ? "UNIQUE " : "")INDEX \(name) ON \(self.name) (\(columns))"
    }
  }

  /// Within the 63 bytes that PostgreSQL keeps of a name.
  static func indexName(_ table: String, _ columns: [String]) -> String {
    let whole = "\(table)_by_\(columns.joined(separator: "_"))"
    return whole.utf8.count <= 63 ? whole : "\(table)_by_\(columns[0])_and_\(columns.count - 1)"
  }

  /// Triggers that refuse a write unless a `Work` is open on the connection. A client without the function cannot write at all.
  package static func guards(on table: String) -> [String] {
    ["INSERT", "UPDATE", "DELETE"].map { verb in
      """
      CREATE TRIGGER \(table)_guard_\(verb.lowercased()) BEFORE \(verb) ON \(table) WHEN steward_work() IS NOT 1
      BEGIN SELECT RAISE(ABORT, 'steward: this table is written through the ledger only'); END
      """
    }
  }
}
