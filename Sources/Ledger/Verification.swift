import Custody
import Glibc
import Kernel
import Storage
import TransparencyLog

/// Re-verifies a tenant's whole record from its database alone, without keys, also beside a running server. With the keys it also opens
/// every sealed row, compares the derived tables with what the rows say, and the key store's marks with what they use.
///
/// In one snapshot: every leaf and its hash, the order of entries and batches, ordinals and times, the change records against each
/// entry, the before images, the state commitment after every batch, the tree's root and its signed checkpoints, the stored tiles; and
/// then every primary row as it lies there against what the log says it must be.
package struct Verification {
  /// One thing that is not as the log says. `table` and `key` name a row where the finding is about one.
  package struct Finding: Sendable, Equatable {
    package let tenant: String
    package let table: String?
    package let key: String?
    package let index: Int64?
    package let reason: String
  }

  package struct Report: Sendable {
    package let tenant: TenantID
    package let slug: String
    package var entries: Int64 = 0
    package var rows: Int64 = 0
    /// Rows that were opened with the keys.
    package var opened: Int64 = 0
    /// Rows that the record says were erased.
    package var erased: Int64 = 0
    /// Subjects among them whose keys are still to be destroyed, by an erasure that goes on.
    package var ending: Int64 = 0
    package var findings: [Finding] = []
    package var checkpoint: String?
    /// The state commitment, recomputed from the changes on the log. Without findings it is that of the rows and the one that is signed.
    package var state: Digest?
    package var isIntact: Bool { findings.isEmpty }
  }

  static let maximumFindings = 1_000

  /// What it takes to look inside.
  package struct Inside: Sendable {
    let keys: KeyLocation
    let derivations: [Derivation]
    /// Ids of the erasures that go on still: what they erased may have its keys for now.
    let underway: @Sendable (Connection, TenantID) throws -> Set<String>

    package init(
      keys: KeyLocation, derivations: [Derivation],
      underway: @escaping @Sendable (Connection, TenantID) throws -> Set<String> = { _, _ in [] }
    ) {
      self.underway = underway
      self.keys = keys
      self.derivations = derivations
    }
  }

  private let tenant: TenantID
  private let connection: Connection
  private let origin: String
  /// Who has to have signed the next checkpoint, and from when on that key counts.
  private var key: VerifierKey
  private var since: Instant
  /// What the installation key vouches for, by public key.
  private let certified: [[UInt8]: LogKeyCertificate]
  /// The key that the batch names as the next one, in hex; it signs from the batch behind it on.
  private var successor: String?
  private var report: Report
  private var frontier = Frontier()
  private var lanes = Lanes()
  private var batchStart: Int64 = 0
  private var lastTime = Instant(milliseconds: 0)
  private var names = NameTable()
  private var heads: [NameKey: (ordinal: Int64, index: Int64)] = [:]
  /// What the log says each row is: digest after its last change, and the entry that wrote it.
  private var expected: [NameKey: Expected] = [:]
  private var tiles = TileWatch()
  private var facets = FacetWatch()
  /// Nil while the tenant's record says of no subject where it began.
  private var subjects: SubjectWatch?
  private var changes: ChangeWalk?
  private var reader: Reader?
  private var derivations: [Derivation] = []
  /// What the record says was erased: rows, and the subjects whose keys must be gone.
  private var erased: [NameKey: Erased] = [:]
  /// By the erasure that named each last.
  private var erasedSubjects: [SubjectRef: String] = [:]
  private var underway: @Sendable (Connection, TenantID) throws -> Set<String> = { _, _ in [] }

  private struct Erased {
    /// The entry that says so last.
    var entry: Int64
    var subjects: Set<SubjectRef>
  }

  private typealias RowName = Work.RowName
  private struct Expected {
    let digest: Digest
    let index: Int64
    /// The entry in which the row began.
    var first: Int64
  }

  /// Verifies all tenants of a data directory. `installationKey` pins the signer; nil takes the directory's own `steward.vkey`.
  /// `chain` says which other keys of the installation counted; nil takes the directory's own `steward.chain`. `only` limits it to some tenants; with `inside` the keys are used too.
  package static func run(
    dataDirectory: String, installationKey: String? = nil, chain: [UInt8]? = nil, only: Set<TenantID>? = nil,
    inside: Inside? = nil
  ) throws -> [Report] {
    let vkey = try trust(in: dataDirectory, try installationKeyOf(dataDirectory, installationKey), chain)
    guard Installation.exists(at: dataDirectory) else {
      throw Problem(
        .unavailable, "There is no installation in this directory; name a Steward data directory with --data.")
    }
    let opening = try inside.map { try Opening($0, dataDirectory) }
    // Looked at first: a tenant that is made after this is not among them.
    let databases = only == nil ? tenantDatabases(in: dataDirectory) : []
    let place = try DataPlace(dataDirectory)
    let tenants = try place.control { connection in
      try connection.rows(raw: "SELECT id, slug, origin, certificate FROM tenant ORDER BY id")
    }
    let wanted = tenants.filter { row in
      only.map { only in row[0].text.flatMap { TenantID($0) }.map(only.contains) ?? false } ?? true
    }
    let known = Set(tenants.compactMap { $0[0].text })
    let unnamed = databases.filter { !known.contains($0.text) && !isEmpty($0, dataDirectory) }
    return try wanted.map { row in try one(row, place, vkey, opening) } + stillUnnamed(unnamed, place).map(stray)
  }

  /// A tenant that is being made has a database a moment before it has a name; one that was taken out of the control database gets none.
  private static func stillUnnamed(_ unnamed: [TenantID], _ place: DataPlace) throws -> [TenantID] {
    var left = unnamed
    for _ in 0..<20 where !left.isEmpty {
      usleep(100_000)
      let names = try place.control { connection in try connection.rows(raw: "SELECT id FROM tenant") }
      let known = Set(names.compactMap { $0[0].text })
      left.removeAll { known.contains($0.text) || isEmpty($0, place.directory) }
    }
    return left
  }

  private static func installationKeyOf(_ dataDirectory: String, _ installationKey: String?) throws -> VerifierKey {
    let vkeyText: String
    if let installationKey {
      vkeyText = installationKey
    } else {
      guard let bytes = try readSmall(dataDirectory + "/steward.vkey") else {
        throw Problem(
          .unavailable, "There is no steward.vkey in this directory; name a Steward data directory with --data.")
      }
      vkeyText = String(decoding: bytes, as: UTF8.self)
    }
    guard let vkey = try? VerifierKey(parsing: vkeyText.trimmingLineFeed) else {
      throw Problem(
        .unavailable, "The installation's verifier key cannot be read; restore steward.vkey or name another with --key."
      )
    }
    return vkey
  }

  private static func trust(in directory: String, _ key: VerifierKey, _ chain: [UInt8]?) throws -> InstallationTrust {
    do {
      return try InstallationTrust(pin: key, chain: try chain ?? readSmall(directory + "/steward.chain") ?? [])
    } catch let error as LogError {
      throw Problem(.unavailable, "The chain of installation keys does not lead to the pinned key: \(error).")
    }
  }

  /// The key store, opened for reading.
  private struct Opening {
    let store: KeyStore
    let derivations: [Derivation]
    let underway: @Sendable (Connection, TenantID) throws -> Set<String>

    init(_ inside: Inside, _ dataDirectory: String) throws {
      underway = inside.underway
      let provider = try inside.keys.provider(dataDirectory: dataDirectory)
      store = try KeyStore(at: try inside.keys.place, provider: provider)
      derivations = inside.derivations
    }
  }

  private static func tenantDatabases(in directory: String) -> [TenantID] {
    guard let handle = opendir(directory + "/tenants") else { return [] }
    defer { closedir(handle) }
    var found: [TenantID] = []
    while let item = readdir(handle) {
      let name = withUnsafePointer(to: &item.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasSuffix(".db"), let id = TenantID(name.dropLast(3)) { found.append(id) }
    }
    return found.sorted { $0.text < $1.text }
  }

  /// Whether nothing was ever written there: a tenant whose making was interrupted, perhaps before the first page was whole.
  private static func isEmpty(_ id: TenantID, _ directory: String) -> Bool {
    let path = "\(directory)/tenants/\(id).db"
    if DataPlace.size(of: path) <= 4_096, DataPlace.size(of: path + "-wal") == 0 { return true }
    if let isEmpty = try? SQLiteDatabase.readOnly(path: path, isEmpty) { return isEmpty }
    // Broken off before it had a log: SQLite cannot take the first pages back without writing.
    guard DataPlace.size(of: path + "-wal") == 0, access(path + "-journal", F_OK) == 0 else { return false }
    return (try? SQLiteDatabase.readOnly(path: path, immutable: true, isEmpty)) ?? false
  }

  private static func isEmpty(_ connection: Connection) throws -> Bool {
    try connection.tableNames().isEmpty
  }

  /// A database whose tenant the control database does not name, or no longer does.
  private static func stray(_ id: TenantID) -> Report {
    damaged(id, slug: id.text, "the control database does not name the tenant of this database")
  }

  private static func damaged(_ id: TenantID, slug: String, _ reason: String) -> Report {
    var report = Report(tenant: id, slug: slug)
    report.findings.append(Finding(tenant: slug, table: nil, key: nil, index: nil, reason: reason))
    return report
  }

  private static func one(
    _ row: [Value], _ place: DataPlace, _ vkey: InstallationTrust, _ opening: Opening?
  ) throws -> Report {
    guard let id = row[0].text.flatMap({ TenantID($0) }), let slug = row[1].text, let origin = row[2].text else {
      throw Problem(.unavailable, "The control database is damaged; restore it from a backup.")
    }
    do {
      return try place.tenant(id) { connection in
        let notes = try LogCertificates(id, first: row[3].bytes ?? [], connection).items.map(\.note)
        let all = notes.compactMap { try? vkey.open($0) }
        // The first is the one that the control database names, whatever rows say.
        guard let first = try? LogKeyCertificate.unidentified(row[3].bytes ?? []),
          let certificate = all.first(where: { $0.key == first.key })
        else { return damaged(id, slug: slug, "the log's key is not certified by the installation key") }
        var verification = Verification(
          tenant: id, connection: connection, origin: origin, first: certificate,
          certified: Dictionary(all.map { ($0.key.publicKey, $0) }, uniquingKeysWith: { first, _ in first }),
          report: Report(tenant: id, slug: slug))
        if certificate.origin != origin { verification.find("the certificate is for another log") }
        if let opening { verification.use(opening) }
        if try !isEmpty(connection) { try verification.verify() }
        return verification.report
      }
    } catch let stopped as CancellationError {
      throw stopped
    } catch let error as StorageError where error.isConnectionLost || error.isRetryable || error.isCancelled {
      // That says nothing of the data.
      throw Problem(
        .unavailable, "The database did not answer in time while it was read; verify it again.", detail: "\(error)")
    } catch {
      return damaged(id, slug: slug, "the tenant's database is missing or cannot be read; restore it from a backup")
    }
  }

  private init(
    tenant: TenantID, connection: Connection, origin: String, first: LogKeyCertificate,
    certified: [[UInt8]: LogKeyCertificate], report: Report
  ) {
    self.certified = certified
    self.tenant = tenant
    self.connection = connection
    self.origin = origin
    key = first.key
    since = first.since
    self.report = report
  }

  private mutating func find(_ reason: String, table: String? = nil, key: String? = nil, index: Int64? = nil) {
    guard report.findings.count < Verification.maximumFindings else { return }
    report.findings.append(Finding(tenant: report.slug, table: table, key: key, index: index, reason: reason))
  }

  /// A file is one tenant's, and whatever lies in it is looked at, also what claims to be another's. A shared database holds the others'
  /// rows too, whatever its row-level security lets through.
  private var ofTenant: (tail: String, arguments: [Value]) {
    connection.dialect == .postgres ? (" WHERE tenant = ?", [.text(tenant.text)]) : ("", [])
  }

  private mutating func use(_ opening: Opening) {
    do {
      reader = Reader(tenant: tenant, connection: connection, keys: try opening.store.openTenant(tenant))
      derivations = opening.derivations
      underway = opening.underway
    } catch {
      find("the key store does not hold this tenant's keys, or they do not open")
    }
  }

  private mutating func verify() throws {
    try readErased()
    try verifyEntries()
    try verifyHead()
    try verifyFacets()
    try verifyRows()
    try verifyDestroyed()
    try verifyDerived()
    try verifyGuards()
  }

  // MARK: What was erased

  /// Whether these rows are what the log says is looked at with all others.
  private mutating func readErased() throws {
    guard try connection.hasTable(ErasedRow.table.name) else { return }
    let rows = try connection.walk(
      raw: "SELECT tbl, row_key, erased_subject, entry, erasure FROM \(ErasedRow.table.name) WHERE tenant = ?",
      [.text(tenant.text)])
    while let row = try rows.next() {
      report.erased += 1
      let place = names.key(kind: row.text(0), name: row.text(1))
      let subject = SubjectRef(row.integer(2))
      var known = erased[place] ?? Erased(entry: 0, subjects: [])
      known.subjects.insert(subject)
      known.entry = max(known.entry, row.integer(3))
      erased[place] = known
      erasedSubjects[subject] = row.text(4)
    }
  }

  /// With the keys: what the record says was erased must have no key any more, once the erasure is over.
  private mutating func verifyDestroyed() throws {
    guard let reader, !erasedSubjects.isEmpty else { return }
    guard let stones = try? reader.keys.tombstones() else { return find("the record of destroyed keys cannot be read") }
    let left = erasedSubjects.filter { stones[$0.key] == nil }
    let underway = left.isEmpty ? [] : try underway(connection, tenant)
    for (subject, erasure) in left.sorted(by: { $0.key.number < $1.key.number }) {
      guard !underway.contains(erasure) else {
        report.ending += 1
        continue
      }
      let name = erased.first { $0.value.subjects.contains(subject) }.map { names.text(of: $0.key) }
      find(
        "the row was erased, but its key was not destroyed, or came back (subject \(subject.number))",
        table: name?.kind, key: name?.name)
    }
  }

  // MARK: The log

  private mutating func verifyEntries() throws {
    let entries = try connection.walk(
      raw:
        "SELECT idx, time, actor, action, object, ordinal, changes, leaf, data FROM log_entry WHERE tenant = ? ORDER BY idx",
      [.text(tenant.text)])
    changes = try ChangeWalk(connection, tenant)
    while let row = try entries.next() { try verifyLeaf(row) }
    try verifyNoChanges(before: .max)
    report.entries = frontier.size
    report.state = lanes.commitment
    if batchStart != frontier.size { find("the log does not end with a batch entry", index: frontier.size) }
    try verifyLastTiles()
  }

  /// Change records stand in the order of their entries; one that is passed over belongs to none.
  private mutating func verifyNoChanges(before index: Int64) throws {
    while let stray = changes?.index, stray < index {
      find("a change record belongs to no entry", table: "log_change", index: stray)
      try changes?.advance()
    }
  }

  private mutating func verifyLeaf(_ row: RowCursor) throws {
    let index = row.integer(0)
    // What stands in the column may be anything; from here on the place in the tree counts.
    if index != frontier.size { find("entries are missing before this one", index: index) }
    try verifyLeaf(row, at: frontier.size)
  }

  private mutating func verifyLeaf(_ row: RowCursor, at index: Int64) throws {
    let data = row.bytes(8)
    let leaf = MerkleTree.leafHash(data)
    if row.digest(7) != leaf { find("the stored leaf hash is not that of the entry", index: index) }
    let parsed = try? Leaf(parsing: data)
    switch parsed {
    case .command(let entry)?: try verifyEntry(entry, index, row)
    case .batch(let batch)?: try verifyBatch(batch, index, row)
    case nil: find("the entry cannot be read", index: index)
    }
    try append(leaf)
    if case .batch? = parsed {
      try verifyCheckpoint()
      changeKey()
    }
  }

  private mutating func verifyEntry(_ entry: LeafEntry, _ index: Int64, _ row: RowCursor) throws {
    verifyTime(entry.time, index)
    if entry.action == "key.rotate", let key = LogKeyring.key(ofObject: entry.object) { successor = key }
    facets.note(actor: entry.actor, action: entry.action, index: index)
    let object = names.key(ofObject: entry.object)
    let head = heads.updateValue((entry.ordinal, index), forKey: object)
    if entry.ordinal != (head.map { $0.ordinal + 1 } ?? 0) || entry.previous != head?.index {
      find("the entry does not follow the one before it about the same object", index: index)
    }
    let columns = row.text(2) == entry.actor && row.text(3) == entry.action && row.text(4) == entry.object
    if !columns || row.integer(1) != entry.time.milliseconds || row.integer(5) != entry.ordinal
      || row.integer(6) != Int64(entry.changeCount)
    {
      find("the columns beside the entry do not say what the entry says", index: index)
    }
    try verifyChanges(entry, index)
  }

  private mutating func verifyChanges(_ entry: LeafEntry, _ index: Int64) throws {
    try verifyNoChanges(before: index)
    var leaves: [Digest] = []
    while changes?.index == index, let row = changes?.row {
      leaves.append(try verifyChange(row, index))
      try changes?.advance()
    }
    if leaves.count != entry.changeCount || MerkleTree.root(ofLeaves: leaves) != entry.changeRoot {
      find("the change records are not those the entry commits to", index: index)
    }
  }

  private mutating func verifyChange(_ row: RowCursor, _ index: Int64) throws -> Digest {
    let name = RowName(table: row.text(1), key: row.text(2))
    let before = row.digest(4)
    let after = row.digest(5)
    let image = row.isNull(6) ? nil : row.bytes(6)
    let isWhole =
      row.isNull(4) == (before == nil) && row.isNull(5) == (after == nil) && (row.isNull(6) || before != nil)
    guard isWhole, let op = ChangeRecord.Operation(rawValue: row.text(3)) else {
      find("a change record cannot be read", table: name.table, key: name.key, index: index)
      return MerkleTree.emptyRoot
    }
    let place = names.key(kind: name.table, name: name.key)
    let last: Expected?
    if let after {
      last = expected.updateValue(Expected(digest: after, index: index, first: index), forKey: place)
      if let last { expected[place]?.first = last.first }
    } else {
      last = expected.removeValue(forKey: place)
    }
    if before != last?.digest {
      find("the change does not start from the row's last state", table: name.table, key: name.key, index: index)
    }
    if let before {
      try lanes.remove(before)
      if let reason = fault(of: image, before, erased[place], index) {
        find(reason, table: name.table, key: name.key, index: index)
      }
    }
    if let after { try lanes.add(after) }
    return MerkleTree.leafHash(
      ChangeRecord(table: name.table, key: name.key, op: op, before: before, after: after).encoded)
  }

  /// What is wrong with a before image: it may be missing only where the row was erased, and only then (docs/format.md §3.7).
  private func fault(of image: [UInt8]?, _ before: Digest, _ erased: Erased?, _ index: Int64) -> String? {
    guard let image else {
      return index <= erased?.entry ?? -1 ? nil : "the before image is missing, and no erasure says why"
    }
    if Digest(sha256: image) != before { return "the before image is not the row as it was" }
    guard let erased, let subject = ImageOfRow(image)?.subject, erased.subjects.contains(subject) else { return nil }
    return "the before image lies there although the row was erased"
  }

  private mutating func verifyBatch(_ batch: LeafBatch, _ index: Int64, _ row: RowCursor) throws {
    try Task.checkCancellation()
    if row.integer(1) != batch.time.milliseconds || !(2...6).allSatisfy({ row.isNull($0) }) {
      find("the columns beside the entry do not say what the entry says", index: index)
    }
    verifyTime(batch.time, index)
    if Int64(batch.count) != index - batchStart {
      find("the batch entry counts other entries than there are", index: index)
    }
    if batch.state != lanes.commitment {
      find("the state commitment is not that of the rows the log describes", index: index)
    }
    if batch.time < since { find("the log key was certified only after this batch", index: index) }
    batchStart = index + 1
  }

  private mutating func verifyTime(_ time: Instant, _ index: Int64) {
    if time < lastTime { find("the time goes back", index: index) }
    lastTime = time
  }

  private mutating func append(_ leaf: Digest) throws {
    // Gathered first: the frontier cannot be changed and the tiles with it. One leaf in 256 finishes a hash above.
    var above: [(level: Int, hash: Digest)] = []
    frontier.append(leaf) { level, _, hash in if level > 0, level & 7 == 0 { above.append((level / 8, hash)) } }
    if let tile = tiles.take(leaf, level: 0) { try verifyTile(tile) }
    for (level, hash) in above {
      if let tile = tiles.take(hash, level: level) { try verifyTile(tile) }
    }
  }

  private mutating func verifyTile(_ tile: TileWatch.Tile) throws {
    let store = LogStore(tenant: tenant, connection: connection)
    if try store.tileData(level: tile.level, index: tile.index) != tile.data {
      find(
        "a stored tile is not that of the entries (level \(tile.level), \(tile.index))", table: "log_tile",
        index: tile.level == 0 ? (tile.index + 1) * LogStore.tileWidth - 1 : nil)
    }
  }

  private mutating func verifyLastTiles() throws {
    for tile in tiles.partial { try verifyTile(tile) }
    let row = try connection.firstRow(raw: "SELECT count(*) FROM log_tile\(ofTenant.tail)", ofTenant.arguments)
    if row?[0].integer != tiles.count { find("there are other tiles than the entries have", table: "log_tile") }
  }

  private mutating func verifyCheckpoint() throws {
    let row = try connection.firstRow(
      raw: "SELECT note FROM log_checkpoint WHERE tenant = ? AND size = ?",
      [.text(tenant.text), .integer(frontier.size)])
    guard let note = row?[0].bytes, let checkpoint = opened(note) else {
      return find("there is no checkpoint signed by the log key for this batch", index: frontier.size - 1)
    }
    if checkpoint.origin != origin || checkpoint.size != frontier.size || checkpoint.root != frontier.root {
      find("the signed checkpoint is for another tree", index: frontier.size - 1)
    }
    report.checkpoint = checkpoint.text
  }

  /// Signed by the key that signs; or, where the batch names the next one, by that: after a restore there may be no old key any more.
  private func opened(_ note: [UInt8]) -> Checkpoint? {
    if let checkpoint = try? Checkpoint.open(note, key: key) { return checkpoint }
    guard let next = successor.flatMap({ Hex.decode($0) }).flatMap({ certified[$0] }) else { return nil }
    return try? Checkpoint.open(note, key: next.key)
  }

  /// From here on the key counts that the batch named, if it named one.
  private mutating func changeKey() {
    guard let named = successor else { return }
    successor = nil
    guard let next = Hex.decode(named).flatMap({ certified[$0] }), next.origin == origin else {
      return find(
        "the log's key was changed to one that the installation key does not certify", index: frontier.size - 1)
    }
    if next.since > lastTime { find("the log's next key is certified only from later on", index: frontier.size - 1) }
    key = next.key
    since = next.since
  }

  private mutating func verifyHead() throws {
    guard let head = try? LogStore(tenant: tenant, connection: connection).head() else {
      return find("the head of the log cannot be read", table: "log_head")
    }
    if frontier.size > 0, head.time != lastTime { find("the head of the log has another time than its last entry") }
    if head.size != frontier.size || head.frontier.root != frontier.root {
      find("the head of the log is not that of its entries")
    }
    if head.lanes != lanes { find("the running state is not that of the rows the log describes") }
    let beyond = try connection.firstRow(
      raw: "SELECT 1 FROM log_checkpoint WHERE tenant = ? AND size > ?", [.text(tenant.text), .integer(frontier.size)])
    if beyond != nil { find("a checkpoint was signed for entries that are no longer there") }
  }

  /// Pages about an actor or an action would leave out entries that the facets do not lead to.
  private mutating func verifyFacets() throws {
    // Made by the command that opens the tenant; before it pages do not read them.
    guard try connection.hasTable(TableVersion.table.name),
      try recordedVersion(of: TableVersion.table.name) ?? 0 >= TableVersion.withFacets
    else { return }
    guard try connection.hasTable(FacetStore.table) else {
      return find("the facets of the log are missing; run `steward audit rebuild`", table: FacetStore.table)
    }
    for missing in try facets.missing(tenant, connection) {
      find(
        "entries with this actor or action would not be listed; run `steward audit rebuild`", table: FacetStore.table,
        key: missing.value, index: missing.tile * LogStore.tileWidth)
    }
    guard try recordedVersion(of: TableVersion.table.name) ?? 0 >= TableVersion.withSubjects else { return }
    subjects = try SubjectWatch(tenant, connection)
  }

  // MARK: The rows

  private mutating func verifyRows() throws {
    for name in try connection.tableNames() { try verifyTable(name) }
    for (place, row) in expected.sorted(by: { $0.value.index < $1.value.index }) {
      let name = names.text(of: place)
      find("the row is missing", table: name.kind, key: name.name, index: row.index)
    }
    // The state recomputed from the rows that lie there; with no finding above it must equal the signed one.
  }

  private mutating func verifyTable(_ name: String) throws {
    let columns = try connection.columns(of: name)
    guard columns.contains("sealed"), columns.contains("subject") else { return }
    let own = columns.filter { !Table.impliedColumns.contains($0) }.map { Column($0, .text, .operational, purpose: "") }
    let table = Table(name, .primary, columns: own, retention: "")
    let rows = try connection.walk(
      raw: "SELECT \(table.statements.columns) FROM \(SQL.identifier(name))\(ofTenant.tail)", ofTenant.arguments)
    while let row = try rows.next() { verifyRow(StoredRow(row.values), table) }
  }

  private mutating func verifyRow(_ row: StoredRow, _ table: Table) {
    report.rows += 1
    guard row.values[0].text == tenant.text else {
      return find("the row belongs to another tenant", table: table.name, key: row.key)
    }
    guard let wanted = expected.removeValue(forKey: names.key(kind: table.name, name: row.key)) else {
      return find("the row is not on the record", table: table.name, key: row.key)
    }
    if Digest(sha256: row.canonical(table)) != wanted.digest {
      find("the row is not as its last entry left it", table: table.name, key: row.key, index: wanted.index)
    }
    if let subjects, !subjects.lead(to: row.subject, between: wanted.first, and: wanted.index) {
      find(
        "an erasure would not find this row; run `steward audit rebuild`", table: FacetStore.table,
        key: "\(table.name)/\(row.key)", index: wanted.first)
    }
    verifyInside(row, table)
  }

  // MARK: With the keys

  private mutating func verifyInside(_ row: StoredRow, _ table: Table) {
    guard let reader else { return }
    do {
      _ = try reader.open(row, table)
      report.opened += 1
    } catch is SubjectErased {
      find(
        "the row lies there although its key was destroyed; it goes when the tenant is opened", table: table.name,
        key: row.key)
    } catch is KeyMissing {
      find("the key store has no key for the row", table: table.name, key: row.key)
    } catch {
      find("the row does not open", table: table.name, key: row.key)
    }
    // Asked after the row was read: another server takes slots meanwhile, but none after it has used it.
    switch Result(catching: { try reader.keys.isTaken(row.subject) }) {
    case .success(true): break
    case .success(false):
      find("the row uses a key that the key store would hand out again", table: table.name, key: row.key)
    case .failure: find("the mark of used keys cannot be read", table: table.name, key: row.key)
    }
  }

  private mutating func verifyDerived() throws {
    guard let reader else { return }
    for derivation in derivations {
      let name = derivation.table.name
      // Made or remade by the command that opens the tenant; before it there is nothing to compare.
      guard try recordedVersion(of: name) == derivation.table.version else { continue }
      guard try derivation.exists(connection) else {
        find("the derived table is missing; run `steward audit rebuild`", table: name)
        continue
      }
      guard let difference = try? derivation.difference(reader) else {
        find("the derived table cannot be compared, since rows do not open", table: name)
        continue
      }
      for row in difference.missing {
        find("the derived row is missing; run `steward audit rebuild`", table: name, key: derivation.key(row))
      }
      for row in difference.superfluous {
        find(
          "the derived row is not what the rows say; run `steward audit rebuild`", table: name, key: derivation.key(row)
        )
      }
    }
  }

  /// The shape that the record says a table has; nil if it was never made.
  private func recordedVersion(of table: String) throws -> Int? {
    try connection.firstRow(
      raw: "SELECT version FROM \(TableVersion.table.name) WHERE tenant = ? AND id = ?",
      [.text(tenant.text), .text(table)])?.first?.integer.map(Int.init)
  }

  /// The guards are a fence against accidents; a missing one is told, since nobody but an intruder removes them.
  private mutating func verifyGuards() throws {
    let triggers = try connection.triggerNames()
    for table in try connection.tableNames() where !Control.tables.contains(table) {
      for verb in ["insert", "update", "delete"] where !triggers.contains("\(table)_guard_\(verb)") {
        find("a guard against writes past the ledger was removed (\(verb))", table: table)
      }
    }
    if try connection.hasTable(ErasedRow.table.name), !triggers.contains(JournalTables.nameOfImageGuard) {
      find("a guard against taking before images away was removed", table: "log_change")
    }
    for table in try connection.tablesOpenToOtherTenants() where !Control.tables.contains(table) {
      find("the database no longer keeps the tenants' rows of this table apart", table: table)
    }
  }
}

private func readSmall(_ path: String) throws -> [UInt8]? { try DurableFile.read(path) }

/// The change records of a log, entry after entry.
private struct ChangeWalk {
  private let rows: RowWalk
  private(set) var row: RowCursor?

  init(_ connection: Connection, _ tenant: TenantID) throws {
    rows = try connection.walk(
      raw: """
        SELECT idx, tbl, row_key, op, before, after, image FROM log_change WHERE tenant = ? ORDER BY idx, position
        """, [.text(tenant.text)])
    row = try rows.next()
  }

  /// The entry that the row belongs to; nil after the last.
  var index: Int64? { row?.integer(0) }

  mutating func advance() throws { row = try rows.next() }
}
