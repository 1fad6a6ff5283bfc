import Custody
import Kernel
import Storage

/// Refuses a tenant whose key store is older than its data: a slot that a row already uses would be handed out a second time.
///
/// Slots rise with time, and servers that share a store reserve at most 1,024 at once, so the rows of the newest changes name about the
/// highest ones; looking at a few hundred finds what a key store that was
/// put back by hand has lost. `steward audit verify --keys` looks at every row.
enum KeyRollback {
  static let changesLookedAt = 256

  static func refuse(_ tenant: TenantID, _ tables: [String: Table], _ keys: TenantKeys, _ connection: Connection) throws
  {
    guard try connection.hasTable("log_change") else { return }
    let newest = try connection.rows(
      raw: "SELECT tbl, row_key FROM log_change WHERE tenant = ? ORDER BY idx DESC, position DESC LIMIT ?",
      [.text(tenant.text), .integer(Int64(changesLookedAt))])
    for row in newest {
      // The name comes from the file: only one that is declared stands in a statement.
      guard let table = row[0].text.flatMap({ tables[$0] }), table.kind == .primary, let key = row[1].text else {
        continue
      }
      let found = try connection.firstRow(
        raw: "SELECT subject FROM \(table.name) WHERE tenant = ? AND id = ?", [.text(tenant.text), .text(key)])
      guard let subject = found?[0].integer, try !keys.isTaken(SubjectRef(subject)) else { continue }
      throw Problem(
        .unavailable,
        "The key store is older than the data: a key could be used twice. Bring the key store back from a replica.",
        detail: "\(table.name) \(key): subject \(subject), taken \(try keys.taken)")
    }
  }
}
