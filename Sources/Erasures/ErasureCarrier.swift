import Certificate
import Custody
import Platform

/// Carries confirmed erasures to their end. Each step may be cut off and done again: what was reached is on the record, and keys are
/// destroyed as often as it takes.
///
///     start, part…   rows, before images, derived rows go         (erasure.start, erasure.part)
///     destroy…       every copy of the keys ends                  (erasure.destroy, once for every change)
///     scrub          what the disk still has of it; of a large file the rest at night (`ErasureClearing`)
///     final          no server can use a key any more             (erasure.final)
struct ErasureCarrier: Sendable {
  static let kindName = "erasure.carry"
  private static let actor = Actor.system("erasure")
  /// Rows of one command: each is deleted and marked, and a command changes at most 4,096 rows.
  private static let rowsPerCommand = 1_800
  /// How soon a place that could not be reached is tried again.
  private static let retrySeconds = 30

  let services: Services
  /// On whose record the erasures stand.
  let home: TenantID
  /// Bytes of a database file that is written anew before the erasure is final.
  var largestAtOnce = ErasureClearing.largestAtOnce

  private var ledger: Ledger { services.ledger }

  static let kind = JobKind(
    kindName, summary: "Carry erasures that were confirmed to their end.", schedule: .every(seconds: 600),
    scope: .everyTenant,
    freeze: .exempt(reason: "An erasure that was asked for is finished; it only takes away."), maximumAttempts: 100,
    isNeeded: { peek in
      try !peek.rows(
        "SELECT 1 FROM erasure WHERE tenant = \(peek.tenant) AND state IN ('started', 'pending') LIMIT 1"
      ).isEmpty
    }, run: { run in try await ErasureCarrier(services: run.services, home: run.tenant).carryAll(run) })

  func carryAll(_ run: JobRun) async throws {
    let underway = try await ledger.read(home) {
      try $0.fetch(Erasure.self, "AND state IN ('started', 'pending') ORDER BY id").map(\.id)
    }
    var (next, failure): (Instant?, (any Error)?) = (nil, nil)
    for (done, id) in underway.enumerated() {
      try await run.progress(done, of: underway.count)
      do {
        if let later = try await carry(id) { next = min(next ?? later, later) }
      } catch let lost as JobLost {
        throw lost
      } catch is Overtaken {
        next = services.now
      } catch {
        // The others go on; this one is tried again, and what it was is shown with the job.
        failure = error
        next = services.now.adding(seconds: ErasureCarrier.retrySeconds)
      }
    }
    if let next { try await again(at: next) }
    if let failure { throw failure }
  }

  /// One for all that is due within five seconds, at their end: so it is never the one that is running and still has its key, since that one was
  /// due no later than now.
  private func again(at next: Instant) async throws {
    let (jobs, slot) = (services.jobs, next.milliseconds / 5_000 + 1)
    try await ledger.writeTransient(home) { work in
      _ = try jobs.enqueue(
        ErasureCarrier.kindName, uniqueKey: "again-\(slot)", at: Instant(milliseconds: slot * 5_000), in: work)
    }
  }

  /// Goes as far as it can. Answers when to go on, or nil at the end.
  func carry(_ id: ErasureID) async throws -> Instant? {
    var erasure = try await start(id)
    guard erasure.state.isUnderway else { return nil }
    if erasure.progress.keys?.isComplete != true { erasure = try await destroy(erasure) }
    guard let keys = erasure.progress.keys, keys.isComplete, let end = keys.lastEnd else {
      return services.now.adding(seconds: ErasureCarrier.retrySeconds)
    }
    let earliest = ledger.earliestFinal(after: end)
    guard services.now >= earliest else { return earliest }
    try await finish(id, try await scrub(erasure))
    return nil
  }

  /// Where its ciphertext may still lie.
  private func scrub(_ erasure: Erasure) async throws -> Erasure.Ciphertext {
    guard erasure.target.kind == .tenant else {
      switch try await ledger.scrub(home, upTo: largestAtOnce) {
      case .nowhere: return .gone
      case .unusedParts: return .waiting
      case .elsewhere: return .database
      }
    }
    if let tenant = TenantID(erasure.target.id) { try await ledger.removeTenant(tenant) }
    return ledger.isShared ? .database : .gone
  }

  // MARK: Rows

