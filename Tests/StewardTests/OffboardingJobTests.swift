import Certificate
import Platform
import Server
import TestKit
import Testing
import TransparencyLog

@testable import Offboarding

/// What the tests of the main job do again and again.
struct Job {
  static let steps = [
    "return", "verify-return", "revoke-access", "request-deletion", "vendor-confirms", "verify-deletion",
  ]

  let house: House

  func vendor(_ name: String = "Initech") async throws -> String {
    let answer = try await house.anna.post(
      "/v1/vendors", ["name": .string(name), "retention_days": 90, "data_categories": ["Names", "Logs"]])
    #expect(answer.status == 201)
    return try #require(try answer.json()["id"]?.string)
  }

  func opened() async throws -> String {
    let answer = try await house.anna.post(
      "/v1/cases",
      ["vendor": .string(try await vendor()), "template": "vendor-offboarding", "terminated_on": "2026-02-28"])
    #expect(answer.status == 201)
    return try #require(try answer.json()["id"]?.string)
  }

  func attach(
    _ id: String, _ step: String, by guest: Guest? = nil, kind: String? = nil, body: String = "evidence"
  ) async throws -> FrontDoor.Answer {
    try await (guest ?? house.anna).send(
      .post, "/v1/cases/\(id)/steps/\(step)/evidence" + (kind.map { "?kind=\($0)" } ?? ""),
      headers: ["Content-Type": "text/plain", "Content-Disposition": "attachment; filename=\"proof.txt\""],
      body: Array(body.utf8))
  }

  func finish(_ id: String, _ step: String) async throws {
    #expect(try await attach(id, step).status == 201)
    let done = try await house.anna.post("/v1/cases/\(id)/steps/\(step)/complete", ["note": "done", "remains": []])
    #expect(done.status == 200)
    if try self.state(of: step, done) == "in_review" {
      #expect(try await house.ben.post("/v1/cases/\(id)/steps/\(step)/approve", ["note": "seen"]).status == 200)
    }
  }

  func certified() async throws -> String {
    let id = try await opened()
    for step in Job.steps { try await finish(id, step) }
    #expect(try await house.anna.post("/v1/cases/\(id)/certificate").status == 201)
    return id
  }

  func step(_ name: String, _ answer: FrontDoor.Answer) throws -> JSON? {
    try answer.json()["steps"]?.array?.first { $0["id"]?.string == name }
  }

  func state(of name: String, _ answer: FrontDoor.Answer) throws -> String? { try step(name, answer)?["state"]?.string }

  func fields(_ answer: FrontDoor.Answer) throws -> [String] {
    (try answer.json()["errors"]?.array ?? []).compactMap { $0["field"]?.string }
  }
}

