import CSQLite
import GRDBSQLite

/// Which SQLite this process runs with.
package enum LinkedSQLite {
  package static var version: String { String(cString: sqlite3_libversion()) }

  /// Before 3.51.3 a WAL that one connection resets while another writes can be corrupted. Only our writer resets it, so that it
  /// cannot happen to us; a tool of somebody else beside the server could bring it about.
  package static var hasWALResetFault: Bool { sqlite3_libversion_number() < 3_051_003 }

  /// Settings of the library for the whole process, which count only before its first use.
  static let configured: Void = {
    // Refused where somebody has used it before: then it counts, as it does by itself.
    _ = steward_sqlite_count_no_memory()
  }()
}
