import Custody
import Kernel
import Storage

/// A row of a primary table by its names.
package struct RowRef: Hashable, Sendable {
  package let table: String
  package let id: String

  package init(table: String, id: String) {
    self.table = table
    self.id = id
  }
}

/// Says on the record that a row was erased: where it was, under which subject, by which erasure (docs/format.md §3.7).
package struct ErasedRow: Record, Equatable {
  package static let table = Table(
    "erased_row", .primary,
    columns: [
      Column("tbl", .text, .operational, purpose: "the table it lay in", nullable: false),
      Column("row_key", .text, .key, purpose: "its key", nullable: false),
      Column("erased_subject", .integer, .operational, purpose: "whose key was destroyed", nullable: false),
      Column("erasure", .text, .key, purpose: "which erasure it was", nullable: false),
      Column("erased_at", .integer, .operational, purpose: "when it was erased", nullable: false),
      Column("file", .text, .key, purpose: "the sealed files that went with it"),
    ], indexes: [Index(["tbl", "row_key"]), Index(["erasure"])], retention: "as long as the tenant")

  package let row: RowRef
  package let subject: SubjectRef
  package let erasure: String
  package let erasedAt: Instant
  package let files: [FileID]

  package var key: String { "\(row.table)/\(row.id)/\(subject.number)" }
  package var plain: [String: Value] {
    [
      "tbl": .text(row.table), "row_key": .text(row.id), "erased_subject": .integer(subject.number),
      "erasure": .text(erasure), "erased_at": erasedAt.value,
      "file": files.isEmpty ? .null : .text(files.map(\.text).joined(separator: " ")),
    ]
  }
  package var content: [String: CBOR] { [:] }

  init(row: RowRef, subject: SubjectRef, erasure: String, erasedAt: Instant, files: [FileID]) {
    self.row = row
    self.subject = subject
    self.erasure = erasure
    self.erasedAt = erasedAt
    self.files = files
  }

  package init(_ row: OpenedRow) throws {
    self.row = RowRef(table: try row.text("tbl"), id: try row.text("row_key"))
    subject = SubjectRef(try row.integer("erased_subject"))
    erasure = try row.text("erasure")
    erasedAt = try row.instant("erased_at")
    files = (row.optionalText("file") ?? "").split(separator: " ").compactMap { FileID(String($0)) }
  }
}

/// What an erasure must know of a tenant's tables.
struct TenantShape: Sendable {
  let tables: [String: Table]
  let derivations: [Derivation]

  init(tables: [String: Table] = [:], derivations: [Derivation] = []) {
    self.tables = tables
    self.derivations = derivations
  }

  var primary: [Table] { tables.values.filter { $0.kind == .primary }.sorted { $0.name < $1.name } }
}

/// A before image as far as an erasure asks.
struct ImageOfRow {
  let subject: SubjectRef
  /// The plain columns.
  let columns: [String: CBOR]

  init?(_ image: [UInt8]) {
    guard let parts = (try? CBOR.decode(image))?.array, parts.count == 2, let columns = parts[1].map,
      let subject = columns["subject"]?.integer
    else { return nil }
    self.subject = SubjectRef(subject)
    self.columns = columns
  }

  var texts: [String: String] { columns.compactMapValues(\.text) }

  /// That wrote the row as it was.
  var entry: Int64? { columns["entry"]?.integer }
}

/// A before image that has to go.
struct ErasedImage {
  let row: RowRef
  let image: ImageOfRow
  /// Where it lies in the journal; nil if it is not there yet.
  let place: (index: Int64, position: Int64)?

  /// Those of the journal, each once.
  static func each(_ images: [ErasedImage]) -> [ErasedImage] {
    var seen: Set<[Int64]> = []
    return images.filter { image in image.place.map { seen.insert([$0.index, $0.position]).inserted } ?? false }
  }
}

/// All there is under some subjects.
struct Remains {
  let subjects: Set<SubjectRef>
  let live: [(row: RowRef, subject: SubjectRef)]
  let images: [ErasedImage]
}

extension Table {
  /// Plain columns that name a sealed file with the row's own subject (docs/format.md §3.7).
  func files(_ texts: [String: String]) -> [FileID] {
    let names = columns.filter { column in
      column.dataClass == .key && column.type == .text && (column.name == "file" || column.name.hasSuffix("_file"))
    }
    return names.compactMap { texts[$0.name].flatMap { FileID($0) } }
  }

