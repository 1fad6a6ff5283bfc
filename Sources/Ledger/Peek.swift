import Glibc
import Kernel
import Storage
import Synchronization

/// Plain columns of a tenant, read without its keys and without keeping its file open: for looking through many tenants of which
/// most have nothing to do.
package struct Peek {
  package let tenant: TenantID
  /// Whether the tenant has stored files.
  package let hasFiles: Bool
  fileprivate let connection: Connection

  /// The SQL names the tenant itself. A table that this tenant does not have yet has no rows.
  package func rows(_ sql: SQL) throws -> [[Value]] {
    do { return try connection.rows(sql) } catch let error as StorageError
      where error.message.hasPrefix("no such table")
    {
      return []
    }
  }
}

extension Ledger {
  /// Whether the tenant was used since the start.
  package func isOpen(_ tenant: TenantID) -> Bool { opened.withLock { $0[tenant] != nil } }

  /// Blocks the thread for the fraction of a millisecond that opening a file takes.
  package func peek<T>(_ tenant: TenantID, _ body: (Peek) throws -> T) throws -> T {
    guard self.tenant(tenant) != nil else { throw Problem.notFound }
    let path = databasePath(tenant)
    // Nobody writes a file that is not open here (one process has the directory), and with nothing in the WAL it is whole by
    // itself: then SQLite may read it without making files of its own beside it.
    let isStill = !isOpen(tenant) && Ledger.size(of: path + "-wal") == 0
    let hasFiles = access(filesDirectory(tenant), F_OK) == 0
    return try SQLiteDatabase.readOnly(path: path, immutable: isStill) { connection in
      try body(Peek(tenant: tenant, hasFiles: hasFiles, connection: connection))
    }
  }

  /// 0 for a file that is not there.
  private static func size(of path: String) -> Int64 {
    var facts = stat()
    return stat(path, &facts) == 0 ? Int64(facts.st_size) : 0
  }
}
