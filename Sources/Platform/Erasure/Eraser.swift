import Custody
import Kernel
import Ledger
import Storage

extension Permission {
  /// Stands here because other modules' pages lead to where something is erased.
  package static let erasuresPropose = Permission("erasures.propose")
}

/// What somebody wants erased.
package struct ErasureTarget: Sendable, Hashable {
  package enum Kind: String, Sendable, CaseIterable {
    /// Objects that people know.
    case vendor, `case`
    /// A single row with everything under its key: `<table>/<key>`.
    case row
    /// Everything under one key: the key's number.
    case subject
    /// A whole organisation.
    case tenant
  }

  package let kind: Kind
  package let id: String

  package init(_ kind: Kind, _ id: String) {
    self.kind = kind
    self.id = id
  }

  /// As holds and entries name it.
  package var object: ObjectRef {
    switch kind {
    case .vendor: ObjectRef("vendor", id)
    case .case: ObjectRef("case", id)
    case .row: ObjectRef("row", id)
    case .subject: ObjectRef("subject", id)
    case .tenant: ObjectRef("tenant", id)
    }
  }
}

/// What one module has that belongs to an object. Counts and ids; what people call things stands in `title` only, which is shown and
/// never stored.
package struct ErasureFinding: Sendable {
  /// Keys that have to go; every row under them goes with them.
  package var subjects: [SubjectRef] = []
  /// Objects that go with it, for legal holds and for pages.
  package var objects: [ObjectRef] = []
  /// Sealed files that its rows name.
  package var files = 0
  package var title: String?
  /// What stays, and why.
  package var remains: [ErasureRemainder] = []
  /// Who outside got something of it.
  package var told: [DisclosureID] = []
  /// By what a later vendor would be recognised as the same.
  package var identity: VendorIdentity?

  package init() {}

  package mutating func add(_ other: ErasureFinding) {
    subjects += other.subjects
    objects += other.objects
    files += other.files
    title = title ?? other.title
    remains += other.remains
    told += other.told
    identity = identity ?? other.identity
  }
}

package struct ErasureRemainder: Sendable, Hashable {
  package let what: String
  package let why: String

  package init(_ what: String, _ why: String) {
    self.what = what
    self.why = why
  }
}

/// How a module's rows take part in erasures, declared beside its tables.
package struct Eraser: Sendable {
  /// What becomes of the rows of one primary table.
  package enum Rule: Sendable, Equatable {
    /// They go with the objects that `find` knows; a single one too if it may stand `alone`.
    case goes(alone: Bool = false)
    /// They go with the tenant only, and this is why.
    case stays(because: String)
  }

  package let rules: [String: Rule]
  package let find: @Sendable (ErasureTarget, Reader) throws -> ErasureFinding?

  /// `find` answers nil for what the module has nothing of.
  package init(
    _ rules: [String: Rule],
    find: @escaping @Sendable (ErasureTarget, Reader) throws -> ErasureFinding? = { _, _ in nil }
  ) {
    self.rules = rules
    self.find = find
  }
}

/// The erasers of all modules.
package struct Erasers: Sendable {
  private let erasers: [Eraser]
  package let rules: [String: Eraser.Rule]

  init(_ manifests: [ModuleManifest]) {
    erasers = manifests.compactMap(\.eraser)
    var rules = erasers.reduce(into: [:]) { rules, eraser in rules.merge(eraser.rules) { first, _ in first } }
    // A fact that somebody may have to show lies under the key of what it is about.
    rules[CommittedFact.table.name] = .goes()
    self.rules = rules
  }

  /// Throws for a module whose rows nobody could erase.
  static func check(_ manifest: ModuleManifest) throws {
    let primary = Set(manifest.tables.filter { $0.kind == .primary }.map(\.name))
    let ruled = Set((manifest.eraser?.rules ?? [:]).keys)
    guard primary == ruled else {
      let missing = primary.symmetricDifference(ruled).sorted().joined(separator: ", ")
      throw Problem(
        .internal, "The eraser of the module \(manifest.name) does not say what becomes of its tables: \(missing).")
    }
  }

  /// How many keys go into one statement.
  private static let keysAtOnce = 500

  /// Every row that is sealed under one of these keys: what an erasure of them must name.
  package func rows(under subjects: Set<SubjectRef>, _ reader: Reader) throws -> [RowRef] {
    let numbers = subjects.map(\.number).sorted()
    var found: [RowRef] = []
    for start in stride(from: 0, to: numbers.count, by: Erasers.keysAtOnce) {
      let some = numbers[start..<min(start + Erasers.keysAtOnce, numbers.count)]
      let keys = SQL(some.map { _ in "?" }.joined(separator: ", "), some.map(Value.integer))
      for table in rules.keys.sorted() {
        found += try reader.rows(
          "SELECT id FROM \(raw: table) WHERE tenant = \(reader.tenant) AND subject IN (\(keys))"
        ).compactMap { $0[0].text.map { RowRef(table: table, id: $0) } }
      }
    }
    return found
  }

  /// Everything that belongs to an object; nil if no module knows it.
  package func find(_ target: ErasureTarget, _ reader: Reader) throws -> ErasureFinding? {
    switch target.kind {
    case .vendor, .case: return try asked(target, reader)
    case .row: return try row(target.id, reader)
    case .subject: return try subject(target.id, reader)
    case .tenant: return nil
    }
  }

  private func asked(_ target: ErasureTarget, _ reader: Reader) throws -> ErasureFinding? {
    var whole = ErasureFinding()
    for eraser in erasers { if let part = try eraser.find(target, reader) { whole.add(part) } }
    return whole.subjects.isEmpty ? nil : whole
  }

  private func row(_ id: String, _ reader: Reader) throws -> ErasureFinding? {
    let halves = id.split(separator: "/", maxSplits: 1).map(String.init)
    guard halves.count == 2, let rule = rules[halves[0]] else { return nil }
    let found = try reader.rows(
      "SELECT subject FROM \(raw: halves[0]) WHERE tenant = \(reader.tenant) AND id = \(halves[1])")
    guard let number = found.first?.first?.integer else { return nil }
    try Erasers.require(rule, halves[0])
    return try alone(SubjectRef(number), reader)
  }

  private func subject(_ id: String, _ reader: Reader) throws -> ErasureFinding? {
    guard let number = Int64(id), number >= 0 else { return nil }
    return try alone(SubjectRef(number), reader)
  }

  /// One key, if every row under it may go by itself.
  private func alone(_ subject: SubjectRef, _ reader: Reader) throws -> ErasureFinding? {
    let rows = try rows(under: [subject], reader)
    guard !rows.isEmpty else { return nil }
    for table in Set(rows.map(\.table)) where table != CommittedFact.table.name {
      try Erasers.require(rules[table] ?? .stays(because: "It belongs to the record itself."), table)
    }
    var finding = ErasureFinding()
    finding.subjects = [subject]
    return finding
  }

  private static func require(_ rule: Eraser.Rule, _ table: String) throws {
    switch rule {
    case .goes(alone: true): return
    case .goes(alone: false):
      throw Problem(
        .conflict, "A row of \(table) is part of something larger; erase the vendor or the case it belongs to.")
    case .stays(let reason): throw Problem(.conflict, "A row of \(table) goes with the organisation only. \(reason)")
    }
  }
}
