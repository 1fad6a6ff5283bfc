import Custody
import Foundation
import Kernel
@testable import Ledger
import Storage
import TestDatabase
import Testing

@Suite("Rows that are moved")
struct MovedRowTests {
  private static let isLong = ProcessInfo.processInfo.environment["STEWARD_LONG_TESTS"] != nil

  /// A stored row, and what it takes to open it where it belongs.
  private struct Placed {
    let tenant: TenantID
    let table: Table
    let row: StoredRow
  }

  @Test("a sealed row opens under its own tenant, table, key, version and subject, and nowhere else")
  func moved() async throws {
    let lab = try await Lab()
    let other = try await lab.ledger.createTenant(slug: "globex").id
    var places: [Placed] = []
    for tenant in [lab.tenant, other] {
      for number in 0..<6 {
        let memo = Memo(id: .make(at: noon), title: "\(number)")
        _ = try await lab.ledger.write(tenant, lab.act) { try $0.insert(memo) }
        let row = try #require(try await lab.ledger.read(tenant) { try $0.storedRow(Memo.table, memo.key) })
        places.append(Placed(tenant: tenant, table: Memo.table, row: row))
      }
    }
    let (first, second) = (
      try await lab.ledger.using(lab.tenant) { $0.keys }, try await lab.ledger.using(other) { $0.keys }
    )
    let (all, one) = (places, lab.tenant)
    let opened = try await lab.ledger.read(lab.tenant) { reader in
      var random = SystemRandomNumberGenerator()
      var opened = 0
      for _ in 0..<(Self.isLong ? 1_000_000 : 4_000) {
        let (from, to) = (all[Int.random(in: 0..<12, using: &random)], all[Int.random(in: 0..<12, using: &random)])
        var values = from.row.values
        var isMoved = false
        // Tenant, key, version, subject: any of them may be another's. Version 2 was never sealed under.
        for column in [1, 3, 4] where Bool.random(using: &random) {
          let value: Value = column == 3 ? .integer(Int64.random(in: 1...2, using: &random)) : to.row.values[column]
          isMoved = isMoved || value != values[column]
          values[column] = value
        }
        let tenant = Bool.random(using: &random) ? from.tenant : to.tenant
        let table = Bool.random(using: &random) ? Memo.table : Sheet.table
        isMoved = isMoved || tenant != from.tenant || table.name != from.table.name
        let place = Reader(tenant: tenant, connection: reader.connection, keys: tenant == one ? first : second)
        let isOpen = (try? place.open(StoredRow(values), table)) != nil
        if isOpen == isMoved { opened += 1 }
      }
      return opened
    }
    #expect(opened == 0)
  }

  @Test(
    "each row whose sealed part, subject or version is another's is named",
    arguments: [
      "sealed = (SELECT m.sealed FROM memo m WHERE m.id = 'OTHER')",
      "subject = (SELECT m.subject FROM memo m WHERE m.id = 'OTHER')", "schema = 2", "entry = entry + 1",
    ])
  func named(assignment: String) async throws {
    let lab = try await Lab()
    let (memo, other) = (try await lab.edited("one"), try await lab.edited("two"))
    await lab.ledger.close()
    #expect(try lab.inside().isEmpty)
    let text = assignment.replacingOccurrences(of: "OTHER", with: other.key)
    try lab.tamper(["UPDATE memo SET \(text) WHERE id = '\(memo.key)'"])
    #expect(try lab.verified().contains { $0.table == "memo" && $0.key == memo.key })
    let opens = try lab.inside().filter { $0.key == memo.key && $0.reason.contains("does not open") }
    #expect(opens.isEmpty == assignment.hasPrefix("entry"))
  }

  @Test("of many rows whose parts are exchanged at random each is named, whichever part it is")
  func allNamed() async throws {
    let lab = try await Lab()
    let memos = (0..<120).map { Memo(id: .make(at: noon), title: "\($0)") }
    for some in stride(from: 0, to: memos.count, by: 40).map({ memos[$0..<$0 + 40] }) {
      _ = try await lab.ledger.write(lab.tenant, lab.act) { work in for memo in some { try work.insert(memo) } }
    }
    await lab.ledger.close()
    var random = SystemRandomNumberGenerator()
    for _ in 0..<(Self.isLong ? 200 : 2) {
      var (moved, statements): (Set<String>, [String]) = ([], [])
      for memo in memos where Bool.random(using: &random) {
        let other = memos[Int.random(in: 0..<memos.count, using: &random)].key
        guard other != memo.key else { continue }
        let column = ["sealed", "subject", "entry", "state"][Int.random(in: 0..<4, using: &random)]
        let value =
          switch column {
          case "entry": "entry + \(Int.random(in: 1...9, using: &random))"
          case "state": "state || '!'"
          // As it was before anything was moved: a part that went back would not be one.
          default: "(SELECT k.k_\(column) FROM memo_kept k WHERE k.id = '\(other)')"
          }
        statements.append("UPDATE memo SET \(column) = \(value) WHERE id = '\(memo.key)'")
        moved.insert(memo.key)
      }
      // Under other names, so that nobody takes it for a table of rows.
      let columns = "sealed AS k_sealed, subject AS k_subject, entry AS k_entry, state AS k_state"
      let kept = "CREATE TABLE memo_kept AS SELECT id, \(columns) FROM memo"
      try lab.tamper([kept] + statements)
      let named = try lab.verified().compactMap { $0.table == "memo" ? $0.key : nil }
      #expect(Set(named) == moved)
      let back = ["sealed", "subject", "entry", "state"].map {
        "UPDATE memo SET \($0) = (SELECT k.k_\($0) FROM memo_kept k WHERE k.id = memo.id)"
      }
      try lab.tamper(back + ["DROP TABLE memo_kept"])
      #expect(try lab.verified().isEmpty)
    }
  }
}
