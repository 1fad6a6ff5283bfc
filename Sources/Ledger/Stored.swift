import Custody
import Glibc
import Kernel
import Storage

/// What lies there of a tenant as it is stored, for whoever looks whether something does that must not.
extension Ledger {
  /// Hands over the rows of every table that has any of the tenant, in the columns in which they lie: plain ones, boxes, the log. Of rows that say
  /// which entry wrote them only those from `entry` on.
  package func stored<T: Sendable>(
    of tenant: TenantID, from entry: Int64 = 0, into start: T,
    _ take: @escaping @Sendable (inout T, _ table: String, _ row: [Value]) throws -> Void
  ) async throws -> T {
    try await using(tenant) { ledger in
      try await ledger.database.read { connection in
        var result = start
        for table in try connection.tableNames() {
          let columns = try connection.columns(of: table)
          guard columns.contains("tenant") else { continue }
          let since = ["entry", "idx"].first { columns.contains($0) && table != "log_tile" }
          try connection.each(
            raw: "SELECT * FROM \(table) WHERE tenant = ?" + (since.map { " AND \($0) >= ?" } ?? ""),
            [.text(tenant.text)] + (since == nil ? [] : [.integer(entry)])
          ) { row in
            try take(&result, table, row.values)
            return true
          }
        }
        return result
      }
    }
  }

  /// Names of what is left of a tenant: its files, its keys but for the word that they ended, its rows or its database, its name. Empty once
  /// it was erased.
  package func remains(of tenant: TenantID) async throws -> [String] {
    let hasFiles = try await !files.list(tenant).isEmpty
    let installation = installation
    return try await (hasFiles ? ["files"] : [])
      + onThread {
        try installation.keyStore.files(of: tenant).map { "keys/\($0.path)" }.filter { !$0.hasSuffix("/gone") }
          + installation.remains(of: tenant)
      }
  }
}

extension OpenInstallation {
  fileprivate func remains(of tenant: TenantID) throws -> [String] {
    let name = try tenants().contains { $0.id == tenant } ? ["the tenant's name"] : []
    guard !isShared else {
      return try name
        + peek(tenant, isOpen: true) { connection in
          try connection.tableNames().filter { table in
            try connection.columns(of: table).contains("tenant")
              && connection.firstRow(raw: "SELECT 1 FROM \(table) WHERE tenant = ? LIMIT 1", [.text(tenant.text)])
                != nil
          }
        }
    }
    let paths = ["", "-wal", "-shm"].map { "tenants/\(tenant).db\($0)" } + ["files/\(tenant)"]
    return name + paths.filter { access("\(directory)/\($0)", F_OK) == 0 }
  }
}
