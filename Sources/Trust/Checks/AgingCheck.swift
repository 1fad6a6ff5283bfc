import Platform

/// A42: deleted data ages out of the backups within their 30-day cycle.
///
/// In an organisation of its own a vendor is backed up and erased. The backup of before is restored: the vendor does not come back, and another one does.
/// Then later backups are made at the same place as if time had passed: the old one is still there after 29 days, and gone with the first
/// one after 30. What lies at the configured place must not be older than that, either.
enum AgingCheck {
  private static let day = 86_400
  private static let days = 30
  /// A backup goes with the first nightly one after its time; an hour for that one.
  private static let oldestSeconds = 31 * day + 3_600

  static func run(_ probe: Probe) async throws -> String {
    try await configured(probe)
    let tenant = try await probe.tenants.passing(probe.environment)
    let erased = try await ErasureCheck.marked(tenant, probe)
    let kept = try await ErasureCheck.marked(tenant, probe)
    let pieces = try await ErasureCheck.ciphertext(of: erased, in: tenant.id, probe.services)
    let drill = try await probe.environment.backupDrill(tenant.id)
    let found: (searched: Int, rows: Int)
    do {
      found = try await aged(erased, kept, pieces, tenant, drill, probe)
    } catch {
      await drill.clear()
      throw error
    }
    await drill.clear()
    return """
      Backed up two vendors of an organisation of its own, erased one, and restored the backup of before: the erased one did not come back, its \
      ciphertext is in none of \(found.searched) restored files, and all other \(found.rows) rows opened. The rule that runs at the configured place \
      kept that backup for 29 days and had removed it after 31; nothing at that place is older.
      """
  }

  /// What runs here every night.
  private static func configured(_ probe: Probe) async throws {
    guard let facts = try await probe.environment.backups() else {
      throw Hindered(reason: "No place for backups is configured.")
    }
    try hold(facts.retentionDays <= days, "Backups are configured to be kept for \(facts.retentionDays) days.")
    guard let oldest = facts.oldest else { return }
    let age = (probe.services.now.milliseconds - oldest.milliseconds) / 1_000
    try hold(age <= oldestSeconds, "A backup of \(oldest) is still there after more than 31 days.")
  }

  private static func aged(
    _ erased: String, _ kept: String, _ pieces: [[UInt8]], _ tenant: ProbeTenant, _ drill: BackupDrill, _ probe: Probe
  ) async throws -> (searched: Int, rows: Int) {
    let now = probe.services.now
    let first = try await drill.make(now)
    let before = try await drill.restore(first)
    var control = FileScan(since: Instant(milliseconds: 0), pieces: pieces)
    try control.directory(before.directory)
    guard before.opening.isSuperset(of: ["vendor/\(erased)", "vendor/\(kept)"]), !control.found.isEmpty else {
      throw Hindered(reason: "The backup did not hold what was to be erased, so it proves nothing.")
    }
    _ = try await ErasureCheck.erase(erased, in: tenant, probe)
    let after = try await drill.restore(first)
    try hold(!after.rows.contains("vendor/\(erased)"), "What was erased came back from a backup of before.")
    var scan = FileScan(since: Instant(milliseconds: 0), pieces: pieces)
    try scan.directory(after.directory)
    try hold(scan.found.isEmpty, "The ciphertext of what was erased came back in \(scan.found.count) restored files.")
    try hold(
      after.opening.contains("vendor/\(kept)") && after.opening == after.rows,
      "What was not erased did not come back from a backup.")
    let second = try await drill.make(now.adding(seconds: 29 * day))
    try hold(try await drill.lying().contains(first), "A backup is gone before its time.")
    _ = try await drill.make(now.adding(seconds: 31 * day))
    try hold(try await !drill.lying().contains(first), "A backup is still there after 31 days.")
    let later = try await drill.restore(second)
    try hold(
      !later.rows.contains("vendor/\(erased)") && later.opening.contains("vendor/\(kept)"),
      "A later backup holds what was erased, or lacks what was not.")
    return (scan.files, after.rows.count)
  }
}
