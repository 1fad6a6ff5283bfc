import Custody
import Dispatch
import Kernel
import Storage
import Synchronization

/// Which tenants are open in this process, and who uses them; closes those that nobody uses.
///
///     closed ──enter──▶ opening ──▶ open (users) ──nobody, and long ago or too many──▶ closing ──▶ closed
///        └──look──▶ looked at ──▶ closed
///
/// Every step is one critical section of one lock, and whoever is let in is counted in the step that lets him in. So a tenant is never
/// closed under a user, never opened while it is being closed or looked at as a file that nobody writes, and never opened twice.
final class OpenTenants: Sendable {
  /// How many are open at once, and for how long without a use.
  struct Rules: Sendable {
    /// More are open only while all of them are in use.
    var mostOpen: Int
    /// Rounds of `closeIdle` without a use before a tenant is closed.
    var idleRounds = 5
    /// What keeps a tenant from being closed.
    var mayClose: @Sendable (Stay) -> Bool = { $0.users == 0 && !$0.tenant.isAskedToFail }

    /// Half a MiB to one MiB and five files each.
    static let files = Rules(mostOpen: 96)
    /// No files, only keys and what was read.
    static let sharedDatabase = Rules(mostOpen: 384)
  }

  /// An open tenant.
  struct Stay: Sendable {
    let tenant: TenantLedger
    var users: Int
    /// When it was used last, counted in uses and in rounds.
    var lastUse: Int
    var lastRound: Int
  }

  /// What the next opening of a closed tenant begins with.
  struct Departure: Sendable {
    let keys: TenantKeys.Remainder
    /// The size of the log, as `TenantLedger.version` had it.
    let version: Int64
  }

  private enum Slot {
    /// Whoever waits is counted already.
    case opening(Task<TenantLedger, any Error>, users: Int)
    case open(Stay)
    case closing(Task<Void, Never>)
    /// Read as a file that nobody writes, by so many; the others wait for it to end.
    case lookedAt(by: Int, waiting: [CheckedContinuation<Void, Never>])
  }

  private struct State {
    var slots: [TenantID: Slot] = [:]
    var departures: [TenantID: Departure] = [:]
    /// How often each was opened.
    var openings: [TenantID: Int] = [:]
    var uses = 0
    var round = 0
    var isShut = false
  }

  let rules: Mutex<Rules>
  private let state = Mutex(State())
  private let mayCloseAny: @Sendable () -> Bool
  /// Closes one after another: each may wait for the disk.
  private let closer = DispatchQueue(label: "steward.tenants.close")

  /// `mayCloseAny`: false while what is closed might not open again.
  init(_ rules: Rules, mayCloseAny: @escaping @Sendable () -> Bool = { true }) {
    self.rules = Mutex(rules)
    self.mayCloseAny = mayCloseAny
  }

  // MARK: Using one

  /// The open tenant, which stays open until `leave` is called once for it. `load` opens it; it is told what the last closing left.
  func enter(
    _ id: TenantID, _ load: @escaping @Sendable (Departure?) async throws -> TenantLedger
  ) async throws -> TenantLedger {
    while true {
      switch try state.withLock({ try step(&$0, id, load) }) {
      case .entered(let tenant): return tenant
      case .counted(let opening): return try await opening.value
      case .wait(let closing): await closing.value
      case .lookedAt: await lookEnd(id)
      }
    }
  }

  /// The same without waiting; nil if it is not open.
  func enterOpen(_ id: TenantID) -> TenantLedger? {
    state.withLock { state in
      guard !state.isShut, let place = state.slots.index(forKey: id), case .open(var stay) = state.slots.values[place]
      else { return nil }
      state.uses += 1
      stay.users += 1
      (stay.lastUse, stay.lastRound) = (state.uses, state.round)
      state.slots.values[place] = .open(stay)
      return stay.tenant
    }
  }

  /// What `body` says of a tenant if it is open. It runs under the lock: brief, and nothing that asks for a tenant.
  func peek<T>(_ id: TenantID, _ body: (TenantLedger) -> T) -> T? {
    state.withLock { state in
      guard !state.isShut, case .open(let stay) = state.slots[id] else { return nil }
      return body(stay.tenant)
    }
  }

  private enum Step {
    case entered(TenantLedger)
    case counted(Task<TenantLedger, any Error>)
    case wait(Task<Void, Never>)
    case lookedAt
  }

