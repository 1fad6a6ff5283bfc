import Platform

/// F30: a session ends after a time without use, and after a longer one in any case; the server decides.
enum SessionTimeCheck {
  static func run(_ probe: Probe) async throws -> String {
    let (idle, absolute) = (probe.environment.sessionIdleSeconds, probe.environment.sessionAbsoluteSeconds)
    try await endsUnused(probe, idle)
    let uses = try await endsInAnyCase(probe, idle, absolute)
    return """
      Signed in twice. The first session was alive 5 seconds before \(Duration.words(seconds: idle)) without use and refused \
      after it; the second was used \(uses) times in between, was alive 5 seconds before \(Duration.words(seconds: absolute)) \
      and refused after it, with the same cookie. Time was the check's own.
      """
  }

  private static func status(_ caller: Caller, at seconds: Int) async throws -> Int {
    try await ProbeClock.later(seconds) { try await caller.get("/v1/me").status }
  }

  private static func endsUnused(_ probe: Probe, _ idle: Int) async throws {
    let session = try await probe.freshSession(in: probe.second).caller
    guard try await status(session, at: 0) == 200 else { throw Hindered(reason: "A fresh session is not accepted.") }
    let alive = try await status(session, at: idle - 5)
    try hold(alive == 200, "A session ends before its idle time is over.")
    let over = try await status(session, at: idle - 5 + idle + 5)
    try hold(over == 401, "A session lives on after its idle time: it answers \(over).")
    try hold(try await status(session, at: idle * 2 + 60) == 401, "A session that was over came back.")
  }

  /// Uses the session before it can fall idle, again and again, up to the end.
  private static func endsInAnyCase(_ probe: Probe, _ idle: Int, _ absolute: Int) async throws -> Int {
    let session = try await probe.freshSession(in: probe.second).caller
    var uses = 0
    for seconds in stride(from: 0, to: absolute - 5, by: max(idle - 60, 1)) {
      let alive = try await status(session, at: seconds)
      try hold(alive == 200, "A session in use ends before its absolute time is over.")
      uses += 1
    }
    let last = try await status(session, at: absolute - 5)
    try hold(last == 200, "A session in use ends before its absolute time is over.")
    let over = try await status(session, at: absolute + 5)
    try hold(over == 401, "A session lives on after its absolute time: it answers \(over).")
    return uses + 1
  }
}
