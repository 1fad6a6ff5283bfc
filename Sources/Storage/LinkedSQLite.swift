import GRDBSQLite

/// Which SQLite this process runs with.
package enum LinkedSQLite {
  package static var version: String { String(cString: sqlite3_libversion()) }

  /// Before 3.51.3 a WAL that one connection resets while another writes can be corrupted. Only our writer resets it, so that it
  /// cannot happen to us; a tool of somebody else beside the server could bring it about.
  package static var hasWALResetFault: Bool { sqlite3_libversion_number() < 3_051_003 }
}
