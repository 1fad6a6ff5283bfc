import Custody
import Foundation
import Kernel
@testable import Ledger
import Storage
import Synchronization
import Testing
import TransparencyLog

/// Tenants that nobody uses are closed, and nothing is lost with it.
@Suite("Open tenants")
struct OpenTenantsTests {
  /// A tenant's ledger with others beside it.
  private struct Street: Sendable {
    let bench: Bench
    let tenants: [TenantID]
    var ledger: Ledger { bench.ledger }

    init(houses: Int = 1, mostOpen: Int? = nil) async throws {
      let bench = try await Bench()
      var tenants = [bench.tenant]
      for number in 1..<max(houses, 1) {
        tenants.append(try await bench.ledger.createTenant(slug: "house-\(number)").id)
      }
      (self.bench, self.tenants) = (bench, tenants)
      if let mostOpen { bench.ledger.opened.rules.withLock { $0.mostOpen = mostOpen } }
    }

    func add(_ title: String, to tenant: TenantID) async throws -> Written<Memo> {
      let memo = Memo(id: ID.make(at: bench.clock.now), title: title)
      return try await ledger.write(tenant, bench.act("memo.create", memo)) { work in
        try work.insert(memo)
        return memo
      }
    }

    /// Closes what is not in use.
    func closeAll() async {
      ledger.opened.rules.withLock { $0.idleRounds = 0 }
      await ledger.closeIdleTenants()
    }
  }

  // MARK: Which are closed

