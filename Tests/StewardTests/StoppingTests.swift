import Foundation
import Glibc
@testable import Platform
import Server
import Synchronization
import TestDatabase
import TestKit
import Testing

@testable import Trust

/// A server that is told to stop begins nothing any more, however much there is to do. Counted, not timed.
@Suite("Stopping")
struct StoppingTests {
  @Test("a round of checks that is told to stop asks nothing any more, and puts nothing on the record")
  func round() async throws {
    let house = try await House.open()
    defer { house.leave() }
    var environment = try house.app.trust.environment(house.app.services)
    let (send, calls) = (environment.send, Calls())
    environment.send = { call in
      if calls.next() == 40 { calls.stop() }
      return try await send(call)
    }
    let round = Task { [environment] in try await Prover().prove(["F29"], in: environment) }
    calls.stops { round.cancel() }
    await #expect(throws: CancellationError.self) { try await round.value }
    #expect(calls.count == 40)
    let page = try await house.stranger.get("/trust.json").json()
    let shown = page["promises"]?.array?.first { $0["id"]?.string == "F29" }
    #expect(shown?["checked_at"]?.string == nil)
  }

  @Test("schedules are not kept on by a server that stops: no tenant is opened for them any more")
  func schedules() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let plan = JobPlan(services: house.app.services, logger: house.app.logger)
    await plan.scan()
    house.clock.advance(seconds: 40 * 86_400)
    let now = house.clock.now
    let before = try await waiting(house)
    let stopped = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      await plan.enqueueDue(now: now)
    }
    await stopped.value
    #expect(try await waiting(house) == before)
    await plan.enqueueDue(now: now)
    #expect(try await waiting(house) > before)
  }

  private func waiting(_ house: House) async throws -> Int64 {
    var count: Int64 = 0
    for tenant in house.app.ledger.tenants {
      count += try await house.app.ledger.read(tenant.id) {
        try $0.rows("SELECT count(*) FROM job WHERE tenant = \(tenant.id) AND state = 'waiting'")[0][0].integer ?? 0
      }
    }
    return count
  }

  @Test("a backup that is told to stop ends before its next part, and the next one removes what lies there")
  func backup() async throws {
    let house = try await House.open(backsUp: true)
    defer { house.leave() }
    let environment = try house.app.trust.environment(house.app.services)
    let (first, _) = try await ProbeTenants().open(environment)
    let stopped = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      _ = try await environment.backupSpecimen(first.id)
    }
    await #expect(throws: CancellationError.self) { try await stopped.value }
    let specimen = try await environment.backupSpecimen(first.id)
    #expect(specimen.opensWithKey)
    try? FileManager.default.removeItem(atPath: specimen.directory)
  }

  @Test(
    "a directory that was closed can be opened at once, also while a process is being started",
    .enabled(if: !TestDatabase.isWanted))
  func lock() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let data = house.app.ledger.installation.directory
    // What a process has between fork(2) and exec(2).
    let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
    let copies = open.filter { path(of: $0) == data + "/lock" }.map { dup($0) }
    defer { for copy in copies { close(copy) } }
    #expect(!copies.isEmpty)
    _ = try await house.reopened()
  }

  private func path(of descriptor: Int32) -> String? {
    var target = [CChar](repeating: 0, count: 4_096)
    let count = readlink("/proc/self/fd/\(descriptor)", &target, target.count)
    return count > 0 ? String(decoding: target.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
  }

  private final class Calls: Sendable {
    private let state = Mutex<(count: Int, isStopped: Bool, act: (@Sendable () -> Void)?)>((0, false, nil))

    var count: Int { state.withLock { $0.count } }

    func next() -> Int {
      state.withLock { state in
        state.count += 1
        return state.count
      }
    }

    func stop() {
      // The task is made a moment after this was handed to it.
      while true {
        if let act = state.withLock({ $0.act }) { return act() }
        usleep(1_000)
      }
    }

    func stops(_ act: @escaping @Sendable () -> Void) { state.withLock { $0.act = act } }
  }
}
