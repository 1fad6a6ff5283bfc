import Backup
import Custody
import Foundation
import Platform
import TransparencyLog

/// Makes backups of the opened installation and says what there are.
struct BackupDesk: Sendable {
  let services: Services
  let settings: BackupSettings?
  /// Where the keys are, for whoever restores; nil: nobody does.
  var keys: KeyLocation?

  private var installation: OpenInstallation { services.ledger.installation }

  /// Tells the rest of the platform whom to ask.
  func bind() {
    services.backups.bind(
      facts: { try await facts() }, specimen: { try await specimen(of: $0) },
      drill: { try await drill(of: $0) })
  }

  /// A backup of everything, or of one tenant and the installation's own; then an entry on the installation's record.
  ///
  /// At the configured place the schedule's time counts; one that is made elsewhere ends `days` after it was made.
  func create(
    at path: String, tenant slug: String?, base: Bool, keepDays days: Int? = nil, by actor: Actor
  ) async throws -> JSON {
    let isTended = path == settings?.place
    if let days, isTended, days != settings?.retentionDays {
      throw Problem.invalid(
        "keep", "This place keeps its backups for \(settings?.retentionDays ?? 0) days; name another place with --to.")
    }
    let kept = isTended ? nil : days ?? BackupDesk.daysByHand
    let system = try await services.tenants.system()
    let place = try DirectoryPlace(
      path, apartFrom: [installation.directory, installation.keyStore.directory].compactMap(\.self))
    let maker = BackupMaker(
      installation, files: services.ledger.files, to: place, policy: settings?.policy ?? BackupPolicy(),
      clock: services.clock)
    let made: BackupSummary
    if let slug {
      guard let tenant = try await services.ledger.find(slug: slug) else {
        throw Problem(.notFound, "There is no tenant of this name; look at its sign-in address /t/NAME.")
      }
      made = try await maker.create(scope: .tenant(tenant.id), only: [tenant.id, system], keepDays: kept)
    } else {
      made = try await maker.create(base: base, keepDays: kept)
    }
    _ = try await services.ledger.write(
      system, Act("backup.create", on: ObjectRef("backup", made.id), by: actor)
    ) { try $0.insert(BackupRecord(made, at: isTended ? nil : path)) }
    try await record(made.ends)
    return [
      "backup": .string(made.id.text), "number": .integer(made.number), "made": .string(made.made.description),
      "base": .bool(made.isBase), "tenants": .integer(Int64(made.tenants)), "bytes": .integer(made.bytes),
      "parts": .integer(Int64(made.parts)), "expired": .array(made.expired.map { .string($0.text) }),
      "kept_until": JSON(made.keptUntil?.description),
    ]
  }

  /// Days for which a backup that was made by hand is kept unless its maker says otherwise.
  static let daysByHand = 30

  /// Removes what was made by hand and is over its end, wherever it lies; what was removed by somebody else is noted, too. A place that is not
  /// there is looked at again the next day.
  func endByHand() async throws {
    let (system, now) = (try await services.tenants.system(), services.now)
    let over = try await services.ledger.read(system) {
      try $0.fetch(BackupRecord.self, "AND kept_until < \(now) AND removed_at IS NULL ORDER BY id")
    }
    for (place, records) in Dictionary(grouping: over, by: \.place) {
      guard let directory = try place.map({ try DirectoryPlace($0) }), directory.exists,
        let left = try? BackupEnd.remove(at: directory, of: installation, now: now)
      else { continue }
      for record in records where !left.contains(record.id) {
        let act = Act("backup.remove", on: ObjectRef("backup", record.id), by: .system("backup"))
        _ = try await services.ledger.write(system, act) { work in
          guard var stored = try work.find(BackupRecord.self, record.id), stored.removedAt == nil else { return }
          stored.removedAt = work.now
          try work.update(stored)
        }
      }
    }
    // After the objects where they can be reached, and in any case.
    try await record(try BackupEnd.endKeys(of: installation, now: now))
  }

  /// Puts on the installation's record what became of each copy of the keys of backups whose time is over, place by place; again where one that
  /// was away has come back.
  private func record(_ ends: [TermEnd]) async throws {
    guard !ends.isEmpty else { return }
    let system = try await services.tenants.system()
    let id = installation.id.text
    for end in ends {
      // Of one that was broken off before it was on the record there is nothing to add to.
      guard let backup = BackupID(end.backup) else { continue }
      let places = end.copies.map {
        (KeyPlaceLabel.text($0.place, isLive: $0.isLive, installation: id), $0.endedAt)
      }
      let act = Act("backup.expire", on: ObjectRef("backup", backup), by: .system("backup"))
      _ = try await services.ledger.write(system, act) { work in
        guard var stored = try work.find(BackupRecord.self, backup) else { return }
        stored.keyEnds = Dictionary(places, uniquingKeysWith: { first, _ in first })
        // Where no schedule tends the place, the daily round sees its objects go.
        if stored.keptUntil == nil { stored.removedAt = stored.removedAt ?? work.now }
        try work.update(stored)
      }
    }
    try installation.keyStore.termKeys(.backups).told(ends)
  }

