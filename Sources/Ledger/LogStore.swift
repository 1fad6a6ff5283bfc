import Kernel
import Storage
import TransparencyLog

/// The log's tables on one connection: head, entries, tiles, checkpoints.
struct LogStore {
  static let tileWidth: Int64 = 256

  let tenant: TenantID
  let connection: Connection

  private var tenantValue: Value { .text(tenant.text) }

  // MARK: Head

  /// Where the log stands.
  struct Head: Sendable {
    var frontier = Frontier()
    var lanes = Lanes()
    var time = Instant(milliseconds: 0)
    var size: Int64 { frontier.size }
  }

  /// `locking`: until the end of the transaction nobody else can write this tenant. On SQLite nobody can anyway.
  func head(locking: Bool = false) throws -> Head {
    let lock = locking && connection.dialect == .postgres ? " FOR UPDATE" : ""
    guard
      let row = try connection.firstRow(
        raw: "SELECT size, frontier, lanes, time FROM log_head WHERE tenant = ?" + lock, [tenantValue])
    else {
      return Head()
    }
    let hashes = row[1].bytes ?? []
    let digests = stride(from: 0, to: hashes.count, by: 32).compactMap {
      Digest(bytes: hashes[$0..<min($0 + 32, hashes.count)])
    }
    guard let size = row[0].integer, let frontier = Frontier(size: size, hashes: digests),
      let lanes = Lanes(bytes: row[2].bytes ?? [])
    else { throw Problem(.internal, "The head of the log is damaged; run `steward audit verify`.", detail: "log_head") }
    return Head(frontier: frontier, lanes: lanes, time: Instant(milliseconds: row[3].integer ?? 0))
  }

  /// The head of a log without entries, unless there is one.
  func makeHead() throws {
    let head = Head()
    try connection.run(
      raw: """
        INSERT INTO log_head (tenant, size, frontier, lanes, time) VALUES (?, 0, ?, ?, 0) ON CONFLICT (tenant) DO NOTHING
        """, [tenantValue, .bytes([]), .bytes(head.lanes.bytes)])
  }

  func write(_ head: Head) throws {
    let frontier = head.frontier.hashes.flatMap(\.bytes)
    try connection.run(
      raw: """
        INSERT INTO log_head (tenant, size, frontier, lanes, time) VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant)
        DO UPDATE SET size = excluded.size, frontier = excluded.frontier, lanes = excluded.lanes, time = excluded.time
        """,
      [tenantValue, .integer(head.size), .bytes(frontier), .bytes(head.lanes.bytes), .integer(head.time.milliseconds)])
  }

  // MARK: Entries

  static let entryColumns = [
    "tenant", "idx", "time", "actor", "action", "object", "ordinal", "changes", "leaf", "data",
  ]
  static let changeColumns = ["tenant", "idx", "position", "tbl", "row_key", "op", "before", "after", "image"]

  func insert(entry: [Value]) throws {
    try connection.run(
      raw:
        "INSERT INTO log_entry (tenant, idx, time, actor, action, object, ordinal, changes, leaf, data) VALUES (?,?,?,?,?,?,?,?,?,?)",
      entry)
  }

  /// In the order of `entryColumns`.
  func values(_ entry: LeafEntry, index: Int64, leaf: Digest, data: [UInt8]) -> [Value] {
    [
      tenantValue, .integer(index), .integer(entry.time.milliseconds), .text(entry.actor), .text(entry.action),
      .text(entry.object), .integer(entry.ordinal), .integer(Int64(entry.changeCount)), .bytes(leaf.bytes),
      .bytes(data),
    ]
  }

  func insert(_ batch: LeafBatch, index: Int64, leaf: Digest, data: [UInt8]) throws {
    try connection.run(
      raw: "INSERT INTO log_entry (tenant, idx, time, leaf, data) VALUES (?,?,?,?,?)",
      [tenantValue, .integer(index), .integer(batch.time.milliseconds), .bytes(leaf.bytes), .bytes(data)])
  }

  func insert(change: [Value]) throws {
    try connection.run(
      raw:
        "INSERT INTO log_change (tenant, idx, position, tbl, row_key, op, before, after, image) VALUES (?,?,?,?,?,?,?,?,?)",
      change)
  }

  /// In the order of `changeColumns`.
  func values(_ change: Work.Change, _ record: ChangeRecord, index: Int64, position: Int) -> [Value] {
    [
      tenantValue, .integer(index), .integer(Int64(position)), .text(record.table), .text(record.key),
      .text(record.op.rawValue), record.before.value, record.after.value, change.image.value,
    ]
  }

  /// Leaf data of an entry; nil if the log does not have it.
  func data(of index: Int64) throws -> [UInt8]? {
    try connection.firstRow(
      raw: "SELECT data FROM log_entry WHERE tenant = ? AND idx = ?", [tenantValue, .integer(index)])?.first?.bytes
  }

