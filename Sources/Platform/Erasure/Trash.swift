import Kernel
import Ledger
import Storage

/// That a row lies in the trash: it is in no list, nothing can be done with it, and it can be brought back until its time there ends.
/// Then it is erased. Two plain columns of its own row say so; nothing is moved.
package struct Trashed: Sendable, Equatable {
  package let at: Instant
  package let by: PersonID

  package init(at: Instant, by: PersonID) {
    self.at = at
    self.by = by
  }

  /// Nil unless the row lies there.
  package init?(_ row: OpenedRow) {
    guard let at = row.optionalInstant("trashed_at"), let by = row.optionalID("trashed_by", of: Person.self) else {
      return nil
    }
    self.init(at: at, by: by)
  }

  /// From then on it may be gone at any moment.
  package var until: Instant { at.adding(seconds: Trash.days * 86_400) }

  /// `{"at","by","until"}`, as a trashed object shows it.
  package var json: JSON {
    ["at": .string(at.description), "by": .string(by.text), "until": .string(until.description)]
  }

  package static func plain(_ trashed: Trashed?) -> [String: Value] {
    ["trashed_at": (trashed?.at).value, "trashed_by": (trashed?.by).value]
  }
}

package enum Trash {
  /// Days for which something can be brought back.
  package static let days = 30

  /// What a table whose rows can lie in the trash has beside its own columns.
  package static let columns = [
    Column("trashed_at", .integer, .operational, purpose: "when it was put into the trash"),
    Column("trashed_by", .text, .key, purpose: "who put it there"),
  ]

  /// The step that brings a table these columns.
  package static func upgrade(to version: Int) -> Table.Upgrade {
    Table.Upgrade(to: version, columns.map { .addColumn($0.name) } + [.addIndex(["trashed_at"])])
  }

  /// A vendor takes its cases with it, and a case its evidence: whole things come first.
  package static let tables = ["vendor", "case_file", "case_evidence"]

  /// Something whose time has ended.
  package struct Expired: Sendable {
    package let target: ErasureTarget
    package let trashed: Trashed
  }

  /// Of one table, the longest there first.
  package static func expired(_ table: String, at now: Instant, limit: Int, _ reader: Reader) throws -> [Expired] {
    let before = now.adding(seconds: -days * 86_400)
    return try reader.rows(
      """
      SELECT id, trashed_at, trashed_by FROM \(raw: table) WHERE tenant = \(reader.tenant) AND trashed_at <= \(before)
      ORDER BY trashed_at, id LIMIT \(limit)
      """
    ).compactMap { row in
      guard let id = row[0].text, let at = row[1].integer, let by = row[2].text.flatMap({ PersonID($0) }) else {
        return nil
      }
      return Expired(target: target(table, id), trashed: Trashed(at: Instant(milliseconds: at), by: by))
    }
  }

  /// Whether it still lies there since then: somebody may have brought it back.
  package static func isThere(_ expired: Expired, _ reader: Reader) throws -> Bool {
    let (table, id) = place(expired.target)
    let found = try reader.rows(
      "SELECT trashed_at FROM \(raw: table) WHERE tenant = \(reader.tenant) AND id = \(id)")
    return found.first?.first?.integer == expired.trashed.at.milliseconds
  }

  /// From plain columns alone: whether anything lies there at all, since what was seen of a closed tenant holds until it is opened.
  package static func isUsed(_ peek: Peek) throws -> Bool {
    try tables.contains { table in
      do {
        return try !peek.rows(
          "SELECT 1 FROM \(raw: table) WHERE tenant = \(peek.tenant) AND trashed_at IS NOT NULL LIMIT 1"
        ).isEmpty
      } catch let error as StorageError where error.message.hasPrefix("no such column") {
        // Not opened since these tables got a trash.
        return false
      }
    }
  }

  private static func place(_ target: ErasureTarget) -> (table: String, id: String) {
    switch target.kind {
    case .vendor: return ("vendor", target.id)
    case .case: return ("case_file", target.id)
    default: return ("case_evidence", String(target.id.drop { $0 != "/" }.dropFirst()))
    }
  }

  static func target(_ table: String, _ id: String) -> ErasureTarget {
    switch table {
    case "vendor": ErasureTarget(.vendor, id)
    case "case_file": ErasureTarget(.case, id)
    default: ErasureTarget(.row, "\(table)/\(id)")
    }
  }

  package static let held = Problem(
    .conflict, "This is under legal hold; an owner has to lift the hold before it can be put into the trash.")
  package static let lying = Problem(.conflict, "This is in the trash; bring it back first.")
  package static let notThere = Problem(.conflict, "This is not in the trash.")
}
