@testable import Custody
import Foundation
import Kernel
import Synchronization
import Testing

@Suite("One key store, several processes")
struct SharedKeyStoreTests {
  @Test(
    "eight processes take slots of one tenant, some are killed: no slot comes twice, and every key is found again",
    arguments: KeyHome.Kind.all)
  func killed(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    var crew = try Crew(home, size: 8, slotsEach: 1_200)
    try crew.run(kills: 12)
    let taken = try crew.taken()
    #expect(taken.count >= 8 * 1_200)
    #expect(Set(taken.map(\.slot)).count == taken.count, "a slot was handed out twice")
    try home.expectUsable(taken)
  }

  @Test("two processes on a store with replicas leave the replicas whole", arguments: KeyHome.Kind.all)
  func replicas(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    _ = try home.settled(adding: [home.home + "/replica"])
    var crew = try Crew(home, size: 2, slotsEach: 1_500)
    try crew.run(kills: 6)
    let taken = try crew.taken()
    #expect(Set(taken.map(\.slot)).count == taken.count)
    _ = try home.settled()
    #expect(try KeyReplicas.differences(of: .directory(home.home + "/replica"), from: try home.location.place) == 0)
    // The replica alone and the root key are enough.
    let copy = KeyLocation(home.home + "/copy")
    try KeyStore.copy(
      from: [home.home + "/replica"], installation: KeyHome.id, rootKey: try home.provider.rootKey(), to: copy)
    try home.expectUsable(taken, at: copy)
  }

  @Test("sabotage: without the lock two processes hand out the same slots")
  func unlocked() throws {
    let home = try KeyHome(.directory)
    try home.store().createTenant(home.tenant)
    _ = try home.store().openTenant(home.tenant).takeSlot()
    let slots = Mutex<[Int64]>([])
    let place = UnlockedPlace(try home.location.place.place())
    let (provider, tenant) = (try home.provider, home.tenant)
    DispatchQueue.concurrentPerform(iterations: 2) { _ in
      let keys = try? KeyStore(on: place, provider: provider).openTenant(tenant)
      let taken = keys?.takeSlots(16) ?? []
      slots.withLock { $0 += taken }
    }
    let taken = slots.withLock(\.self)
    #expect(taken.count == 32)
    #expect(Set(taken).count < taken.count)
  }

  @Test("a key that another process made is found, and its slot is known as taken", arguments: KeyHome.Kind.all)
  func seen(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    try home.store().createTenant(home.tenant)
    let (one, other) = (try home.store().openTenant(home.tenant), try home.store().openTenant(home.tenant))
    #expect(one.takeSlots(3) == [0, 1, 2])
    #expect(other.takeSlots(3) == [16, 17, 18])
    let slot = SubjectRef(17)
    #expect(try one.isTaken(slot))
    #expect(try !one.isTaken(SubjectRef(32)))
    #expect(try one.taken == 32)
    #expect(
      try one.key(of: slot).withBytes { Array($0) } == (try other.key(of: slot).withBytes { Array($0) }))
    for _ in 0..<2_000 { _ = try other.takeSlot() }
    let late = try other.takeSlot()
    #expect(try one.isTaken(late))
    _ = try one.key(of: late)
    #expect(one.takeSlots(14).last ?? 0 > late.number)
  }

  @Test("a store whose mark falls while a server runs is refused")
  func putBack() throws {
    let home = try KeyHome(.directory)
    try home.store().createTenant(home.tenant)
    let keys = try home.store().openTenant(home.tenant)
    for _ in 0..<16 { _ = try keys.takeSlot() }
    try Data("8\n".utf8).write(to: URL(fileURLWithPath: "\(home.place)/tenants/\(home.tenant)/taken"))
    #expect { try keys.takeSlot() } throws: { ($0 as? Problem)?.message.contains("older than it was") == true }
  }

  @Test("a process that holds the lock keeps others from slots and from nothing else", arguments: KeyHome.Kind.all)
  func held(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    try home.store().createTenant(home.tenant)
    let keys = try home.store().openTenant(home.tenant)
    let first = try keys.takeSlot()
    _ = try keys.key(of: first)
    let isHeld = DispatchSemaphore(value: 0)
    let mayEnd = DispatchSemaphore(value: 0)
    let holder = Thread { [location = home.location] in
      try? location.place.place().locked(.store) { _ in
        isHeld.signal()
        mayEnd.wait()
      }
    }
    holder.start()
    isHeld.wait()
    let slots = Mutex<[Int64]>([])
    let taker = Thread {
      let taken = keys.takeSlots(20)
      slots.withLock { $0 = taken }
    }
    taker.start()
    for _ in 0..<200 { _ = try keys.key(of: first) }
    #expect(slots.withLock(\.count) == 0)
    mayEnd.signal()
    while slots.withLock(\.count) < 20 { Thread.sleep(forTimeInterval: 0.005) }
  }
}

/// The place as if its lock did nothing: two who look at the mark see the same.
private final class UnlockedPlace: KeyPlace {
  private let real: any KeyPlace
  private let readers = Mutex(0)

  init(_ real: any KeyPlace) { self.real = real }

