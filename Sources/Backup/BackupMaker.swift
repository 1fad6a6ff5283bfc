import Custody
import Dispatch
import Kernel
import Ledger
import Storage
import Synchronization
import TransparencyLog

/// How backups are made and kept.
package struct BackupPolicy: Sendable, Equatable {
  /// A backup is removed with its whole chain once the chain's base is older.
  package var retentionDays: Int
  /// The next backup is a base once the base of the chain is older than this: the nightly one always is.
  package var baseEverySeconds: Int
  /// Increments of one chain.
  package var maximumIncrements: Int

  package init(retentionDays: Int = 30, baseEverySeconds: Int = 20 * 3_600, maximumIncrements: Int = 48) {
    self.retentionDays = retentionDays
    self.baseEverySeconds = baseEverySeconds
    self.maximumIncrements = maximumIncrements
  }
}

/// What a backup came to.
package struct BackupSummary: Sendable {
  package let id: BackupID
  package let number: Int64
  package let made: Instant
  package let isBase: Bool
  /// Of all tenants.
  package let isWhole: Bool
  package let tenants: Int
  /// Sealed bytes written.
  package let bytes: Int64
  package let parts: Int
  /// SHA-256 of the manifest.
  package let manifest: Digest
  /// SHA-256 of the manifest before it in the place.
  package let previous: Digest?
  /// From when on it is to be removed; nil: the schedule of its place says so.
  package let keptUntil: Instant?
  /// Backups that were removed because their time was over.
  package let expired: [BackupID]
  /// What became of the keys of those whose time was over, here or at a place that lost them.
  package let ends: [TermEnd]
}

