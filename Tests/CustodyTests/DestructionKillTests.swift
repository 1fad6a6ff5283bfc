@testable import Custody
import Crypto
import Foundation
import Kernel
import Testing

/// `STEWARD_LONG_TESTS=1` makes the loops as long as they are run by night.
private let isLong = ProcessInfo.processInfo.environment["STEWARD_LONG_TESTS"] != nil

@Suite("Keys that are destroyed while processes die")
struct DestructionKillTests {
  @Test("killed at each step, and again while it is repeated, it ends all the same", arguments: KeyHome.Kind.all)
  func killed(_ kind: KeyHome.Kind) throws {
    for round in 0..<(isLong ? 100 : 3) {
      let home = try KeyHome(kind)
      _ = try home.settled(adding: [home.home + "/one"])
      let used = try home.use(1_100)
      let victims = [SubjectRef(Int64(round)), SubjectRef(1_050)]
      // Each time a little further, from a start that differs from round to round.
      var (step, isOver) = (round % 4, false)
      while !isOver {
        isOver = try home.destroy(victims, killedAt: step)
        let now = try home.store().openTenant(home.tenant)
        for (slot, key) in used where !victims.contains(slot) {
          #expect(try now.key(of: slot).withBytes { Array($0) } == key, "step \(step)")
        }
        step += 4
        if step > 200 { break }
      }
      #expect(isOver && step > 4)
      try home.expect(used, without: victims, try home.store().openTenant(home.tenant))
      try home.expectUsable(used, without: victims, from: home.home + "/one")
      #expect(try KeyReplicas.differences(of: .directory(home.home + "/one"), from: try home.location.place) == 0)
    }
  }

  @Test(
    "several processes take slots and destroy keys at once: no key is lost, none comes back",
    arguments: KeyHome.Kind.all)
  func together(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    let used = try home.use(200)
    let takers = try (0..<2).map { _ in try home.start([home.home + "/taken.txt", "1200"]) }
    var victims: [SubjectRef] = []
    for number in 0..<(isLong ? 40 : 6) {
      victims.append(SubjectRef(Int64(number)))
      let one = try home.start(["destroy", "1000000", "\(number)"])
      let other = try home.start(["destroy", "1000000", "\(number)"])
      for process in [one, other] {
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
      }
    }
    for process in takers {
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
    }
    let keys = try home.store().openTenant(home.tenant)
    try home.expect(used, without: victims, keys)
    for line in try String(contentsOfFile: home.home + "/taken.txt", encoding: .utf8).split(separator: "\n") {
      let parts = line.split(separator: " ")
      let key = try keys.key(of: SubjectRef(try #require(Int64(parts[0]))))
      #expect(key.withBytes { Kernel.Digest(sha256: Array($0)) }.hex == parts[1])
    }
  }

  @Test("one of a million subjects is destroyed within a second", .enabled(if: isLong), arguments: KeyHome.Kind.all)
  func million(_ kind: KeyHome.Kind) throws {
    let home = try KeyHome(kind)
    _ = try home.settled(adding: [home.home + "/one"])
    _ = try home.use(1)
    let keys = try home.store().openTenant(home.tenant)
    for _ in 0..<1_000_000 { _ = try keys.takeSlot() }
    var times: [Duration] = []
    for number in [5, 500_000, 999_999] as [Int64] {
      let started = ContinuousClock.now
      #expect(try keys.destroy([SubjectRef(number)], erasure: "e", now: Instant(milliseconds: 1)).isComplete)
      times.append(.now - started)
    }
    print("destroyed one of 1,000,000 at a \(kind) with a replica: \(times)")
  }

  // MARK: Moves

  /// A sealed thing and where it belongs.
  private struct Piece {
    let key: SecretBytes
    let context: [UInt8]
    let box: [UInt8]
  }

  @Test("boxes that are moved between tenants, tables, keys, versions, blocks, epochs and files do not open")
  func moved() throws {
    let pieces = try DestructionKillTests.pieces()
    var random = Seeded(state: 7)
    for _ in 0..<(isLong ? 1_000_000 : 20_000) {
      let (one, other) = (pieces[random.below(pieces.count)], pieces[random.below(pieces.count)])
      let changed = random.below(3)
      let key = changed == 0 ? one.key : other.key
      let context = changed == 1 ? one.context : other.context
      let isHome = one.context == context && one.key === key
      let opened = try? Box.open(one.box, key: key, context: context)
      if (opened != nil) != isHome {
        Issue.record("a box opened in another place, or not in its own")
        return
      }
    }
  }

  private static func pieces() throws -> [Piece] {
    let tenants = (1...3).map { TenantID.make(at: Instant(milliseconds: $0)) }
    let keys = (0..<4).map { _ in SecretBytes.random() }
    let file = FileID.make(at: Instant(milliseconds: 4))
    var contexts: [[UInt8]] = []
    for tenant in tenants {
      for table in ["vendor", "case"] {
        for id in ["a", "b"] {
          for schema in [1, 2] as [Int64] {
            contexts.append(SealingContext.row(tenant: tenant, table: table, key: id, schema: schema))
          }
        }
      }
      for number in [1, 2] as [Int64] {
        contexts.append(SealingContext.epoch(tenant: tenant, epoch: number))
        for block in [0, 1] as [Int64] {
          contexts.append(SealingContext.block(tenant: tenant, epoch: number, block: block))
        }
      }
      contexts += [SealingContext.logKey(tenant: tenant, number: 1), SealingContext.indexKey(tenant: tenant)]
      contexts += [SealingContext.file(tenant: tenant, file: file), SealingContext.gone(tenant: tenant)]
      contexts.append(SealingContext.erased(tenant: tenant, id: .make(at: Instant(milliseconds: 5))))
    }
    return try contexts.flatMap { context in
      try keys.map { key in
        Piece(
          key: key, context: context, box: try Box.seal([UInt8](repeating: 7, count: 32), key: key, context: context))
      }
    }
  }
}

/// SplitMix64, so that a failure can be run again.
private struct Seeded {
  var state: UInt64
  mutating func below(_ bound: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
  }
}

extension KeyHome {
  /// Beside the tests themselves.
  private static var worker: String {
    let own = URL(fileURLWithPath: Bundle.main.executablePath ?? CommandLine.arguments[0])
    return own.deletingLastPathComponent().appendingPathComponent("key-worker").path
  }

  fileprivate func start(_ arguments: [String]) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: KeyHome.worker)
    process.arguments = [place, rootKey, tenant.text] + arguments
    try process.run()
    return process
  }

  /// Whether it came to its end.
  fileprivate func destroy(_ subjects: [SubjectRef], killedAt step: Int) throws -> Bool {
    let process = try start(["destroy", "\(step)"] + subjects.map { "\($0.number)" })
    process.waitUntilExit()
    if process.terminationReason == .exit { #expect(process.terminationStatus == 0) }
    return process.terminationReason == .exit
  }
}