  /// Where an object's own chain of entries stands.
  struct Last: Sendable {
    let ordinal: Int64
    let index: Int64
  }

  /// Ordinal and index of the last entry about `object`, or nil.
  func last(of object: String) throws -> Last? {
    let row = try connection.firstRow(
      raw: connection.dialect == .sqlite ? Self.lastOnSQLite : Self.lastOnPostgres, [tenantValue, .text(object)])
    guard let ordinal = row?[0].integer, let index = row?[1].integer else { return nil }
    return Last(ordinal: ordinal, index: index)
  }

  /// The index is named because SQLite would walk the primary key backwards for the order, through the whole log of a new object.
  private static let lastOnSQLite = """
    SELECT ordinal, idx FROM log_entry INDEXED BY log_entry_by_object
    WHERE tenant = ? AND object = ? ORDER BY idx DESC LIMIT 1
    """
  private static let lastOnPostgres =
    "SELECT ordinal, idx FROM log_entry WHERE tenant = ? AND object = ? ORDER BY idx DESC LIMIT 1"

  /// The same for several objects in one question; those without an entry are left out.
  func lasts(of objects: Set<String>) throws -> [String: Last] {
    guard connection.dialect == .postgres else {
      return try objects.reduce(into: [:]) { found, object in found[object] = try last(of: object) }
    }
    // PostgreSQL takes any number of holes, but each number of them is a statement of its own: few sizes.
    let size = [1, 4, 16, 64, 256].first { $0 >= objects.count } ?? objects.count
    let names = Array(objects) + Array(repeating: "", count: size - objects.count)
    let list = names.map { _ in "(?)" }.joined(separator: ", ")
    var found: [String: Last] = [:]
    try connection.eachOfFew(
      raw: """
        SELECT o.object, e.ordinal, e.idx FROM (VALUES \(list)) AS o (object), LATERAL (SELECT ordinal, idx FROM log_entry
        WHERE tenant = ? AND object = o.object COLLATE "C" ORDER BY idx DESC LIMIT 1) AS e
        """, names.map(Value.text) + [tenantValue]
    ) { row in found[row.text(0)] = Last(ordinal: row.integer(1), index: row.integer(2)) }
    return found
  }

  // MARK: What is new

  /// How far the log is, its last leaf, and the leaf at `index`; nil for one that it does not have.
  func end(and index: Int64? = nil) throws -> (size: Int64, last: Digest?, earlier: Digest?) {
    // Not `idx = size - 1`: behind PostgreSQL's row-level security what is calculated is compared with every row.
    let row = try connection.firstRow(
      raw: """
        SELECT size, (SELECT leaf FROM log_entry WHERE tenant = ? ORDER BY idx DESC LIMIT 1),
        (SELECT leaf FROM log_entry WHERE tenant = ? AND idx = ?) FROM log_head WHERE tenant = ?
        """, [tenantValue, tenantValue, .integer(index ?? -1), tenantValue])
    guard let row, let size = row[0].integer else { return (0, nil, nil) }
    return (size, row[1].bytes.flatMap(Digest.init(bytes:)), row[2].bytes.flatMap(Digest.init(bytes:)))
  }

  /// The tables in which entries from `index` on changed something.
  func tablesChanged(since index: Int64) throws -> Set<String> {
    let rows = try connection.rows(
      raw: "SELECT DISTINCT tbl FROM log_change WHERE tenant = ? AND idx >= ?", [tenantValue, .integer(index)])
    return Set(rows.compactMap { $0[0].text })
  }

  // MARK: Tiles

  /// Stores what the extension completed: full tiles of leaf hashes, and at the levels above every complete hash.
  func writeTiles(_ tree: TreeExtension) throws {
    try writeLeafTiles(from: tree.oldSize / Self.tileWidth, to: tree.newSize / Self.tileWidth, tree)
    var level = 1
    while tree.newSize >> Int64(8 * level) > 0 {
      let shift = Int64(8 * level)
      for index in (tree.oldSize >> shift)..<(tree.newSize >> shift) {
        try append(try tree.hash(level: 8 * level, index: index), level: level, index: index)
      }
      level += 1
    }
  }

  private func writeLeafTiles(from first: Int64, to end: Int64, _ tree: TreeExtension) throws {
    for tile in first..<end {
      let data = try leafHashes(from: tile * Self.tileWidth, count: Self.tileWidth).flatMap(\.bytes)
      try connection.run(
        raw: "INSERT INTO log_tile (tenant, level, idx, data) VALUES (?, 0, ?, ?)",
        [tenantValue, .integer(tile), .bytes(data)])
    }
  }

