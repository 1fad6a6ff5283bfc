import Platform
import Synchronization

/// Runs the checks of promises, one after another, and puts each result on the record.
package final class Prover: Sendable {
  /// One check: answers its evidence, throws `Broken` with the reason, or anything else if it could not do its work.
  typealias Check = @Sendable (Probe) async throws -> String

  /// The trust page's own sentences come last: they speak of the others' proofs.
  static let checks: [(id: String, run: Check)] = [
    ("F10", AtRestCheck.run), ("F11", ManagedKeyCheck.run), ("A12", KeyApartCheck.run), ("A10", TenantKeysCheck.run),
    ("F23", DatabaseAndBackupCheck.run),
    ("A9", VolumeAndBackupCheck.run), ("A22", RollingBackupCheck.run), ("F15", WriteAheadCheck.run),
    ("A20", EveryWriteCheck.run),
    ("A21", TrailCheck.run), ("A43", EditInPlaceCheck.run), ("F29", RolesCheck.run), ("A14", InvitationCheck.run),
    ("A15", NewUserCheck.run), ("F30", SessionTimeCheck.run), ("F31", RevocationCheck.run), ("A44", FreezeCheck.run),
    ("F9", TransportCheck.inTransit), ("F22", TransportCheck.noWeakSuites), ("A5", TransportCheck.newest),
    ("A6", TransportCheck.strictTransport), ("A7", TransportCheck.noDeprecatedCiphers), ("A49", RateLimitCheck.run),
    ("A54", OriginCheck.run), ("F53", ProviderListCheck.run), ("F54", WrittenTermsCheck.run),
    ("F55", PublishedListCheck.run), ("A36", NoticePeriodCheck.run), ("A37", ObjectionCheck.run),
    ("A41", ErasureCheck.run), ("F44", BackupEndCheck.run), ("A42", AgingCheck.run),
    // Ends the organisation that A42 leaves.
    ("A56", OwnEndCheck.run), ("A57", CertificationCheck.run), ("F71", DatedCheck.run),
    ("A58", ReviewCheck.run),
  ]

  /// What leaves something behind for good, such as the record of an organisation's end, or writes to every place of the keys. It is proven after every start, and then once a day.
  static let daily: Set<String> = ["F44", "A42", "A56"]
  static let dailySeconds = 23 * 3_600

  private let tenants = ProbeTenants()
  /// When each was proven last in this life of the process.
  private let proven = Mutex<[String: Instant]>([:])
  private let gate = AsyncGate()

  package init() {}

  /// For how long a run waits for that of another server.
  static let patienceSeconds = 900

  /// Runs the checks of `ids`, or all that are due, and records the results. Runs do not overlap, on whichever server: they do as customers do in
  /// the same tenants. `before` is called before each check.
  @discardableResult
  package func prove(
    _ ids: Set<String>? = nil, in environment: ProbeEnvironment,
    before: @escaping @Sendable (_ done: Int, _ total: Int) async throws -> Void = { _, _ in }
  ) async throws -> [CheckResult] {
    try await gate.alone { [self] in
      try await environment.services.turns.take("prove", patienceSeconds: Prover.patienceSeconds) { [self] in
        try await proveAlone(ids, in: environment, before: before)
      }
    }
  }

  private func proveAlone(
    _ ids: Set<String>?, in environment: ProbeEnvironment, before: @Sendable (Int, Int) async throws -> Void
  ) async throws -> [CheckResult] {
    var results: [CheckResult] = []
    let (now, environment) = (environment.services.now, environment.stopping())
    let chosen = Prover.checks.filter { ids?.contains($0.id) ?? isDue($0.id, now) }
    for check in chosen {
      try await before(results.count, chosen.count)
      let result = await run(check.id, check.run, in: environment)
      try Task.checkCancellation()
      try await ResultStore(services: environment.services).record(result)
      results.append(result)
      if result.outcome == .proven { proven.withLock { $0[check.id] = result.checkedAt } }
    }
    return results
  }

  func isDue(_ id: String, _ now: Instant) -> Bool {
    guard Prover.daily.contains(id), let last = proven.withLock({ $0[id] }) else { return true }
    // A clock that was set back makes the last time one of the future.
    return now < last || now >= last.adding(seconds: Prover.dailySeconds)
  }

  /// Runs one check without putting its result on the record.
  func run(_ id: String, _ check: Check, in environment: ProbeEnvironment) async -> CheckResult {
    let now = environment.services.now
    func result(_ outcome: CheckResult.Outcome, reason: String = "", evidence: String = "") -> CheckResult {
      CheckResult(promise: id, outcome: outcome, reason: reason, evidence: evidence, checkedAt: now)
    }
    do {
      let (first, second) = try await tenants.open(environment)
      let probe = Probe(environment: environment, tenants: tenants, first: first, second: second, startedAt: now)
      return result(.proven, evidence: try await check(probe))
    } catch let broken as Broken {
      return result(.failing, reason: broken.reason)
    } catch let hindered as Hindered {
      return result(.couldNotRun, reason: hindered.reason)
    } catch let problem as Problem {
      return result(.couldNotRun, reason: "It met a problem of the kind “\(problem.code.rawValue)”.")
    } catch {
      return result(.couldNotRun, reason: "It met an unexpected \(type(of: error)).")
    }
  }
}

/// Lets one body run at a time, in the order of arrival.
actor AsyncGate {
  private var last: Task<Void, Never>?

  func alone<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) async throws -> T {
    let before = last
    let task = Task {
      await before?.value
      return try await body()
    }
    last = Task { _ = try? await task.value }
    return try await withTaskCancellationHandler(operation: { try await task.value }, onCancel: { task.cancel() })
  }
}
