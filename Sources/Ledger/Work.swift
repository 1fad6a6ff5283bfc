import Custody
import Kernel
import Storage
import TransparencyLog

/// A unit of work: one command of one actor for one tenant, inside one savepoint of one batch.
///
/// It collects what is written so that the entry commits to exactly that. Synchronous, on the connection's own thread, and may be
/// run again: it contains nothing but SQL.
package final class Work: Reader {
  package static let maximumChanges = 4_096
  package static let maximumCommitments = 256

  package let now: Instant
  package let actor: Actor
  /// Index that the entry of this command will have.
  package let entry: Int64

  private(set) var afterCommit: [@Sendable () -> Void] = []
  private(set) var changes: [Change] = []
  private(set) var commitments: [Digest] = []
  /// Of the changes, once they are too many to look through.
  private var positions: [RowName: Int] = [:]
  private static let fewChanges = 16

  struct RowName: Hashable {
    let table: String
    let key: String
  }

  /// One row's way through this command: from its state before to its state after.
  struct Change {
    let name: RowName
    let before: Digest?
    var image: [UInt8]?
    var after: Digest?
    /// Under which the row began or ended here.
    var subjects: [SubjectRef] = []
    /// Whether it was deleted here, even if there is another now.
    var hasEnded = false

    var record: ChangeRecord? {
      guard
        let op: ChangeRecord.Operation = before == nil
          ? (after == nil ? nil : .insert) : (after == nil ? .delete : .update)
      else {
        return nil
      }
      return ChangeRecord(table: name.table, key: name.key, op: op, before: before, after: after)
    }
  }

  /// Writes what earlier commands of the batch have for the journal.
  private let settleJournal: () throws -> Void
  let gate: WorkGate
  let shape: TenantShape

  init(
    tenant: TenantID, connection: Connection, keys: TenantKeys, now: Instant, actor: Actor, entry: Int64,
    gate: WorkGate = .always, shape: TenantShape = TenantShape(), settleJournal: @escaping () throws -> Void = {}
  ) {
    self.gate = gate
    self.shape = shape
    self.settleJournal = settleJournal
    self.now = now
    self.actor = actor
    self.entry = entry
    super.init(tenant: tenant, connection: connection, keys: keys)
  }

  override func willReadJournal() throws { try settleJournal() }

  override var unwritten: [(row: RowRef, image: [UInt8]?)] {
    changes.map { (RowRef(table: $0.name.table, id: $0.name.key), $0.image) }
  }

  // MARK: Writing rows

  /// Inserts the record under a fresh subject key, or under `subject` where several rows are about the same person or thing.
  package func insert(_ record: some Record, subject: SubjectRef? = nil) throws {
    let table = type(of: record).table
    try insert(try seal(record, table, subject: try subject ?? keys.takeSlot()), table)
  }

  /// Inserts a record that was sealed before the command ran (`Ledger.seal`).
  package func insert(_ sealed: SealedRecord) throws {
    guard sealed.tenant == tenant else { throw Problem(.internal, "A record was sealed for another tenant.") }
    try insert(sealed.row(writtenBy: entry), sealed.table)
  }

  private func insert(_ row: StoredRow, _ table: Table) throws {
    do { try connection.run(raw: table.statements.insert, row.values) } catch let error as StorageError
      where error.isConstraint
    {
      throw Problem(.conflict, "There is already such a record.", detail: "\(table.name): \(error.message)")
    }
    try note(table, key: row.key, before: nil, after: row)
  }

  /// Replaces the record of the same key; its subject stays. Throws `Problem.notFound` if there is none.
  package func update(_ record: some Record) throws {
    let table = type(of: record).table
    guard let before = try storedRow(table, record.key) else { throw Problem.notFound }
    let row: StoredRow
    do { row = try seal(record, table, subject: before.subject) } catch is SubjectErased { throw Problem.notFound }
    try connection.run(raw: table.statements.update, Array(row.values.dropFirst(2)) + row.values.prefix(2))
    try note(table, key: row.key, before: before, after: row)
  }

  package func delete<R: Record>(_ type: R.Type, _ key: String) throws {
    guard let before = try storedRow(R.table, key) else { throw Problem.notFound }
    try connection.run(raw: R.table.statements.delete, [.text(tenant.text), .text(key)])
    try note(R.table, key: key, before: before, after: nil)
  }

  /// A statement on a derived or transient table; answers how many rows it touched. A primary table is refused.
  @discardableResult
  package func run(_ sql: SQL, on table: Table) throws -> Int {
    guard table.kind != .primary else {
      throw Problem(.internal, "Primary tables are written as records.", detail: table.name)
    }
    try connection.run(sql)
    return try connection.changedRows
  }

  /// Takes a subject key of its own, for rows that share one.
  package func newSubject() throws -> SubjectRef { try keys.takeSlot() }

  /// Runs `body` once what this command wrote is durable, before its caller hears of it. It wakes or notes something in memory:
  /// brief, on the writer's thread, and nothing that a crash in between would miss.
  package func afterCommit(_ body: @escaping @Sendable () -> Void) { afterCommit.append(body) }

  // MARK: Commitments

  /// Commits the entry to a fact that someone may later have to show alone. Salt and fact are sealed under `subject`.
  package func commit(_ fact: JSON, subject: SubjectRef) throws {
    guard commitments.count < Work.maximumCommitments else {
      throw Problem(.tooLarge, "One command can commit to \(Work.maximumCommitments) facts at most; do it in several.")
    }
    let salt = RandomPool.bytes(16)
    let canonical = fact.canonical
    let disclosure = CommittedFact(entry: entry, position: commitments.count, fact: canonical, salt: salt)
    commitments.append(Digest(sha256: salt, canonical))
    try insert(disclosure, subject: subject)
  }

  // MARK: Erasing

  /// Deletes a row and keeps no image of it, also none of what this command did to it before.
  func deleteWithoutImage(_ row: StoredRow, _ table: Table) throws {
    try connection.run(raw: table.statements.delete, [.text(tenant.text), .text(row.key)])
    try note(table, key: row.key, before: row, after: nil)
    if let position = position(of: RowName(table: table.name, key: row.key)) { changes[position].image = nil }
  }

  /// Drops the images that this command itself has of rows under these subjects; answers which rows.
  func dropImages(under subjects: Set<SubjectRef>) -> [ErasedImage] {
    changes.indices.compactMap { position in
      let change = changes[position]
      guard let image = change.image.flatMap(ImageOfRow.init), subjects.contains(image.subject) else { return nil }
      changes[position].image = nil
      return ErasedImage(row: RowRef(table: change.name.table, id: change.name.key), image: image, place: nil)
    }
  }

  // MARK: Inside

  private func seal(_ record: some Record, _ table: Table, subject: SubjectRef) throws -> StoredRow {
    try SealedRecord(record, tenant: tenant, subject: subject, key: try keys.key(of: subject)).row(writtenBy: entry)
  }

  /// Where the change of a row stands.
  private func position(of name: RowName) -> Int? {
    changes.count > Work.fewChanges ? positions[name] : changes.firstIndex { $0.name == name }
  }

  private func note(_ table: Table, key: String, before: StoredRow?, after: StoredRow?) throws {
    let name = RowName(table: table.name, key: key)
    let digest = after.map { Digest(sha256: $0.canonical(table)) }
    let subject = before == nil ? after?.subject : after == nil ? before?.subject : nil
    if let position = position(of: name) {
      changes[position].after = digest
      changes[position].hasEnded = changes[position].hasEnded || after == nil
      if let subject { changes[position].subjects.append(subject) }
      return
    }
    guard changes.count < Work.maximumChanges else {
      throw Problem(.tooLarge, "One command can change \(Work.maximumChanges) records at most; do it in several.")
    }
    if changes.count == Work.fewChanges {
      for (position, change) in changes.enumerated() { positions[change.name] = position }
    }
    if changes.count >= Work.fewChanges { positions[name] = changes.count }
    let image = before?.canonical(table)
    changes.append(
      Change(
        name: name, before: image.map { Digest(sha256: $0) }, image: image, after: digest,
        subjects: subject.map { [$0] } ?? [], hasEnded: after == nil))
  }
}
