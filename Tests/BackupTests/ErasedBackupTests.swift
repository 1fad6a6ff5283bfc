import Backup
import Custody
import Foundation
import Kernel
import Ledger
import Storage
import Testing

@Suite("Backups of what was erased")
struct ErasedBackupTests {
  @Test("a backup from before gives everything back but what was erased, whose files and images are gone too")
  func before() async throws {
    let bench = try await Bench()
    let (victim, other) = (try await bench.add("victim"), try await bench.add("other"))
    for memo in [victim, other] { try await bench.rename(memo, memo.title + " 2") }
    _ = try await bench.maker().create()
    try await bench.erase(victim)
    let report = try await bench.restore("back")
    #expect(report.tenants.contains { $0.slug == "acme" })
    let ledger = try bench.opened("back")
    #expect(try await ledger.view(Memo.self, bench.acme).rows.map(\.title) == ["other 2"])
    let row = RowRef(table: "memo", id: victim.key)
    #expect(try await ledger.read(bench.acme) { try $0.erased(row) }?.erasure == "e1")
    #expect(
      try await ledger.read(bench.acme) { reader in
        try reader.rows("SELECT 1 FROM log_change WHERE row_key = \(victim.key) AND image IS NOT NULL").isEmpty
      })
    await ledger.close()
    let inside = Verification.Inside(keys: KeyLocation("\(bench.directory)/back.keys"), derivations: [])
    #expect(try Verification.run(dataDirectory: "\(bench.directory)/back", inside: inside).flatMap(\.findings).isEmpty)
    await bench.ledger.close()
  }

  @Test("an increment over an erasure adds up, and its restore has no image that was taken away")
  func across() async throws {
    let bench = try await Bench()
    let (victim, other) = (try await bench.add("victim"), try await bench.add("other"))
    for memo in [victim, other] { try await bench.rename(memo, memo.title + " 2") }
    _ = try await bench.maker().create()
    try await bench.erase(victim)
    try await bench.rename(other, "other 3")
    bench.clock.advance(seconds: 3_600)
    let increment = try await bench.maker().create()
    let verification = try bench.verify()
    #expect(verification.isGood && !increment.isBase)
    _ = try await bench.restore("back")
    let ledger = try bench.opened("back")
    #expect(try await ledger.view(Memo.self, bench.acme).rows.map(\.title) == ["other 3"])
    await ledger.close()
    #expect(try Verification.run(dataDirectory: "\(bench.directory)/back").flatMap(\.findings).isEmpty)
    await bench.ledger.close()
  }

  @Test("an erased tenant does not come back with a backup of before")
  func tenant() async throws {
    let bench = try await Bench()
    _ = try await bench.add("one")
    _ = try await bench.maker().create()
    #expect(try await bench.ledger.eraseTenant(bench.acme, erasure: "e1").isComplete)
    let report = try await bench.restore("back")
    #expect(report.tenants.map(\.slug) == ["system"])
    await bench.ledger.close()
  }
}

extension Bench {
  fileprivate func erase(_ memo: Memo) async throws {
    let subjects = try await ledger.write(acme, act("memo.erase", memo)) { work in
      try work.erase([RowRef(table: "memo", id: memo.key)], as: "e1")
    }.value
    _ = try await ledger.destroyKeys(of: acme, subjects, erasure: "e1")
    try await ledger.scrub(acme)
  }
}
