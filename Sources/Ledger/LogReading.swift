import Kernel
import Storage
import TransparencyLog

/// An entry as it lies in the log: leaf data and the plain columns that filters use.
package struct LoggedEntry: Sendable {
  package let index: Int64
  package let time: Instant
  /// Nil for a batch entry.
  package let actor: String?
  package let action: String?
  package let object: String?
  package let changes: Int64?
  package let data: [UInt8]
}

/// Which entries of a log are wanted. Newest first unless `ascending`.
package struct EntryFilter: Sendable {
  package var action: String?
  package var actor: String?
  package var object: String?
  package var since: Instant?
  package var until: Instant?
  /// Entries below this index (newest first) or from it on (ascending).
  package var from: Int64?
  package var ascending = false
  package var withBatches = false
  package var limit = 50
  package init() {}
}

extension Reader {
  private var store: LogStore {
    get throws {
      try willReadJournal()
      return LogStore(tenant: tenant, connection: connection)
    }
  }

  /// Size of the log in this snapshot.
  package var logSize: Int64 { get throws { try store.head().size } }

  package func entries(_ filter: EntryFilter) throws -> [LoggedEntry] {
    let range = try range(of: filter)
    guard !range.isEmpty else { return [] }
    guard filter.object == nil, filter.action != nil || filter.actor != nil else {
      return try entries(filter, within: range, limit: filter.limit)
    }
    var found: [LoggedEntry] = []
    try eachRange(of: filter, within: range) { range in
      found += try entries(filter, within: range, limit: filter.limit - found.count)
      return found.count < filter.limit
    }
    return found
  }

  private func range(of filter: EntryFilter) throws -> Range<Int64> {
    // Not the log's size: a command also finds what came before it in its batch.
    var (low, high) = (Int64(0), Int64.max)
    if let from = filter.from { if filter.ascending { low = max(low, from) } else { high = min(high, from) } }
    if let since = filter.since { low = max(low, try firstIndex(atOrAfter: since)) }
    if let until = filter.until {
      high = min(high, try firstIndex(atOrAfter: Instant(milliseconds: until.milliseconds + 1)))
    }
    return low..<max(low, high)
  }

  private func entries(_ filter: EntryFilter, within range: Range<Int64>, limit: Int) throws -> [LoggedEntry] {
    var sql: SQL = "SELECT idx, time, actor, action, object, changes, data FROM log_entry WHERE tenant = \(tenant)"
    if let action = filter.action { sql = sql + " AND action = \(action)" }
    if let actor = filter.actor { sql = sql + " AND actor = \(actor)" }
    if let object = filter.object { sql = sql + " AND object = \(object)" }
    if !filter.withBatches { sql = sql + " AND action IS NOT NULL" }
    if range.lowerBound > 0 { sql = sql + " AND idx >= \(range.lowerBound)" }
    if range.upperBound < Int64.max { sql = sql + " AND idx < \(range.upperBound)" }
    sql = sql + (filter.ascending ? " ORDER BY idx LIMIT \(limit)" : " ORDER BY idx DESC LIMIT \(limit)")
    return try rows(sql).map { row in
      LoggedEntry(
        index: row[0].integer ?? 0, time: Instant(milliseconds: row[1].integer ?? 0), actor: row[2].text,
        action: row[3].text,
        object: row[4].text, changes: row[5].integer, data: row[6].bytes ?? [])
    }
  }

  package func entry(_ index: Int64) throws -> LoggedEntry? {
    var filter = EntryFilter()
    filter.from = index
    filter.ascending = true
    filter.withBatches = true
    filter.limit = 1
    return try entries(filter).first { $0.index == index }
  }

