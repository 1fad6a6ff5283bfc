import Backup
import Custody
import Foundation
import Platform

/// Makes and restores small backups of a hidden tenant, beside everything else that goes on; one drill at a time.
struct BackupDrillDesk: Sendable {
  let services: Services
  let tenant: TenantID
  let policy: BackupPolicy
  let keys: KeyLocation

  private var installation: OpenInstallation { services.ledger.installation }
  /// No backup covers it, and no server opens it.
  private var directory: String { installation.directory + "/probe-drill" }
  private var place: DirectoryPlace { get throws { try DirectoryPlace(directory + "/place") } }

  func drill() async throws -> BackupDrill {
    guard try await services.ledger.find(tenant)?.isHidden == true else {
      throw Problem(.forbidden, "Only probe tenants are looked into.")
    }
    clear()
    return BackupDrill(
      make: { try await make(at: $0) }, lying: { try lying() }, restore: { try await restore($0) },
      copy: { try copy() }, opensInCopy: { try opensInCopy($0) }, keyCopies: { try keyCopies($0) },
      clear: { clear() })
  }

  /// What a killed one left goes first; keys before what they open.
  private func clear() {
    for path in [directory + "/place", copied] {
      guard let place = try? DirectoryPlace(path), place.exists else { continue }
      try? BackupTrials.end(at: place, of: installation, now: services.now)
    }
    try? FileManager.default.removeItem(atPath: directory)
  }

  // MARK: The copy

  private var copied: String { directory + "/copy" }

  private func copy() throws {
    if FileManager.default.fileExists(atPath: copied) { try FileManager.default.removeItem(atPath: copied) }
    try FileManager.default.copyItem(atPath: directory + "/place", toPath: copied)
  }

  private func named(_ backup: String) throws -> BackupID {
    guard let id = BackupID(backup) else { throw Problem.notFound }
    return id
  }

  private func opensInCopy(_ backup: String) throws -> Bool {
    try BackupVerification.opens(
      try named(backup), at: try DirectoryPlace(copied), pinned: installation.verifierKey, chain: installation.chain,
      keyring: installation.keyStore.backupKeyring)
  }

  private func keyCopies(_ backup: String) throws -> BackupDrill.KeyCopies {
    let id = try named(backup)
    let overview = try PlaceOverview(try DirectoryPlace(copied))
    guard let term = overview.manifests.first(where: { $0.manifest.backup == id })?.manifest.term else {
      throw Problem.notFound
    }
    let copies = try installation.keyStore.termKeys(term.series).copies(of: term)
    return BackupDrill.KeyCopies(holding: copies.holding.count, unknown: copies.unknown.count)
  }

  private func make(at moment: Instant) async throws -> String {
    try DurableFile.makeDirectory(directory)
    let maker = BackupMaker(
      installation, files: services.ledger.files, to: try place, policy: policy, clock: FixedClock(moment),
      series: .trials)
    // A base each time, as the nightly one is.
    let made = try await maker.create(only: [tenant], base: true)
    try installation.keyStore.termKeys(.trials).told(made.ends)
    return made.id.text
  }

  private func lying() throws -> Set<String> { Set(try place.list().objects.map(\.name.backup.text)) }

  private func restore(_ backup: String) async throws -> BackupDrill.Restored {
    let target = directory + "/restored"
    try? FileManager.default.removeItem(atPath: target)
    _ = try await Restore(from: try place, to: target, keys: keys, opening: { try StewardApp.ledger(of: $0) })
      .run(backup: BackupID(backup))
    let ledger = try StewardApp.ledger(of: OpenInstallation(openAt: target, keys: keys))
    do {
      let found = try await look(into: ledger, target)
      await ledger.close()
      return found
    } catch {
      await ledger.close()
      throw error
    }
  }

  private func look(into ledger: Ledger, _ target: String) async throws -> BackupDrill.Restored {
    let tenant = tenant
    let tables = ledger.tables.values.filter { $0.kind == .primary && !$0.sealed.isEmpty }.map(\.name)
    let stored = try await ledger.read(tenant) { reader in
      try tables.flatMap { table in
        try reader.rows("SELECT id, schema, subject, sealed FROM \(raw: table) WHERE tenant = \(tenant)").map {
          (table, $0)
        }
      }
    }
    var (rows, opening): (Set<String>, Set<String>) = ([], [])
    for (table, row) in stored {
      guard let id = row[0].text, let schema = row[1].integer, let subject = row[2].integer, let box = row[3].bytes
      else { continue }
      rows.insert("\(table)/\(id)")
      let place = SealedPlace(tenant: tenant, table: table, key: id, schema: schema, subject: SubjectRef(subject))
      do {
        if try await ledger.opens(box, at: place, keysOf: tenant) { opening.insert("\(table)/\(id)") }
      } catch is SubjectErased { continue }
    }
    return BackupDrill.Restored(directory: target, rows: rows, opening: opening)
  }
}
