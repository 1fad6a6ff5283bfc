import Platform

/// F71: every proven sentence carries the time of its own proof and of that proof's expiry, and does not outlive it.
enum DatedCheck {
  static func run(_ probe: Probe) async throws -> String {
    let now = try await Statement.read(probe, at: 0)
    let proven = now.filter { $0.state == .proven }
    guard !proven.isEmpty else { throw Hindered(reason: "No sentence is proven yet, so none can be dated.") }
    let page = try await probe.stranger.page("/trust").text
    for line in proven {
      guard let checked = line.checkedAt, let expires = line.expiresAt else {
        throw Broken(reason: "\(line.id) reads proven without the time of its proof or of its expiry.")
      }
      try hold(checked < expires && expires > probe.services.now, "\(line.id) reads proven outside of its time.")
      let isDated = page.contains("datetime=\"\(checked)\"") && page.contains("datetime=\"\(expires)\"")
      try hold(isDated, "The page does not show when \(line.id) was proven and until when that counts.")
    }
    let last = proven.compactMap(\.expiresAt).max() ?? probe.services.now
    let seconds = Int((last.milliseconds - probe.services.now.milliseconds) / 1_000) + 2
    let later = try await Statement.read(probe, at: seconds)
    for line in later where line.state == .proven {
      throw Broken(reason: "\(line.id) still reads proven after its proof has expired.")
    }
    let flagged = later.filter { line in line.state == .stale && proven.contains { $0.id == line.id } }.count
    try hold(flagged == proven.count, "Only \(flagged) of \(proven.count) expired sentences are flagged as stale.")
    return """
      Read the statement as a stranger: \(proven.count) sentences were proven, each with its own time of proof and expiry, in \
      JSON and on the page. Read it again with the check's clock past the last expiry: none of them counted, all were flagged.
      """
  }
}

/// A58: the page shows when each sentence was reviewed, from the record itself, and flags what is too old.
enum ReviewCheck {
  static func run(_ probe: Probe) async throws -> String {
    let store = ResultStore(services: probe.services)
    let results = try await store.all()
    let system = try await store.system()
    let shown = try await Statement.read(probe, at: 0)
    let checked = Catalogue.promises.filter(\.isChecked)
    var compared = 0
    for promise in checked {
      let line = shown.first { $0.id == promise.id }
      let result = results[promise.id]
      try hold(line != nil, "\(promise.id) is not in the statement.")
      try hold(line?.checkedAt == result?.checkedAt, "The date shown for \(promise.id) is not that of its last review.")
      guard let result else { continue }
      try await isOnRecord(result, system, probe)
      compared += 1
    }
    guard compared > 0 else { throw Hindered(reason: "Nothing has been reviewed yet.") }
    try await flagsWhatIsOld(probe, shown)
    return """
      Compared the dates of \(compared) sentences with the record: each is that of an entry of the installation's log. With the \
      check's clock past a sentence's maximum age the page flagged it, and nothing before.
      """
  }

  /// The row was written by an entry about this promise, made when the check had run and not long after.
  private static func isOnRecord(_ result: CheckResult, _ system: TenantID, _ probe: Probe) async throws {
    let object = ObjectRef("promise", result.promise).description
    let found = try await probe.services.ledger.read(system) { reader in
      var filter = EntryFilter()
      filter.object = object
      filter.action = "promise.result"
      filter.limit = 1
      return try reader.entries(filter).first
    }
    guard let entry = found else { throw Broken(reason: "The review of \(result.promise) is not an entry of the log.") }
    let delay = entry.time.milliseconds - result.checkedAt.milliseconds
    try hold(
      (-1_000...600_000).contains(delay),
      "The review of \(result.promise) is dated otherwise than its entry in the log.")
  }

  /// Each proven sentence just before and just after its own maximum age.
  private static func flagsWhatIsOld(_ probe: Probe, _ shown: [Statement.Line]) async throws {
    let now = probe.services.now
    guard let line = shown.filter({ $0.state == .proven }).min(by: { ($0.expiresAt ?? now) < ($1.expiresAt ?? now) }),
      let expiry = line.expiresAt
    else { throw Hindered(reason: "No sentence is proven, so none can grow old.") }
    let left = Int((expiry.milliseconds - now.milliseconds) / 1_000)
    let before = try await Statement.read(probe, at: left - 5).first { $0.id == line.id }
    try hold(before?.state == .proven, "\(line.id) is flagged before its maximum age.")
    let after = try await Statement.read(probe, at: left + 5).first { $0.id == line.id }
    try hold(after?.state == .stale, "\(line.id) is not flagged after its maximum age.")
    let page = try await ProbeClock.later(left + 5) { try await probe.stranger.page("/trust?state=stale").text }
    try hold(page.contains("id=\"\(line.id)\""), "The page does not flag \(line.id) after its maximum age.")
  }
}

/// The published statement as a stranger reads it.
enum Statement {
  struct Line: Sendable {
    let id: String
    let state: PromiseState?
    let checkedAt: Instant?
    let expiresAt: Instant?
  }

  static func read(_ probe: Probe, at seconds: Int) async throws -> [Line] {
    let json = try await ProbeClock.later(seconds) {
      try await probe.stranger.get("/trust.json").body(200, for: "GET /trust.json")
    }
    return (json["promises"]?.array ?? []).map { line in
      Line(
        id: line["id"]?.string ?? "", state: line["state"]?.string.flatMap(PromiseState.init(rawValue:)),
        checkedAt: line["checked_at"]?.string.flatMap { Instant($0) },
        expiresAt: line["expires_at"]?.string.flatMap { Instant($0) })
    }
  }
}
