import Custody
import Kernel
import Storage
import TransparencyLog

/// Reads one tenant's rows within one snapshot. Not `Sendable`: the compiler keeps it inside its closure.
package class Reader {
  package let tenant: TenantID
  let connection: Connection
  let keys: TenantKeys

  init(tenant: TenantID, connection: Connection, keys: TenantKeys) {
    self.tenant = tenant
    self.connection = connection
    self.keys = keys
  }

  package func find<R: Record>(_ type: R.Type, _ key: String) throws -> R? {
    guard let row = try storedRow(R.table, key) else { return nil }
    return try read(row)
  }

  /// Nil for a row whose key was destroyed: until it is erased on the record too it counts as gone.
  private func read<R: Record>(_ row: StoredRow) throws -> R? {
    do { return try R(try open(row, R.table)) } catch is SubjectErased { return nil }
  }

  package func find<R: Record, Noun>(_ type: R.Type, _ id: ID<Noun>) throws -> R? { try find(type, id.text) }

  /// All rows of the tenant that satisfy `tail`, such as `"AND case_id = \(id) ORDER BY id LIMIT 20"`.
  package func fetch<R: Record>(_ type: R.Type, _ tail: SQL = "") throws -> [R] {
    var records: [R] = []
    try connection.eachOfFew(raw: Self.select(type, tail), [.text(tenant.text)] + tail.arguments) { row in
      if let record: R = try read(StoredRow(row.values)) { records.append(record) }
    }
    return records
  }

  private static func select<R: Record>(_ type: R.Type, _ tail: SQL) -> String {
    R.table.statements.select + (tail.text.isEmpty ? "" : " " + tail.text)
  }

  /// Hands over one record after another, so that a large table is never in memory whole.
  func each<R: Record>(_ type: R.Type, _ tail: SQL = "", _ body: (R) throws -> Void) throws {
    try connection.each(raw: Self.select(type, tail), [.text(tenant.text)] + tail.arguments) { row in
      if let record: R = try read(StoredRow(row.values)) { try body(record) }
      return true
    }
  }

  /// Any rows of ours, as values. The SQL names the tenant itself: `… WHERE tenant = \(work.tenant)`.
  package func rows(_ sql: SQL) throws -> [[Value]] {
    if sql.text.contains("log_") { try willReadJournal() }
    return try connection.rows(sql)
  }

  /// What the journal will hold is there before it is read.
  func willReadJournal() throws {}

  /// What a command that is still at it changed: no entry says so yet.
  var unwritten: [(row: RowRef, image: [UInt8]?)] { [] }

  package func subject<R: Record>(of type: R.Type, _ key: String) throws -> SubjectRef {
    guard let row = try storedRow(R.table, key) else { throw Problem.notFound }
    return row.subject
  }

  package func keyedHash(_ purpose: String, _ value: String) -> [UInt8] { keys.keyedHash(purpose, value) }

  /// The disclosures of an entry, in the order of its commitments.
  package func disclosures(ofEntry index: Int64) throws -> [CommittedFact] {
    var found: [CommittedFact] = []
    while let next = try find(CommittedFact.self, CommittedFact.key(index, found.count)) { found.append(next) }
    return found
  }

  // MARK: Rows

  func storedRow(_ table: Table, _ key: String) throws -> StoredRow? {
    try connection.firstRow(raw: table.statements.select + " AND id = ?", [.text(tenant.text), .text(key)]).map(
      StoredRow.init)
  }

  func open(_ row: StoredRow, _ table: Table) throws -> OpenedRow {
    let context = SealingContext.row(tenant: tenant, table: table.name, key: row.key, schema: row.schema)
    let key = try keys.key(of: row.subject)
    guard let plain = try? Box.open(row.sealed, key: key, context: context),
      case .map(let content)? = try? CBOR.decode(plain)
    else {
      throw RowDoesNotOpen(table: table.name, key: row.key)
    }
    return OpenedRow(table: table, stored: row, content: content)
  }
}