  /// Keys of backups that should have ended by now, and places of the keys where one that ended is still.
  private func overdue() throws -> (keys: Int, places: [String]) {
    let keys = installation.keyStore.termKeys(.backups)
    let late = services.now.adding(seconds: -BackupDesk.slackSeconds)
    let held = try keys.held().filter { held in held.until.map { $0 < late } ?? false }
    let pending = try keys.pending().filter { $0.since < late }.flatMap(\.places)
    return (
      held.count,
      Set(pending).map { KeyPlaceLabel.text($0, isLive: false, installation: installation.id.text) }.sorted()
    )
  }

  /// The daily round, and an hour for it.
  private static let slackSeconds = 25 * 3_600

  /// Throws if the configured place is not there: it is never made by a schedule, since it may be a disk that is not mounted.
  func checkPlace() throws {
    guard let settings, try DirectoryPlace(settings.place).exists else {
      throw Problem(.unavailable, "The place for backups is not there; look whether its disk is mounted.")
    }
  }

  /// Nil without a configured place.
  private func facts() async throws -> BackupFacts? {
    guard let settings else { return nil }
    try checkPlace()
    let overview = try PlaceOverview(try DirectoryPlace(settings.place))
    let trust = installation.trust
    guard overview.manifests.allSatisfy({ trust.accepts($0.manifest.verifier, at: $0.manifest.made) }) else {
      throw Problem(.conflict, "A manifest at the place for backups is signed by somebody else; take it away.")
    }
    let kept = overview.manifests.filter { $0.manifest.scope == .all }.map { signed in
      BackupFacts.Kept(
        id: signed.manifest.backup.text, made: signed.manifest.made, isBase: signed.manifest.isBase,
        manifest: signed.digest)
    }
    // Whoever asks what lies at the place must not depend on the key store.
    let overdue = try? overdue()
    return BackupFacts(
      kept: kept, retentionDays: settings.retentionDays, objects: overview.objects,
      sealedObjects: overview.sealedObjects, overdueKeys: overdue?.keys, pendingPlaces: overdue?.places ?? [],
      endless: overview.manifests.count { $0.manifest.term == nil })
  }

  private func drill(of tenant: TenantID) async throws -> BackupDrill {
    guard let keys else { throw Problem(.unavailable, "Backups are not restored in this process.") }
    let policy = settings?.policy ?? BackupPolicy()
    return try await BackupDrillDesk(services: services, tenant: tenant, policy: policy, keys: keys).drill()
  }

  /// A backup of a hidden tenant in a directory that no backup covers; one at a time, and what a killed one left goes first.
  private func specimen(of tenant: TenantID) async throws -> BackupSpecimen {
    guard try await services.ledger.find(tenant)?.isHidden == true else {
      throw Problem(.forbidden, "Only probe tenants are looked into.")
    }
    let directory = installation.directory + "/probe"
    let place = try DirectoryPlace(directory)
    if place.exists { try? BackupTrials.end(at: place, of: installation, now: services.now) }
    try? FileManager.default.removeItem(atPath: directory)
    do {
      _ = try await BackupMaker(
        installation, files: services.ledger.files, to: place, clock: services.clock, series: .trials
      ).create(scope: .tenant(tenant), only: [tenant])
      let (pinned, keyring) = (installation.verifierKey, installation.keyStore.backupKeyring)
      let specimen = BackupSpecimen(
        directory: directory, control: installation.id.text, headers: try PlaceOverview(place).headers,
        opensWithKey: BackupVerification.isGood(
          place, pinned: pinned, chain: installation.chain, keyring: keyring),
        opensWithAnotherKey: BackupVerification.isGood(
          place, pinned: pinned, chain: installation.chain, keyring: keyring.stranger()))
      try BackupTrials.end(at: place, of: installation, now: services.now)
      return specimen
    } catch {
      try? BackupTrials.end(at: place, of: installation, now: services.now)
      try? FileManager.default.removeItem(atPath: directory)
      throw error
    }
  }
}
