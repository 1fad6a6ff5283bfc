import Kernel
import Storage

/// What entries are asked for by, and a list of what occurs is wanted of.
package enum LogFacet: String, Sendable {
  case actor
  case action
}

/// Which actors and which actions occur in which 256 entries: the table `log_facet` (decision 0069).
///
/// An index over all entries would cost every write two random insertions; here only the first entry of an actor or of an action in 256 costs
/// one. Whoever looks for entries reads the tiles that have any, and of those all 256 entries. It is a copy of what the entries say, and no
/// evidence.
struct FacetStore {
  static let table = "log_facet"
  static let names = ["actor", "action"]

  static let ddl = """
    CREATE TABLE log_facet (tenant TEXT NOT NULL, facet TEXT NOT NULL, value TEXT NOT NULL, tile INTEGER NOT NULL,
    PRIMARY KEY (tenant, facet, value, tile)) STRICT, WITHOUT ROWID
    """

  /// What stood in its place before version 2 of `table_version`.
  static let dropOfIndexes = names.map { "DROP INDEX IF EXISTS log_entry_by_\($0)" }

  let tenant: TenantID
  let connection: Connection

  static func tile(of index: Int64) -> Int64 { index / LogStore.tileWidth }

  func insert(_ facet: LogFacet, _ value: String, tile: Int64) throws {
    try connection.run(
      raw: "INSERT INTO log_facet (tenant, facet, value, tile) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      [.text(tenant.text), .text(facet.rawValue), .text(value), .integer(tile)])
  }

  // MARK: Making it again

  /// Makes the table where there is none, adds what is missing and drops the indexes that it replaces.
  func bringForward() throws {
    if connection.dialect == .sqlite, try !connection.hasTable(Self.table) {
      for statement in [Self.ddl] + Table.guards(on: Self.table) { try connection.run(raw: statement) }
    }
    try fill()
    try SubjectFacets.fill(self)
    // PostgreSQL's indexes belong to the owner's role.
    if connection.dialect == .sqlite { for statement in Self.dropOfIndexes { try connection.run(raw: statement) } }
  }

  /// Adds what the entries from `index` on say and the table does not.
  func fill(from index: Int64 = 0) throws {
    for name in Self.names {
      try connection.run(
        raw: """
          INSERT INTO log_facet (tenant, facet, value, tile) SELECT DISTINCT tenant, '\(name)', \(name), idx / \(LogStore.tileWidth)
          FROM log_entry WHERE tenant = ? AND idx >= ? AND \(name) IS NOT NULL ON CONFLICT DO NOTHING
          """, [.text(tenant.text), .integer(index)])
    }
  }

  /// The same for entries behind those that it knows, which were put there whole and in order.
  func fillBehind() throws {
    let last = try connection.firstRow(
      raw: "SELECT MAX(tile) FROM log_facet WHERE tenant = ? AND facet = '\(LogFacet.action.rawValue)'",
      [.text(tenant.text)])?[0].integer
    try fill(from: (last ?? 0) * LogStore.tileWidth)
    try SubjectFacets.fill(self)
  }

  // MARK: Reading

  /// Time of the latest entry with this action, also in data that nobody has brought forward yet.
  func latestTime(ofAction action: String) throws -> Instant? {
    var range: Range<Int64> = 0..<Int64.max
    if try isFilled() {
      guard
        let tile = try connection.firstRow(
          raw: "SELECT MAX(tile) FROM log_facet WHERE tenant = ? AND facet = 'action' AND value = ?",
          [.text(tenant.text), .text(action)])?[0].integer
      else { return nil }
      range = (tile * LogStore.tileWidth)..<((tile + 1) * LogStore.tileWidth)
    }
    return try connection.firstRow(
      raw: """
        SELECT time FROM log_entry WHERE tenant = ? AND idx >= ? AND idx < ? AND action = ? ORDER BY idx DESC LIMIT 1
        """, [.text(tenant.text), .integer(range.lowerBound), .integer(range.upperBound), .text(action)]
    )?[0].integer.map { Instant(milliseconds: $0) }
  }

  private func isFilled() throws -> Bool {
    guard try connection.hasTable(Self.table) else { return false }
    return try connection.firstRow(
      raw: "SELECT 1 FROM log_facet WHERE tenant = ? AND facet = '\(LogFacet.action.rawValue)' LIMIT 1",
      [.text(tenant.text)]) != nil
  }
}

/// What a writer has put into the tile that it writes. A hint that saves statements: what is not in it may be in the table all the same.
struct FacetsSeen {
  private var tile: Int64 = -1
  private var values: [LogFacet: Set<String>] = [:]
  private var subjectTile: Int64 = -1
  private var blocks: Set<Int64> = []
  /// Mostly the next is the same.
  private var last: (actor: String, action: String) = ("", "")

  /// Whether it has to be put there; from then on it counts as seen.
  mutating func isNew(_ facet: LogFacet, _ value: String, in tile: Int64) -> Bool {
    if tile != self.tile { (self.tile, values, last) = (tile, [:], ("", "")) }
    guard value != (facet == .actor ? last.actor : last.action) || value.isEmpty else { return false }
    switch facet {
    case .actor: last.actor = value
    case .action: last.action = value
    }
    return values[facet, default: []].insert(value).inserted
  }

