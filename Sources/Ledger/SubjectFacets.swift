import Custody
import Kernel
import Storage
import TransparencyLog

/// In which entries rows of a subject began and ended: facets of `log_facet` beside those of actors and actions (decision 0102).
///
/// An erasure has to find every row and every before image of a subject, in a log of any length. An index over subjects would cost every new row
/// an insertion; subjects are handed out in order, so here sixteen of them that are used within sixteen entries cost one. Versions in between
/// need none: a stored row names the entry that wrote it, whose before image names the entry before that, back to where the row began.
enum SubjectFacets {
  /// `value` is a block of subjects, `tile` a stretch of entries.
  static let began = "subject"
  /// `value` is table and key of a row that ended or was replaced, `tile` the entry itself.
  static let ended = "ended"

  static let subjectsABlock: Int64 = 16
  static let entriesATile: Int64 = 16

  private static let digits = 15

  static func block(_ subject: SubjectRef) -> Int64 { subject.number / subjectsABlock }
  static func tile(_ entry: Int64) -> Int64 { entry / entriesATile }
  static func name(_ row: RowRef) -> String { "\(row.table)/\(row.id)" }

  /// In the order of the numbers, so that new ones are put behind the others.
  static func value(_ block: Int64) -> String {
    let text = String(block)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
  }

  /// The same, calculated by the database.
  private static func value(of column: String, _ dialect: Dialect) -> String {
    switch dialect {
    case .sqlite: "printf('%0\(digits)d', \(column) / \(subjectsABlock))"
    case .postgres: "lpad((\(column) / \(subjectsABlock))::text, \(digits), '0')"
    }
  }

  static func insert(_ facet: String, _ value: String, _ tile: Int64, _ store: FacetStore) throws {
    try store.connection.run(
      raw: "INSERT INTO log_facet (tenant, facet, value, tile) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      [.text(store.tenant.text), .text(facet), .text(value), .integer(tile)])
  }

  /// Adds what the rows and images that lie there say and the table does not: of a row its last entry, of an image its own.
  static func fill(_ store: FacetStore) throws {
    let connection = store.connection
    for name in try connection.tableNames() {
      let columns = try connection.columns(of: name)
      guard columns.contains("sealed"), columns.contains("subject") else { continue }
      try connection.run(
        raw: """
          INSERT INTO log_facet (tenant, facet, value, tile) SELECT DISTINCT tenant, '\(began)',
          \(value(of: "subject", connection.dialect)), entry / \(entriesATile) FROM \(SQL.identifier(name)) WHERE tenant = ?
          ON CONFLICT DO NOTHING
          """, [.text(store.tenant.text)])
    }
    try fillEnded(store)
  }

  /// So many facets are held before they are written.
  private static let factsAtOnce = 10_000

  private static func fillEnded(_ store: FacetStore) throws {
    var (next, isOver) = (Int64(0), false)
    while !isOver {
      var found: Set<[String]> = []
      isOver = true
      try store.connection.each(
        raw:
          "SELECT idx, tbl, row_key, op, image FROM log_change WHERE tenant = ? AND idx >= ? AND image IS NOT NULL ORDER BY idx",
        [.text(store.tenant.text), .integer(next)]
      ) { row in
        // An entry is taken whole, so that the next round begins with another.
        if found.count >= factsAtOnce, row.integer(0) > next {
          (next, isOver) = (row.integer(0), false)
          return false
        }
        next = row.integer(0)
        guard let image = ImageOfRow(row.bytes(4)) else { return true }
        found.insert([began, value(block(image.subject)), String(tile(next))])
        if row.text(3) == ChangeRecord.Operation.delete.rawValue {
          found.insert([ended, name(RowRef(table: row.text(1), id: row.text(2))), String(next)])
        }
        return true
      }
      for fact in found { try insert(fact[0], fact[1], Int64(fact[2]) ?? 0, store) }
    }
  }
}

// MARK: - Whether they are there

/// The facets of a tenant's subjects, to compare rows with.
struct SubjectWatch {
  /// Of each block the stretches of entries, in order.
  private var tiles: [Int64: [Int64]] = [:]