  private func step(
    _ state: inout State, _ id: TenantID, _ load: @escaping @Sendable (Departure?) async throws -> TenantLedger
  ) throws -> Step {
    guard !state.isShut else {
      throw Problem(.unavailable, "The server is being stopped. Try again in a minute.")
    }
    state.uses += 1
    switch state.slots[id] {
    case .open(var stay):
      stay.users += 1
      (stay.lastUse, stay.lastRound) = (state.uses, state.round)
      state.slots[id] = .open(stay)
      return .entered(stay.tenant)
    case .opening(let task, let users):
      state.slots[id] = .opening(task, users: users + 1)
      return .counted(task)
    case .closing(let task): return .wait(task)
    case .lookedAt: return .lookedAt
    case nil:
      let left = makeRoom(&state)
      let task = Task { [departure = state.departures[id]] in
        // One goes for one that comes.
        await left?.value
        return try await self.open(id, departure, load)
      }
      state.slots[id] = .opening(task, users: 1)
      return .counted(task)
    }
  }

  private func open(
    _ id: TenantID, _ departure: Departure?, _ load: @Sendable (Departure?) async throws -> TenantLedger
  ) async throws -> TenantLedger {
    do {
      let tenant = try await load(departure)
      state.withLock { state in
        guard case .opening(_, let users) = state.slots[id] else { return }
        state.openings[id, default: 0] += 1
        state.slots[id] = .open(Stay(tenant: tenant, users: users, lastUse: state.uses, lastRound: state.round))
      }
      return tenant
    } catch {
      state.withLock { $0.slots[id] = nil }
      throw error
    }
  }

  /// Ends a use that `enter` began.
  func leave(_ id: TenantID) {
    state.withLock { state in
      guard let place = state.slots.index(forKey: id), case .open(var stay) = state.slots.values[place] else { return }
      stay.users -= 1
      (stay.lastUse, stay.lastRound) = (state.uses, state.round)
      state.slots.values[place] = .open(stay)
      // Those that came while all were in use have to go again.
      if stay.users == 0, state.slots.count > mostOpen { _ = makeRoom(&state, for: 0) }
    }
  }

  private var mostOpen: Int { max(1, rules.withLock { $0.mostOpen }) }

  // MARK: Looking without opening

  /// What a look found: with `still` the tenant is closed, and stays so until the look ends.
  private enum Hold { case still, user, none }

  /// Runs `body` while the tenant is not opened or closed, if it can. `isStill`: it is closed, and stays so until `body` ends; then
  /// the count says how often it was open before.
  func look<T>(_ id: TenantID, _ body: (_ isStill: Bool, _ openings: Int) throws -> T) rethrows -> T {
    let (hold, openings) = state.withLock { (beginLook(&$0, id), $0.openings[id] ?? 0) }
    defer { endLook(id, hold) }
    return try body(hold == .still, openings)
  }

  private func beginLook(_ state: inout State, _ id: TenantID) -> Hold {
    switch state.slots[id] {
    case nil: state.slots[id] = .lookedAt(by: 1, waiting: [])
    case .lookedAt(let count, let waiting): state.slots[id] = .lookedAt(by: count + 1, waiting: waiting)
    case .open(var stay):
      // Not a use that keeps it from being idle.
      stay.users += 1
      state.slots[id] = .open(stay)
      return .user
    // The engine itself copes with one more who reads.
    case .opening, .closing: return .none
    }
    return .still
  }

  private func endLook(_ id: TenantID, _ hold: Hold) {
    state.withLock { state in
      switch (state.slots[id], hold) {
      case (.lookedAt(let count, let waiting), .still):
        state.slots[id] = count > 1 ? .lookedAt(by: count - 1, waiting: waiting) : nil
        if count == 1 { for waiter in waiting { waiter.resume() } }
      case (.open(var stay), .user):
        stay.users -= 1
        state.slots[id] = .open(stay)
      default: return
      }
    }
  }

  private func lookEnd(_ id: TenantID) async {
    await withCheckedContinuation { continuation in
      state.withLock { state in
        guard case .lookedAt(let count, let waiting) = state.slots[id] else { return continuation.resume() }
        state.slots[id] = .lookedAt(by: count, waiting: waiting + [continuation])
      }
    }
  }

  /// How often it was opened in this process; rises when it is open.
  func openings(of id: TenantID) -> Int { state.withLock { $0.openings[id] ?? 0 } }

  func isOpen(_ id: TenantID) -> Bool {
    state.withLock { state in
      switch state.slots[id] {
      case .open, .opening: true
      case .closing, .lookedAt, nil: false
      }
    }
  }

  /// Those that are open now.
  var all: [TenantID] {
    state.withLock { state in state.slots.compactMap { id, slot in if case .open = slot { id } else { nil } } }
  }

