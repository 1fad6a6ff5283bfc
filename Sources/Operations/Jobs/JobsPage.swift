import Platform

/// `/jobs`: what runs by itself, when it runs next, and what became of it.
struct JobsPage: Page {
  static let template = Template("jobs", JobsTemplate.text)
  static let rowsPerPage = 30

  struct Figure: Equatable, Sendable {
    let count: Int
    let title: String
    let tone: String
  }

  /// A kind of work that has a schedule here, or can be started by hand.
  struct KindRow: Equatable, Sendable {
    let name: String
    let summary: String
    let schedule: String
    let next: String?
    let freeze: String
    let canStart: Bool
  }

  struct Row: Equatable, Sendable {
    let id: String
    let summary: String
    let kind: String
    let state: String
    let tone: String
    let asked: String
    let when: String
    let ended: String?
    let note: String?
    let done: Int?
    let total: Int?
    let progress: String?
    let canCancel: Bool
    let cancel: String
    let canRetry: Bool
  }

  let title: String
  let section: String? = "/jobs"
  let figures: [Figure]
  let kinds: [KindRow]
  let rows: [Row]
  let isEmpty: Bool
  let isFrozen: Bool
  let canFreeze: Bool
  let next: String?

  init(_ request: Request, _ found: Found, next: String?) throws {
    let principal = try request.principal
    let canManage = principal.has(.jobsManage)
    title = request.text("operations_jobs_title")
    figures = [
      (JobState.State.running, "info"), (.waiting, ""), (.done, "good"),
      (.dead, found.counts[.dead] == nil ? "" : "bad"),
    ].map { state, tone in
      Figure(count: found.counts[state] ?? 0, title: request.text("operations_count_\(state.rawValue)"), tone: tone)
    }
    kinds = found.kinds.map { kind in
      KindRow(
        name: kind.name, summary: kind.summary, schedule: JobWords.schedule(kind.schedule, request),
        next: found.isFrozen && kind.stopsWhenFrozen ? nil : found.nextRuns[kind.name]?.forPeople,
        freeze: request.text(kind.stopsWhenFrozen ? "operations_freeze_stops" : "operations_freeze_goes_on"),
        canStart: canManage && kind.isOnDemand)
    }
    rows = found.jobs.map { JobsPage.row($0, canManage: canManage, request) }
    isEmpty = rows.isEmpty
    isFrozen = found.isFrozen
    canFreeze = principal.has(.freezeSwitch)
    self.next = next
  }

  /// What the page is made from, as of one snapshot.
  struct Found: Sendable {
    let jobs: [JobState]
    let counts: [JobState.State: Int]
    let kinds: [JobKind]
    let nextRuns: [String: Instant]
    let isFrozen: Bool
  }

  private static func row(_ job: JobState, canManage: Bool, _ request: Request) -> Row {
    let total = job.progressTotal ?? 0
    let showsProgress = job.state == .running && total > 0
    let isOpen = [.waiting, .running, .dead].contains(job.state)
    return Row(
      id: job.id.text, summary: request.services.jobs.kinds[job.kind]?.summary ?? job.kind, kind: job.kind,
      state: request.text("operations_state_\(job.state.rawValue)"), tone: JobWords.tone(job.state),
      asked: job.createdAt.forPeople, when: JobWords.when(job, request),
      ended: job.finishedAt?.forPeople, note: JobWords.note(job, request),
      done: showsProgress ? min(job.progress ?? 0, total) : nil, total: showsProgress ? total : nil,
      progress: showsProgress
        ? request.text("operations_progress", ["done": String(job.progress ?? 0), "total": String(total)]) : nil,
      canCancel: canManage && isOpen,
      cancel: request.text(job.state == .dead ? "operations_dismiss" : "operations_cancel"),
      canRetry: canManage && job.state == .dead)
  }
}

/// Jobs in words.
enum JobWords {
  static func schedule(_ schedule: JobKind.Schedule?, _ request: Request) -> String {
    switch schedule {
    case .daily(let hour, let minute):
      let time = [hour, minute].map { $0 < 10 ? "0\($0)" : String($0) }.joined(separator: ":")
      return request.text("operations_daily", ["time": time])
    case .every(let seconds) where seconds % 3_600 == 0 && seconds > 3_600:
      return request.text("operations_every_hours", ["count": String(seconds / 3_600)])
    case .every(3_600): return request.text("operations_hourly")
    case .every(let seconds): return request.text("operations_every_minutes", ["count": String(max(1, seconds / 60))])
    case nil: return request.text("operations_on_demand")
    }
  }