  init(_ tenant: TenantID, _ connection: Connection) throws {
    var tiles: [Int64: [Int64]] = [:]
    try connection.each(
      raw:
        "SELECT value, tile FROM log_facet WHERE tenant = ? AND facet = '\(SubjectFacets.began)' ORDER BY value, tile",
      [.text(tenant.text)]
    ) { row in
      if let block = Int64(row.text(0)) { tiles[block, default: []].append(row.integer(1)) }
      return true
    }
    self.tiles = tiles
  }

  /// Whether somebody who looks for the subject comes by an entry of a row that was written in the first and last of these: where it began, or, if
  /// the facets were made later, where it was written then.
  func lead(to subject: SubjectRef, between first: Int64, and last: Int64) -> Bool {
    let wanted = SubjectFacets.tile(first)...SubjectFacets.tile(last)
    return tiles[SubjectFacets.block(subject)]?.contains(where: wanted.contains) ?? false
  }
}

// MARK: - Finding

extension Reader {
  /// All there is under some subjects: the rows of these tables that lie there, and every before image.
  func remains(under subjects: Set<SubjectRef>, in tables: Set<String>) throws -> Remains {
    guard !subjects.isEmpty else { return Remains(subjects: [], live: [], images: []) }
    try willReadJournal()
    var names: [String: Set<String>] = [:]
    var images: [ErasedImage] = []
    for tiles in try tiles(of: subjects) {
      let entries =
        (tiles.lowerBound * SubjectFacets.entriesATile)..<((tiles.upperBound + 1) * SubjectFacets.entriesATile)
      try connection.each(
        raw: "SELECT tbl, row_key FROM log_change WHERE tenant = ? AND idx >= ? AND idx < ?",
        [.text(tenant.text), .integer(entries.lowerBound), .integer(entries.upperBound)]
      ) { row in
        names[row.text(0), default: []].insert(row.text(1))
        return true
      }
      images += try self.images(under: subjects, in: entries)
    }
    for row in unwritten { names[row.row.table, default: []].insert(row.row.id) }
    let live = try live(names.filter { tables.contains($0.key) && $0.key != ErasedRow.table.name }, under: subjects)
    images += try history(of: Beginnings(live.map { ($0.row, $0.entry) }, images + unwrittenImages), under: subjects)
    return Remains(
      subjects: subjects, live: live.map { ($0.row, $0.subject) }, images: ErasedImage.each(images))
  }

  /// Before images of these rows, under whatever subject.
  func images(of rows: [RowRef]) throws -> [ErasedImage] {
    try willReadJournal()
    let names = Dictionary(grouping: rows, by: \.table).mapValues { Set($0.map(\.id)) }
    var starts = try live(names, under: nil).map { ($0.row, $0.entry) }
    for some in Values.pieces(Array(Set(rows))) {
      let values = Values(some.map { Value.text(SubjectFacets.name($0)) })
      try connection.eachOfFew(
        raw:
          "SELECT value, tile FROM log_facet WHERE tenant = ? AND facet = '\(SubjectFacets.ended)' AND value IN (\(values.holes))",
        [.text(tenant.text)] + values.all
      ) { row in
        let halves = row.text(0).split(separator: "/", maxSplits: 1).map(String.init)
        if halves.count == 2 { starts.append((RowRef(table: halves[0], id: halves[1]), row.integer(1))) }
      }
    }
    let named = Set(rows)
    let own = unwrittenImages.filter { named.contains($0.row) }
    return ErasedImage.each(try history(of: Beginnings(starts, own), under: nil))
  }

  /// What the entry was about that brought a row into being, such as the case that a mail was written for. Nil if that is not known any more.
  package func origin(of row: RowRef) throws -> ObjectRef? {
    let live = try live([row.table: [row.id]], under: nil).map(\.entry)
    guard let first = try (live + images(of: [row]).compactMap(\.image.entry)).min() else { return nil }
    return try entry(first)?.object.flatMap { ObjectRef(parsing: $0) }
  }

