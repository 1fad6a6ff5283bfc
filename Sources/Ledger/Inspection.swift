import Kernel
import Storage

/// What can be seen of a data directory from outside: without keys, without a lock, beside a running server.
package struct Inspection: Sendable {
  package let tenants: Int
  /// The latest time on any record; nil if there is none.
  package let latest: Instant?
  /// The latest heartbeat in the installation's own log.
  package let heartbeat: Instant?

  package static func run(dataDirectory: String, systemSlug: String) throws -> Inspection {
    let place = try DataPlace(dataDirectory)
    let rows = try place.control { connection in
      try DirectoryFormat.check(try connection.firstRow(raw: "SELECT format FROM installation")?[0].integer)
      return try connection.rows(raw: "SELECT id, slug FROM tenant ORDER BY id")
    }
    var latest: Instant?
    var heartbeat: Instant?
    for row in rows {
      guard let id = row[0].text.flatMap({ TenantID($0) }) else { continue }
      try place.tenant(id) { connection in
        guard try connection.hasTable("log_head") else { return }
        if let time = try connection.firstRow(
          raw: "SELECT MAX(time) FROM log_head WHERE tenant = ?", [.text(id.text)])?[0].integer
        {
          latest = max(latest ?? Instant(milliseconds: 0), Instant(milliseconds: time))
        }
        guard row[1].text == systemSlug else { return }
        heartbeat = try FacetStore(tenant: id, connection: connection).latestTime(ofAction: "heartbeat")
      }
    }
    return Inspection(tenants: rows.count, latest: latest, heartbeat: heartbeat)
  }
}