  static func tone(_ state: JobState.State) -> String {
    switch state {
    case .waiting: "wait"
    case .running: "info"
    case .done: "good"
    case .dead: "bad"
    case .cancelled: "off"
    }
  }

  static func when(_ job: JobState, _ request: Request) -> String {
    switch job.state {
    case .waiting where job.runAt > request.now:
      return request.text(
        job.attempts > 0 ? "operations_when_again" : "operations_when_later", ["time": job.runAt.forPeople])
    case .waiting: return request.text("operations_when_soon")
    case .running: return request.text("operations_when_running")
    case .done, .dead, .cancelled: return ""
    }
  }

  /// What went wrong, and how often; nil if nothing did.
  static func note(_ job: JobState, _ request: Request) -> String? {
    guard let code = job.problem, job.state == .waiting || job.state == .dead else { return nil }
    let key = "operations_problem_\(code.replacing("-", with: "_"))"
    let reason = request.services.texts.has(key) ? request.text(key) : Problem.Code(rawValue: code)?.title ?? code
    return request.text(
      job.attempts == 1 ? "operations_failed_once" : "operations_failed",
      ["reason": reason, "count": String(job.attempts)])
  }
}

/// The pages' routes; forms end where they began.
enum JobsPages {
  static let routes = [
    Route(.get, "/jobs", access: .permission(.jobsRead), summary: "Show background work.", handler: show),
    Route(
      .post, "/jobs/start/{kind}", access: .permission(.jobsManage), summary: "Start a kind of work by form.",
      handler: start),
    Route(
      .post, "/jobs/{id}/cancel", access: .permission(.jobsManage), summary: "Cancel or dismiss a job by form.",
      handler: cancel),
    Route(
      .post, "/jobs/{id}/retry", access: .permission(.jobsManage), summary: "Try a job again by form.", handler: retry),
  ]

  @Sendable static func show(_ request: Request) async throws -> Response {
    let (services, tenant, now) = (request.services, try request.principal.tenant, request.now)
    let (_, before) = try request.listing()
    let frozen = try await services.freezes.isFrozen(tenant)
    let kinds = services.jobs.kinds.values
      .filter { ($0.schedule != nil || $0.isOnDemand) && $0.scope != .installation }
      .sorted { ($0.isOnDemand ? 0 : 1, $0.name) < ($1.isOnDemand ? 0 : 1, $1.name) }
    let jobs = services.jobs
    let found = try await services.ledger.read(tenant) { reader in
      JobsPage.Found(
        jobs: try jobs.list(before: before, limit: JobsPage.rowsPerPage + 1, reader), counts: try jobs.counts(reader),
        kinds: kinds, nextRuns: try jobs.nextRuns(tenant, isHidden: false, now: now, reader), isFrozen: frozen)
    }
    let shown = found.jobs.prefix(JobsPage.rowsPerPage)
    let mark = found.jobs.count > JobsPage.rowsPerPage ? shown.last?.id.text : nil
    let next = try request.nextCursor(mark).map { "/jobs?" + Query(pairs: [("cursor", $0)]).text }
    let part = JobsPage.Found(
      jobs: Array(shown), counts: found.counts, kinds: kinds, nextRuns: found.nextRuns, isFrozen: frozen)
    return try request.page(try JobsPage(request, part, next: next))
  }

  @Sendable static func start(_ request: Request) async throws -> Response {
    let (_, receipt) = try await JobDesk(request).start(request.parameters["kind"])
    return Response.seeOther("/jobs").receipt(receipt).flash("operations_was_started")
  }

  @Sendable static func cancel(_ request: Request) async throws -> Response {
    let receipt = try await JobDesk(request).cancel(try request.id("id"))
    return Response.seeOther("/jobs").receipt(receipt).flash("operations_was_cancelled")
  }

  @Sendable static func retry(_ request: Request) async throws -> Response {
    let receipt = try await JobDesk(request).retry(try request.id("id"))
    return Response.seeOther("/jobs").receipt(receipt).flash("operations_was_retried")
  }
}
