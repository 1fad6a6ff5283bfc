import Custody
import Kernel
@testable import Ledger
import Synchronization
import Testing
import TransparencyLog

@Suite("One record, from memory or not")
struct FindTests {
  @Test("a record is found as of the latest commit, with and without a view of its table", arguments: [false, true])
  func current(hasView: Bool) async throws {
    let bench = try await Bench()
    let memo = try await bench.add("green").value
    if hasView { _ = try await bench.ledger.view(Memo.self, bench.tenant) }
    #expect(try await found(memo, bench)?.title == "green")
    _ = try await bench.ledger.write(bench.tenant, bench.act("memo.edit", memo)) { work in
      try work.update(Memo(id: memo.id, title: "blue"))
    }
    #expect(try await found(memo, bench)?.title == "blue")
    if hasView { _ = try await bench.ledger.view(Memo.self, bench.tenant) }
    _ = try await bench.ledger.write(bench.tenant, bench.act("memo.delete", memo)) {
      try $0.delete(Memo.self, memo.key)
    }
    #expect(try await found(memo, bench) == nil)
    #expect(try await found(Memo(id: .make(at: noon), title: ""), bench) == nil)
  }

  @Test("a record whose key was destroyed is not told from memory")
  func destroyed() async throws {
    let bench = try await Bench()
    let (memo, other) = (try await bench.add("victim").value, try await bench.add("other").value)
    _ = try await bench.ledger.view(Memo.self, bench.tenant)
    #expect(try await found(memo, bench)?.title == "victim")
    let subject = try await bench.ledger.read(bench.tenant) { try $0.subject(of: Memo.self, memo.key) }
    _ = try await bench.ledger.destroyKeys(of: bench.tenant, [subject], erasure: "e1")
    #expect(try await found(memo, bench) == nil)
    #expect(try await found(other, bench)?.title == "other")
    #expect(try await bench.ledger.view(Memo.self, bench.tenant).rows.map(\.title) == ["other"])
  }

  @Test("commands of large batches get what is theirs, and the record holds")
  func largeBatches() async throws {
    let bench = try await Bench()
    let titles = try await withThrowingTaskGroup(of: (String, String, Int64).self) { group in
      for number in 0..<400 {
        group.addTask {
          let written = try await bench.add("memo \(number)")
          return ("memo \(number)", written.value.title, written.receipt.index)
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(titles.allSatisfy { $0.0 == $0.1 })
    #expect(Set(titles.map(\.2)).count == 400)
    #expect(try bench.verified().isEmpty)
  }

  @Test("what is calculated aside is calculated once, whoever comes first, and its error arrives")
  func aside() throws {
    let count = Mutex(0)
    for number in 0..<500 {
      let aside = Aside {
        count.withLock { $0 += 1 }
        return number
      }
      #expect(try aside.value() == number)
    }
    #expect(count.withLock { $0 } == 500)
    #expect(throws: Problem.self) { try Aside<Int> { throw Problem.notFound }.value() }
  }

  private func found(_ memo: Memo, _ bench: Bench) async throws -> Memo? {
    try await bench.ledger.find(Memo.self, memo.key, bench.tenant)
  }
}
