import Backup
import Custody
import Foundation
import Platform
import TransparencyLog

/// Makes backups of the opened installation and says what there are.
struct BackupDesk: Sendable {
  let services: Services
  let settings: BackupSettings?

  private var installation: OpenInstallation { services.ledger.installation }

  /// Tells the rest of the platform whom to ask.
  func bind() {
    services.backups.bind(facts: { try await facts() }, specimen: { try await specimen(of: $0) })
  }

  /// A backup of everything, or of one tenant and the installation's own; then an entry on the installation's record.
  func create(at path: String, tenant slug: String?, base: Bool, by actor: Actor) async throws -> JSON {
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
      made = try await maker.create(scope: .tenant(tenant.id), only: [tenant.id, system])
    } else {
      made = try await maker.create(base: base)
    }
    _ = try await services.ledger.write(
      system, Act("backup.create", on: ObjectRef("backup", made.id), by: actor)
    ) { try $0.insert(BackupRecord(made)) }
    return [
      "backup": .string(made.id.text), "number": .integer(made.number), "made": .string(made.made.description),
      "base": .bool(made.isBase), "tenants": .integer(Int64(made.tenants)), "bytes": .integer(made.bytes),
      "parts": .integer(Int64(made.parts)), "expired": .array(made.expired.map { .string($0.text) }),
    ]
  }

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
    return BackupFacts(
      kept: kept, retentionDays: settings.retentionDays, objects: overview.objects,
      sealedObjects: overview.sealedObjects)
  }

  /// A backup of a hidden tenant in a directory that no backup covers; one at a time, and what a killed one left goes first.
  private func specimen(of tenant: TenantID) async throws -> BackupSpecimen {
    guard try await services.ledger.find(tenant)?.isHidden == true else {
      throw Problem(.forbidden, "Only probe tenants are looked into.")
    }
    let directory = installation.directory + "/probe"
    try? FileManager.default.removeItem(atPath: directory)
    let place = try DirectoryPlace(directory)
    do {
      _ = try await BackupMaker(installation, files: services.ledger.files, to: place, clock: services.clock)
        .create(scope: .tenant(tenant), only: [tenant])
      let pinned = installation.verifierKey
      return BackupSpecimen(
        directory: directory, control: installation.id.text, headers: try PlaceOverview(place).headers,
        opensWithKey: BackupVerification.isGood(
          place, pinned: pinned, chain: installation.chain, keyring: installation.keyStore.backupKeyring),
        opensWithAnotherKey: BackupVerification.isGood(
          place, pinned: pinned, chain: installation.chain, keyring: .stranger()))
    } catch {
      try? FileManager.default.removeItem(atPath: directory)
      throw error
    }
  }
}