  /// Takes the rows away, if they are still there.
  func start(_ id: ErasureID) async throws -> Erasure {
    while true {
      guard let erasure = try await ledger.read(home, { try $0.find(Erasure.self, id) }) else { throw Problem.notFound }
      guard erasure.state.isUnderway else { return erasure }
      guard erasure.startedAt == nil || !erasure.progress.left.isEmpty else { return erasure }
      do {
        if erasure.target.kind == .tenant { try await startTenant(erasure) } else { try await take(erasure) }
      } catch is Overtaken { continue }
    }
  }

  /// Somebody else carried it further meanwhile.
  private struct Overtaken: Error {}

  /// Another erasure took all of it first.
  private struct NothingLeft: Error {}

  private func take(_ known: Erasure) async throws {
    do { try await takeMore(known) } catch is NothingLeft {
      // It destroys nothing, so it has no record either: that would have to name a key that ended by it.
      let act = Act("erasure.withdraw", on: known.ref, by: ErasureCarrier.actor)
      let id = known.id
      _ = try await ledger.write(home, act) { work in
        guard var erasure = try work.find(Erasure.self, id), erasure.state.isUnderway, erasure.startedAt == nil else {
          throw Overtaken()
        }
        erasure.state = .withdrawn
        try work.update(erasure)
      }
    }
  }

  private func takeMore(_ known: Erasure) async throws {
    let isFirst = known.startedAt == nil
    let (erasers, id, target) = (services.erasers, known.id, known.target)
    let fresh = isFirst ? try await Inventory.take(target, of: home, services) : nil
    // Data that came back from before may lack what this erasure had begun to destroy.
    let buried = isFirst && fresh == nil ? try await ledger.destroyedKeys(of: home, by: id.text) : []
    let act =
      isFirst
      ? Act("erasure.start", on: known.ref, by: ErasureCarrier.actor)
      : Act("erasure.part", on: known.ref, by: ErasureCarrier.actor)
    _ = try await ledger.write(home, act) { work in
      guard var erasure = try work.find(Erasure.self, id), erasure.state.isUnderway,
        (erasure.startedAt == nil) == isFirst
      else { throw Overtaken() }
      var about: [ObjectRef] = []
      if isFirst {
        let finding = try erasers.find(target, work)
        about = (finding?.objects ?? []) + (finding?.within ?? []) + [target.object]
        erasure.progress.left = Set(finding?.subjects ?? buried).map(\.number).sorted()
        guard !erasure.progress.left.isEmpty else { throw NothingLeft() }
        if let fresh { erasure.inventory = fresh }
        if erasure.suppress, let identity = finding?.identity {
          try Suppression.place(identity, erasure: id.text, in: work)
        }
        erasure.startedAt = work.now
      }
      let counts = try ErasureCarrier.takePiece(of: &erasure, about: about, erasers, work)
      erasure.erased = try erasure.erased.adding(counts)
      try work.update(erasure)
      try work.commit(
        Fact.taken(counts, isFirst: isFirst), subject: try work.subject(of: Erasure.self, erasure.key))
    }
  }

  /// As many of the keys that are left as one command can hold.
  private static func takePiece(
    of erasure: inout Erasure, about: [ObjectRef], _ erasers: Erasers, _ work: Work
  ) throws -> ErasedCounts {
    var rows: [RowRef] = []
    var gone: [RowRef] = []
    var subjects: [Int64] = []
    let all = try erasers.rows(under: Set(erasure.progress.left.map { SubjectRef($0) }), work)
    if all.live.count + all.gone.count <= rowsPerCommand {
      (rows, gone, subjects) = (all.live, all.gone, erasure.progress.left)
    } else {
      for subject in erasure.progress.left {
        let under = try erasers.rows(under: [SubjectRef(subject)], work)
        let count = rows.count + gone.count
        guard count == 0 || count + under.live.count + under.gone.count <= rowsPerCommand else { break }
        rows += under.live
        gone += under.gone
        subjects.append(subject)
      }
    }
    var counts = ErasedCounts(
      rows: Int64(rows.count), files: 0, images: Int64(try work.imageCount(of: rows + gone)))
    let ended = try work.erase(rows + gone, as: erasure.key, about: about)
    // Rows under one key name the same files.
    var files: Set<FileID> = []
    for row in rows {
      erasure.progress.tables[row.table, default: 0] += 1
      files.formUnion(try work.erased(row)?.files ?? [])
    }
    counts.files = Int64(files.count)
    erasure.progress.left.removeAll(where: Set(subjects).contains)
    let before = erasure.progress.subjects
    erasure.progress.subjects = Set(before + subjects + ended.map(\.number)).sorted()
    counts.subjects = Int64(erasure.progress.subjects.count - before.count)
    return counts
  }

