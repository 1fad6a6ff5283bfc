import Custody
import Platform

/// A56: one click and its owner's word delete everything of an organisation, and nobody else can prevent it.
///
/// Makes an organisation, and ends it as an owner does in a browser: from the button on the page to the record behind the farewell link.
/// Before, everybody else tries to hold it up: other roles, another organisation's owner, an operator who freezes it.
enum OwnEndCheck {
  static let carryingKind = "erasure.carry"
  private static let hours: Int64 = 24
  /// Seconds, one by one, for which the end is waited for; where several servers work on one database it takes 25.
  private static let patienceSeconds = 90

  static func run(_ probe: Probe) async throws -> String {
    let tenant = try await probe.tenants.passing(probe.environment)
    try await tidy(tenant, probe)
    let before = try await fill(tenant, probe)
    let owner = try await SignedInOwner(of: tenant, probe)
    let tries = try await holds(tenant, owner, probe)
    try await freeze(tenant, probe)
    let end = try await owner.end(tenant, probe)
    let seconds = try await carried(end, tenant, probe)
    try await nothingLeft(before, tenant, owner, probe)
    let waiting = try await ErasureCheck.overdue(probe.services)
    try hold(waiting == 0, "\(waiting) erasures were started more than \(hours) hours ago and are not final.")
    await probe.tenants.forget(tenant)
    return """
      Made an organisation with \(before.rows) rows and \(before.files) files. \(tries) tries of others to hold its end up, lift a hold, or take its \
      end back were refused, and an operator's freeze did not stop it. From one button its owner ended it with the password, twice; without \
      the password nothing happened, and a legal hold of its owner counted until it was lifted. \(seconds) s later the record said that all was \
      gone, by no operator's hand, and nothing of it was left: no row, no file, no key, no session, no token.
      """
  }

  struct Before: Sendable {
    let rows: Int
    let files: Int
    /// From the middle of each box.
    let pieces: [[UInt8]]
  }

  /// What a check that was broken off left.
  private static func tidy(_ tenant: ProbeTenant, _ probe: Probe) async throws {
    let owner = tenant.owner.caller
    let held = try await owner.get("/v1/holds").body(200, for: "GET /v1/holds")
    for hold in held["items"]?.array ?? [] {
      _ = try await owner.send(.post, "/v1/holds/lift", ["object": hold["object"] ?? .null])
    }
    let open = try await owner.get("/v1/erasures").body(200, for: "GET /v1/erasures")
    for erasure in open["items"]?.array ?? [] where erasure["state"]?.string == "proposed" {
      _ = try await owner.send(.post, "/v1/erasures/\(erasure["id"]?.string ?? "")/withdraw")
    }
  }

  private static func fill(_ tenant: ProbeTenant, _ probe: Probe) async throws -> Before {
    let vendor = try await probe.vendor(in: tenant)
    _ = try await probe.rename(vendor, to: Marker.make(), in: tenant).body(200, for: "PATCH /v1/vendors/{id}")
    let open = try await probe.openCase(in: tenant)
    _ = try await probe.attach(Array(Marker.make().utf8), name: "probe.txt", to: open, in: tenant)
      .body(201, for: "POST …/evidence")
    let rows = try await SealedRows.all(tenant, probe)
    let files = try await probe.services.ledger.files.list(tenant.id).count
    guard !rows.isEmpty, files > 0 else { throw Hindered(reason: "The organisation that was to be ended is empty.") }
    return Before(rows: rows.count, files: files, pieces: rows.map { Array($0.box.suffix(48).prefix(32)) })
  }

  /// By an operator, as `steward tenant freeze` does.
  private static func freeze(_ tenant: ProbeTenant, _ probe: Probe) async throws {
    _ = try await probe.services.freezes.freeze(
      tenant.id, reason: "A check of promise A56.", by: .system("operator"))
  }

  // MARK: Those who would prevent it

  /// Everybody but an owner of this very organisation.
  private static func others(_ tenant: ProbeTenant, _ probe: Probe) -> [(who: String, caller: Caller)] {
    [
      ("a manager", tenant.manager.caller), ("a member", tenant.member.caller), ("an auditor", tenant.auditor.caller),
      ("somebody without a role", tenant.nobody.caller), ("another organisation's owner", probe.first.owner.caller),
      ("a stranger", probe.stranger),
    ]
  }

