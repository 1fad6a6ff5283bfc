import Platform
import TransparencyLog

/// A43: a record is corrected in place, and the log records the correction with the record before and after.
enum EditInPlaceCheck {
  static func run(_ probe: Probe) async throws -> String {
    let tenant = probe.first
    let vendor = try await probe.vendor(in: tenant)
    let count = try await vendors(probe)
    let before = try await stored(vendor, probe)
    let name = Marker.make()
    let edit = try await probe.proven(
      try await probe.rename(vendor, to: name, in: tenant), of: tenant, what: "correcting a vendor")
    let after = try await stored(vendor, probe)
    let shown = try await tenant.manager.caller.get("/v1/vendors/\(vendor)").body(200, for: "GET /v1/vendors/{id}")
    try hold(shown["name"]?.string == name, "The corrected record still shows what it said before.")
    try hold(
      try await vendors(probe) == count, "The correction made another record instead of changing the one there is.")
    let change = try await change(of: vendor, in: edit, probe)
    try hold(change.op == .update, "The log does not call the correction an update.")
    try hold(change.before == before, "The log does not hold the digest of the record before the correction.")
    try hold(
      change.after == after && after != before, "The log does not hold the digest of the record after the correction.")
    try hold(edit.leaf.object == "vendor:\(vendor)", "The entry of the correction names another record.")
    return """
      Corrected a record in place; entry \(edit.index) commits to the record before (\(before.hex.prefix(16))…) and after \
      (\(after.hex.prefix(16))…), as both are or were stored, and the entry is in the signed tree.
      """
  }

  private static func vendors(_ probe: Probe) async throws -> Int64 {
    let tenant = probe.first.id
    return try await probe.services.ledger.read(tenant) { reader in
      try reader.rows("SELECT count(*) FROM vendor WHERE tenant = \(tenant)").first?.first?.integer ?? 0
    }
  }

  /// Digest of the stored row, computed from the database here and now.
  private static func stored(_ vendor: String, _ probe: Probe) async throws -> Digest {
    let tenant = probe.first.id
    let table = try need(probe.services.ledger.tables["vendor"], "There is no table of vendors.")
    let row = try await probe.services.ledger.read(tenant) { reader in
      try reader.rows(SQL(table.statements.select + " AND id = ?", [tenant.value, vendor.value])).first
    }
    return Digest(sha256: StoredRow(try need(row, "The record is not stored.")).canonical(table))
  }

  /// The change record as the trail gives it, once it is shown to be what the leaf commits to.
  private static func change(of vendor: String, in edit: ProvenEntry, _ probe: Probe) async throws -> ChangeRecord {
    let shown = try await probe.first.auditor.caller.get("/v1/audit/\(edit.index)").body(
      200, for: "GET /v1/audit/{index}")
    let records = shown["change_records"]?.array?.compactMap { try? ChangeRecord(parsing: $0.canonical) } ?? []
    try hold(
      records.count == edit.leaf.changeCount && ChangeRecord.root(records) == edit.leaf.changeRoot,
      "The change records are not those that the entry commits to.")
    guard let change = records.first(where: { $0.table == "vendor" && $0.key == vendor }) else {
      throw Broken(reason: "The entry of the correction does not name the record.")
    }
    return change
  }
}
