import Custody
import Dispatch
import Foundation
import Glibc
import Kernel
import Ledger
import Storage
import TransparencyLog

/// Rebuilds an installation, or one tenant of it, in a new directory (docs/format.md §7.5).
///
/// Everything is made in `NEWDIR/restoring`, verified there as `steward audit verify` does, opened once, and only then moved to where a server
/// looks, the control database last: at no moment does `NEWDIR` look whole and is not. A restore that was broken off is begun again.
package struct Restore: Sendable {
  /// Tenants that are open at once while their derived tables are rebuilt.
  static let tenantsAtOnce = 32

  private let place: any BackupPlace
  private let target: String
  private let keys: KeyLocation
  private let opening: @Sendable (OpenInstallation) throws -> Ledger

  package struct Report: Sendable {
    package struct Tenant: Sendable {
      package let id: TenantID
      package let slug: String
      package let size: Int64
      /// Text of the signed checkpoint to which it was restored; nil: its log was empty.
      package let checkpoint: String?
    }
    package let backup: BackupID
    package let made: Instant
    package let tenants: [Tenant]
    package let rows: Int64
    package let entries: Int64
  }

  /// `keys` is a working key store: today's. `opening` is how the program opens an installation that it will serve.
  package init(
    from place: any BackupPlace, to target: String, keys: KeyLocation,
    opening: @escaping @Sendable (OpenInstallation) throws -> Ledger
  ) {
    self.place = place
    self.target = target.hasSuffix("/") ? String(target.dropLast()) : target
    self.keys = keys
    self.opening = opening
  }

  private var staging: String { target + "/restoring" }

  /// Throws `Damage` or `Problem` and leaves nothing that a server would open. `slug` limits it to one tenant and the installation's own.
  package func run(backup: BackupID? = nil, slug: String? = nil) async throws -> Report {
    let plan = try await onThread { try load(backup, slug) }
    try await open(plan)
    try await onThread { try settle() }
    return plan.report
  }

  private func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue(label: "steward.restore").async { continuation.resume(with: Result { try body() }) }
    }
  }

  /// What is restored, once it lies in the staging directory and is found intact.
  private struct Plan: Sendable {
    let report: Report
    let tenants: [TenantID]
  }

  // MARK: Loading

  private func load(_ backup: BackupID?, _ slug: String?) throws -> Plan {
    try makeRoom()
    let shelf = try Shelf(place)
    let entry = try choose(backup, shelf)
    let chain = try shelf.chain(to: entry)
    let keyring = try keyring(entry.manifest)
    var members: [Member] = []
    for entry in chain {
      let source = try PartSource(place, entry)
      let key: BackupKey
      do { key = try source.key(keyring) } catch let ended as TermEnded { throw ended.problem }
      members.append(Member(source: source, key: key, contents: try source.contents(key: key)))
    }
    guard let last = members.last?.contents else { throw Damage("there is nothing in it") }
    let store = try keyStore()
    // One that was erased since has no keys, and does not come back.
    let wanted = try tenants(last, slug).filter { try !store.isEnded($0) }
    try ControlDatabase(last.limited(to: Set(wanted))).write(to: staging)
    try DurableFile.write(Array("\(entry.manifest.verifier)\n".utf8), to: staging + "/steward.vkey")
    for member in members { try load(member, schemas(last), Set(wanted), verifier: entry.manifest.verifier) }
    return try verified(last, wanted, entry.manifest, chain: try keyStore().installationChain())
  }

  private struct Member {
    let source: PartSource
    let key: BackupKey
    let contents: Contents
  }

  private func choose(_ backup: BackupID?, _ shelf: Shelf) throws -> Shelf.Entry {
    if let backup {
      if let reason = shelf.damaged.first(where: { $0.id == backup })?.reason { throw Damage(reason) }
      guard let entry = shelf.entry(backup) else {
        throw Problem(.unavailable, "There is no backup of this name; see `steward backup list`.")
      }
      return entry
    }
    // Which one is the newest can be said only if every manifest is good.
    if let damaged = shelf.damaged.first {
      throw Damage("of \(damaged.id) \(damaged.reason); name a good backup with --backup")
    }
    guard let entry = shelf.entries.last(where: { $0.manifest.scope == .all }) ?? shelf.entries.last else {
      throw Problem(
        .unavailable, "There is no backup at this place; name the directory that `steward backup create` wrote to.")
    }
    return entry
  }

  /// The root key of today's key store; what it pins must be what signed the backup.
  private func keyring(_ manifest: Manifest) throws -> BackupKeyring {
    let store = try keyStore()
    let seed: SecretBytes
    do { seed = try store.installationSeed(id: manifest.installation) } catch {
      throw Problem(.forbidden, "These keys are of another installation than the backup; name the right ones.")
    }
    let today = try NoteSigner(name: "steward/\(manifest.installation)", seed: seed).verifierKey
    guard
      let trust = try? InstallationTrust(pin: manifest.verifier, chain: try store.installationChain()),
      trust.newest == today, trust.accepts(manifest.verifier, at: manifest.made)
    else {
      throw Damage("it is not signed by the installation that the keys belong to")
    }
    return store.backupKeyring
  }

  private func keyStore() throws -> KeyStore {
    try KeyStore(at: try keys.place, provider: try keys.provider(dataDirectory: target))
  }

  private func tenants(_ contents: Contents, _ slug: String?) throws -> [TenantID] {
    guard let slug else { return contents.tenants.map(\.id) }
    let slugs = contents.columnByTenant("slug")
    guard let wanted = slugs.first(where: { $0.value.text == slug })?.key else {
      throw Problem(.unavailable, "The backup holds no tenant of this name.")
    }
    return contents.tenants.map(\.id).filter { $0 == wanted || slugs[$0]?.text == Restore.systemSlug }
  }

  /// The installation's own tenant comes along with any other.
  package static let systemSlug = "system"

  private func schemas(_ contents: Contents) -> [TenantID: [String]] {
    Dictionary(
      contents.tenants.compactMap { tenant in
        tenant.schema.flatMap { contents.schemas.indices.contains($0) ? (tenant.id, contents.schemas[$0]) : nil }
      }, uniquingKeysWith: { first, _ in first })
  }

  private func load(
    _ member: Member, _ schemas: [TenantID: [String]], _ wanted: Set<TenantID>, verifier: VerifierKey
  ) throws {
    let parts = member.contents.tenants.filter { wanted.contains($0.id) }.compactMap(\.parts)
    var loader: TenantLoader?
    for line in member.source.index.lines {
      guard case .part(let number) = line.item, parts.contains(where: { $0.contains(number) }) else { continue }
      try PartRecord.each(in: try member.source.open(line, key: member.key)) { record in
        if case .tenant(let id) = record {
          if loader?.tenant == id { return }
          try loader?.finish()
          loader = wanted.contains(id) ? try TenantLoader(id, in: staging, schema: schemas[id] ?? []) : nil
        } else if let loader {
          try take(record, loader)
        }
      }
    }
    try loader?.finish()
    for tenant in member.contents.tenants where wanted.contains(tenant.id) {
      for file in tenant.lost { unlink("\(staging)/files/\(tenant.id)/\(file)") }
    }
  }

  private func take(_ record: PartRecord, _ loader: TenantLoader) throws {
    switch record {
    case .tenant: break
    case .table(let name, let columns): try loader.begin(name, columns)
    case .row(let values): try loader.row(values)
    case .gone(let table, let key): try loader.gone(table, key)
    case .file(let id, let size): try loader.begin(id, size: size)
    case .data(let bytes): try loader.data(bytes)
    }
  }

  // MARK: Verifying

  /// Ends only if every row, entry and signature is intact and every log stands where the backup says it stood.
  private func verified(_ contents: Contents, _ wanted: [TenantID], _ manifest: Manifest, chain: [UInt8]) throws -> Plan
  {
    let reports = try Verification.run(
      dataDirectory: staging, installationKey: manifest.verifier.description, chain: chain)
    let slugs = contents.columnByTenant("slug").compactMapValues(\.text)
    var tenants: [Report.Tenant] = []
    for tenant in contents.tenants where wanted.contains(tenant.id) {
      let signed = try tenant.checkpoint.map { try Note.parse($0).text }
      if tenant.size > 0 {
        guard let report = reports.first(where: { $0.tenant == tenant.id }) else { throw Damage("a tenant is missing") }
        if let finding = report.findings.first {
          throw Damage(
            "what was restored is not intact: \(finding.table ?? "log") \(finding.key ?? ""): \(finding.reason)")
        }
        guard report.entries == tenant.size, report.checkpoint == signed else {
          throw Damage("a tenant's log does not stand where the backup says it stood")
        }
      }
      tenants.append(
        Report.Tenant(id: tenant.id, slug: slugs[tenant.id] ?? "", size: tenant.size, checkpoint: signed))
    }
    let report = Report(
      backup: manifest.backup, made: manifest.made, tenants: tenants, rows: reports.reduce(0) { $0 + $1.rows },
      entries: reports.reduce(0) { $0 + $1.entries })
    return Plan(report: report, tenants: tenants.map(\.id))
  }

  // MARK: Opening

  /// Rebuilds what is derived, and puts the restore on the record of each tenant: the log goes on behind the checkpoint that the backup had.
  private func open(_ plan: Plan) async throws {
    for start in stride(from: 0, to: plan.tenants.count, by: Restore.tenantsAtOnce) {
      let batch = plan.report.tenants[start..<min(start + Restore.tenantsAtOnce, plan.tenants.count)]
      let ledger = try opening(OpenInstallation(openAt: staging, keys: keys))
      do {
        for tenant in batch { try await record(tenant, plan.report, ledger) }
      } catch {
        await ledger.close()
        throw error
      }
      await ledger.close()
    }
  }

  private func record(_ tenant: Report.Tenant, _ report: Report, _ ledger: Ledger) async throws {
    try await ledger.rebuildDerived(tenant.id)
    let row = RestoreRecord(backup: report.backup, made: report.made, size: tenant.size)
    let act = Act("restore.complete", on: ObjectRef("backup", report.backup), by: .system("restore"))
    _ = try await ledger.write(tenant.id, act) { work in try work.insert(row.at(work.now)) }
  }

  // MARK: The directory

  /// Refuses a directory with anything in it but what a broken-off restore left, and removes that.
  private func makeRoom() throws {
    try DurableFile.makeDirectory(target)
    let names = try DirectoryPlace.names(in: target)
    let isOurs = names.contains("restoring") && !names.contains("control.db")
    let left = Set(names).subtracting(isOurs ? ["restoring", "tenants", "files", "steward.chain", "steward.vkey"] : [])
    guard left.isEmpty else {
      throw Problem(.unavailable, "The directory is not empty; name a new one with --data.", detail: left.first)
    }
    for name in names { try FileManager.default.removeItem(atPath: "\(target)/\(name)") }
    for name in ["", "/tenants", "/files"] { try DurableFile.makeDirectory(staging + name) }
  }

  /// Everything durable, then moved into place, the control database last.
  private func settle() throws {
    for name in ["steward.sock", "lock"] { unlink("\(staging)/\(name)") }
    // Closing put everything into the database itself; a journal left behind would be lost by the renaming.
    guard (try WholeFile.read(staging + "/control.db-wal", limit: 1 << 30) ?? []).isEmpty else {
      throw Problem(.internal, "The restored control database was not closed; begin again.")
    }
    for name in ["control.db-wal", "control.db-shm"] { unlink("\(staging)/\(name)") }
    for name in ["files", "tenants", "steward.chain", "steward.vkey", "control.db"] {
      let (from, to) = ("\(staging)/\(name)", "\(target)/\(name)")
      // Only where the installation key was ever changed.
      if name == "steward.chain", access(from, F_OK) != 0 { continue }
      // What it makes whole must be durable before it is.
      if name == "control.db" { try DurableFile.syncDirectory(of: to) }
      guard rename(from, to) == 0 else {
        throw DurableFile.FileError(operation: "rename", path: from, number: errno)
      }
    }
    try DurableFile.syncDirectory(of: target + "/control.db")
    try FileManager.default.removeItem(atPath: staging)
  }
}

/// Writes a control database from its dump.
struct ControlDatabase {
  private let control: Contents.Control

  init(_ control: Contents.Control) { self.control = control }

  func write(to directory: String) throws {
    let database = try SQLiteDatabase(path: directory + "/control.db", readers: 1)
    defer { database.close() }
    try database.onWriterBlocking { connection, gate in
      try connection.begin()
      for statement in control.schema { try connection.run(raw: statement) }
      try gate.whileOpen {
        for table in control.tables {
          let insert = TableDump.insert(table.name, table.columns)
          for row in table.rows { try connection.run(raw: insert, row) }
        }
      }
      try connection.commit()
    }
  }
}
