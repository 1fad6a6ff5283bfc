import Custody
import Foundation
import Platform

/// F23: databases and backups are encrypted with AES-256.
enum DatabaseAndBackupCheck {
  static func run(_ probe: Probe) async throws -> String {
    try AtRestCheck.knownAnswer()
    let markers = try await AtRestCheck.plant(probe)
    try await AtRestCheck.readBack(markers, probe)
    let rows = try await SealedRows.all(probe.first, probe)
    guard !rows.isEmpty else { throw Hindered(reason: "There are no sealed rows.") }
    for row in rows {
      let opens = try await probe.environment.opens(row.box, row.place, row.place.tenant)
      try hold(opens, "A stored row of \(row.place.table) is not a box of AES-256-GCM under its own key.")
    }
    let seen = try await BackupSample.inspect(probe, markers)
    return """
      Opened \(rows.count) stored rows as AES-256-GCM under keys of 256 bits, and a known answer. Made a real backup of a probe tenant: \
      each of its \(seen.headers) sealed objects names AES-256-GCM and its key, none of \(markers.all.count) planted markers is in its \
      \(seen.bytes) bytes, it opens and is whole with its key, and nothing of it opens with another.\(seen.configured)
      """
  }
}

/// A9: volumes and database backups are encrypted with AES-256: by the application, whatever the volume does.
enum VolumeAndBackupCheck {
  static func run(_ probe: Probe) async throws -> String {
    try AtRestCheck.knownAnswer()
    let search = try await StorageSearch.begin(probe)
    let markers = try await AtRestCheck.plant(probe)
    try await AtRestCheck.readBack(markers, probe)
    let scan = try await search.words(markers.all, control: markers.vendor)
    try hold(
      scan.found.isEmpty, "A marker lies in the clear in \(scan.found.count) of \(scan.places) on the volumes.")
    guard scan.sawControl else {
      throw Hindered(reason: "The search did not find what stands in the clear, so it proves nothing.")
    }
    let seen = try await BackupSample.inspect(probe, markers)
    return """
      Planted \(markers.all.count) markers and searched the \(scan.places) (\(scan.bytes) bytes) that were written since on the volumes of \
      data and keys, and a real backup of \(seen.bytes) bytes in \(seen.headers) objects sealed with AES-256-GCM: none was found, and \
      the backup opens with its key only.\(seen.configured)
      """
  }
}

/// A backup that was made to be looked into.
private enum BackupSample {
  struct Seen {
    let headers: Int
    let bytes: Int64
    /// About the configured place, as a sentence; empty without one.
    let configured: String
  }

  static func inspect(_ probe: Probe, _ markers: AtRestCheck.Markers) async throws -> Seen {
    let specimen = try await probe.environment.backupSpecimen(probe.first.id)
    defer { try? FileManager.default.removeItem(atPath: specimen.directory) }
    guard !specimen.headers.isEmpty else { throw Hindered(reason: "The backup holds nothing.") }
    for header in specimen.headers {
      try hold(
        header.utf8.starts(with: "steward/backup-part/v1 AES-256-GCM ".utf8), "An object of a backup is not sealed.")
    }
    var scan = FileScan(since: Instant(milliseconds: 0), words: markers.all, control: specimen.control)
    try scan.directory(specimen.directory)
    try hold(scan.found.isEmpty, "A marker lies in the clear in \(scan.found.count) objects of a backup.")
    guard scan.sawControl else {
      throw Hindered(reason: "The search did not find what stands in the clear, so it proves nothing.")
    }
    try hold(specimen.opensWithKey, "A backup that was just made does not open with its key.")
    try hold(!specimen.opensWithAnotherKey, "A backup opens with another key than its own.")
    return Seen(headers: specimen.headers.count, bytes: scan.bytes, configured: try await configured(probe))
  }

  private static func configured(_ probe: Probe) async throws -> String {
    guard let facts = try await probe.environment.backups(), !facts.kept.isEmpty else { return "" }
    try hold(
      facts.sealedObjects == facts.objects,
      "\(facts.objects - facts.sealedObjects) objects of the newest backup are not sealed under its key.")
    return " The newest backup at the configured place has \(facts.objects) sealed objects and no other."
  }
}

/// A22: backups are nightly, encrypted and kept for 30 rolling days.
enum RollingBackupCheck {
  private static let hour = 3_600
  private static let day = 86_400
  /// The nightly job removes what is over its time, so a backup lives a night longer at the most; an hour for the job itself.
  private static let oldestSeconds = 31 * day + hour
  private static let newestSeconds = 25 * hour

  static func run(_ probe: Probe) async throws -> String {
    guard let facts = try await probe.environment.backups() else {
      throw Hindered(reason: "No place for backups is configured.")
    }
    let now = probe.services.now
    try hold(facts.retentionDays == 30, "Backups are configured to be kept for \(facts.retentionDays) days.")
    guard let newest = facts.newest, let oldest = facts.oldest else {
      throw Hindered(reason: "The first nightly backup is still to come.")
    }
    guard facts.kept.count > 1 else { throw Hindered(reason: "The second nightly backup is still to come.") }
    try hold(seconds(newest, now) < newestSeconds, "The newest backup was made on \(newest), more than 25 hours ago.")
    try hold(seconds(oldest, now) <= oldestSeconds, "A backup of \(oldest) is still there after more than 31 days.")
    try nightly(facts)
    let recorded = try await kept(facts, probe)
    try hold(
      facts.objects > 0 && facts.sealedObjects == facts.objects, "An object of the newest backup is not sealed.")
    return """
      Read \(facts.kept.count) signed manifests at the configured place: the newest is of \(newest), the oldest of \(oldest), and never more \
      than 25 hours lie between two. All \(recorded) backups that the installation has on record there from the last 30 days are there. \
      The newest has \(facts.objects) objects, all sealed with AES-256-GCM.
      """
  }

  private static func nightly(_ facts: BackupFacts) throws {
    for (before, after) in zip(facts.kept, facts.kept.dropFirst()) {
      try hold(
        seconds(before.made, after.made) < newestSeconds,
        "Between \(before.made) and \(after.made) no backup was made for more than 25 hours.")
    }
  }

  /// What was made in the last 30 days and followed something at this place, or begins there, lies there.
  private static func kept(_ facts: BackupFacts, _ probe: Probe) async throws -> Int {
    let system = try await probe.services.tenants.system()
    let since = probe.services.now.adding(seconds: -30 * day)
    let rows = try await probe.services.ledger.read(system) { reader in
      try reader.rows(
        "SELECT id, manifest, previous FROM backup WHERE tenant = \(system) AND whole = 1 AND made_at > \(since)")
    }
    let there = Set(facts.kept.map(\.manifest.bytes))
    var series = there
    // A record belongs to the place if it lies there, or comes before or after one that does, step by step.
    var grew = true
    while grew {
      grew = false
      for row in rows {
        guard let digest = row[1].bytes, let previous = row[2].bytes else { continue }
        guard series.contains(digest) != series.contains(previous) else { continue }
        series.formUnion([digest, previous])
        grew = true
      }
    }
    let recorded = rows.filter { $0[1].bytes.map(series.contains) ?? false }
    let missing = recorded.filter { !($0[1].bytes.map(there.contains) ?? false) }
    try hold(missing.isEmpty, "\(missing.count) backups of the last 30 days are no longer at the place.")
    return recorded.count
  }

  private static func seconds(_ from: Instant, _ to: Instant) -> Int {
    Int((to.milliseconds - from.milliseconds) / 1_000)
  }
}
