import Platform

/// `/v1/jobs`.
enum JobsAPI {
  static let routes = [
    Route(
      .get, "/v1/jobs", access: .permission(.jobsRead), summary: "List background work, newest first.", handler: list),
    Route(
      .post, "/v1/jobs", access: .permission(.jobsManage), summary: "Start a kind of background work now.",
      handler: start),
    Route(.get, "/v1/jobs/{id}", access: .permission(.jobsRead), summary: "Show a job.", handler: show),
    Route(
      .post, "/v1/jobs/{id}/cancel", access: .permission(.jobsManage),
      summary: "Cancel a job that has not ended, or dismiss one that was given up.", handler: cancel),
    Route(
      .post, "/v1/jobs/{id}/retry", access: .permission(.jobsManage), summary: "Try a job again that was given up.",
      handler: retry),
  ]

  @Sendable static func list(_ request: Request) async throws -> Response {
    let (limit, before) = try request.listing()
    let (jobs, tenant) = (request.services.jobs, try request.principal.tenant)
    let found = try await request.services.ledger.read(tenant) {
      try jobs.list(before: before, limit: limit + 1, $0)
    }
    let page = found.prefix(limit)
    return try request.list(
      items: page.map { json($0, jobs) }, next: found.count > limit ? page.last?.id.text : nil)
  }

  @Sendable static func show(_ request: Request) async throws -> Response {
    .json(json(try await find(try request.id("id"), request), request.services.jobs))
  }

  @Sendable static func start(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["kind"])
    let (id, receipt) = try await JobDesk(request).start(body["kind"]?.string ?? "")
    return .json(json(try await find(id, request), request.services.jobs), status: 202).receipt(receipt)
  }

  @Sendable static func cancel(_ request: Request) async throws -> Response {
    try await change(request) { try await $0.cancel($1) }
  }

  @Sendable static func retry(_ request: Request) async throws -> Response {
    try await change(request) { try await $0.retry($1) }
  }

  private static func change(
    _ request: Request, _ verb: (JobDesk, JobID) async throws -> Receipt
  ) async throws -> Response {
    _ = try await request.object(members: [])
    let id: JobID = try request.id("id")
    let receipt = try await verb(try JobDesk(request), id)
    return .json(json(try await find(id, request), request.services.jobs)).receipt(receipt)
  }

  private static func find(_ id: JobID, _ request: Request) async throws -> JobState {
    let (jobs, tenant) = (request.services.jobs, try request.principal.tenant)
    guard let job = try await request.services.ledger.read(tenant, { try jobs.find(id, $0) }) else {
      throw JobDesk.noSuchJob
    }
    return job
  }

  static func json(_ job: JobState, _ jobs: Jobs) -> JSON {
    let kind = jobs.kinds[job.kind]
    var members: [String: JSON] = [
      "id": .string(job.id.text), "kind": .string(job.kind), "state": .string(job.state.rawValue),
      "run_at": .string(job.runAt.description), "attempts": .integer(Int64(job.attempts)),
      "created_at": .string(job.createdAt.description), "progress": .null,
    ]
    members["summary"] = JSON(kind?.summary)
    members["maximum_attempts"] = JSON(kind?.maximumAttempts)
    members["finished_at"] = JSON(job.finishedAt?.description)
    members["problem"] = JSON(job.problem)
    if let done = job.progress {
      members["progress"] = ["done": .integer(Int64(done)), "total": JSON(job.progressTotal)]
    }
    return .object(members)
  }
}