  /// Times never decrease along a log, so the first index at or after an instant is found by halving.
  private func firstIndex(atOrAfter instant: Instant) throws -> Int64 {
    var (low, high) = (Int64(0), try logSize)
    while low < high {
      let middle = (low + high) / 2
      let row = try connection.firstRow(
        raw: "SELECT time FROM log_entry WHERE tenant = ? AND idx = ?", [.text(tenant.text), .integer(middle)])
      if (row?[0].integer ?? 0) < instant.milliseconds { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The change records of an entry, in order.
  package func changes(ofEntry index: Int64) throws -> [ChangeRecord] {
    try rows(
      "SELECT tbl, row_key, op, before, after FROM log_change WHERE tenant = \(tenant) AND idx = \(index) ORDER BY position"
    ).compactMap { row in
      guard let table = row[0].text, let key = row[1].text,
        let op = row[2].text.flatMap(ChangeRecord.Operation.init(rawValue:))
      else {
        return nil
      }
      return ChangeRecord(
        table: table, key: key, op: op, before: row[3].bytes.flatMap { Digest(bytes: $0) },
        after: row[4].bytes.flatMap { Digest(bytes: $0) })
    }
  }

  // MARK: Proofs

  /// The latest checkpoint, a signed note; nil before the first batch.
  package func latestCheckpoint() throws -> (size: Int64, note: [UInt8])? { try store.latestCheckpoint() }

  /// The checkpoint of the batch that holds the entry.
  package func checkpoint(covering index: Int64) throws -> (size: Int64, note: [UInt8])? {
    try store.checkpoint(covering: index)
  }

  package func inclusionProof(index: Int64, size: Int64) throws -> [Digest] {
    try Proofs.inclusion(index: index, size: size, reader: StoredTree(try store, size: size))
  }

  package func consistencyProof(from old: Int64, to size: Int64) throws -> [Digest] {
    try Proofs.consistency(from: old, to: size, reader: StoredTree(try store, size: size))
  }

  /// A tile of hashes or of entries (C2SP tlog-tiles), or nil if the tree is not that large.
  package func tile(_ path: TilePath) throws -> [UInt8]? {
    let size = try logSize
    switch path.kind {
    case .hash(let level): return try store.tile(level: level, index: path.index, width: path.width, size: size)
    case .entries: return try entryBundle(path, size)
    }
  }

  private func entryBundle(_ path: TilePath, _ size: Int64) throws -> [UInt8]? {
    guard path.index >= 0, path.index <= size / LogStore.tileWidth,
      path.index * LogStore.tileWidth + Int64(path.width) <= size
    else {
      return nil
    }
    let first = path.index * LogStore.tileWidth
    let rows = try rows(
      "SELECT data FROM log_entry WHERE tenant = \(tenant) AND idx >= \(first) AND idx < \(first + Int64(path.width)) ORDER BY idx"
    )
    return TilePath.entryBundle(rows.compactMap { $0[0].bytes })
  }
}

extension Ledger {
  /// The receipt of an entry, made again: the same bytes as in the answer to the write, unless the log's key was certified anew.
  package func receipt(_ tenant: TenantID, index: Int64) async throws -> Receipt {
    let log = try await using(tenant) { $0.log }
    return try await read(tenant) { reader in
      guard let entry = try reader.entry(index), let checkpoint = try reader.checkpoint(covering: index) else {
        throw Problem.notFound
      }
      let hashes = try reader.inclusionProof(index: index, size: checkpoint.size)
      return try Receipt.make(
        index: index, hashes: hashes, checkpoint: checkpoint.note,
        certificate: try log.certificate(of: checkpoint.note, reader.connection), leaf: entry.data)
    }
  }

  package func logOrigin(_ tenant: TenantID) async throws -> String { try await using(tenant) { $0.log.origin } }
  /// The key that signs now, one line.
  package func logVerifierKey(_ tenant: TenantID) async throws -> String {
    try LogKeyCertificate.unidentified(try await logCertificate(tenant)).key.description
  }

  /// Its certificate, a whole note.
  package func logCertificate(_ tenant: TenantID) async throws -> [UInt8] {
    let log = try await using(tenant) { $0.log }
    return try await read(tenant) { try log.certificates($0.connection).newest.note }
  }

  /// The certificate of the key that signed this checkpoint of the log.
  package func logCertificate(_ tenant: TenantID, of checkpoint: [UInt8]) async throws -> [UInt8] {
    let log = try await using(tenant) { $0.log }
    return try await read(tenant) { try log.certificate(of: checkpoint, $0.connection) }
  }
}
