import Custody
import Glibc
import Kernel
import Storage
import Synchronization

/// Plain columns of a tenant, read without its keys and without keeping its file open: for looking through many tenants of which
/// most have nothing to do.
package struct Peek {
  package let tenant: TenantID
  /// False only if the tenant certainly has no stored files.
  package let hasFiles: Bool
  /// If nobody has the tenant open: how often it was. What was seen holds until `Ledger.openings` says another number.
  package let closedAfter: Int?
  fileprivate let connection: Connection

  /// The SQL names the tenant itself. A table that this tenant does not have yet has no rows.
  package func rows(_ sql: SQL) throws -> [[Value]] {
    do { return try connection.rows(sql) } catch let error as StorageError
      where error.isMissingTable
    {
      return []
    }
  }
}

extension Ledger {
  /// Whether the tenant is open, or about to be.
  package func isOpen(_ tenant: TenantID) -> Bool { opened.isOpen(tenant) }

  /// How often the tenant was opened in this process.
  package func openings(of tenant: TenantID) -> Int { opened.openings(of: tenant) }

  /// Blocks the thread for the fraction of a millisecond that opening a file takes.
  package func peek<T>(_ tenant: TenantID, _ body: (Peek) throws -> T) throws -> T {
    guard self.tenant(tenant) != nil else { throw Problem.notFound }
    let hasFiles = files.mayHaveFiles(tenant)
    return try opened.look(tenant) { isStill, openings in
      try installation.peek(tenant, isOpen: !isStill) { connection in
        try body(
          Peek(
            tenant: tenant, hasFiles: hasFiles, closedAfter: isStill ? openings : nil, connection: connection))
      }
    }
  }
}