  /// The texts in plain columns of a stored row, its key too.
  func texts(_ row: StoredRow) -> [String: String] {
    var texts: [String: String] = [:]
    for (name, value) in zip(storedColumns, row.values) { if let text = value.text { texts[name] = text } }
    return texts
  }
}

/// What a base backup still has of rows that were erased after it.
package enum ErasedImages {
  /// Takes away the before images that the rows of `erased_row` say an erasure took (docs/format.md §7.5). For data that nobody has opened
  /// yet, in an open transaction.
  package static func remove(_ tenant: TenantID, _ connection: Connection, _ gate: WorkGate) throws {
    let table = ErasedRow.table.name
    guard try connection.hasTable(table), try connection.hasTable("log_change"),
      try connection.firstRow(raw: "SELECT 1 FROM \(table) WHERE tenant = ? LIMIT 1", [.text(tenant.text)]) != nil
    else { return }
    try gate.whileErasing(connection) {
      try connection.run(
        raw: """
          UPDATE log_change SET image = NULL WHERE tenant = ? AND image IS NOT NULL AND EXISTS (SELECT 1 FROM \(table) e
          WHERE e.tenant = log_change.tenant AND e.tbl = log_change.tbl AND e.row_key = log_change.row_key
          AND e.entry >= log_change.idx)
          """, [.text(tenant.text)])
    }
  }
}

// MARK: - Reading

extension Reader {
  /// When and by what a row was erased; nil if it was not. The last of several times.
  package func erased(_ row: RowRef) throws -> ErasedRow? {
    try fetch(
      ErasedRow.self, "AND tbl = \(row.table) AND row_key = \(row.id) ORDER BY entry DESC LIMIT 1"
    ).first
  }

  /// Every row that is sealed under one of these subjects: what an erasure of them must name. `gone` are those that were deleted earlier and
  /// of which the journal still has versions.
  package func rows(
    under subjects: Set<SubjectRef>, in tables: Set<String>
  ) throws -> (live: [RowRef], gone: [RowRef]) {
    let remains = try remains(under: subjects, in: tables)
    let live = Set(remains.live.map(\.row))
    let gone = try Set(remains.images.map(\.row)).subtracting(live).filter { row in
      guard tables.contains(row.table) else { return false }
      return try connection.firstRow(
        raw: "SELECT 1 FROM \(SQL.identifier(row.table)) WHERE tenant = ? AND id = ?",
        [.text(tenant.text), .text(row.id)]) == nil
    }
    func ordered(_ rows: Set<RowRef>) -> [RowRef] { rows.sorted { ($0.table, $0.id) < ($1.table, $1.id) } }
    return (ordered(live), ordered(gone))
  }

  /// Rows of one table that entries about an object wrote, whether they still lie there or not.
  package func rows(of table: String, writtenAbout object: ObjectRef) throws -> [RowRef] {
    try rows(
      """
      SELECT DISTINCT c.row_key FROM log_entry e JOIN log_change c ON c.tenant = e.tenant AND c.idx = e.idx
      WHERE e.tenant = \(tenant) AND e.object = \(object.description) AND c.tbl = \(table) ORDER BY c.row_key
      """
    ).compactMap { $0[0].text.map { RowRef(table: table, id: $0) } }
  }

  /// The subjects under which these rows lie, or lay when they were deleted and as far as the journal still has versions of them.
  package func subjects(ofEvery rows: [RowRef]) throws -> Set<SubjectRef> {
    var subjects = Set(try images(of: rows).map(\.image.subject))
    for row in rows {
      let found = try connection.firstRow(
        raw: "SELECT subject FROM \(SQL.identifier(row.table)) WHERE tenant = ? AND id = ?",
        [.text(tenant.text), .text(row.id)])
      if let number = found?[0].integer { subjects.insert(SubjectRef(number)) }
    }
    return subjects
  }

  /// How many before images the journal has of these rows.
  package func imageCount(of rows: [RowRef]) throws -> Int { try images(of: rows).count }

  /// How many names go into one statement.
  private static let namesAtOnce = 500

