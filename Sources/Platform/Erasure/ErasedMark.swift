import Kernel
import Ledger

/// What stands where content was: when it was erased, and by which erasure.
package struct ErasedMark: Sendable, Equatable {
  package let at: Instant
  package let erasure: String

  package init(at: Instant, erasure: String) {
    self.at = at
    self.erasure = erasure
  }

  package init(_ row: ErasedRow) { self.init(at: row.erasedAt, erasure: row.erasure) }

  /// Where an object's own row lay, by its type.
  fileprivate static let tables = [
    "vendor": "vendor", "case": "case_file", "message": "message", "certificate": "case_bundle",
    "person": "person", "evidence": "case_evidence",
  ]

  /// `{"erased_at":…,"erasure":…}` as it stands where the object's members were.
  package var json: JSON { ["erased_at": .string(at.description), "erasure": .string(erasure)] }

  package var problem: Problem {
    Problem(.gone, "This was erased on \(at.day); what is left is the record of the erasure \(erasure).")
  }
}

extension Reader {
  package func erasedMark(_ table: String, _ key: String) throws -> ErasedMark? {
    try erased(RowRef(table: table, id: key)).map(ErasedMark.init)
  }

  /// Of those objects (`case:<id>`) that were erased, when.
  package func erasedMarks(of objects: some Sequence<String>) throws -> [String: ErasedMark] {
    var marks: [String: ErasedMark] = [:]
    for object in Set(objects) {
      let halves = object.split(separator: ":", maxSplits: 1).map(String.init)
      guard halves.count == 2, let table = ErasedMark.tables[halves[0]] else { continue }
      marks[object] = try erasedMark(table, halves[1])
    }
    return marks
  }

  /// `notFound`, or `gone` if it was erased.
  package func absence(_ table: String, _ key: String) throws -> Problem {
    try erasedMark(table, key)?.problem ?? Problem.notFound
  }
}