  @Test("a tenant is closed after some rounds without a use; a look is none, and whoever asks again finds it open")
  func idle() async throws {
    let street = try await Street()
    let (ledger, tenant) = (street.ledger, street.bench.tenant)
    for _ in 0..<OpenTenants.Rules.files.idleRounds { #expect(await ledger.closeIdleTenants() == 0) }
    _ = try await street.add("first", to: tenant)
    for _ in 0..<OpenTenants.Rules.files.idleRounds {
      try ledger.peek(tenant) { #expect($0.closedAfter == nil) }
      #expect(await ledger.closeIdleTenants() == 0)
    }
    #expect(await ledger.closeIdleTenants() == 1)
    #expect(!ledger.isOpen(tenant) && ledger.openTenants == 0)
    try ledger.peek(tenant) { #expect($0.closedAfter == 1) }
    #expect(try await ledger.view(Memo.self, tenant).rows.map(\.title) == ["first"])
    #expect(ledger.isOpen(tenant) && ledger.openings(of: tenant) == 2)
  }

  @Test("with no room for another the one that was used longest ago is closed")
  func leastRecentlyUsed() async throws {
    let street = try await Street(houses: 4, mostOpen: 3)
    let (ledger, tenants) = (street.ledger, street.tenants)
    for tenant in [0, 1, 2, 0, 3].map({ tenants[$0] }) { _ = try await street.add("a", to: tenant) }
    #expect(tenants.map(ledger.isOpen) == [true, false, true, true])
  }

  // MARK: Who is in use

  /// Whether a tenant was still open, and could be read, for somebody who had begun to use it before all the others came.
  private func holds(_ street: Street) async throws -> Bool {
    let (ledger, tenant) = (street.ledger, street.bench.tenant)
    return try await ledger.using(tenant) { held in
      for other in street.tenants.dropFirst() { _ = try await street.add("a", to: other) }
      await street.closeAll()
      let isRead = (try? await held.database.read { try LogStore(tenant: tenant, connection: $0).head().size }) != nil
      return isRead && ledger.isOpen(tenant)
    }
  }

  @Test("a tenant is not closed under its user, however many others come; without that rule it is")
  func inUse() async throws {
    let street = try await Street(houses: 4, mostOpen: 1)
    #expect(try await holds(street))
    await street.closeAll()
    #expect(street.ledger.openTenants == 0)
    // Sabotage: users are not looked at.
    street.ledger.opened.rules.withLock { $0.mayClose = { _ in true } }
    #expect(try await !holds(street))
  }

  @Test(
    "a read that runs, a command that waits and a stay keep a tenant open; more than the bound are open only while used"
  )
  func kinds() async throws {
    let street = try await Street(houses: 3, mostOpen: 1)
    let (ledger, tenants) = (street.ledger, street.tenants)
    let (begun, begin) = AsyncStream.makeStream(of: Void.self)
    let gate = DispatchSemaphore(value: 0)
    let reading = Task {
      try await ledger.read(tenants[0]) { reader in
        begin.yield()
        gate.wait()
        return try reader.logSize
      }
    }
    for await _ in begun { break }
    var stay: TenantUse? = try await ledger.stay(tenants[1])
    _ = try await street.add("a", to: tenants[2])
    await street.closeAll()
    #expect(tenants.map(ledger.isOpen) == [true, true, false])
    withExtendedLifetime(stay) {}
    stay = nil
    await street.closeAll()
    #expect(tenants.map(ledger.isOpen) == [true, false, false])
    gate.signal()
    #expect(try await reading.value > 0)
    await street.closeAll()
    #expect(ledger.openTenants == 0)
  }

  @Test("a stream of a file goes on when its tenant is closed")
  func stream() async throws {
    let street = try await Street()
    let (ledger, tenant) = (street.ledger, street.bench.tenant)
    let bytes = [UInt8](repeating: 7, count: 300_000)
    let staged = try await ledger.stageFile(
      tenant,
      AsyncStream<[UInt8]> { stream in
        stream.yield(bytes)
        stream.finish()
      })
    var read: [UInt8] = []
    for try await piece in try await ledger.openFile(tenant, staged.id, subject: staged.subject) {
      read += piece
      await street.closeAll()
      #expect(!ledger.isOpen(tenant))
    }
    #expect(read == bytes)
  }

  // MARK: What a closing leaves

  @Test("a tenant that was closed goes on as if it had not been: receipts, slots, views and versions")
  func goesOn() async throws {
    let street = try await Street()
    let (ledger, tenant) = (street.ledger, street.bench.tenant)
    let before = try await ledger.version(tenant, tables: ["memo"])
    let first = try await street.add("first", to: tenant)
    // Until a range is new, so that what follows finds room in it.
    var (count, taken) = (1, try await ledger.using(tenant) { try $0.keys.taken })
    let used = taken
    while taken == used {
      count += 1
      _ = try await street.add("\(count)", to: tenant)
      taken = try await ledger.using(tenant) { try $0.keys.taken }
    }
    for number in count + 1...count + 7 {
      await street.closeAll()
      #expect(try await ledger.receipt(tenant, index: first.receipt.index).header == first.receipt.header)
      let version = try await ledger.version(tenant, tables: ["memo"])
      #expect(version > before, "what was kept before the first write would pass for current")
      _ = try await street.add("\(number)", to: tenant)
      #expect(try await ledger.view(Memo.self, tenant).rows.count == number)
    }
    #expect(try await ledger.using(tenant) { try $0.keys.taken } == taken, "slots were wasted")
    #expect(try street.bench.verified().isEmpty)
  }

  @Test("a key store that was put back while its tenant was closed is refused")
  func keyStorePutBack() async throws {
    let street = try await Street()
    let (ledger, tenant) = (street.ledger, street.bench.tenant)
    _ = try await street.add("first", to: tenant)
    await street.closeAll()
    let file = URL(fileURLWithPath: "\(street.bench.keys)/tenants/\(tenant)/taken")
    let mark = try Data(contentsOf: file)
    try Data("3\n".utf8).write(to: file)
    for _ in 0..<2 {
      await #expect(throws: Problem.self) { _ = try await ledger.read(tenant) { try $0.logSize } }
    }
    try mark.write(to: file)
    _ = try await street.add("second", to: tenant)
  }

  @Test("a closed file has nothing left in its log, and this process has it open no more")
  func files() async throws {
    let street = try await Street()
    guard street.bench.database == nil else { return }
    _ = try await street.add("first", to: street.bench.tenant)
    func open() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count { name in
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")
        return target?.contains("\(street.bench.tenant).db") ?? false
      }
    }
    #expect(try open() > 0)
    await street.closeAll()
    #expect(try open() == 0)
    let log = street.bench.data + "/tenants/\(street.bench.tenant).db-wal"
    #expect(try Data(contentsOf: URL(fileURLWithPath: log)).isEmpty)
  }

  @Test("after the ledger is closed nobody opens a tenant any more")
  func shut() async throws {
    let street = try await Street()
    await street.ledger.close()
    await #expect(throws: Problem.self) { try await street.ledger.read(street.bench.tenant) { _ in } }
  }

  // MARK: Under load

  /// What was acknowledged.
  private final class Acknowledged: Sendable {
    let indexes = Mutex<[TenantID: [Int64]]>([:])
    func note(_ index: Int64, of tenant: TenantID) { indexes.withLock { $0[tenant, default: []].append(index) } }
    func all(of tenant: TenantID) -> [Int64] { indexes.withLock { $0[tenant] ?? [] } }
  }

  @Test("many at once on more tenants than may be open: nothing is lost, doubled or stale")
  func stress() async throws {
    let street = try await Street(houses: 6, mostOpen: 2)
    let acknowledged = Acknowledged()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for hand in 0..<8 { group.addTask { try await Self.work(hand, in: street, acknowledged) } }
      try await group.waitForAll()
    }
    for tenant in street.tenants {
      let indexes = acknowledged.all(of: tenant)
      #expect(Set(indexes).count == indexes.count)
      let rows = try await street.ledger.read(tenant) { try $0.fetch(Memo.self).count }
      #expect(rows == indexes.count)
      #expect(street.ledger.openings(of: tenant) > 3, "it was not put to the test")
    }
    #expect(street.ledger.openTenants <= 2)
    #expect(try street.bench.verified().isEmpty)
  }

  private static func work(_ hand: Int, in street: Street, _ acknowledged: Acknowledged) async throws {
    let ledger = street.ledger
    for turn in 0..<24 {
      let tenant = street.tenants[(hand + turn * (hand + 1)) % street.tenants.count]
      let receipt = try await street.add("\(hand)/\(turn)", to: tenant).receipt
      acknowledged.note(receipt.index, of: tenant)
      switch turn % 4 {
      case 0:
        let view = try await ledger.view(Memo.self, tenant)
        #expect(!view.search("\(hand)/\(turn)").isEmpty)
      case 1:
        let again = try await ledger.receipt(tenant, index: receipt.index)
        #expect(again.header == receipt.header)
      case 2:
        let rows = try ledger.peek(tenant) { try $0.rows("SELECT 1 FROM memo LIMIT 1") }
        #expect(rows.count == 1)
      default: await ledger.closeIdleTenants()
      }
    }
  }
}