  /// Answers how many tries were refused.
  private static func holds(_ tenant: ProbeTenant, _ owner: SignedInOwner, _ probe: Probe) async throws -> Int {
    let object: JSON = ["type": "tenant", "id": .string(tenant.id.text)]
    let (place, lift): (JSON, JSON) = (["object": object, "reason": "A check of promise A56."], ["object": object])
    let wish = try await owner.propose(tenant, tenant.owner.caller)
    var tries = 0
    for (who, caller) in others(tenant, probe) {
      let answer = try await caller.send(.post, "/v1/holds", place)
      try hold(answer.status >= 400, "Placing a hold was answered \(answer.status) to \(who).")
      let back = try await caller.send(.post, "/v1/erasures/\(wish)/withdraw")
      try hold(back.status >= 400, "Taking the owner's wish back was answered \(back.status) to \(who).")
      tries += 2
    }
    try hold(try await state(wish, tenant) == "proposed", "The owner's wish does not stand any more.")
    try hold(try await count(tenant) == 0, "Somebody else than an owner has placed a hold.")
    _ = try await tenant.owner.caller.send(.post, "/v1/holds", place).body(201, for: "POST /v1/holds")
    for (who, caller) in others(tenant, probe) {
      let answer = try await caller.send(.post, "/v1/holds/lift", lift)
      try hold(answer.status >= 400, "Lifting a hold was answered \(answer.status) to \(who).")
      tries += 1
    }
    try hold(try await count(tenant) == 1, "Somebody else than an owner has lifted a hold.")
    let refused = try await tenant.owner.caller.send(.post, "/v1/erasures/\(wish)/confirm")
    try hold(refused.status == 409, "Under legal hold an erasure was answered \(refused.status).")
    _ = try await tenant.owner.caller.send(.post, "/v1/holds/lift", lift).body(200, for: "POST /v1/holds/lift")
    _ = try await tenant.owner.caller.send(.post, "/v1/erasures/\(wish)/withdraw").body(200, for: "POST …/withdraw")
    return tries
  }

  private static func count(_ tenant: ProbeTenant) async throws -> Int {
    try await tenant.owner.caller.get("/v1/holds").body(200, for: "GET /v1/holds")["items"]?.array?.count ?? 0
  }

  static func state(_ erasure: String, _ tenant: ProbeTenant) async throws -> String? {
    try await tenant.owner.caller.get("/v1/erasures/\(erasure)").body(200, for: "GET /v1/erasures/{id}")["state"]?
      .string
  }

  // MARK: The end

  /// The record, once there is one; answers how long it took from the owner's last word.
  private static func carried(_ end: SignedInOwner.End, _ tenant: ProbeTenant, _ probe: Probe) async throws -> Int64 {
    let system = try await probe.services.tenants.system()
    for _ in 0..<patienceSeconds {
      // Unless the server's own runner is at it.
      _ = try await probe.services.jobs.serve(system, only: carryingKind)
      let answer = try await probe.stranger.get(end.link)
      if answer.status == 200 { return try seconds(try answer.json(), tenant) }
      try await probe.environment.wait(1)
    }
    throw Broken(reason: "An organisation's end that was confirmed is not final after \(patienceSeconds) seconds.")
  }

  private static func seconds(_ record: JSON, _ tenant: ProbeTenant) throws -> Int64 {
    let entries = record["entries"]?.array ?? []
    let actors = Set(entries.compactMap { $0["entry"]?["actor"]?.string })
    let strangers = actors.filter { !$0.hasPrefix("person:") && $0 != "system:erasure" }
    try hold(!actors.isEmpty && strangers.isEmpty, "The end needed somebody else than an owner: \(strangers.sorted()).")
    let statement = entries.flatMap { $0["disclosed"]?.array ?? [] }.map { $0["fact"] ?? $0 }.last {
      $0["type"]?.string == "erasure"
    }
    func time(_ json: JSON?) -> Instant? { json?.string.flatMap { Instant($0) } }
    guard let said = statement, let final = time(said["erasure"]?["final_at"]),
      let confirmed = time(said["confirmed_by"]?.array?.last?["at"])
    else { throw Hindered(reason: "The record does not say when the organisation ended.") }
    try hold(said["object"]?["id"]?.string == tenant.id.text, "The record is of another organisation.")
    let seconds = (final.milliseconds - confirmed.milliseconds) / 1_000
    try hold(seconds <= hours * 3_600, "The end took \(seconds) s, which is more than \(hours) hours.")
    return seconds
  }