  var name: KeyPlaceName { real.name }
  func prepare() throws {}
  func exists(_ file: KeyFile) throws -> Bool { try real.exists(file) }
  func list() throws -> [KeyFile] { try real.list() }
  func list(of tenant: TenantID) throws -> [KeyFile] { try real.list(of: tenant) }
  func add(_ bytes: [UInt8], as file: KeyFile) throws -> [UInt8] {
    // Both write beside under one name; only the lock keeps them apart, and that is not what is looked at here.
    try readers.withLock { _ in try real.add(bytes, as: file) }
  }
  func renew(_ file: KeyFile) throws { try real.renew(file) }
  func raise(_ mark: Int64, of tenant: TenantID) throws {
    try readers.withLock { _ in try real.raise(mark, of: tenant) }
  }
  func heads(of tenant: TenantID) throws -> [KeyFile] { try real.heads(of: tenant) }
  func epochs(ofBlocksOf tenant: TenantID) throws -> [Int64: Int64] { try real.epochs(ofBlocksOf: tenant) }
  func replace(_ blocks: [(file: KeyFile, bytes: [UInt8])]) throws { try real.replace(blocks) }
  func addNew(_ files: [(file: KeyFile, bytes: [UInt8])]) throws { try real.addNew(files) }
  func terms() throws -> [KeyFile] { try real.terms() }
  func put(_ bytes: [UInt8], as book: KeyFile) throws { try real.put(bytes, as: book) }
  func end(_ files: [KeyFile]) throws { try real.end(files) }
  func replicaList() throws -> [UInt8]? { try real.replicaList() }
  func setReplicaList(_ bytes: [UInt8]) throws { try real.setReplicaList(bytes) }
  func prepareToRewrite() throws { try real.prepareToRewrite() }
  func rewrite(_ bytes: [UInt8], as file: KeyFile) throws { try real.rewrite(bytes, as: file) }
  func drop(_ file: KeyFile) throws { try real.drop(file) }

  func read(_ file: KeyFile) throws -> [UInt8]? {
    let bytes = try real.read(file)
    guard case .taken = file else { return bytes }
    readers.withLock { $0 += 1 }
    // At the opening and at the reservation both have looked before either goes on.
    let isOpening = readers.withLock { $0 <= 2 }
    while readers.withLock({ $0 < (isOpening ? 2 : 4) }) { Thread.sleep(forTimeInterval: 0.001) }
    return bytes
  }

  func locked<T>(_ lock: KeyLock, _ body: (any KeyFiles) throws -> T) throws -> T { try body(self) }
}

extension TenantKeys {
  fileprivate func takeSlots(_ count: Int) -> [Int64] {
    (0..<count).compactMap { _ in try? takeSlot().number }
  }
}

// MARK: - Processes

private struct Taken {
  let slot: Int64
  let digest: String
}

/// Processes of `key-worker` on one store, some of which do not live long.
private struct Crew {
  private let home: KeyHome
  private let size: Int
  private let slotsEach: Int
  private var running: [Process] = []

  init(_ home: KeyHome, size: Int, slotsEach: Int) throws {
    self.home = home
    self.size = size
    self.slotsEach = slotsEach
  }

  private var out: String { home.home + "/taken.txt" }

  /// Beside the tests themselves.
  private static var program: String {
    let own = URL(fileURLWithPath: Bundle.main.executablePath ?? CommandLine.arguments[0])
    return own.deletingLastPathComponent().appendingPathComponent("key-worker").path
  }

  private mutating func start() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Crew.program)
    process.arguments = [home.place, home.rootKey, home.tenant.text, out, String(slotsEach)]
    try process.run()
    running.append(process)
  }

  /// Kills one after another, each a few milliseconds after the last and at no chosen point, and starts one in its place.
  mutating func run(kills: Int) throws {
    for _ in 0..<size { try start() }
    var random = SystemRandomNumberGenerator()
    for _ in 0..<kills {
      Thread.sleep(forTimeInterval: Double.random(in: 0.001...0.03, using: &random))
      let victim = running.remove(at: Int.random(in: 0..<running.count, using: &random))
      if victim.isRunning { kill(victim.processIdentifier, SIGKILL) }
      victim.waitUntilExit()
      try start()
    }
    for process in running {
      process.waitUntilExit()
      #expect(process.terminationStatus == 0 && process.terminationReason == .exit)
    }
  }

  func taken() throws -> [Taken] {
    try String(contentsOfFile: out, encoding: .utf8).split(separator: "\n").map { line in
      let parts = line.split(separator: " ")
      return Taken(slot: try #require(Int64(parts[0])), digest: String(parts.last ?? ""))
    }
  }
}

extension KeyHome {
  fileprivate func expectUsable(_ taken: [Taken], at location: KeyLocation? = nil) throws {
    let location = location ?? self.location
    let provider = try location.provider(dataDirectory: home + "/data")
    let keys = try KeyStore(at: try location.place, provider: provider).openTenant(tenant)
    for one in taken {
      let key = try keys.key(of: SubjectRef(one.slot))
      #expect(key.withBytes { Digest(sha256: Array($0)) }.hex == one.digest)
      #expect(try keys.isTaken(SubjectRef(one.slot)))
    }
    let next = try keys.takeSlot().number
    #expect(!taken.contains { $0.slot >= next })
  }
}
