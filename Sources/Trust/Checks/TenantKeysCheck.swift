import Platform

/// A10: each tenant's content is sealed by the application under that tenant's own keys, and does not open as another's.
///
/// Takes stored rows of the two probe tenants, table by table, and swaps them: place, keys, and both.
enum TenantKeysCheck {
  static func run(_ probe: Probe) async throws -> String {
    _ = try await probe.vendor(in: probe.first)
    _ = try await probe.vendor(in: probe.second)
    let first = Dictionary(grouping: try await SealedRows.all(probe.first, probe), by: \.place.table)
    let second = Dictionary(grouping: try await SealedRows.all(probe.second, probe), by: \.place.table)
    var tables = 0
    var attempts = 0
    for (table, rows) in first.sorted(by: { $0.key < $1.key }) {
      guard let one = rows.first, let other = second[table]?.first else { continue }
      tables += 1
      try await opensAtHome(one, probe)
      try await opensAtHome(other, probe)
      attempts += try await staysClosed(one, as: other, probe)
      attempts += try await staysClosed(other, as: one, probe)
    }
    guard first["vendor"] != nil, second["vendor"] != nil, tables > 0 else {
      throw Hindered(reason: "The two tenants have no sealed vendors to swap.")
    }
    return """
      Swapped sealed rows of \(tables) tables between two tenants in \(attempts) ways (the other's place, the other's keys, \
      both): none opened. Each opened where it belongs.
      """
  }

  private static func opensAtHome(_ row: SealedRows, _ probe: Probe) async throws {
    let opens = try await probe.environment.opens(row.box, row.place, row.place.tenant)
    try hold(opens, "A row of \(row.place.table) does not open where it belongs.")
  }

  /// Tries the row in the other tenant's place and with its keys, in every combination that is not its home.
  private static func staysClosed(_ row: SealedRows, as other: SealedRows, _ probe: Probe) async throws -> Int {
    var moved = row.place
    moved.tenant = other.place.tenant
    let attempts: [(SealedPlace, TenantID)] = [
      (other.place, other.place.tenant), (other.place, row.place.tenant), (row.place, other.place.tenant),
      (moved, other.place.tenant), (moved, row.place.tenant),
    ]
    for (place, keys) in attempts {
      // A slot that the other tenant never took has no key at all, which is as closed as can be.
      let opens = (try? await probe.environment.opens(row.box, place, keys)) ?? false
      try hold(!opens, "A row of \(row.place.table) of one tenant opens in the other's place or with the other's keys.")
    }
    return attempts.count
  }
}
