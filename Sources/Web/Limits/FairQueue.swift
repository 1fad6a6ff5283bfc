import Kernel
import Synchronization

/// Lets so many requests run at once, so many of them of one party, and gives the turns that become free to the waiting parties one
/// after another: who waits with one request goes before the second of who waits with a hundred.
package final class FairQueue<Party: Hashable & Sendable>: Sendable {
  package struct Limits: Sendable {
    package var running: Int
    package var runningPerParty: Int
    package var waiting: Int
    package var waitingPerParty: Int

    package init(running: Int, runningPerParty: Int, waiting: Int, waitingPerParty: Int) {
      self.running = running
      self.runningPerParty = runningPerParty
      self.waiting = waiting
      self.waitingPerParty = waitingPerParty
    }

    package init(_ settings: LimitSettings) {
      self.init(
        running: settings.maximumInFlight, runningPerParty: settings.maximumInFlightPerParty,
        waiting: settings.maximumWaiting, waitingPerParty: settings.maximumWaitingPerParty)
    }
  }

  private struct Line {
    var running = 0
    /// In order of arrival; those that gave up are gone from `waiters`.
    var numbers: [UInt64] = []
    var next = 0

    mutating func shorten() {
      numbers.removeFirst(next)
      next = 0
    }
  }

  private struct State {
    var running = 0
    var lines: [Party: Line] = [:]
    /// Parties of which somebody waits, in the order of their next turn.
    var turns: [Party] = []
    var waiters: [UInt64: CheckedContinuation<Bool, Never>] = [:]
    var lastNumber: UInt64 = 0
  }

  private let limits: Limits
  private let state = Mutex(State())

  package init(_ limits: Limits) { self.limits = limits }

  /// How many run and how many wait.
  package var load: (running: Int, waiting: Int) { state.withLock { ($0.running, $0.waiters.count) } }

  /// The place of one request among those that run. It is given up while the request waits for its sender, so that a slow one
  /// takes nobody's place.
  package final class Turn: Sendable {
    private let queue: FairQueue
    private let party: Party
    /// False once it is over; then waiting changes nothing.
    private let isHeld = Mutex(true)

    fileprivate init(_ queue: FairQueue, _ party: Party) {
      self.queue = queue
      self.party = party
    }

    fileprivate func end() {
      if isHeld.withLock({ held in
        defer { held = false }
        return held
      }) {
        queue.leave(party)
      }
    }

    /// Waits for `body` without the place; then goes on at once, even if that is one more than may run.
    package func paused<T>(_ body: () async throws -> T) async throws -> T {
      guard isHeld.withLock({ $0 }) else { return try await body() }
      queue.leave(party)
      defer { queue.enterAnyway(party) }
      return try await body()
    }
  }

  /// Runs `body` when it is the party's turn. Throws `unavailable` if too many wait or the wait gets longer than `waitSeconds`.
  package func run<T>(_ party: Party, waitSeconds: Int, _ body: (Turn) async throws -> T) async throws -> T {
    if !enterAtOnce(party) { try await wait(party, seconds: waitSeconds) }
    let turn = Turn(self, party)
    defer { turn.end() }
    return try await body(turn)
  }

  package static var crowded: Problem {
    Problem(.unavailable, "Too many requests are waiting; try again in a few seconds.")
  }

  private func enterAtOnce(_ party: Party) -> Bool {
    state.withLock { state in
      guard state.running < limits.running, state.waiters.isEmpty || state.lines[party]?.numbers.isEmpty ?? true,
        state.lines[party]?.running ?? 0 < limits.runningPerParty
      else { return false }
      state.running += 1
      state.lines[party, default: Line()].running += 1
      return true
    }
  }

  private func enterAnyway(_ party: Party) {
    state.withLock { state in
      state.running += 1
      state.lines[party, default: Line()].running += 1
    }
  }

  private func wait(_ party: Party, seconds: Int) async throws {
    guard let number = state.withLock({ enrol(party, &$0) }) else { throw FairQueue.crowded }
    let alarm = Task {
      try await Task.sleep(for: .seconds(seconds))
      giveUp(number)
    }
    defer { alarm.cancel() }
    let isAdmitted = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in stand(number, party, continuation) }
    } onCancel: {
      giveUp(number)
    }
    guard isAdmitted else { throw FairQueue.crowded }
  }

  private func enrol(_ party: Party, _ state: inout State) -> UInt64? {
    let line = state.lines[party] ?? Line()
    guard state.waiters.count < limits.waiting, line.numbers.count - line.next < limits.waitingPerParty else {
      return nil
    }
    state.lastNumber += 1
    return state.lastNumber
  }

  /// Stands in line; or goes at once if a place became free in between.
  private func stand(_ number: UInt64, _ party: Party, _ continuation: CheckedContinuation<Bool, Never>) {
    let ready = state.withLock { state in
      state.waiters[number] = continuation
      var line = state.lines[party] ?? Line()
      if line.next == line.numbers.count { state.turns.append(party) }
      if line.next > 64 { line.shorten() }
      line.numbers.append(number)
      state.lines[party] = line
      return admitNext(&state)
    }
    for waiter in ready { waiter.resume(returning: true) }
  }

  private func giveUp(_ number: UInt64) {
    // Its place in the line stays and is passed over when its turn comes.
    state.withLock { $0.waiters.removeValue(forKey: number) }?.resume(returning: false)
  }

  private func leave(_ party: Party) {
    let ready = state.withLock { state in
      state.running -= 1
      state.lines[party]?.running -= 1
      let ready = admitNext(&state)
      if let line = state.lines[party], line.running == 0, line.next == line.numbers.count { state.lines[party] = nil }
      return ready
    }
    for waiter in ready { waiter.resume(returning: true) }
  }

  /// Gives free places to the parties in turn; a party at its own limit keeps its place in the order.
  private func admitNext(_ state: inout State) -> [CheckedContinuation<Bool, Never>] {
    var ready: [CheckedContinuation<Bool, Never>] = []
    var looked = 0
    while state.running < limits.running, looked < state.turns.count {
      let party = state.turns[looked]
      var line = state.lines[party] ?? Line()
      while line.next < line.numbers.count, state.waiters[line.numbers[line.next]] == nil { line.next += 1 }
      guard line.next < line.numbers.count else {
        state.turns.remove(at: looked)
        line.numbers = []
        line.next = 0
        state.lines[party] = line.running == 0 ? nil : line
        continue
      }
      guard line.running < limits.runningPerParty else {
        state.lines[party] = line
        looked += 1
        continue
      }
      if let waiter = state.waiters.removeValue(forKey: line.numbers[line.next]) { ready.append(waiter) }
      line.next += 1
      line.running += 1
      state.running += 1
      state.turns.remove(at: looked)
      if line.next < line.numbers.count {
        state.turns.append(party)
      } else {
        line.numbers = []
        line.next = 0
      }
      state.lines[party] = line
    }
    return ready
  }
}
