import Custody
import Kernel
import Storage

/// A command on transient tables: read, decide and write within one savepoint of one batch, without an entry. What it writes is
/// lost on a restore, so nothing that matters may lie in it alone. Synchronous, and may be run again.
package final class TransientWork: Reader {
  package let now: Instant
  /// Whether the tenant is frozen, as of this very transaction.
  package let isFrozen: Bool
  private(set) var afterCommit: [@Sendable () -> Void] = []

  init(tenant: TenantID, connection: Connection, keys: TenantKeys, now: Instant, isFrozen: Bool) {
    self.now = now
    self.isFrozen = isFrozen
    super.init(tenant: tenant, connection: connection, keys: keys)
  }

  /// A statement on a transient table; answers how many rows it touched. Any other table is refused.
  @discardableResult
  package func run(_ sql: SQL, on table: Table) throws -> Int {
    guard table.kind == .transient else {
      throw Problem(.internal, "Only transient tables are written without an entry.", detail: table.name)
    }
    try run(sql)
    return try connection.changedRows
  }

  func run(_ sql: SQL) throws { try connection.run(sql) }

  /// As `Work.afterCommit`.
  package func afterCommit(_ body: @escaping @Sendable () -> Void) { afterCommit.append(body) }
}