  /// The same as `remains` by walking through everything, for data that came from elsewhere.
  func remainsByWalking(under subjects: Set<SubjectRef>, in tables: [Table]) throws -> Remains {
    Remains(subjects: subjects, live: try live(under: subjects, in: tables), images: try images(under: subjects))
  }

  private func live(under subjects: Set<SubjectRef>, in tables: [Table]) throws -> [(row: RowRef, subject: SubjectRef)]
  {
    var found: [(RowRef, SubjectRef)] = []
    for some in Self.pieces(subjects.map(\.number).sorted()) {
      let holes = some.map { _ in "?" }.joined(separator: ", ")
      for table in tables where table.name != ErasedRow.table.name {
        try connection.each(
          raw: "SELECT id, subject FROM \(table.name) WHERE tenant = ? AND subject IN (\(holes))",
          [.text(tenant.text)] + some.map(Value.integer)
        ) { row in
          found.append((RowRef(table: table.name, id: row.text(0)), SubjectRef(row.integer(1))))
          return true
        }
      }
    }
    return found
  }

  /// Before images under these subjects. What stands behind the name `subject` in the canonical bytes is compared in the database, so that
  /// nothing else has to be looked at here.
  func images(under subjects: Set<SubjectRef>, in entries: Range<Int64> = 0..<Int64.max) throws -> [ErasedImage] {
    try willReadJournal()
    let name = CBOR.text("subject").encoded
    let start = connection.dialect == .sqlite ? "instr(image, ?)" : "position(?::bytea in image)"
    var found: [ErasedImage] = []
    for some in Self.pieces(subjects.map(\.number).sorted()) {
      let numbers = Dictionary(grouping: some.map { CBOR.integer($0).encoded }, by: \.count)
      for (count, encoded) in numbers {
        let holes = encoded.map { _ in "?" }.joined(separator: ", ")
        let part =
          connection.dialect == .sqlite
          ? "substr(image, \(start) + \(name.count), \(count))"
          : "substring(image from \(start) + \(name.count) for \(count))"
        try connection.each(
          raw: """
            SELECT idx, position, tbl, row_key, image FROM log_change
            WHERE tenant = ? AND idx >= ? AND idx < ? AND image IS NOT NULL AND \(part) IN (\(holes))
            """,
          [.text(tenant.text), .integer(entries.lowerBound), .integer(entries.upperBound), .bytes(name)]
            + encoded.map(Value.bytes)
        ) { row in
          guard let image = ImageOfRow(row.bytes(4)), subjects.contains(image.subject) else { return true }
          found.append(
            ErasedImage(
              row: RowRef(table: row.text(2), id: row.text(3)), image: image, place: (row.integer(0), row.integer(1))))
          return true
        }
      }
    }
    return found
  }

  private static func pieces<T>(_ all: [T]) -> [ArraySlice<T>] {
    stride(from: 0, to: all.count, by: namesAtOnce).map { all[$0..<min($0 + namesAtOnce, all.count)] }
  }
}

// MARK: - Writing

extension Work {
  /// How many rows one command erases: each takes two of its changes.
  package static let maximumErasedRows = 2_000

  /// Erases rows, also ones that were deleted earlier: they go, their before images go, derived rows go; what remains is that they were
  /// there. Answers the subjects whose keys must be destroyed next (`Ledger.destroyKeys`).
  ///
  /// Throws `Problem.conflict` if one of them, or one of the objects in `about`, is under legal hold; or if rows that are not named lie under
  /// the same subjects. Throws `Problem.notFound` for a row that never was.
  @discardableResult
  package func erase(_ rows: [RowRef], as erasure: String, about: [ObjectRef] = []) throws -> [SubjectRef] {
    var subjects: Set<SubjectRef> = []
    var done: Set<SubjectRef> = []
    var unknown = Set(rows)
    for row in unknown {
      guard let table = shape.tables[row.table], table.kind == .primary else {
        throw Problem(.internal, "Only rows of primary tables are erased.", detail: row.table)
      }
      guard let stored = try storedRow(table, row.id) else { continue }
      subjects.insert(stored.subject)
      unknown.remove(row)
    }
    for image in try images(of: rows) {
      subjects.insert(image.image.subject)
      unknown.remove(image.row)
    }
    for row in unknown {
      // Erased before, by a command whose answer was lost.
      guard let erased = try erased(row) else { throw Problem.notFound }
      done.insert(erased.subject)
    }
    let named = Set(rows)
    let remains = try remains(under: subjects, in: Set(shape.primary.map(\.name)))
    if let other = remains.live.first(where: { !named.contains($0.row) }) {
      throw Problem(
        .conflict,
        "Other records are sealed with the same key, and would be lost: take them into the erasure, or leave these out.",
        detail: "\(other.row.table) \(other.row.id)")
    }
    try refuseHeld(remains, about)
    try end(remains) { _ in erasure }
    return subjects.union(done).sorted { $0.number < $1.number }
  }

