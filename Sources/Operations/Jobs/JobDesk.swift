import Platform

/// What a person can do with the background work of their organisation. Each is an act on its record.
struct JobDesk: Sendable {
  static let noSuchJob = Problem(.notFound, "There is no such job; it may have been cleared away.")

  private let services: Services
  private let tenant: TenantID
  private let actor: Actor

  init(_ request: Request) throws {
    let principal = try request.principal
    (services, tenant, actor) = (request.services, principal.tenant, principal.actor)
  }

  /// Only kinds that say so can be asked for; while one waits or runs, that one is meant.
  func start(_ kind: String) async throws -> (JobID, Receipt) {
    guard let known = services.jobs.kinds[kind], known.isOnDemand, known.scope != .installation else {
      throw Problem.invalid("kind", "Name a kind of work that can be started by hand; the page of jobs lists them.")
    }
    let jobs = services.jobs
    let act = Act("job.start", on: ObjectRef("jobkind", kind), by: actor)
    let written = try await services.ledger.write(tenant, act) { work in
      try jobs.enqueue(kind, uniqueKey: "schedule", in: work)
      return try jobs.unfinished(kind, uniqueKey: "schedule", work)
    }
    guard let id = written.value else { throw Problem(.internal, "The job was not found after it was added.") }
    return (id, written.receipt)
  }

  func cancel(_ id: JobID) async throws -> Receipt {
    let jobs = services.jobs
    return try await services.ledger.write(tenant, Act("job.cancel", on: ObjectRef("job", id), by: actor)) { work in
      try jobs.cancel(id, in: work)
    }.receipt
  }

  func retry(_ id: JobID) async throws -> Receipt {
    let jobs = services.jobs
    return try await services.ledger.write(tenant, Act("job.retry", on: ObjectRef("job", id), by: actor)) { work in
      try jobs.retry(id, in: work)
    }.receipt
  }
}