  private static func nothingLeft(
    _ before: Before, _ tenant: ProbeTenant, _ owner: SignedInOwner, _ probe: Probe
  ) async throws {
    let left = try await probe.environment.remains(tenant.id)
    try hold(left.isEmpty, "Of an organisation that ended \(left.count) things are left, such as \(left.first ?? "").")
    for (what, caller) in [("token", tenant.owner.caller), ("session", owner.caller)] {
      let answer = try await caller.get("/v1/vendors")
      try hold(answer.status == 401, "A \(what) of an organisation that ended is answered \(answer.status).")
    }
    let installation = probe.services.ledger.installation
    var scan = FileScan(since: probe.startedAt, pieces: before.pieces)
    try scan.directory(installation.directory)
    try hold(scan.found.isEmpty, "Ciphertext of an organisation that ended is still in \(scan.found.count) files.")
  }
}

/// An owner at a browser, with a password.
private struct SignedInOwner: Sendable {
  struct End: Sendable {
    /// Leads to the record.
    let link: String
  }

  let caller: Caller
  private let password = Marker.make(length: 24)

  init(of tenant: ProbeTenant, _ probe: Probe) async throws {
    let invited = try await probe.invite(["owner"], in: tenant, name: "Probe second owner")
    caller = try await probe.signIn(with: invited.link, password: password)
  }

  func propose(_ tenant: ProbeTenant, _ caller: Caller) async throws -> String {
    let body: JSON = [
      "object": ["type": "tenant", "id": .string(tenant.id.text)], "reason": "A check of promise A56.",
    ]
    let json = try await caller.send(.post, "/v1/erasures", body).body(201, for: "POST /v1/erasures")
    return try need(json["id"]?.string, "The erasure has no id.")
  }

  /// From the one button on the page of erasures; the password is asked for twice.
  func end(_ tenant: ProbeTenant, _ probe: Probe) async throws -> End {
    let list = try await caller.page("/erasures")
    let button = "/erasures/new?type=tenant&id=\(tenant.id)"
    let links = HTMLTags(list.text).flatMap(\.attributes).filter { $0.name == "href" }.map(\.value)
    try hold(
      links.contains { $0.replacing("&amp;", with: "&") == button }, "An owner's page has no button that ends it all.")
    let form = try await caller.page(button)
    try hold(form.status == 200, "The button leads to a page that answers \(form.status).")
    let csrf = try need(Self.csrf(form.text), "The form has no token.")
    let proposed = try await caller.submit(
      "/erasures",
      [("csrf", csrf), ("type", "tenant"), ("id", tenant.id.text), ("reason", "A check of promise A56.")])
    guard proposed.status == 303, let path = proposed.headers["Location"] else {
      throw Broken(reason: "In a frozen organisation its owner's wish to end it was answered \(proposed.status).")
    }
    try await withoutPassword(path, csrf, tenant)
    for number in 1...2 {
      let answer = try await caller.submit(
        "\(path)/confirm", [("csrf", csrf), ("password", password), ("confirmation", "\(number)")])
      guard answer.status == 303, let next = answer.headers["Location"] else {
        throw Broken(reason: "The owner's word was answered \(answer.status).")
      }
      if next.hasPrefix("/erased/") { return End(link: "/v1" + next) }
    }
    throw Broken(reason: "The owner's word, given twice, ended nothing.")
  }

  private func withoutPassword(_ path: String, _ csrf: String, _ tenant: ProbeTenant) async throws {
    for password in ["", Marker.make(length: 24)] {
      let page = try await caller.submit("\(path)/confirm", [("csrf", csrf), ("password", password)])
      let body: JSON = ["password": .string(password)]
      let api = try await caller.send(
        .post, "/v1\(path)/confirm", type: "application/json", body: body.canonical,
        ["X-Steward-CSRF": csrf, "Sec-Fetch-Site": "same-origin"])
      for answer in [page, api] {
        try hold(answer.status == 422, "Without the password the owner's word was answered \(answer.status).")
      }
    }
    let json = try await tenant.owner.caller.get("/v1\(path)").body(200, for: "GET /v1/erasures/{id}")
    try hold(
      json["state"]?.string == "proposed" && json["confirmed_by"]?.array?.isEmpty == true,
      "The owner's word counted without the password.")
  }

  private static func csrf(_ page: String) -> String? {
    page.firstRange(of: "name=\"csrf\" value=\"").map { String(page[$0.upperBound...].prefix { $0 != "\"" }) }
  }
}
