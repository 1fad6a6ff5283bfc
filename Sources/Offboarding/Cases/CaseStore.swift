import Custody
import Platform

/// Reading a case as one value and writing back what a verb changed.
enum CaseStore {
  static func load(_ id: CaseID, _ reader: Reader) throws -> CaseFile? {
    guard let head = try reader.find(CaseRecord.self, id) else { return nil }
    return try filled(head.file, reader)
  }

  static func filled(_ head: CaseFile, _ reader: Reader) throws -> CaseFile {
    var file = head
    file.steps = try reader.fetch(StepRecord.self, "AND case_id = \(head.id) ORDER BY position").map(\.step)
    file.evidence = try evidence(of: head.id, reader).filter { $0.trashed == nil }
    return file
  }

  /// In the order in which it came to the case, last; what lies in the trash, too.
  static func evidence(of id: CaseID, _ reader: Reader) throws -> [Evidence] {
    try reader.fetch(EvidenceRecord.self, "AND case_id = \(id) ORDER BY entry").map(\.evidence)
  }

  static func insert(_ file: CaseFile, _ work: Work) throws {
    let subject = try work.newSubject()
    try work.insert(CaseRecord(file), subject: subject)
    for step in file.steps { try work.insert(StepRecord(caseID: file.id, step: step), subject: subject) }
    try work.commit(Fact.opening(file), subject: subject)
  }

  /// Rows that differ are written; evidence is inserted by the verb that attaches it.
  static func save(_ new: CaseFile, over old: CaseFile, _ work: Work) throws {
    if CaseRecord(new).file != CaseRecord(old).file { try work.update(CaseRecord(new)) }
    for (after, before) in zip(new.steps, old.steps) where after != before {
      try work.update(StepRecord(caseID: new.id, step: after))
    }
  }

  static func subject(of id: CaseID, _ reader: Reader) throws -> SubjectRef {
    try reader.subject(of: CaseRecord.self, id.text)
  }

  /// Throws `conflict` once an erasure of the case, or of its vendor, has begun.
  static func refuseEnding(_ file: CaseFile, _ reader: Reader) throws { try Ending.refuse(ends(of: file), reader) }

  static func isEnding(_ file: CaseFile, _ reader: Reader) throws -> Bool {
    try Ending.isUnderWay(ends(of: file), reader)
  }

  private static func ends(of file: CaseFile) -> [ObjectRef] {
    [ObjectRef("case", file.id), ObjectRef("vendor", file.vendor)]
  }

  /// Cases in the order in which they were opened, newest first, before the key `before`.
  static func list(_ filter: CaseFilter, before: String?, limit: Int, _ reader: Reader) throws -> [CaseFile] {
    var tail: SQL = filter.isTrashed ? "AND trashed_at IS NOT NULL " : "AND trashed_at IS NULL "
    if let state = filter.state { tail = tail + "AND state = \(state.rawValue) " }
    if let vendor = filter.vendor { tail = tail + "AND vendor = \(vendor) " }
    if let person = filter.assignee {
      tail =
        tail + "AND id IN (SELECT case_id FROM case_step WHERE tenant = \(reader.tenant) AND assignee = \(person)) "
    }
    if let before { tail = tail + "AND id < \(before) " }
    return try reader.fetch(CaseRecord.self, tail + "ORDER BY id DESC LIMIT \(limit)").map {
      try filled($0.file, reader)
    }
  }
}

/// Which cases are wanted.
package struct CaseFilter: Sendable {
  package var state: CaseState?
  package var vendor: VendorID?
  /// Only cases in which this person has a step.
  package var assignee: PersonID?
  /// Those in the trash, instead of all others.
  package var isTrashed = false
  package init() {}
}