@Suite("The main job, through the front door")
struct OffboardingJobTests {
  @Test("a vendor is left step by step, and the bundle verifies with the installation's key")
  func wholeJob() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let id = try await job.opened()
    for step in Job.steps {
      let refused = try await house.anna.post("/v1/cases/\(id)/certificate")
      #expect(refused.status == 409)
      #expect(try job.fields(refused).contains("steps.\(step)"))
      try await job.finish(id, step)
    }
    let issued = try await house.anna.post("/v1/cases/\(id)/certificate")
    #expect(issued.status == 201)
    #expect(issued.headers["Steward-Receipt"] != nil)
    let zip = try await house.adam.get("/v1/cases/\(id)/certificate", accept: "application/zip")
    #expect(zip.headers["Content-Type"] == "application/zip")
    let key = try VerifierKey(parsing: house.app.ledger.installation.verifierKey)
    let verdict = BundleVerifier.verify(zip: zip.body, pin: key)
    #expect(verdict.findings.filter { $0.result == .failed } == [])
    let again = try await house.anna.get("/v1/cases/\(id)/certificate", accept: "application/zip")
    #expect(again.body == zip.body)
  }

  @Test("the certificate comes as a bundle, a statement or a page, as it is asked for")
  func forms() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let id = try await Job(house: house).certified()
    let statement = try await house.anna.get("/v1/cases/\(id)/certificate")
    #expect(try statement.json()["case"]?["id"]?.string == id)
    #expect(try statement.json()["limits"]?.array?.isEmpty == false)
    let page = try await house.anna.get("/v1/cases/\(id)/certificate", accept: "text/html")
    #expect(page.text.contains("Initech"))
    #expect(page.headers["Content-Security-Policy"]?.contains("sha256-") == true)
    #expect(try await house.anna.get("/v1/cases/\(id)/certificate", accept: "image/png").status == 406)
    #expect(try await house.mia.get("/v1/cases/\(id)/certificate").status == 404)
    #expect(try await house.gina.get("/v1/cases/\(id)/certificate").status == 404)
  }

  @Test("a bundle that was never stored is built by whoever asks next, from the same facts")
  func lateBundle() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let id = try await job.opened()
    for step in Job.steps { try await job.finish(id, step) }
    let caseID = try #require(CaseID(id))
    let desk = CaseDesk(
      ledger: house.app.ledger, tenant: house.acme.id,
      person: NamedPerson(id: try #require(house.anna.id), name: "Anna Berg"))
    // The process ends here: the certificate is committed, its bundle is not.
    _ = try await desk.change(caseID, nil, "case.certify") { file, work in
      try file.certify(CertificateID.make(at: work.now), Review(at: work.now, by: desk.person, note: ""))
      return file.statement(
        tenant: house.acme.id, tenantName: house.acme.name, issuedAt: work.now, issuedBy: desk.person)
    }
    let zip = try await house.anna.get("/v1/cases/\(id)/certificate", accept: "application/zip")
    #expect(zip.status == 200)
    let verdict = BundleVerifier.verify(
      zip: zip.body, pin: try VerifierKey(parsing: house.app.ledger.installation.verifierKey))
    #expect(verdict.findings.filter { $0.result == .failed } == [])
    #expect(try await house.anna.get("/v1/cases/\(id)/certificate", accept: "application/zip").body == zip.body)
  }

  @Test("a step without its evidence cannot be completed, and the answer names what is missing")
  func missingEvidence() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let id = try await job.opened()
    let refused = try await house.anna.post("/v1/cases/\(id)/steps/verify-return/complete")
    #expect(refused.status == 409)
    #expect(try job.fields(refused) == ["after.return", "evidence.return-check"])
    #expect(refused.headers["Steward-Receipt"] == nil)
    #expect(try await house.anna.post("/v1/cases/\(id)/steps/return/complete").status == 409)
    #expect(try await job.attach(id, "return", kind: "something-else").status == 201)
    #expect(try await house.anna.post("/v1/cases/\(id)/steps/return/complete").status == 409)
    #expect(try await job.attach(id, "return", kind: "data-export").status == 201)
    let done = try await house.anna.post("/v1/cases/\(id)/steps/return/complete")
    #expect(try job.state(of: "return", done) == "complete")
    #expect(try job.state(of: "verify-return", done) == "ready")
    #expect(try await house.anna.post("/v1/cases/\(id)/steps/return/complete").status == 409)
  }

  @Test("the performer cannot approve, a member and an auditor cannot either, another manager can")
  func approval() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let id = try await job.opened()
    try await job.finish(id, "return")
    _ = try await job.attach(id, "verify-return")
    let path = "/v1/cases/\(id)/steps/verify-return"
    #expect(try await house.ben.post("\(path)/approve").status == 409)
    #expect(
      try job.state(of: "verify-return", try await house.anna.post("\(path)/complete", ["note": "ok"])) == "in_review")
    #expect(try await house.anna.post("\(path)/approve", ["note": "me"]).status == 403)
    #expect(try await house.mia.post("\(path)/approve").status == 404)
    #expect(try await house.adam.post("\(path)/approve").status == 404)
    #expect(try await house.gina.post("\(path)/approve").status == 404)
    #expect(try await house.stranger.post("\(path)/approve").status == 401)
    let back = try await house.ben.post("\(path)/return", ["note": "count again"])
    #expect(try job.state(of: "verify-return", back) == "ready")
    #expect(try await house.anna.post("\(path)/complete").status == 200)
    let approved = try await house.olga.post("\(path)/approve")
    #expect(try job.state(of: "verify-return", approved) == "complete")
    #expect(try job.step("verify-return", approved)?["approval"]?["by"]?["name"]?.string == "Olga Lindqvist")
  }

  @Test("a member sees and does what is assigned, and nothing else exists for them")
  func member() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let id = try await job.opened()
    #expect(try await house.mia.get("/v1/cases").json()["items"]?.array?.count == 0)
    #expect(try await house.mia.get("/v1/cases/\(id)").status == 404)
    for hidden in ["/v1/vendors", "/v1/templates", "/vendors", "/cases/new"] {
      #expect(try await house.mia.get(hidden).status == 404)
    }
    let person = JSON.string(try #require(house.mia.id).text)
    let assigned = try await house.anna.post("/v1/cases/\(id)/steps/revoke-access/assign", ["person": person])
    #expect(try job.step("revoke-access", assigned)?["assignee"] == person)
    let seen = try await house.mia.get("/v1/cases/\(id)")
    #expect(try seen.json()["steps"]?.array?.count == 1)
    #expect(try await house.mia.get("/v1/cases").json()["items"]?.array?.count == 1)
    #expect(try await job.attach(id, "return", by: house.mia).status == 404)
    #expect(try await job.attach(id, "revoke-access", by: house.mia).status == 201)
    #expect(try await house.mia.post("/v1/cases/\(id)/steps/return/complete").status == 404)
    let done = try await house.mia.post("/v1/cases/\(id)/steps/revoke-access/complete", ["note": "gone"])
    #expect(try job.state(of: "revoke-access", done) == "complete")
    #expect(try await house.mia.post("/v1/cases/\(id)/steps/revoke-access/assign", ["person": person]).status == 404)
  }

  @Test("only people of the same organisation who could do it can be assigned")
  func assignees() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let id = try await Job(house: house).opened()
    let path = "/v1/cases/\(id)/steps/return/assign"
    for wrong in [house.gina, house.adam] {
      let answer = try await house.anna.post(path, ["person": .string(try #require(wrong.id).text)])
      #expect(answer.status == 422)
    }
    #expect(try await house.anna.post(path).status == 422)
    #expect(try await house.anna.post(path, ["person": 7]).status == 422)
    #expect(
      try await house.anna.post(
        "/v1/cases/\(id)/steps/nothing/assign", ["person": .string(try #require(house.ben.id).text)]
      ).status == 404)
  }

  @Test("evidence comes back byte for byte, as a file to save and never to show")
  func evidence() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let id = try await Job(house: house).opened()
    let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let path = "/v1/cases/\(id)/steps/return/evidence"
    let attached = try await house.anna.send(
      .post, "\(path)?kind=data-export",
      headers: [
        "Content-Type": "text/html", "Content-Disposition": "attachment; filename*=UTF-8''%E4%BF%9D%E8%A8%BC.html",
      ], body: bytes)
    #expect(attached.status == 201)
    let evidence = try attached.json()
    #expect(evidence["sha256"]?.string == Digest(sha256: bytes).hex)
    #expect(evidence["size"]?.integer == 200_000)
    #expect(evidence["grade"]?.string == "E2")
    #expect(evidence["name"]?.string == "保証.html")
    let file = try await house.adam.get("\(path)/\(evidence["id"]?.string ?? "")")
    #expect(file.body == bytes)
    #expect(file.headers["Content-Disposition"]?.hasPrefix("attachment") == true)
    #expect(file.headers["X-Content-Type-Options"] == "nosniff")
    #expect(file.headers["Content-Security-Policy"]?.contains("sandbox") == true)
    #expect(try await house.gina.get("\(path)/\(evidence["id"]?.string ?? "")").status == 404)
    #expect(
      try await house.anna.get("/v1/cases/\(id)/steps/revoke-access/evidence/\(evidence["id"]?.string ?? "")").status
        == 404)
    #expect(try await house.anna.send(.post, path, body: [1]).status == 201)
  }

  @Test("a file name that climbs and a kind that is none are refused, and leave nothing")
  func badEvidence() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let id = try await Job(house: house).opened()
    let path = "/v1/cases/\(id)/steps/return/evidence"
    let climbing = try await house.anna.send(
      .post, path, headers: ["Content-Disposition": "attachment; filename=\"../../x\""], body: [1])
    #expect(climbing.status == 422)
    #expect(try await house.anna.send(.post, "\(path)?kind=../x", body: [1]).status == 422)
    #expect(try await house.anna.send(.post, path, headers: ["Content-Type": "nonsense"], body: [1]).status == 422)
    #expect(try await house.anna.send(.post, "/v1/cases/\(id)/steps/nothing/evidence", body: [1]).status == 404)
    let seen = try await house.anna.get("/v1/cases/\(id)")
    #expect(!seen.text.contains("\"grade\":\"E2\",\"id\""))
  }

  @Test("nothing can be done once a case is certified or withdrawn")
  func closedCases() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let certified = try await job.certified()
    house.clock.advance(seconds: 1)
    let withdrawn = try await job.opened()
    #expect(try await house.anna.post("/v1/cases/\(withdrawn)/withdraw", ["note": "we stay"]).status == 200)
    #expect(try await house.anna.get("/v1/cases/\(withdrawn)/certificate").status == 404)
    for id in [certified, withdrawn] {
      #expect(try await job.attach(id, "return").status == 409)
      for verb in [
        "steps/return/complete", "steps/verify-return/approve", "steps/verify-return/return", "withdraw", "certificate",
      ] {
        #expect(try await house.ben.post("/v1/cases/\(id)/\(verb)").status == 409)
      }
      let person = JSON.string(try #require(house.ben.id).text)
      #expect(try await house.ben.post("/v1/cases/\(id)/steps/return/assign", ["person": person]).status == 409)
    }
    let states = try await house.anna.get("/v1/cases?limit=1")
    #expect(try states.json()["items"]?.array?.first?["state"]?.string == "withdrawn")
    let cursor = try #require(try states.json()["next"]?.string)
    let next = try await house.anna.get("/v1/cases?limit=1&cursor=\(cursor)")
    #expect(try next.json()["items"]?.array?.first?["certificate"]?["id"]?.string != nil)
    #expect(try next.json()["next"]?.isNull == true)
  }

  @Test("a case is opened for a vendor that is there, from a template that is there, with a day")
  func badOpenings() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let empty = try await house.anna.post("/v1/cases")
    #expect(empty.status == 422)
    #expect(try job.fields(empty) == ["vendor", "template", "terminated_on"])
    let vendor = JSON.string(try await job.vendor())
    #expect(
      try await house.anna.post("/v1/cases", ["vendor": vendor, "template": "x", "terminated_on": "2026-02-30"]).status
        == 422)
    let foreign = try await house.gina.post(
      "/v1/cases", ["vendor": vendor, "template": "vendor-offboarding", "terminated_on": "2026-02-28"])
    #expect(foreign.status == 422)
    #expect(try await house.adam.post("/v1/cases").status == 404)
    #expect(try await house.anna.get("/v1/cases/../x").status == 404)
  }

  @Test("a newer version of the template leaves open cases as they are")
  func pinnedTemplate() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let old = try await job.opened()
    let first = CaseTemplate.vendorOffboarding
    let second = CaseTemplate(id: first.id, name: first.name, version: 2, steps: Array(first.steps.prefix(1)))
    let desk = CaseDesk(
      ledger: house.app.ledger, tenant: house.acme.id,
      person: NamedPerson(id: try #require(house.anna.id), name: "Anna Berg"))
    let new = try await desk.open(
      vendor: try #require(VendorID(try await job.vendor("Hooli"))), template: second, terminatedOn: house.clock.now.day
    )
    let shown = { (id: String) in try await house.anna.get("/v1/cases/\(id)").json() }
    #expect(try await shown(new.value.id.text)["template"]?["version"]?.integer == 2)
    #expect(try await shown(new.value.id.text)["steps"]?.array?.count == 1)
    #expect(try await shown(old)["template"]?["hash"]?.string == first.hash.hex)
    #expect(try await shown(old)["steps"]?.array?.count == 6)
  }

  @Test("a bundle with any byte changed is refused")
  func changedBundle() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let id = try await Job(house: house).certified()
    let zip = try await house.anna.get("/v1/cases/\(id)/certificate", accept: "application/zip").body
    let key = try VerifierKey(parsing: house.app.ledger.installation.verifierKey)
    #expect(BundleVerifier.verify(zip: zip, pin: key).outcome == .verified)
    for _ in 0..<50 {
      var changed = zip
      changed[Int.random(in: changed.indices)] ^= UInt8(1) << UInt8.random(in: 0..<8)
      #expect(BundleVerifier.verify(zip: changed, pin: key).outcome != .verified)
    }
  }

  @Test("templates are listed with their hash, and the case names the one it is pinned to")
  func templates() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let listed = try await house.anna.get("/v1/templates").json()["items"]?.array?.first
    #expect(listed?["id"]?.string == "vendor-offboarding")
    #expect(listed?["hash"]?.string == CaseTemplate.vendorOffboarding.hash.hex)
    let opened = try await house.anna.get("/v1/cases/\(try await Job(house: house).opened())")
    #expect(try opened.json()["template"]?["hash"] == listed?["hash"])
  }
}