  /// Answers whether all derived rows are gone, too: of a row that does not open any more nobody knows them.
  @discardableResult
  func end(_ remains: Remains, as erasure: (SubjectRef) -> String) throws -> Bool {
    var (ended, isWhole): ([RowUnderSubject: Set<FileID>], Bool) = ([:], true)
    for (ref, subject) in remains.live {
      guard let table = shape.tables[ref.table], let row = try storedRow(table, ref.id) else { continue }
      do {
        for derivation in shape.derivations where derivation.origin == table.name {
          try derivation.remove(for: try open(row, table), self)
        }
      } catch is SubjectErased { isWhole = false } catch is RowDoesNotOpen { isWhole = false }
      ended[RowUnderSubject(row: ref, subject: subject), default: []].formUnion(table.files(table.texts(row)))
      try deleteWithoutImage(row, table)
    }
    for image in remains.images + dropImages(under: remains.subjects) {
      let files = shape.tables[image.row.table]?.files(image.image.texts) ?? []
      ended[RowUnderSubject(row: image.row, subject: image.image.subject), default: []].formUnion(files)
    }
    try removeImages(remains.images)
    try put(ended, erasure)
    return isWhole
  }

  private struct RowUnderSubject: Hashable {
    let row: RowRef
    let subject: SubjectRef
  }

  private func removeImages(_ images: [ErasedImage]) throws {
    guard !images.isEmpty else { return }
    try gate.whileErasing(connection) {
      for case .some(let place) in images.map(\.place) {
        try connection.run(
          raw: "UPDATE log_change SET image = NULL WHERE tenant = ? AND idx = ? AND position = ?",
          [.text(tenant.text), .integer(place.index), .integer(place.position)])
      }
    }
  }

  private func put(_ ended: [RowUnderSubject: Set<FileID>], _ erasure: (SubjectRef) -> String) throws {
    guard !ended.isEmpty else { return }
    let own = try newSubject()
    for (one, files) in ended.sorted(by: { ($0.key.row.table, $0.key.row.id) < ($1.key.row.table, $1.key.row.id) }) {
      let row = ErasedRow(
        row: one.row, subject: one.subject, erasure: erasure(one.subject), erasedAt: now, files: files.sorted())
      if try storedRow(ErasedRow.table, row.key) == nil { try insert(row, subject: own) }
    }
  }

  // MARK: Legal holds

  /// Held is what a hold names, and whatever names that.
  private func refuseHeld(_ remains: Remains, _ about: [ObjectRef]) throws {
    let holds = try connection.rows(
      raw: "SELECT object FROM \(LegalHold.table.name) WHERE tenant = ?", [.text(tenant.text)]
    ).compactMap { $0[0].text }
    guard !holds.isEmpty else { return }
    let ids = Set(holds.compactMap { $0.split(separator: ":", maxSplits: 1).last.map(String.init) })
    var named: [(String, [String])] = about.map { ("\($0)", [$0.id, "\($0)"]) }
    for (ref, _) in remains.live {
      guard let table = shape.tables[ref.table], let row = try storedRow(table, ref.id) else { continue }
      named.append(("\(ref.table) \(ref.id)", Array(table.texts(row).values)))
    }
    for image in remains.images {
      named.append(("\(image.row.table) \(image.row.id)", [image.row.id, tenant.text] + image.image.texts.values))
    }
    for (name, texts) in named where texts.contains(where: { ids.contains($0) }) {
      throw Problem(
        .conflict, "This is under legal hold, so nothing of it can be erased until an owner lifts the hold.",
        detail: name)
    }
  }
}
