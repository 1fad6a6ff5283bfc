import Custody
import Kernel
import Ledger
import Storage

extension Permission {
  /// Stands here because other modules' pages lead to where something is erased.
  package static let erasuresPropose = Permission("erasures.propose")
  package static let erasuresRead = Permission("erasures.read")
  package static let holdsManage = Permission("holds.manage")
}

/// What somebody wants erased.
package struct ErasureTarget: Sendable, Hashable {
  package enum Kind: String, Sendable, CaseIterable {
    /// Objects that people know.
    case vendor, `case`
    /// Somebody who works in the organisation.
    case person
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
    case .person: ObjectRef("person", id)
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
  /// Objects that it is a part of and that stay: a hold on them holds it.
  package var within: [ObjectRef] = []
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
    within += other.within
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
  /// Tables whose rows are finished files that were made to be taken along and are kept here.
  package let exports: Set<String>
  package let find: @Sendable (ErasureTarget, Reader) throws -> ErasureFinding?

  /// `find` answers nil for what the module has nothing of. Of a single row it says what that is a part of.
  package init(
    _ rules: [String: Rule], exports: Set<String> = [],
    find: @escaping @Sendable (ErasureTarget, Reader) throws -> ErasureFinding? = { _, _ in nil }
  ) {
    self.rules = rules
    self.exports = exports
    self.find = find
  }
}

/// The erasers of all modules.
package struct Erasers: Sendable {
  private let erasers: [Eraser]
  package let rules: [String: Eraser.Rule]
  /// Tables of finished exports that are kept.
  package let exports: Set<String>

  init(_ manifests: [ModuleManifest]) {
    erasers = manifests.compactMap(\.eraser)
    var rules = erasers.reduce(into: [:]) { rules, eraser in rules.merge(eraser.rules) { first, _ in first } }
    // A fact that somebody may have to show lies under the key of what it is about.
    rules[CommittedFact.table.name] = .goes()
    self.rules = rules
    exports = erasers.reduce(into: []) { $0.formUnion($1.exports) }
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

  /// Every row that is sealed under one of these keys: what an erasure of them must name. `gone` were deleted earlier.
  package func rows(
    under subjects: Set<SubjectRef>, _ reader: Reader
  ) throws -> (live: [RowRef], gone: [RowRef]) {
    try reader.rows(under: subjects, in: Set(rules.keys))
  }

  /// Everything that belongs to an object; nil if no module knows it.
  package func find(_ target: ErasureTarget, _ reader: Reader) throws -> ErasureFinding? {
    switch target.kind {
    case .vendor, .case, .person: return try asked(target, reader)
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
    let rows = try rows(under: [subject], reader).live
    guard !rows.isEmpty else { return nil }
    for table in Set(rows.map(\.table)) where table != CommittedFact.table.name {
      try Erasers.require(rules[table] ?? .stays(because: "It belongs to the record itself."), table)
    }
    var finding = ErasureFinding()
    for row in rows {
      for eraser in erasers {
        if let part = try eraser.find(ErasureTarget(.row, "\(row.table)/\(row.id)"), reader) { finding.add(part) }
      }
      finding.within += try origins(of: row, reader)
    }
    finding.subjects = [subject]
    finding.within = Set(finding.within).sorted { $0.description < $1.description }
    return finding
  }

  /// What the row came from, whatever its columns say: what the entry was about that wrote it first, and what that is a part of. A mail is
  /// about its case, and what became of a mail is about what the mail is about.
  private func origins(of row: RowRef, _ reader: Reader) throws -> [ObjectRef] {
    guard let origin = try reader.origin(of: row) else { return [] }
    let message = RowRef(table: MessageRecord.table.name, id: origin.id)
    if origin.type == "message", message != row { return try origins(of: message, reader) }
    guard let kind = ErasureTarget.Kind(rawValue: origin.type), [.vendor, .case].contains(kind) else { return [origin] }
    return [origin] + (try asked(ErasureTarget(kind, origin.id), reader)?.within ?? [])
  }

  private static func require(_ rule: Eraser.Rule, _ table: String) throws {
    switch rule {
    case .goes(alone: true): return
    case .goes(alone: false):
      throw Problem(
        .conflict,
        "A row of \(table) is part of something larger; erase the vendor, the case or the person it belongs to.")
    case .stays(let reason): throw Problem(.conflict, "A row of \(table) goes with the organisation only. \(reason)")
    }
  }
}
