import Crypto
import Platform

/// A49: who sends too much is told so and when to come back; others do not notice; a known researcher may go faster.
enum RateLimitCheck {
  /// Time stands still meanwhile, so that it does not matter how fast this machine is.
  static func run(_ probe: Probe) async throws -> String {
    let limits = probe.services.admission.settings
    guard limits.token.burst <= mostRequests, limits.address.burst <= mostRequests else {
      throw Hindered(reason: "The limit is set higher than what a check can send in a moment.")
    }
    return try await ProbeClock.standing(at: probe.services.now) { try await burst(probe, limits) }
  }

  /// Requests in a burst that a check sends at the most.
  private static let mostRequests = 2_000.0

  private static func burst(_ probe: Probe, _ limits: LimitSettings) async throws -> String {
    let scanner = Actor(probe, token: probe.first.manager.token)
    let neighbour = Actor(probe, token: probe.second.manager.token)
    let sent = try await refused(scanner, "/v1/me", rate: limits.token)
    let retry = try honest(sent.answer)
    for _ in 0..<neighbourRequests {
      let answer = try await neighbour.get("/v1/me")
      try hold(answer.status == 200, "While one tenant is held back, another one's request answers \(answer.status).")
    }
    let research = try await researcher(probe.services.admission, scanner, limits.token)
    let early = try await scanner.get("/v1/me")
    try hold(early.status == 429, "Somebody held back was let in again before the time they were told.")
    let later = try await ProbeClock.later(retry) { try await scanner.get("/v1/me") }
    try hold(later.status == 200, "After the time in Retry-After the answer is still \(later.status).")
    let strange = try await refused(Actor(probe, token: nil), "/\(Marker.make())", rate: limits.address)
    return """
      Sent a burst with one token: request \(sent.count) was answered 429 with Retry-After \(retry), and after that time \
      requests were let in again. Meanwhile \(neighbourRequests) of \(neighbourRequests) requests of another tenant were \
      answered. With a researcher's secret the same token sent \(research) more at once; with a wrong one it did not. Somebody \
      who is not signed in and asked for what does not exist was held back at request \(strange.count).
      """
  }

  private static let neighbourRequests = 20

  /// Somebody whose requests count, as they would over the network.
  private struct Actor {
    let send: @Sendable (FrontDoor.Call) async throws -> FrontDoor.Answer
    let token: String?
    var secret: String?

    init(_ probe: Probe, token: String?) {
      send = probe.environment.send
      self.token = token
    }

    func get(_ target: String) async throws -> FrontDoor.Answer {
      var headers: Headers = ["Accept": "application/json", "Host": "localhost"]
      if let token { headers["Authorization"] = "Bearer \(token)" }
      if let secret { headers[LimitSettings.Researcher.header] = secret }
      return try await send(FrontDoor.Call(.get, target, headers: headers, isMetered: true))
    }
  }

  /// Sends until a request is refused, which must be the first one after the burst at the latest.
  private static func refused(
    _ actor: Actor, _ target: String, rate: LimitSettings.Rate
  ) async throws -> (count: Int, answer: FrontDoor.Answer) {
    for count in 1...Int(rate.burst) + 1 {
      let answer = try await actor.get(target)
      if answer.status == 429 { return (count, answer) }
    }
    throw Broken(reason: "A burst of \(Int(rate.burst) + 1) requests was let through without a 429.")
  }

  /// Seconds that a refusal asks to wait.
  private static func honest(_ answer: FrontDoor.Answer) throws -> Int {
    guard let retry = answer.headers["Retry-After"].flatMap({ Int($0) }), retry > 0 else {
      throw Broken(reason: "A 429 does not say when to come back.")
    }
    try hold(
      answer.headers["RateLimit"]?.contains("r=0;") == true && answer.headers["RateLimit-Policy"] != nil,
      "A 429 does not say how the rate stands.")
    try hold(
      answer.headers["Content-Type"] == "application/problem+json", "A 429 of the API is no problem document.")
    return retry
  }

  /// How many requests a researcher with a secret made for this run sent where the token alone may send none.
  private static func researcher(
    _ admission: Admission, _ scanner: Actor, _ rate: LimitSettings.Rate
  ) async throws -> Int {
    let (secret, count) = (Marker.make(length: 40), 100)
    let known = LimitSettings.Researcher(
      name: "probe-\(Marker.make(length: 8))", secretHash: Array(SHA256.hash(data: Array(secret.utf8))),
      rate: LimitSettings.Rate(perSecond: rate.perSecond * 5, burst: max(rate.burst, Double(count)) * 5))
    return try await admission.knowing(known) {
      var actor = scanner
      actor.secret = Marker.make(length: 40)
      let wrong = try await actor.get("/v1/me")
      try hold(wrong.status == 429, "A researcher's secret that is wrong lifts the limit.")
      actor.secret = secret
      for _ in 0..<count {
        let answer = try await actor.get("/v1/me")
        try hold(answer.status == 200, "A researcher with a higher rate is answered \(answer.status).")
      }
      return count
    }
  }
}
