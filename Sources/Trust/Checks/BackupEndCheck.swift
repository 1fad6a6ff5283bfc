import Platform

/// F44: backups are kept for a limited time and then destroyed.
///
/// A backup of a probe tenant is made at a place of its own, and somebody copies it: the copy opens. Then the next one is made as if the time were
/// over, by the mechanism that runs every night. Nothing of the first lies there any more, no place of the keys has a file of its key, and the
/// copy does not open with all that there is today; that of the second does, so that what fails is the end and not the trial.
enum BackupEndCheck {
  private static let day = 86_400

  static func run(_ probe: Probe) async throws -> String {
    let facts = try await configured(probe)
    let drill = try await probe.environment.backupDrill(probe.first.id)
    let places: Int
    do {
      places = try await expired(facts.retentionDays, drill, probe.services.now)
    } catch {
      await drill.clear()
      throw error
    }
    await drill.clear()
    return """
      Made a backup of a probe tenant and kept a copy of it, which opened. After the \(facts.retentionDays) days that are configured here the rule that \
      runs at the configured place removed the backup, none of \(places) \(places == 1 ? "place" : "places") of the keys has a file of its key any \
      more, and the copy opens no more with the root key and the key store of today; that of a later backup does. \(facts.kept.count) \
      \(facts.kept.count == 1 ? "backup lies" : "backups lie") at the configured place, none but the newest older than that; no key of a backup whose time is over \
      is left at any place of the keys.
      """
  }

  /// What runs here every night, and what it left.
  private static func configured(_ probe: Probe) async throws -> BackupFacts {
    guard let facts = try await probe.environment.backups() else {
      throw Hindered(reason: "No place for backups is configured.")
    }
    guard let overdue = facts.overdueKeys else {
      throw Hindered(reason: "The key store does not say which keys of backups there are.")
    }
    try hold(overdue == 0, "\(overdue) keys of backups whose time was over a day ago have not ended.")
    try hold(
      facts.pendingPlaces.isEmpty,
      "The key of a backup whose time is over is still at \(facts.pendingPlaces.joined(separator: " and ")).")
    guard facts.endless == 0 else {
      throw Hindered(
        reason:
          "\(facts.endless) backups at the configured place were made before backups had keys that end; they go with their time."
      )
    }
    guard let oldest = facts.oldest, facts.kept.count > 1 else { return facts }
    // It goes with the first nightly one after its time; an hour for that one.
    let age = (probe.services.now.milliseconds - oldest.milliseconds) / 1_000
    try hold(
      age <= (facts.retentionDays + 1) * day + 3_600,
      "A backup of \(oldest) is still there after more than \(facts.retentionDays + 1) days.")
    return facts
  }

  /// How many places of the keys there are.
  private static func expired(_ days: Int, _ drill: BackupDrill, _ now: Instant) async throws -> Int {
    let first = try await drill.make(now)
    try await drill.copy()
    let before = try await drill.keyCopies(first)
    guard try await drill.opensInCopy(first), before.holding > 0, before.unknown == 0 else {
      throw Hindered(reason: "The copy of a backup that was just made did not open, so it proves nothing.")
    }
    // Both are in the copy that somebody keeps; the first one expires with the next.
    let second = try await drill.make(now.adding(seconds: day))
    try await drill.copy()
    _ = try await drill.make(now.adding(seconds: days * day + day / 2))
    try hold(try await !drill.lying().contains(first), "A backup is still there after its time.")
    let after = try await drill.keyCopies(first)
    try hold(after.holding == 0, "\(after.holding) places of the keys still have the key of an expired backup.")
    try hold(after.unknown == 0, "\(after.unknown) places of the keys could not be asked.")
    try hold(try await !drill.opensInCopy(first), "A copy of an expired backup opens with the keys of today.")
    let kept = try await drill.keyCopies(second)
    guard try await drill.opensInCopy(second), kept.holding == before.holding else {
      throw Broken(reason: "A backup does not open though its time is not over.")
    }
    return before.holding
  }
}
