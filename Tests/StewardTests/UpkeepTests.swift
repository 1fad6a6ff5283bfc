import Accounts
import Offboarding
@testable import Platform
import Server
import TestKit
import Testing

/// The first users of jobs: reminders, and what is cleared away.
@Suite("Upkeep")
struct UpkeepTests {
  @Test("whoever can do something about a step that is due soon gets one mail a day about it")
  func reminders() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await openCase(house, assignTo: house.mia)
    // The first step is due far ahead: nothing.
    #expect(try await remind(house).isEmpty)
    let due = try #require(try await firstDueDay(house))
    house.clock.set(Instant(milliseconds: Int64(due.adding(days: -3).daysSince1970) * 86_400_000 + 1))
    let first = try await remind(house)
    #expect(Set(first.map(\.email)) == ["mia@acme.example", "anna@acme.example"])
    #expect(
      first.filter { $0.email.hasPrefix("mia") }.allSatisfy {
        $0.subject.contains("Initech") && $0.template == "step_due" && $0.purpose == "reminder"
      })
    #expect(try await remind(house).count == first.count, "twice on one day")
    house.clock.advance(seconds: 4 * 86_400)
    let later = try await remind(house).dropFirst(first.count)
    #expect(Set(later.map(\.template)) == ["step_overdue"])
  }

  @Test("a manager asks for reminders, and the page tells what became of it")
  func onDemand() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.play(
      """
      as anna
      POST /v1/jobs
      {"kind": "offboarding.remind"}
      202
      has "waiting"
      keep job = id

      # One is enough.
      POST /v1/jobs
      {"kind": "offboarding.remind"}
      202
      has "{job}"

      POST /v1/jobs
      {"kind": "accounts.sweep"}
      422

      POST /v1/jobs/{job}/retry
      409

      as mia
      GET /v1/jobs
      404

      as gina
      GET /v1/jobs/{job}
      404
      POST /v1/jobs/{job}/cancel
      404

      as anna
      POST /v1/jobs/{job}/cancel
      200
      has "cancelled"
      POST /v1/jobs/{job}/cancel
      409
      """)
    #expect(try await house.app.services.jobs.serve(house.acme.id) == 0)
    let page = try await house.anna.page("/jobs").text
    #expect(page.contains("Remind people of steps") && page.contains("every day at 06:00 UTC"))
    #expect(page.contains("cancelled"))
  }

  @Test("sessions that have ended and links that ran out are removed; live ones stay")
  func credentials() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.setPassword("correct horse battery", for: house.anna)
    try await house.setPassword("correct horse battery", for: house.olga)
    func signIn(_ guest: Guest, _ email: String) async throws -> Guest {
      try await guest.signedIn(slug: "acme", email: email, password: "correct horse battery")
    }
    _ = try await signIn(house.anna, "anna@acme.example")
    _ = try await house.olga.post("/v1/people", ["name": "New", "email": "new@acme.example", "roles": ["member"]])
    house.clock.advance(seconds: 73 * 3_600)
    let live = try await signIn(house.olga, "olga@acme.example")
    #expect(try await rows(house, "session") == 2)
    try await run("accounts.sweep", house)
    #expect(try await rows(house, "session") == 1)
    #expect(try await rows(house, "setup_link") == 0)
    #expect(try await live.get("/v1/me").status == 200)
    let size = try await house.app.ledger.read(house.acme.id) { try $0.logSize }
    try await run("accounts.sweep", house)
    #expect(try await house.app.ledger.read(house.acme.id) { try $0.logSize } == size, "an entry for nothing")
  }

  @Test("uploads that nothing adopted go after a day; evidence stays")
  func uploads() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let open = try await openCase(house, assignTo: house.mia)
    let attached = try await house.anna.post(
      "/v1/cases/\(open.id)/steps/\(open.step)/evidence?kind=other", type: "text/plain", body: Array("proof".utf8))
    #expect(attached.status == 201, "\(attached.text)")
    let (ledger, tenant) = (house.app.ledger, house.acme.id)
    let stray = try await ledger.stageFile(tenant, Chunks(bytes: Array("stray".utf8)))
    #expect(try await ledger.sweepFiles(tenant) == 0, "younger than a day")
    house.clock.advance(seconds: 86_401)
    try await run("operations.sweep-files", house)
    await #expect(throws: (any Error).self) {
      for try await _ in try await ledger.openFile(tenant, stray.id, subject: stray.subject) {}
    }
    let evidence = try attached.json()["id"]?.string ?? ""
    let back = try await house.anna.get("/v1/cases/\(open.id)/steps/\(open.step)/evidence/\(evidence)")
    #expect(back.text == "proof")
  }

  // MARK: Hands

  @discardableResult
  private func openCase(_ house: House, assignTo guest: Guest) async throws -> (id: String, step: String) {
    let vendor = try await house.anna.post("/v1/vendors", ["name": "Initech"]).json()["id"]?.string ?? ""
    let template = try await house.anna.get("/v1/templates").json()["items"]?.array?.first?["id"]?.string ?? ""
    let opened = try await house.anna.post(
      "/v1/cases",
      [
        "vendor": .string(vendor), "template": .string(template),
        "terminated_on": .string(house.clock.now.day.adding(days: 60).description),
      ]
    ).json()
    let (id, step) = (opened["id"]?.string ?? "", opened["steps"]?.array?.first?["id"]?.string ?? "")
    let assigned = try await house.anna.post(
      "/v1/cases/\(id)/steps/\(step)/assign", ["person": .string(guest.id?.text ?? "")])
    #expect(assigned.status == 200, "\(assigned.text)")
    return (id, step)
  }

  private func firstDueDay(_ house: House) async throws -> Day? {
    let tenant = house.acme.id
    return try await house.app.ledger.read(tenant) { reader in
      try reader.rows("SELECT min(due_on) FROM case_step WHERE tenant = \(tenant) AND assignee IS NOT NULL").first?
        .first?
        .text.flatMap { Day($0) }
    }
  }

  /// Runs the job and gives all messages there are by then, oldest first.
  private func remind(_ house: House) async throws -> [MessageRecord] {
    try await run("offboarding.remind", house)
    return try await house.app.ledger.read(house.acme.id) { try $0.fetch(MessageRecord.self, "ORDER BY entry, id") }
      .filter { $0.purpose == "reminder" }
  }

  private func run(_ kind: String, _ house: House) async throws {
    let jobs = house.app.services.jobs
    try await house.app.ledger.writeTransient(house.acme.id) { work in _ = try jobs.enqueue(kind, in: work) }
    #expect(try await jobs.serve(house.acme.id) >= 1)
    let state = try await house.app.ledger.read(house.acme.id) { reader in
      try jobs.list(before: nil, limit: 1_000, reader).first { $0.kind == kind }
    }
    #expect(state?.state == .done, "\(String(describing: state))")
  }

  private func rows(_ house: House, _ table: String) async throws -> Int64 {
    let tenant = house.acme.id
    return try await house.app.ledger.read(tenant) { reader in
      try reader.rows("SELECT count(*) FROM \(raw: table) WHERE tenant = \(tenant)").first?.first?.integer ?? -1
    }
  }
}
