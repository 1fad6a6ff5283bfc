import Platform

/// A44: a freeze stops background work and everything that leaves, and leaves the data as it is; what is exempt goes on, and lifting it
/// resumes the rest.
enum FreezeCheck {
  /// Two kinds of work that the probe tenant can do at any time: one that people ask for, and the sending of a message that is not there.
  private static let outboxKind = "outbox.send"

  static func run(_ probe: Probe) async throws -> String {
    let tenant = probe.second
    try await lift(tenant, probe)
    let before = try await Before(probe, tenant)
    let frozen = try await tenant.owner.caller.send(.post, "/v1/freeze", ["reason": "A check of promise A44."])
    let entry = try await probe.proven(frozen, of: tenant, what: "freezing")
    do {
      let evidence = try await whileFrozen(before, probe, tenant, since: entry.index)
      let lifted = try await tenant.owner.caller.send(.post, "/v1/freeze/lift")
      _ = try await probe.proven(lifted, of: tenant, what: "lifting the freeze")
      try await resumed(before, probe, tenant)
      return evidence
    } catch {
      try await lift(tenant, probe)
      throw error
    }
  }

  /// A check that was cut off may have left the tenant frozen.
  static func lift(_ tenant: ProbeTenant, _ probe: Probe) async throws {
    guard try await probe.services.freezes.isFrozen(tenant.id) else { return }
    _ = try await probe.services.freezes.lift(tenant.id, by: .system("probe"))
  }

  /// What is prepared while everything still works.
  private struct Before {
    let vendor: String
    let token: String
    let kind: String

    init(_ probe: Probe, _ tenant: ProbeTenant) async throws {
      vendor = try await probe.vendor(in: tenant)
      let made = try await tenant.owner.caller.send(.post, "/v1/tokens", ["label": "probe A44"])
      token = try need(
        try made.body(201, for: "POST /v1/tokens")["id"]?.string, "The token has no id.")
      let kinds = probe.services.jobs.kinds.values.filter { $0.isOnDemand && $0.stopsWhenFrozen }.map(\.name).sorted()
      kind = try need(kinds.first, "No kind of background work can be asked for.")
    }
  }

  // MARK: While it is frozen

  private static func whileFrozen(
    _ before: Before, _ probe: Probe, _ tenant: ProbeTenant, since entry: Int64
  ) async throws -> String {
    let fingerprint = try await Fingerprint(probe, tenant)
    let waiting = try await queue(before, probe, tenant)
    let runs = try await probe.services.jobs.serve(tenant.id)
    try hold(runs == 0, "\(runs) jobs of a frozen tenant were run.")
    let states = try await jobs(waiting, probe, tenant)
    try hold(
      states.count == waiting.count && states.allSatisfy { $0.state == .waiting && $0.attempts == 0 },
      "The job counters of a frozen tenant moved.")
    try await nothingLeaves(probe, tenant)
    let refused = try await writesRefused(before, probe, tenant)
    let read = try await tenant.manager.caller.get("/v1/vendors/\(before.vendor)")
    let export = try await tenant.auditor.caller.get("/v1/audit/export")
    try hold(read.status == 200 && export.status == 200, "Reading or exporting was refused in a frozen tenant.")
    try hold(
      try await Fingerprint(probe, tenant) == fingerprint, "The data of a frozen tenant changed (after entry \(entry))."
    )
    try await exemptGoesOn(before, probe, tenant)
    return """
      Froze a probe tenant (entry \(entry)) and queued \(waiting.count) jobs, one of them of the outbox: none was begun and no \
      counter moved. The gate let nothing out, \(refused) writes were refused, reading and exporting went on, and the SHA-256 over all \
      \(fingerprint.rows) stored rows as well as the signed state commitment stayed the same. A token could be revoked meanwhile, and \
      \(probe.services.freezes.published(probe.services.jobs).count) exemptions are published. After lifting, both jobs ran.
      """
  }

  /// Puts jobs into the queue beside the API, which refuses them: only the switch keeps them from running.
  private static func queue(_ before: Before, _ probe: Probe, _ tenant: ProbeTenant) async throws -> [JobID] {
    let jobs = probe.services.jobs
    return try await probe.services.ledger.writeTransient(tenant.id) { work in
      try [before.kind, outboxKind].compactMap { kind in
        try jobs.enqueue(kind, uniqueKey: "probe", in: work)
        return try jobs.unfinished(kind, uniqueKey: "probe", work)
      }
    }
  }

