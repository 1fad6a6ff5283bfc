import Certificate
import Platform

/// Takes the last pieces of erased ciphertext out of large database files, once a night for all erasures since the last.
///
/// When an erasure is final its rows are overwritten, its keys are gone and the write-ahead log is cut. What may be left are copies that SQLite once
/// made while it dealt the cells of a page to two; they go when the file is written anew, which keeps the organisation's writes waiting for about
/// four seconds a gigabyte. A small file is written anew at once.
enum ErasureClearing {
  /// A quarter of a second.
  static let largestAtOnce: Int64 = 64 << 20
  /// UTC.
  private static let (hour, minute) = (1, 40)
  /// Until when it is done at the latest, if the server runs.
  private static let hours = 24
  /// Rows of one command.
  private static let erasuresAtOnce = 200
  private static let actor = Actor.system("erasure")

  static let kind = JobKind(
    "erasure.clear",
    summary: "Write large database files anew after erasures, so that no unused part of them holds anything.",
    schedule: .daily(hour: hour, minute: minute), scope: .everyTenant,
    freeze: .exempt(reason: "An erasure that was asked for is finished; it only takes away."),
    isNeeded: { peek in
      try !peek.rows("SELECT 1 FROM erasure WHERE tenant = \(peek.tenant) AND ciphertext = 'waiting' LIMIT 1").isEmpty
    }, run: { run in try await clear(run.tenant, run.services.ledger) })

  static func clear(_ tenant: TenantID, _ ledger: Ledger) async throws {
    // Those whose rows were gone before the file was written anew.
    var left = try await ledger.read(tenant) {
      try $0.fetch(Erasure.self, "AND ciphertext = 'waiting' ORDER BY id").map(\.id)
    }
    guard !left.isEmpty else { return }
    try await ledger.scrub(tenant)
    while !left.isEmpty {
      let some = left.prefix(erasuresAtOnce)
      _ = try await ledger.write(tenant, Act("erasure.clear", on: ObjectRef("erasure", "clear"), by: actor)) { work in
        for id in some {
          guard var erasure = try work.find(Erasure.self, id), erasure.ciphertext == .waiting else { continue }
          (erasure.ciphertext, erasure.clearedAt) = (.gone, work.now)
          try work.update(erasure)
        }
      }
      left.removeFirst(some.count)
    }
  }

  /// What the record of an erasure says of it.
  static func remaining(_ ciphertext: Erasure.Ciphertext, at now: Instant) -> ErasureStatement.Remaining? {
    switch ciphertext {
    case .gone: nil
    case .waiting:
      ErasureStatement.Remaining(
        what: "Pieces of its ciphertext in unused parts of the organisation's database file",
        why: """
          The file is large; it is written anew at night, by \(now.adding(seconds: hours * 3_600)) at the latest. \
          The keys are gone, so nothing opens them.
          """)
    case .database:
      ErasureStatement.Remaining(
        what: "Its ciphertext in the files of the PostgreSQL server",
        why: """
          The rows are deleted; PostgreSQL overwrites the room when it uses it again, or when the owner of the database \
          writes the tables anew, and keeps its write-ahead log as it is set to. The keys are gone, so nothing opens it.
          """)
    }
  }
}
