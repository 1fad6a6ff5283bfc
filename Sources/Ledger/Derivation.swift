import Custody
import Kernel
import Storage

/// What a derived table must hold, said in terms of primary rows. Who declares a derived table declares this beside it: a restore and
/// `steward audit rebuild` make the table from it, and `steward audit verify --keys` compares.
package struct Derivation: Sendable {
  package let table: Table
  private let source: @Sendable (Reader, ([Value]) throws -> Void) throws -> Void
  /// The primary table that it is made from.
  let origin: String
  /// What the table holds because of one row of it.
  private let made: @Sendable (OpenedRow, Reader) throws -> [Value]?

  /// At most one row for each record of a primary table: its values in the order of `table.columns`, without the tenant.
  package init<R: Record>(
    of table: Table, from type: R.Type, _ row: @escaping @Sendable (R, Reader) throws -> [Value]?
  ) {
    self.table = table
    origin = type.table.name
    made = { opened, reader in try row(try R(opened), reader) }
    source = { reader, put in
      try reader.each(type) { record in if let values = try row(record, reader) { try put(values) } }
    }
  }

  /// Removes what the table holds because of a row that goes.
  func remove(for opened: OpenedRow, _ reader: Reader) throws {
    guard try exists(reader.connection), let values = try made(opened, reader) else { return }
    let row = [.text(reader.tenant.text)] + values
    try reader.connection.run(raw: delete, keyPlaces.map { row[$0] })
  }

  private var keyNames: [String] { ["tenant"] + table.primaryKey }
  private var keyPlaces: [Int] { keyNames.compactMap { table.storedColumns.firstIndex(of: $0) } }
  private var delete: String {
    "DELETE FROM \(table.name) WHERE " + keyNames.map { "\($0) = ?" }.joined(separator: " AND ")
  }

  /// How the rows that lie there differ from what they should be.
  struct Difference {
    /// Rows that must be there, whole.
    var missing: Set<[Value]>
    var superfluous: Set<[Value]>
    var count: Int
  }

  func difference(_ reader: Reader) throws -> Difference {
    var wanted: Set<[Value]> = []
    try source(reader) { wanted.insert([.text(reader.tenant.text)] + $0) }
    var superfluous: Set<[Value]> = []
    var missing = wanted
    let columns = table.storedColumns.joined(separator: ", ")
    // A file is one tenant's: a row that says otherwise is superfluous in it, too.
    let isOwn = reader.connection.dialect == .sqlite
    try reader.connection.each(
      raw: "SELECT \(columns) FROM \(table.name)" + (isOwn ? "" : " WHERE tenant = ?"),
      isOwn ? [] : [.text(reader.tenant.text)]
    ) { row in
      let values = row.values
      if missing.remove(values) == nil { superfluous.insert(values) }
      return true
    }
    return Difference(missing: missing, superfluous: superfluous, count: wanted.count)
  }

  /// The primary key of a row, for people: bytes in hexadecimal.
  func key(_ row: [Value]) -> String {
    table.primaryKey.compactMap { name in
      guard let position = table.storedColumns.firstIndex(of: name) else { return nil }
      return switch row[position] {
      case .bytes(let bytes): Hex.encode(bytes)
      case .text(let text): text
      case .integer(let number): "\(number)"
      case .null: "NULL"
      }
    }.joined(separator: " ")
  }

  func exists(_ connection: Connection) throws -> Bool {
    try connection.hasTable(table.name)
  }

  fileprivate func repair(_ difference: Difference, _ connection: Connection) throws {
    for row in difference.superfluous { try connection.run(raw: delete, keyPlaces.map { row[$0] }) }
    for row in difference.missing {
      do { try connection.run(raw: table.statements.insert, row) } catch let error as StorageError
        where error.isConstraint
      {
        throw Problem(
          .conflict, "Two primary rows ask for one row of \(table.name); run `steward audit verify --keys`.",
          detail: key(row))
      }
    }
  }
}

/// What making a derived table again changed.
package struct Rebuilt: Sendable, Equatable {
  package let table: String
  package let rows: Int
  package let added: Int
  package let removed: Int
}

extension Ledger {
  /// Makes every derived table of a tenant what its primary rows say, in one transaction and without an entry: nothing on the record
  /// changes. A derived or transient table that is not there, as after a restore, is made. `other` takes the place of the derivations that
  /// the ledger was opened with.
  @discardableResult
  package func rebuildDerived(_ tenant: TenantID, with other: [Derivation]? = nil) async throws -> [Rebuilt] {
    try await using(tenant) { try await rebuildDerived($0, with: other) }
  }

  @discardableResult
  func rebuildDerived(_ ledger: TenantLedger, with other: [Derivation]? = nil) async throws -> [Rebuilt] {
    let derivations = other ?? derivations
    let derived = tables.values.filter { $0.kind == .derived }.map(\.name)
    guard Set(derived) == Set(derivations.map(\.table.name)) else {
      throw Problem(.internal, "A derived table does not say how it is made again.", detail: "\(derived.sorted())")
    }
    return try await withCheckedThrowingContinuation { continuation in
      ledger.database.onWriter { [self] access in
        continuation.resume(with: Result { try rebuild(derivations, ledger, access) })
      }
    }
  }

  private func rebuild(
    _ derivations: [Derivation], _ ledger: TenantLedger, _ access: WriterAccess
  ) throws -> [Rebuilt] {
    let (connection, gate) = (access.connection, access.gate)
    let reader = Reader(tenant: ledger.tenant, connection: connection, keys: ledger.keys)
    try connection.begin()
    do {
      let rebuilt = try gate.whileOpen { try rebuild(reader, derivations) }
      try connection.commit()
      return rebuilt
    } catch {
      try? connection.rollback()
      throw error
    }
  }

  private func rebuild(_ reader: Reader, _ derivations: [Derivation]) throws -> [Rebuilt] {
    // PostgreSQL's tables belong to all tenants, and to the owner role.
    let present = Set(try reader.connection.tableNames())
    for table in tables.values.sorted(by: { $0.name < $1.name })
    where reader.connection.dialect == .sqlite && table.kind != .primary && !present.contains(table.name) {
      for statement in table.sqliteDDL { try reader.connection.run(raw: statement) }
    }
    try FacetStore(tenant: reader.tenant, connection: reader.connection).bringForward()
    return try derivations.map { derivation in
      let difference = try derivation.difference(reader)
      try derivation.repair(difference, reader.connection)
      return Rebuilt(
        table: derivation.table.name, rows: difference.count, added: difference.missing.count,
        removed: difference.superfluous.count)
    }
  }
}
