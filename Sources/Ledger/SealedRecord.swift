import Custody
import Dispatch
import Kernel
import Storage

/// A record sealed under a subject of its own, not yet written: everything of its row but the entry that will write it.
///
/// Deriving a key and sealing is a third of what a simple command costs. Who knows the record before the command runs seals it first, on the
/// own thread, so that the writer, which all commands of a tenant wait for, has only to store it. If the command is never written, a slot is
/// wasted.
package struct SealedRecord: Sendable {
  let tenant: TenantID
  let table: Table
  private let key: String
  private let subject: SubjectRef
  private let box: [UInt8]
  private let plain: [String: Value]

  init(_ record: some Record, tenant: TenantID, subject: SubjectRef, key: SecretBytes) throws {
    self.tenant = tenant
    self.subject = subject
    table = type(of: record).table
    self.key = record.key
    plain = record.plain
    let context = SealingContext.row(tenant: tenant, table: table.name, key: self.key, schema: Int64(table.version))
    box = try Box.seal(CBOR.map(record.content).encoded, key: key, context: context)
  }

  func row(writtenBy entry: Int64) -> StoredRow {
    var values: [Value] = [
      .text(tenant.text), .text(key), .integer(entry), .integer(Int64(table.version)), .integer(subject.number),
      .bytes(box),
    ]
    values.reserveCapacity(values.count + table.columns.count)
    for column in table.columns { values.append(plain[column.name] ?? .null) }
    return StoredRow(values)
  }
}

extension Ledger {
  /// Seals a record for a command that will insert it.
  package func seal(_ record: some Record, for tenant: TenantID) async throws -> SealedRecord {
    try await using(tenant) { ledger in
      // A failed sync is never tried again: not of a key either.
      guard !ledger.database.hasFailed else { throw DiskProblem.explain(StorageError.afterFailure) }
      do {
        let (subject, key) = try await slot(ledger.keys)
        return try SealedRecord(record, tenant: tenant, subject: subject, key: key)
      } catch {
        if let error = error as? DurableFile.FileError, error.isOfSync { ledger.database.declareFailed() }
        throw DiskProblem.explain(error)
      }
    }
  }

  /// Where the key store must be written first, that happens on a thread that may wait.
  private func slot(_ keys: TenantKeys) async throws -> (SubjectRef, SecretBytes) {
    if let found = keys.takeSlotAtHand() { return found }
    return try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(
          with: Result {
            let subject = try keys.takeSlot()
            return (subject, try keys.key(of: subject))
          })
      }
    }
  }
}