  /// The same for a block of subjects in a stretch of entries (`SubjectFacets`).
  mutating func isNew(_ block: Int64, in tile: Int64) -> Bool {
    if tile != subjectTile { (subjectTile, blocks) = (tile, []) }
    return blocks.insert(block).inserted
  }
}

/// What occurs in which tile as the entries say it, gathered along a log, to compare the table with.
struct FacetWatch {
  private var tile: Int64 = -1
  private var last: (actor: String, action: String)?
  private var seen = FacetsSeen()
  /// Tiles in rising order.
  private var tiles: [LogFacet: [String: [Int64]]] = [.actor: [:], .action: [:]]

  mutating func note(actor: String, action: String, index: Int64) {
    let tile = FacetStore.tile(of: index)
    // Mostly the same as the entry before.
    if tile == self.tile, let last, last.actor == actor, last.action == action { return }
    (self.tile, last) = (tile, (actor, action))
    if seen.isNew(.actor, actor, in: tile) { tiles[.actor]?[actor, default: []].append(tile) }
    if seen.isNew(.action, action, in: tile) { tiles[.action]?[action, default: []].append(tile) }
  }

  /// What the table lacks: each value once, with the last tile.
  func missing(_ tenant: TenantID, _ connection: Connection) throws -> [(value: String, tile: Int64)] {
    var left = tiles
    // From behind, so that what is found is taken off the end.
    try connection.each(
      raw: """
        SELECT facet, value, tile FROM log_facet WHERE tenant = ? AND facet IN ('actor', 'action')
        ORDER BY facet DESC, value DESC, tile DESC
        """, [.text(tenant.text)]
    ) { row in
      guard let facet = LogFacet(rawValue: row.text(0)) else { return true }
      let value = row.text(1)
      if left[facet]?[value]?.last == row.integer(2) { left[facet]?[value]?.removeLast() }
      return true
    }
    return left.values.flatMap { values in values.compactMap { value, tiles in tiles.last.map { (value, $0) } } }
      .sorted { ($0.tile, $0.value) < ($1.tile, $1.value) }
  }
}

// MARK: - What occurs

extension Reader {
  /// Every actor or action that occurs in the log, in order.
  package func values(of facet: LogFacet) throws -> [String] {
    // By hopping along the key instead of reading it.
    try rows(
      """
      WITH RECURSIVE seen(value) AS (
        SELECT min(value) FROM log_facet WHERE tenant = \(tenant) AND facet = \(facet.rawValue)
        UNION ALL
        SELECT (SELECT min(value) FROM log_facet WHERE tenant = \(tenant) AND facet = \(facet.rawValue) AND value > seen.value)
        FROM seen WHERE seen.value IS NOT NULL
      ) SELECT value FROM seen WHERE value IS NOT NULL
      """
    ).compactMap { $0.first?.text }
  }

  /// Whether an entry has an actor or action from `first` on and before `end`.
  package func occurs(_ facet: LogFacet, from first: String, before end: String) throws -> Bool {
    try !rows(
      """
      SELECT 1 FROM log_facet WHERE tenant = \(tenant) AND facet = \(facet.rawValue) AND value >= \(first) AND value < \(end)
      LIMIT 1
      """
    ).isEmpty
  }

  /// So many tiles are asked for at once.
  private static let tilesAtOnce: Int64 = 256

  /// Ranges of entries within `range` where what the filter names occurs, in the filter's order, until `body` says that it is enough. Tiles side
  /// by side are one range.
  func eachRange(
    of filter: EntryFilter, within range: Range<Int64>, _ body: (Range<Int64>) throws -> Bool
  ) throws {
    var wanted: [(LogFacet, String)] = []
    if let action = filter.action { wanted.append((.action, action)) }
    if let actor = filter.actor { wanted.append((.actor, actor)) }
    var low = FacetStore.tile(of: range.lowerBound)
    var high = FacetStore.tile(of: range.upperBound - 1)
    while low <= high {
      let tiles = try tiles(wanted, low...high, ascending: filter.ascending)
      for run in Self.runs(tiles) {
        let entries = (run.lowerBound * LogStore.tileWidth)..<((run.upperBound + 1) * LogStore.tileWidth)
        if try !body(entries.clamped(to: range)) { return }
      }
      guard Int64(tiles.count) == Self.tilesAtOnce, let last = tiles.last else { return }
      if filter.ascending { low = last + 1 } else { high = last - 1 }
    }
  }

  private func tiles(
    _ wanted: [(LogFacet, String)], _ range: ClosedRange<Int64>, ascending: Bool
  ) throws -> [Int64] {
    guard let (facet, value) = wanted.first else { return [] }
    var sql: SQL = """
      SELECT f.tile FROM log_facet f WHERE f.tenant = \(tenant) AND f.facet = \(facet.rawValue) AND f.value = \(value)
      AND f.tile >= \(range.lowerBound) AND f.tile <= \(range.upperBound)
      """
    for (facet, value) in wanted.dropFirst() {
      sql =
        sql + """
           AND EXISTS (SELECT 1 FROM log_facet o WHERE o.tenant = \(tenant) AND o.facet = \(facet.rawValue) AND o.value = \(value)
          AND o.tile = f.tile)
          """
    }
    sql = sql + (ascending ? " ORDER BY f.tile" : " ORDER BY f.tile DESC") + " LIMIT \(Self.tilesAtOnce)"
    return try rows(sql).compactMap { $0[0].integer }
  }

  static func runs(_ tiles: [Int64]) -> [ClosedRange<Int64>] {
    var runs: [ClosedRange<Int64>] = []
    for tile in tiles {
      if let last = runs.last, tile == last.upperBound + 1 || tile == last.lowerBound - 1 {
        runs[runs.count - 1] = min(last.lowerBound, tile)...max(last.upperBound, tile)
      } else {
        runs.append(tile...tile)
      }
    }
    return runs
  }
}