/// Makes one backup of an installation at a place, beside whatever runs on it: reading only, from one snapshot for each tenant.
package struct BackupMaker: Sendable {
  private let installation: OpenInstallation
  private let files: any SealedFileStore
  private let place: any BackupPlace
  private let policy: BackupPolicy
  private let clock: any StewardClock
  private let series: TermKeyName.Series

  private var keys: TermKeys { installation.keyStore.termKeys(series) }

  /// `files`: where the ledger keeps its files. `series`: from which the backup takes its key.
  package init(
    _ installation: OpenInstallation, files: any SealedFileStore, to place: any BackupPlace,
    policy: BackupPolicy = BackupPolicy(),
    clock: any StewardClock, series: TermKeyName.Series = .backups
  ) {
    self.series = series
    self.installation = installation
    self.files = files
    self.place = place
    self.policy = policy
    self.clock = clock
  }

  /// Makes a base or an increment, then removes what is over its time. `only` limits it to some tenants (always a base); `base` asks for one;
  /// `days` gives it an end of its own, for a place that no schedule tends. Told to stop, it ends before its next part; what lies there of it
  /// the next backup removes.
  package func create(
    scope: Manifest.Scope = .all, only: Set<TenantID>? = nil, base: Bool = false, keepDays days: Int? = nil
  ) async throws -> BackupSummary {
    let halt = Halt()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        DispatchQueue(label: "steward.backup").async {
          continuation.resume(with: Result { try make(scope, only, base, days, halt) })
        }
      }
    } onCancel: {
      halt.call()
    }
  }

  private func make(
    _ scope: Manifest.Scope, _ only: Set<TenantID>?, _ base: Bool, _ days: Int?, _ halt: Halt
  ) throws -> BackupSummary {
    let lock = try place.lock()
    defer { withExtendedLifetime(lock) {} }
    let shelf = try Shelf(place)
    // By the key and not by the name alone: whoever can write to the place can write any name, and what is over its time is removed by
    // what the manifests say.
    guard shelf.entries.allSatisfy({ installation.trust.accepts($0.manifest.verifier, at: $0.manifest.made) }) else {
      throw Problem(.conflict, "This place holds the backups of another installation; name another one.")
    }
    try place.delete(shelf.unfinished)
    place.sweep(shelf.leftovers)
    let parent = base || scope != .all ? nil : try? parent(shelf)
    let summary: BackupSummary
    do {
      summary = try write(scope, only, parent, shelf, days, halt)
    } catch is TenantSnapshot.NotContinued {
      summary = try write(scope, only, nil, shelf, days, halt)
    }
    return summary
  }

  // MARK: The chain

  /// What an increment continues.
  private struct Parent {
    let entry: Shelf.Entry
    /// The keys of the chain.
    let terms: [TermKeyName]
    let known: [TenantID: TenantSnapshot.Known]
  }

  /// Nil if a base is due. What of the chain is missing or damaged makes one due too.
  private func parent(_ shelf: Shelf) throws -> Parent? {
    guard shelf.damaged.isEmpty, let last = shelf.entries.last(where: { $0.manifest.scope == .all }) else { return nil }
    let chain = try shelf.chain(to: last)
    let oldest = clock.now.adding(seconds: -policy.baseEverySeconds)
    guard chain[0].manifest.made > oldest, chain.count <= policy.maximumIncrements else { return nil }
    var known: [TenantID: TenantSnapshot.Known] = [:]
    for entry in chain {
      let source = try PartSource(place, entry)
      guard source.index.lines.allSatisfy({ entry.sizes[$0.item] == Int64($0.size) }) else { return nil }
      let contents = try source.contents(key: try source.key(installation.keyStore.backupKeyring))
      for tenant in contents.tenants {
        var state = known[tenant.id] ?? TenantSnapshot.Known()
        state.size = tenant.size
        state.checkpoint = tenant.checkpoint
        state.files.merge(tenant.files) { $1 }
        for id in tenant.lost { state.files[id] = nil }
        known[tenant.id] = state
      }
    }
    return Parent(entry: last, terms: chain.compactMap(\.manifest.term), known: known)
  }

  // MARK: Writing

  private func write(
    _ scope: Manifest.Scope, _ only: Set<TenantID>?, _ parent: Parent?, _ shelf: Shelf, _ days: Int?, _ halt: Halt
  ) throws -> BackupSummary {
    let made = clock.now
    let id = BackupID.make(at: made)
    // Of a place the earliest go first: none can have an end before one that was made before it.
    let keptUntil = days.map { days in
      max(made.adding(seconds: days * 86_400), shelf.entries.compactMap(\.manifest.keptUntil).max() ?? made)
    }
    // Before anything of it is written: it has to be at every place of the keys.
    let term = try keys.take(
      for: id.text, until: keptUntil, above: shelf.lastTerm(series), prolonging: parent?.terms ?? [], now: made)
    let secret = SecretBytes.random()
    let installationID = installation.id.text
    let wrapped = try installation.keyStore.backupKeyring.wrap(
      secret, installation: installationID, backup: id.text, term: term)
    let key = BackupKey(
      secret: secret, installation: installationID, backup: id, keyID: BackupKey.keyID(of: wrapped))
    let line = SealingLine(place: place, key: key, halt: halt)
    do {
      let (contents, lines) = try seal(only, parent, line)
      let index = PartIndex(lines: lines)
      try place.put(ObjectName(id, .index), PlaceObject(index))
      let manifest = try SignedManifest(
        signing: Manifest(
          installation: installationID, verifier: installation.verifier, backup: id, made: made,
          number: (shelf.entries.last?.manifest.number ?? 0) + 1, scope: scope,
          previous: shelf.entries.last?.signed.link, parent: parent?.entry.signed.link, wrappedKey: wrapped,
          indexDigest: Digest(sha256: index.bytes), indexSize: index.bytes.count, term: term.name,
          keptUntil: keptUntil), by: installation)
      try place.put(ObjectName(id, .manifest), PlaceObject(manifest))
      let (expired, ends) = try Expiry(policy, keys).run(place, isTended: days == nil, now: made)
      return BackupSummary(
        id: id, number: manifest.manifest.number, made: made, isBase: parent == nil, isWhole: scope == .all,
        tenants: contents.tenants.count, bytes: index.totalBytes, parts: index.partCount, manifest: manifest.digest,
        previous: manifest.manifest.previous?.digest, keptUntil: keptUntil, expired: expired, ends: ends)
    } catch {
      _ = try? line.finish()
      throw error
    }
  }

  private func seal(
    _ only: Set<TenantID>?, _ parent: Parent?, _ line: SealingLine
  ) throws -> (Contents, [PartIndex.Line]) {
    // Read before the tenants: one that is made meanwhile belongs to the next backup.
    let control = try TableDump.control(installation.place)
    var contents = Contents(control: control, schemas: [], tenants: [])
    let ids = try tenantIDs(control).filter { only?.contains($0) ?? true }
    if let only { contents.control = contents.limited(to: only) }
    let writer = PartWriter(line)
    var positions: [[String]: Int] = [:]
    for id in ids {
      try line.check()
      let known = parent.map { $0.known[id] ?? TenantSnapshot.Known() }
      let taken = try TenantSnapshot(tenant: id, place: installation.place, files: files, known: known)
        .take(into: writer)
      let schema = taken.schema.isEmpty ? nil : positions[taken.schema] ?? positions.count
      if let schema, positions[taken.schema] == nil {
        positions[taken.schema] = schema
        contents.schemas.append(taken.schema)
      }
      contents.tenants.append(
        Contents.Tenant(
          id: id, size: taken.size, checkpoint: taken.checkpoint, schema: schema, parts: taken.parts,
          files: taken.files, lost: taken.lost))
    }
    _ = try writer.finish()
    let plain = contents.encoded
    guard plain.count < PlaceLimit.contents / 2 else {
      throw Problem(.tooLarge, "There are too many files for one backup; tell those who make Steward.")
    }
    try line.put(plain, as: .contents)
    return (contents, try line.finish())
  }

  private func tenantIDs(_ control: Contents.Control) throws -> [TenantID] {
    guard let table = control.tables.first(where: { $0.name == "tenant" }),
      let position = table.columns.firstIndex(of: "id")
    else { throw Problem(.unavailable, "The control database is damaged; restore it from a backup.") }
    return table.rows.compactMap { $0[position].text.flatMap { TenantID($0) } }.sorted()
  }
}

/// Whether whoever asked for a backup was told to stop.
final class Halt: Sendable {
  private let isCalled = Atomic(false)

  func call() { isCalled.store(true, ordering: .relaxed) }
  func check() throws { if isCalled.load(ordering: .relaxed) { throw CancellationError() } }
}
