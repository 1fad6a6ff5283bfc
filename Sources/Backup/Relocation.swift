import Custody
import Dispatch
import Foundation
import Glibc
import Kernel
import Ledger
import Storage

/// Moves an installation, or some of its tenants, between a data directory and a database, or from one database to another.
///
/// Rows and files go as they are sealed: the keys stay where they are, and are needed to make derived tables anew and to look inside at the end.
/// A new target directory is made in `DIR/migrating` and becomes one that a server opens only when every log, row and state commitment there is
/// found to be the source's. A tenant is in a database whole or not at all, so that a move that was broken off is gone on with.
package struct Relocation: Sendable {
  /// Tenants that are open at once.
  static let tenantsAtOnce = 32
  private static let staging = "/migrating"

  /// A data directory, with the database that it names, or is to name.
  package struct Side: Sendable {
    let directory: String
    let database: DatabaseSettings?

    package init(directory: String, database: DatabaseSettings? = nil) {
      self.directory = directory.count > 1 && directory.hasSuffix("/") ? String(directory.dropLast()) : directory
      self.database = database
    }
  }

  package struct Tenant: Sendable {
    package let id: TenantID
    package let slug: String
    package let entries: Int64
    package let rows: Int64
    package let files: Int
    /// The commitment on the source, and the one recomputed on the target.
    package let state: Digest?
    package let checkpoint: String?
    /// What is not as it is on the source; none: all is.
    package let differences: [String]
  }

  package struct Report: Sendable {
    package let tenants: [Tenant]
    /// Whether the source is closed for good.
    package let isRetired: Bool
    package var isEqual: Bool { tenants.allSatisfy(\.differences.isEmpty) }
  }

  private let source: Side
  private let target: Side
  private let keys: KeyLocation
  private let carried: [String]
  private let derivations: [Derivation]
  private let underway: @Sendable (Connection, TenantID) throws -> Set<String>
  private let leavesFilesInDirectory: Bool
  private let opening: @Sendable (OpenInstallation) throws -> Ledger
  private let say: @Sendable (String) -> Void

  /// `carried` names the tables off the record whose rows come along. `leavesFilesInDirectory`: files lie in `DIR/files` of the target also
  /// where rows lie in a database. `opening` is how the program opens an installation; `say` hears how far it is.
  package init(
    from source: Side, to target: Side, keys: KeyLocation, carried: [String],
    derivations: [Derivation],
    underway: @escaping @Sendable (Connection, TenantID) throws -> Set<String> = { _, _ in [] },
    leavesFilesInDirectory: Bool = false, opening: @escaping @Sendable (OpenInstallation) throws -> Ledger,
    say: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.source = source
    self.target = target
    self.keys = keys
    self.carried = carried
    self.derivations = derivations
    self.underway = underway
    self.leavesFilesInDirectory = leavesFilesInDirectory
    self.opening = opening
    self.say = say
  }

  /// Throws `Damage` where the source is not intact, `Problem` for what cannot be used. `slugs` limits it to some tenants, with the
  /// installation's own where the target has none. `beforeVerifying` is for tests.
  package func run(slugs: [String] = [], beforeVerifying: @Sendable () throws -> Void = {}) async throws -> Report {
    let ground = try await onThread { try prepare() }
    defer { ground.rows.close() }
    let chosen = try await choose(slugs, ground)
    var moved: [Moved] = []
    for start in stride(from: 0, to: chosen.count, by: Relocation.tenantsAtOnce) {
      moved += try await move(Array(chosen[start..<min(start + Relocation.tenantsAtOnce, chosen.count)]), ground)
    }
    try beforeVerifying()
    say("verifying \(moved.count) tenants on the target")
    let tenants = try await onThread { [moved] in try compare(moved, ground) }
    let isEqual = tenants.allSatisfy(\.differences.isEmpty)
    if isEqual { try await onThread { [moved] in try settle(moved, ground, retiring: slugs.isEmpty) } }
    return Report(tenants: tenants, isRetired: isEqual && slugs.isEmpty)
  }

  private func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue(label: "steward.migrate").async { continuation.resume(with: Result { try body() }) }
    }
  }

  // MARK: The ground

  /// What stands on both sides before the first tenant moves.
  private struct Ground: Sendable {
    let id: ID<Kernel.Installation>
    let from: DataPlace
    /// Where the target's configuration is being made.
    let directory: String
    let isNew: Bool
    let rows: any RelocatedRows
  }

  private func prepare() throws -> Ground {
    if let here = DurableFile.resolved(source.directory), here == DurableFile.resolved(target.directory) {
      throw Problem(.unavailable, "The target is the source; name a new directory.")
    }
    try refuseOthers()
    try reopenUnfinished()
    let installation = try open(source)
    defer { installation.close() }
    let isNew = !OpenInstallation.exists(at: target.directory)
    let directory = target.directory + (isNew ? Relocation.staging : "")
    if isNew { try makeRoom() } else { try refuseAnother(installation.id) }
    let control = try TableDump.control(installation.place)
    if isNew {
      if !installation.chain.isEmpty { try DurableFile.write(installation.chain, to: directory + "/steward.chain") }
      try DurableFile.write(Array((installation.verifierKey + "\n").utf8), to: directory + "/steward.vkey")
    }
    let rows: any RelocatedRows
    if let database = target.database {
      if isNew { try DurableFile.write(Array((database.url + "\n").utf8), to: directory + "/database") }
      rows = try DatabaseRows(database, control: control)
    } else {
      rows = try DirectoryRows(directory, control: control, isNew: isNew)
    }
    return Ground(id: installation.id, from: installation.place, directory: directory, isNew: isNew, rows: rows)
  }

  private func open(_ side: Side, at directory: String? = nil) throws -> OpenInstallation {
    try OpenInstallation(
      openAt: directory ?? side.directory, keys: keys, database: side.database,
      movingTo: side.directory == source.directory ? target.directory : nil)
  }

  /// A move that was broken off between closing the source and opening the target closed it too early: nobody can have opened the target.
  private func reopenUnfinished() throws {
    let path = source.directory + OpenInstallation.nameOfMovedFile
    guard let text = try DurableFile.read(path), String(decoding: text, as: UTF8.self) == target.directory + "\n",
      !OpenInstallation.exists(at: target.directory)
    else { return }
    try FileManager.default.removeItem(atPath: path)
  }

  /// Servers of a directory hold its lock; those of a database are seen by their connections.
  private func refuseOthers() throws {
    guard let server = try DataPlace(source.directory).server else { return }
    let link = try PostgresLink(server)
    for _ in 0..<20 {
      let others = try link.query(
        """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user
        AND pid <> pg_backend_pid()
        """)
      if others.integer(0, 0) == 0 { return }
      // Whoever has just ended is still seen for a moment.
      usleep(100_000)
    }
    throw Problem(.unavailable, "Somebody works on the source's database; stop all servers first.")
  }

  private func refuseAnother(_ id: ID<Kernel.Installation>) throws {
    guard try OpenInstallation.id(of: target.directory) == id else {
      throw Problem(.conflict, "There is another installation in the target directory; name a new one.")
    }
    guard try DataPlace.databaseURL(ofDirectory: target.directory) == target.database?.url else {
      throw Problem(.conflict, "The target directory names another database; name the one that it has.")
    }
    // Refuses beside a running server.
    if target.database == nil { try open(target).close() }
  }

  /// Refuses a directory with anything in it but what a move that was broken off left, and removes that.
  private func makeRoom() throws {
    try DurableFile.makeDirectory(target.directory)
    let ours: Set = ["migrating", "tenants", "files", "control.db", "database"]
    let names = try DirectoryPlace.names(in: target.directory)
    let left = Set(names).subtracting(names.contains("migrating") ? ours : [])
    guard left.isEmpty else {
      throw Problem(.unavailable, "The target directory is not empty; name a new one.", detail: left.first)
    }
    for name in names { try FileManager.default.removeItem(atPath: "\(target.directory)/\(name)") }
    for name in ["", "/tenants", "/files"] where target.database == nil || name != "/tenants" {
      try DurableFile.makeDirectory(target.directory + Relocation.staging + name)
    }
  }

  // MARK: One tenant after the other

  private struct Chosen: Sendable {
    let id: TenantID
    let slug: String
  }

  /// A tenant that is on the target, with what the source says of it.
  private struct Moved: Sendable {
    let report: Verification.Report
    let files: Int
  }

  private func choose(_ slugs: [String], _ ground: Ground) async throws -> [Chosen] {
    let installation = try open(source)
    defer { installation.close() }
    let all = try installation.tenants().map { Chosen(id: $0.id, slug: $0.slug) }
    if slugs.isEmpty { return all }
    for slug in slugs where !all.contains(where: { $0.slug == slug }) {
      throw Problem(.unavailable, "The source has no tenant of the name \(slug).")
    }
    return try all.filter { tenant in
      if slugs.contains(tenant.slug) { return true }
      // In a target that nobody opened yet it may be there without what comes after its rows.
      return try tenant.slug == Restore.systemSlug && (ground.isNew || ground.rows.head(of: tenant.id) == nil)
    }
  }

  private func move(_ chosen: [Chosen], _ ground: Ground) async throws -> [Moved] {
    let installation = try open(source)
    let ledger = try opening(installation)
    do {
      // Brings the tables to this program's shape, on the source's own record, as a start would.
      for tenant in chosen { _ = try await ledger.read(tenant.id) { _ in true } }
      let reports = try await onThread { try load(chosen, ground) }
      let moved = try await finish(reports, from: installation, ground)
      await ledger.close()
      return moved
    } catch {
      await ledger.close()
      throw error
    }
  }

  private func load(_ chosen: [Chosen], _ ground: Ground) throws -> [Verification.Report] {
    let reports = try Verification.run(dataDirectory: source.directory, only: Set(chosen.map(\.id)))
    for report in reports {
      if let finding = report.findings.first {
        throw Damage(
          "\(report.slug) is not intact on the source: \(finding.table ?? "log") \(finding.key ?? ""): \(finding.reason)"
        )
      }
      try load(report, ground)
    }
    return reports
  }

  private func load(_ report: Verification.Report, _ ground: Ground) throws {
    let here = try ground.from.tenant(report.tenant) { try RelocatedHead(report.tenant, $0) }
    if let there = try ground.rows.head(of: report.tenant) {
      guard there.size <= here.size else {
        throw Problem(
          .conflict, "\(report.slug) has entries on the target that the source does not have; nothing was changed.")
      }
      guard there == here else {
        throw Problem(.conflict, "\(report.slug) went on since it was moved; begin again with an empty target.")
      }
      return say("\(report.slug): there already, \(report.entries) entries")
    }
    try ground.from.tenant(report.tenant) { connection in
      var tables = StoredTables.journal + (try ground.from.primaryTables(connection))
      tables += try connection.tableNames().filter(carried.contains)
      let schema = try ground.from.schema(connection)
      try ground.rows.load(report.tenant, schema: schema) { sink in
        for table in tables { try copy(table, of: report.tenant, from: connection, to: sink) }
      }
    }
    say("\(report.slug): \(report.entries) entries, \(report.rows) rows copied")
  }

  private func copy(_ table: String, of tenant: TenantID, from connection: Connection, to sink: any RowSink) throws {
    let columns = try TableDump.columns(table, connection)
    try sink.begin(table, columns)
    let select = "SELECT \(TableDump.list(columns)) FROM \(SQL.identifier(table)) WHERE tenant = ?"
    try connection.each(raw: select, [.text(tenant.text)]) {
      try sink.row($0.values)
      return true
    }
  }

  /// Files, then what is derived.
  private func finish(
    _ reports: [Verification.Report], from source: OpenInstallation, _ ground: Ground
  ) async throws -> [Moved] {
    let installation = try open(target, at: ground.directory)
    let ledger = try opening(installation)
    do {
      var moved: [Moved] = []
      for report in reports {
        let store: any SealedFileStore =
          target.database == nil || leavesFilesInDirectory
          ? installation.directoryFiles : DatabaseFiles(installation)
        let files = try await RelocatedFiles(from: source.ordinaryFiles, to: store).copy(of: report.tenant)
        if files > 0 { say("\(report.slug): \(files) files copied and compared") }
        try await ledger.rebuildDerived(report.tenant)
        moved.append(Moved(report: report, files: files))
      }
      await ledger.close()
      return moved
    } catch {
      await ledger.close()
      throw error
    }
  }

  // MARK: The end

  /// Everything on the target is verified with the keys, and what comes out is compared with what the source said.
  private func compare(_ moved: [Moved], _ ground: Ground) throws -> [Tenant] {
    let found = try Verification.run(
      dataDirectory: ground.directory, only: Set(moved.map(\.report.tenant)),
      inside: Verification.Inside(keys: keys, derivations: derivations, underway: underway))
    return moved.map { one in
      let there = found.first { $0.tenant == one.report.tenant }
      return Tenant(
        id: one.report.tenant, slug: one.report.slug, entries: one.report.entries, rows: one.report.rows,
        files: one.files, state: one.report.state, checkpoint: one.report.checkpoint,
        differences: there.map { differences(one.report, $0) } ?? ["the tenant is not there"])
    }
  }

  private func differences(_ here: Verification.Report, _ there: Verification.Report) -> [String] {
    var out = there.findings.map { finding in
      let place = [finding.table, finding.key, finding.index.map { "entry \($0)" }].compactMap { $0 }
      return "\(place.joined(separator: " ")): \(finding.reason)"
    }
    if here.state != there.state { out.append("the state commitment is another than the source's") }
    if here.checkpoint != there.checkpoint { out.append("the signed checkpoint is another than the source's") }
    if here.entries != there.entries { out.append("\(there.entries) entries instead of \(here.entries)") }
    if here.rows != there.rows { out.append("\(there.rows) rows instead of \(here.rows)") }
    return out
  }

  /// The source still is as it was copied, and is closed; then the target becomes one that a server opens.
  private func settle(_ moved: [Moved], _ ground: Ground, retiring: Bool) throws {
    let installation = try open(source)
    defer { installation.close() }
    for one in moved {
      let head = try ground.from.tenant(one.report.tenant) { try RelocatedHead(one.report.tenant, $0) }
      guard head.size == one.report.entries else {
        throw Problem(
          .conflict, "\(one.report.slug) went on on the source meanwhile; begin again with an empty target.")
      }
    }
    // With some tenants only, the installation's own stays here: the source goes on for the others.
    let gone = moved.filter { retiring || $0.report.slug != Restore.systemSlug }.map(\.report.tenant)
    try installation.noteMoved(gone, all: retiring, to: target.directory, now: SystemClock().now)
    if retiring {
      let path = source.directory + OpenInstallation.nameOfMovedFile
      try DurableFile.write(Array((target.directory + "\n").utf8), to: path)
    }
    if ground.isNew { try uncover(ground.directory) }
  }

  /// What makes it an installation goes last.
  private func uncover(_ directory: String) throws {
    for name in ["steward.sock", "lock"] { unlink("\(directory)/\(name)") }
    if (try WholeFile.read(directory + "/control.db-wal", limit: 1 << 30) ?? []).isEmpty {
      for name in ["control.db-wal", "control.db-shm"] { unlink("\(directory)/\(name)") }
    } else {
      throw Problem(.internal, "The target's control database was not closed; begin again.")
    }
    for name in ["files", "tenants", "database", "control.db", "steward.chain", "steward.vkey"] {
      let (from, to) = ("\(directory)/\(name)", "\(target.directory)/\(name)")
      guard access(from, F_OK) == 0 else { continue }
      // What it makes whole must be durable before it is.
      if name == "steward.vkey" { try DurableFile.syncDirectory(of: to) }
      guard rename(from, to) == 0 else {
        throw DurableFile.FileError(operation: "rename", path: from, number: errno)
      }
    }
    try DurableFile.syncDirectory(of: target.directory + "/steward.vkey")
    try FileManager.default.removeItem(atPath: directory)
  }
}