  private static func jobs(_ ids: [JobID], _ probe: Probe, _ tenant: ProbeTenant) async throws -> [JobState] {
    let jobs = probe.services.jobs
    return try await probe.services.ledger.read(tenant.id) { reader in
      try ids.compactMap { try jobs.find($0, reader) }
    }
  }

  private static func nothingLeaves(_ probe: Probe, _ tenant: ProbeTenant) async throws {
    let intent = EgressIntent(
      tenant: tenant.id, module: "trust", purpose: "probe", categories: ["operational"], count: 1,
      host: "freeze.probe.invalid", port: 443)
    do {
      _ = try await probe.services.egress.admit(intent)
    } catch let problem as Problem where problem.code == .forbidden {
      return try hold(
        problem.message.contains("frozen"), "The gate does not know that the tenant is frozen: \(problem.message)")
    }
    throw Broken(reason: "The gate lets something out of a frozen tenant.")
  }

  private static func writesRefused(_ before: Before, _ probe: Probe, _ tenant: ProbeTenant) async throws -> Int {
    let owner = tenant.owner.caller
    let attempts: [(name: String, answer: FrontDoor.Answer)] = [
      ("changing a vendor", try await probe.rename(before.vendor, to: Marker.make(), in: tenant)),
      ("making a token", try await owner.send(.post, "/v1/tokens", ["label": "must not be"])),
      (
        "inviting a person",
        try await owner.send(
          .post, "/v1/people", ["name": "Must not be", "email": .string("\(Marker.make())@probe.invalid"), "roles": []])
      ),
      ("starting a job", try await owner.send(.post, "/v1/jobs", ["kind": .string(before.kind)])),
    ]
    for (name, answer) in attempts {
      try hold(
        answer.status == Problem.Code.frozen.status && answer.headers["Steward-Receipt"] == nil,
        "In a frozen tenant, \(name) was answered \(answer.status).")
    }
    return attempts.count
  }

  private static func exemptGoesOn(_ before: Before, _ probe: Probe, _ tenant: ProbeTenant) async throws {
    let revoked = try await tenant.owner.caller.send(.post, "/v1/tokens/\(before.token)/revoke")
    try hold(
      (200..<300).contains(revoked.status), "An exempt act, revoking a token, was answered \(revoked.status).")
    let published = try await probe.stranger.get("/trust.json").body(200, for: "GET /trust.json")
    let promise = published["promises"]?.array?.first { $0["id"]?.string == "A44" }
    let shown = promise?["goes_on"]?.array?.compactMap { $0["reason"]?.string } ?? []
    let rule = probe.services.freezes.published(probe.services.jobs).map(\.reason)
    try hold(shown == rule, "The published list of what goes on is not the one that the write path goes by.")
  }

  // MARK: Afterwards

  private static func resumed(_ before: Before, _ probe: Probe, _ tenant: ProbeTenant) async throws {
    _ = try await probe.services.jobs.serve(tenant.id)
    let ids = try await probe.services.ledger.read(tenant.id) { reader in
      try [before.kind, outboxKind].compactMap { try probe.services.jobs.unfinished($0, uniqueKey: "probe", reader) }
    }
    // One may be in the hands of the server's own runner at this moment.
    let stuck = try await jobs(ids, probe, tenant).filter { $0.state == .waiting && $0.attempts == 0 }
    try hold(stuck.isEmpty, "A job did not begin after the freeze was lifted.")
    let renamed = try await probe.rename(before.vendor, to: Marker.make(), in: tenant)
    try hold(renamed.status == 200, "After lifting the freeze, a write was answered \(renamed.status).")
  }

  /// What lies in the tenant's primary tables, and what its log says of it.
  private struct Fingerprint: Equatable {
    let rows: Int
    let digest: Digest
    let state: String?

    init(_ probe: Probe, _ tenant: ProbeTenant) async throws {
      let tables = probe.services.ledger.tables.values.filter { $0.kind == .primary }.sorted { $0.name < $1.name }
      (rows, digest, state) = try await probe.services.ledger.read(tenant.id) { reader in
        var bytes: [UInt8] = []
        var count = 0
        for table in tables {
          let sql: SQL =
            "SELECT \(raw: table.statements.columns) FROM \(raw: table.name) WHERE tenant = \(reader.tenant) ORDER BY id"
          for row in try reader.rows(sql) {
            bytes += Digest(sha256: StoredRow(row).canonical(table)).bytes
            count += 1
          }
        }
        var last = EntryFilter()
        last.withBatches = true
        last.limit = 1
        let state = try reader.entries(last).first.flatMap { try? JSON.parse($0.data)["state"]?.string }
        return (count, Digest(sha256: bytes), state)
      }
    }
  }
}