  // MARK: Keys

  private func destroy(_ known: Erasure) async throws -> Erasure {
    let subjects = known.progress.subjects.map { SubjectRef($0) }
    let destruction =
      known.target.kind == .tenant
      ? try await destroyTenant(known) : try await ledger.destroyKeys(of: home, subjects, erasure: known.id.text)
    let ends = KeyEnds(
      destruction, over: known.progress.keys, installation: ledger.installation.id.text)
    // A try that changed nothing is not worth an entry.
    guard ends != known.progress.keys else { return known }
    let act = Act("erasure.destroy", on: known.ref, by: ErasureCarrier.actor)
    let id = known.id
    return try await ledger.write(home, act) { work in
      // Two that carry it at once may both destroy; what the first says of the keys stands.
      guard var erasure = try work.find(Erasure.self, id), erasure.state.isUnderway,
        erasure.progress.keys == known.progress.keys
      else { throw Overtaken() }
      erasure.progress.keys = ends
      erasure.state = ends.isComplete ? .started : .pending
      try work.update(erasure)
      try work.commit(
        ends.fact(subjects: erasure.subjectCount), subject: try work.subject(of: Erasure.self, erasure.key))
      return erasure
    }.value
  }

  private func finish(_ id: ErasureID, _ ciphertext: Erasure.Ciphertext) async throws {
    guard let erasure = try await ledger.read(home, { try $0.find(Erasure.self, id) }) else { throw Problem.notFound }
    let tenant = erasure.target.kind == .tenant ? TenantID(erasure.target.id) ?? home : home
    let act = Act("erasure.final", on: erasure.ref, by: ErasureCarrier.actor)
    _ = try await ledger.write(home, act) { work in
      guard var erasure = try work.find(Erasure.self, id), erasure.state.isUnderway else { throw Overtaken() }
      guard let end = erasure.progress.keys?.lastEnd, end <= work.now else {
        throw Problem(.unavailable, "The clock of this server is behind that of another; set the clocks right.")
      }
      erasure.ciphertext = ciphertext
      if let left = ErasureClearing.remaining(ciphertext, at: work.now) { erasure.inventory.remains.append(left) }
      let statement = try Fact.statement(erasure, tenant: tenant, at: work.now)
      erasure.state = .final
      erasure.finalAt = work.now
      if ciphertext == .gone { erasure.clearedAt = work.now }
      try work.update(erasure)
      try work.commit(statement, subject: try work.subject(of: Erasure.self, erasure.key))
    }
  }

  // MARK: A whole organisation

  /// What goes is counted first: afterwards nobody could.
  private func startTenant(_ known: Erasure) async throws {
    guard let tenant = TenantID(known.target.id) else { throw Problem.notFound }
    let fresh = try await Inventory.take(known.target, of: tenant, services) ?? known.inventory
    guard !fresh.isHeld else { throw ErasureDesk.held }
    let id = known.id
    _ = try await ledger.write(home, Act("erasure.start", on: known.ref, by: ErasureCarrier.actor)) { work in
      guard var erasure = try work.find(Erasure.self, id), erasure.state.isUnderway, erasure.startedAt == nil else {
        throw Overtaken()
      }
      erasure.inventory = fresh
      erasure.erased = ErasedCounts(
        rows: fresh.rows, files: fresh.files, images: fresh.images, subjects: fresh.subjects)
      erasure.progress.tables = Dictionary(
        fresh.tables.map { ($0.table, $0.rows) }, uniquingKeysWith: { first, _ in first })
      erasure.startedAt = work.now
      try work.update(erasure)
      try work.commit(
        Fact.taken(erasure.erased, isFirst: true), subject: try work.subject(of: Erasure.self, erasure.key))
    }
  }

  private func destroyTenant(_ erasure: Erasure) async throws -> KeyDestruction {
    guard let tenant = TenantID(erasure.target.id) else { throw Problem.notFound }
    return try await ledger.eraseTenant(tenant, erasure: erasure.id.text)
  }
}