  /// Runs `body` with a tenant if it is open, without counting as a use of it.
  func ifOpen(_ id: TenantID, _ body: (TenantLedger) -> Void) {
    let tenant = state.withLock { state -> TenantLedger? in
      guard case .open(var stay) = state.slots[id] else { return nil }
      stay.users += 1
      state.slots[id] = .open(stay)
      return stay.tenant
    }
    guard let tenant else { return }
    defer { endLook(id, .user) }
    body(tenant)
  }

  // MARK: Closing

  /// Closes what has not been used for `idleRounds` calls; returns when it is closed. Answers how many.
  func closeIdle() async -> Int {
    let rules = rules.withLock { $0 }
    let closings = state.withLock { state -> [Task<Void, Never>] in
      state.round += 1
      guard mayCloseAny() else { return [] }
      return state.slots.compactMap { id, slot in
        guard case .open(let stay) = slot, rules.mayClose(stay), state.round - stay.lastRound > rules.idleRounds else {
          return nil
        }
        return close(&state, id, stay)
      }
    }
    for closing in closings { await closing.value }
    return closings.count
  }

  /// Closes the one that was used longest ago if there is no room for so many more. Nil if there is, or all are in use.
  private func makeRoom(_ state: inout State, for more: Int = 1) -> Task<Void, Never>? {
    let rules = rules.withLock { $0 }
    let open = state.slots.compactMap { id, slot -> (TenantID, Stay)? in
      if case .open(let stay) = slot { (id, stay) } else { nil }
    }
    let opening = state.slots.values.count { if case .opening = $0 { true } else { false } }
    guard open.count + opening + more > max(1, rules.mostOpen), mayCloseAny() else { return nil }
    let candidates = open.filter { rules.mayClose($0.1) }
    guard let (id, stay) = candidates.min(by: { $0.1.lastUse < $1.1.lastUse }) else { return nil }
    return close(&state, id, stay)
  }

  private func close(_ state: inout State, _ id: TenantID, _ stay: Stay) -> Task<Void, Never> {
    let task = Task { [closer] in
      let departure = await withCheckedContinuation { continuation in
        closer.async { continuation.resume(returning: stay.tenant.depart()) }
      }
      self.state.withLock { state in
        state.departures[id] = departure
        if case .closing = state.slots[id] { state.slots[id] = nil }
      }
    }
    state.slots[id] = .closing(task)
    return task
  }

  /// Closes a tenant that ends, in use or not; no later opening goes on with anything of it.
  func end(_ id: TenantID) async {
    let slot = state.withLock { state -> Slot? in
      state.departures[id] = nil
      if case .lookedAt = state.slots[id] { return nil }
      return state.slots.removeValue(forKey: id)
    }
    switch slot {
    case .open(let stay): stay.tenant.database.close()
    case .opening(let task, _): (try? await task.value)?.database.close()
    case .closing(let task):
      await task.value
      state.withLock { $0.departures[id] = nil }
    case .lookedAt, nil: return
    }
  }

  /// So many are closed at once at the end: each has its log copied into its file and waits for the disk three times.
  static let closedAtOnce = 16
  private static let shutter = DispatchQueue(label: "steward.tenants.shut", attributes: .concurrent)

  private func shut(_ slot: Slot) async {
    let tenant: TenantLedger?
    switch slot {
    case .open(let stay): tenant = stay.tenant
    case .opening(let task, _): tenant = try? await task.value
    case .closing(let task): return await task.value
    case .lookedAt: return
    }
    guard let tenant else { return }
    await withCheckedContinuation { continuation in
      OpenTenants.shutter.async {
        tenant.database.close()
        continuation.resume()
      }
    }
  }

  /// Lets nobody in any more, waits for what is being written, and closes every one, in use or not.
  func shut() async {
    let slots = state.withLock { state in
      state.isShut = true
      return Array(state.slots.values)
    }
    await withTaskGroup(of: Void.self) { group in
      for (number, slot) in slots.enumerated() {
        if number >= OpenTenants.closedAtOnce { await group.next() }
        group.addTask { await self.shut(slot) }
      }
    }
    // Whoever waits for a look to end is told then.
    state.withLock { state in
      state.slots = state.slots.filter { if case .lookedAt = $0.value { true } else { false } }
    }
  }
}

/// Keeps a tenant open for as long as it is referred to: for what is used beyond one call, such as a stream.
package final class TenantUse: Sendable {
  private let tenants: OpenTenants
  private let id: TenantID

  /// For a use that `enter` has counted.
  init(_ id: TenantID, in tenants: OpenTenants) {
    self.id = id
    self.tenants = tenants
  }

  deinit { tenants.leave(id) }
}