  /// Stretches of entries in which rows of these subjects began or ended; those side by side are one.
  private func tiles(of subjects: Set<SubjectRef>) throws -> [ClosedRange<Int64>] {
    var tiles: Set<Int64> = []
    for some in Values.pieces(Set(subjects.map(SubjectFacets.block)).sorted()) {
      let values = Values(some.map { Value.text(SubjectFacets.value($0)) })
      try connection.eachOfFew(
        raw:
          "SELECT tile FROM log_facet WHERE tenant = ? AND facet = '\(SubjectFacets.began)' AND value IN (\(values.holes))",
        [.text(tenant.text)] + values.all
      ) { row in tiles.insert(row.integer(0)) }
    }
    return Reader.runs(tiles.sorted())
  }

  private struct LiveRow {
    let row: RowRef
    let subject: SubjectRef
    /// That wrote it.
    let entry: Int64
  }

  /// Of these keys the rows that lie there.
  private func live(_ names: [String: Set<String>], under subjects: Set<SubjectRef>?) throws -> [LiveRow] {
    let low = subjects?.map(\.number).min() ?? .min
    let high = subjects?.map(\.number).max() ?? .max
    var found: [LiveRow] = []
    for (table, keys) in names.sorted(by: { $0.key < $1.key }) {
      for some in Values.pieces(keys.sorted()) {
        let values = Values(some.map(Value.text))
        try connection.eachOfFew(
          raw: """
            SELECT id, subject, entry FROM \(SQL.identifier(table)) WHERE tenant = ? AND id IN (\(values.holes))
            AND subject >= ? AND subject <= ?
            """, [.text(tenant.text)] + values.all + [.integer(low), .integer(high)]
        ) { row in
          let subject = SubjectRef(row.integer(1))
          guard subjects?.contains(subject) ?? true else { return }
          found.append(LiveRow(row: RowRef(table: table, id: row.text(0)), subject: subject, entry: row.integer(2)))
        }
      }
    }
    return found
  }

  /// Where histories of rows end in the journal, by entry.
  private struct Beginnings {
    var entries: [Int64: Set<RowRef>] = [:]

    init(_ rows: [(RowRef, Int64)], _ images: [ErasedImage]) {
      for (row, entry) in rows { entries[entry, default: []].insert(row) }
      for image in images { add(earlierThan: image) }
    }

    mutating func add(earlierThan image: ErasedImage) {
      guard let entry = image.image.entry, entry < image.place?.index ?? .max else { return }
      entries[entry, default: []].insert(image.row)
    }
  }

  /// Backwards from image to image, for as long as they lie under these subjects.
  private func history(of beginnings: Beginnings, under subjects: Set<SubjectRef>?) throws -> [ErasedImage] {
    var (left, found) = (beginnings, [ErasedImage]())
    while let (index, rows) = left.entries.popFirst() {
      try connection.each(
        raw: "SELECT position, tbl, row_key, image FROM log_change WHERE tenant = ? AND idx = ? AND image IS NOT NULL",
        [.text(tenant.text), .integer(index)]
      ) { row in
        let ref = RowRef(table: row.text(1), id: row.text(2))
        guard rows.contains(ref), let image = ImageOfRow(row.bytes(3)), subjects?.contains(image.subject) ?? true else {
          return true
        }
        let one = ErasedImage(row: ref, image: image, place: (index, row.integer(0)))
        found.append(one)
        left.add(earlierThan: one)
        return true
      }
    }
    return found
  }

  private var unwrittenImages: [ErasedImage] {
    unwritten.compactMap { change in
      change.image.flatMap(ImageOfRow.init).map { ErasedImage(row: change.row, image: $0, place: nil) }
    }
  }
}

/// Values for `IN (…)`. Each number of holes is a statement of its own, so there are few of them.
private struct Values {
  private static let most = 256
  let all: [Value]

  var holes: String { all.map { _ in "?" }.joined(separator: ", ") }

  init(_ values: [Value]) {
    let size = [1, 4, 16, 64, Values.most].first { $0 >= values.count } ?? values.count
    all = values + (values.last.map { Array(repeating: $0, count: size - values.count) } ?? [])
  }

  static func pieces<T>(_ all: [T]) -> [ArraySlice<T>] {
    stride(from: 0, to: all.count, by: most).map { all[$0..<min($0 + most, all.count)] }
  }
}