  private func append(_ hash: Digest, level: Int, index: Int64) throws {
    let tile = index / Self.tileWidth
    let data = try tileData(level: level, index: tile) ?? []
    try connection.run(
      raw: """
        INSERT INTO log_tile (tenant, level, idx, data) VALUES (?, ?, ?, ?) ON CONFLICT (tenant, level, idx)
        DO UPDATE SET data = excluded.data
        """,
      [tenantValue, .integer(Int64(level)), .integer(tile), .bytes(data + hash.bytes)])
  }

  func tileData(level: Int, index: Int64) throws -> [UInt8]? {
    try connection.firstRow(
      raw: "SELECT data FROM log_tile WHERE tenant = ? AND level = ? AND idx = ?",
      [tenantValue, .integer(Int64(level)), .integer(index)])?.first?.bytes
  }

  func leafHashes(from first: Int64, count: Int64) throws -> [Digest] {
    var hashes: [Digest] = []
    try connection.eachOfFew(
      raw: "SELECT leaf FROM log_entry WHERE tenant = ? AND idx >= ? AND idx < ? ORDER BY idx",
      [tenantValue, .integer(first), .integer(first + count)]
    ) { row in if let digest = row.digest(0) { hashes.append(digest) } }
    return hashes
  }

  /// Width hashes of a tile (C2SP tlog-tiles), or nil if the tree is not that large.
  func tile(level: Int, index: Int64, width: Int, size: Int64) throws -> [UInt8]? {
    guard level >= 0, level < 8, index >= 0, (1...256).contains(width), index <= size / Self.tileWidth else {
      return nil
    }
    let available = (size >> Int64(8 * level)) - index * Self.tileWidth
    guard Int64(width) <= available else { return nil }
    let data: [UInt8]
    if let stored = try tileData(level: level, index: index) {
      data = stored
    } else {
      guard level == 0 else { return nil }
      data = try leafHashes(from: index * Self.tileWidth, count: Int64(width)).flatMap(\.bytes)
    }
    return data.count >= 32 * width ? Array(data.prefix(32 * width)) : nil
  }

  // MARK: Checkpoints

  func insert(checkpoint note: [UInt8], size: Int64) throws {
    try connection.run(
      raw: "INSERT INTO log_checkpoint (tenant, size, note) VALUES (?, ?, ?)",
      [tenantValue, .integer(size), .bytes(note)])
  }

  /// The checkpoint of the first batch that holds `index`.
  func checkpoint(covering index: Int64) throws -> (size: Int64, note: [UInt8])? {
    let row = try connection.firstRow(
      raw: "SELECT size, note FROM log_checkpoint WHERE tenant = ? AND size > ? ORDER BY size LIMIT 1",
      [tenantValue, .integer(index)])
    guard let size = row?[0].integer, let note = row?[1].bytes else { return nil }
    return (size, note)
  }

  func latestCheckpoint() throws -> (size: Int64, note: [UInt8])? {
    let row = try connection.firstRow(
      raw: "SELECT size, note FROM log_checkpoint WHERE tenant = ? ORDER BY size DESC LIMIT 1", [tenantValue])
    guard let size = row?[0].integer, let note = row?[1].bytes else { return nil }
    return (size, note)
  }
}

/// Hashes of complete subtrees from the stored tiles; each tile is read once.
final class StoredTree: HashReader {
  private let store: LogStore
  private let size: Int64
  private var tiles: [String: [Digest]] = [:]

  init(_ store: LogStore, size: Int64) {
    self.store = store
    self.size = size
  }

  func hash(level: Int, index: Int64) throws -> Digest {
    let tileLevel = level / 8
    let span = Int64(1) << Int64(level % 8)
    let first = index * span
    let tile = try tile(tileLevel, first / LogStore.tileWidth)
    let start = Int(first % LogStore.tileWidth)
    guard start + Int(span) <= tile.count else { throw TreeExtension.NotHeld() }
    return MerkleTree.root(ofSubtrees: Array(tile[start..<start + Int(span)]))
  }

  private func tile(_ level: Int, _ index: Int64) throws -> [Digest] {
    let name = "\(level)/\(index)"
    if let held = tiles[name] { return held }
    let width = min(LogStore.tileWidth, (size >> Int64(8 * level)) - index * LogStore.tileWidth)
    guard width > 0, let data = try store.tile(level: level, index: index, width: Int(width), size: size) else {
      throw TreeExtension.NotHeld()
    }
    let hashes = stride(from: 0, to: data.count, by: 32).compactMap { Digest(bytes: data[$0..<$0 + 32]) }
    tiles[name] = hashes
    return hashes
  }
}

extension MerkleTree {
  /// The root over hashes of complete subtrees of one size, whose count is a power of two.
  static func root(ofSubtrees hashes: [Digest]) -> Digest {
    var level = hashes
    while level.count > 1 {
      level = stride(from: 0, to: level.count - 1, by: 2).map { nodeHash(level[$0], level[$0 + 1]) }
    }
    return level.first ?? emptyRoot
  }
}
