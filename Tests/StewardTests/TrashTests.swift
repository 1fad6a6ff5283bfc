import Certificate
import Platform
import Server
import TestKit
import Testing
import TransparencyLog

@Suite("the trash")
struct TrashTests {
  private func discard(_ guest: Guest, _ path: String) async throws -> FrontDoor.Answer {
    try await guest.send(.delete, path)
  }

  private func items(_ guest: Guest, _ path: String) async throws -> [JSON] {
    try await guest.get(path).json()["items"]?.array ?? []
  }

  /// The daily round, as if asked for by hand.
  private func endTime(_ house: House, days: Int = Trash.days) async throws {
    house.clock.advance(seconds: days * 86_400)
    #expect(try await house.olga.post("/v1/jobs", ["kind": "erasure.trash"]).status == 202)
    for _ in 0..<3 {
      try await house.app.services.jobs.serve(house.acme.id)
      house.clock.advance(seconds: 31)
    }
  }

  @Test("a vendor in the trash is in no list, takes its cases along, and comes back with them as they were")
  func vendorThereAndBack() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let caseID = try await job.opened()
    let before = try await house.anna.get("/v1/cases/\(caseID)").json()
    let vendor = try #require(before["vendor"]?["id"]?.string)
    let other = try await job.vendor("Hooli")
    let put = try await discard(house.anna, "/v1/vendors/\(vendor)")
    #expect(put.status == 200 && put.headers["Steward-Receipt"] != nil)
    #expect(try put.json()["trashed"]?["until"]?.string == "2026-04-01T09:00:00.000Z")
    #expect(try await items(house.anna, "/v1/vendors").map { $0["id"]?.string } == [other])
    #expect(try await items(house.anna, "/v1/vendors?q=initech").isEmpty)
    #expect(try await items(house.anna, "/v1/cases").isEmpty)
    #expect(try await house.anna.page("/home").text.contains("Nothing is open"))
    #expect(try await items(house.anna, "/v1/trash").count == 2)
    #expect(try await house.anna.page("/trash").text.contains("Bring back"))
    #expect(try await house.anna.page("/vendors/\(vendor)").text.contains("In the trash"))
    for (path, body) in [
      ("/v1/cases/\(caseID)/withdraw", ["note": "x"] as JSON),
      ("/v1/cases/\(caseID)/restore", [:]),
      ("/v1/cases", ["vendor": .string(vendor), "template": "vendor-offboarding", "terminated_on": "2026-02-28"]),
    ] { #expect([409, 422].contains(try await house.anna.post(path, body).status), "\(path)") }
    let renamed = try await house.anna.send(
      .patch, "/v1/vendors/\(vendor)", headers: ["Content-Type": "application/json"], body: Array(#"{"name":"X"}"#.utf8)
    )
    #expect(renamed.status == 409)
    #expect(try await job.attach(caseID, "return").status == 409)
    #expect(try await discard(house.anna, "/v1/vendors/\(vendor)").status == 409)
    #expect(try await house.ben.post("/v1/vendors/\(vendor)/restore", [:]).status == 200)
    #expect(try await house.ben.post("/v1/vendors/\(vendor)/restore", [:]).status == 409)
    #expect(try await house.anna.get("/v1/cases/\(caseID)").json() == before)
    #expect(try await items(house.anna, "/v1/trash").isEmpty)
    let trail = try await items(house.adam, "/v1/audit?object=vendor:\(vendor)").compactMap { $0["action"]?.string }
    #expect(trail.prefix(2) == ["vendor.restore", "vendor.trash"])
    try await endTime(house)
    #expect(try await house.anna.get("/v1/vendors/\(vendor)").status == 200)
  }

  @Test("who may not write cannot move anything to the trash or back, and another organisation knows nothing of it")
  func rights() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let vendor = try await Job(house: house).vendor()
    for guest in [house.adam, house.mia, house.gina] {
      #expect(try await discard(guest, "/v1/vendors/\(vendor)").status == 404)
    }
    #expect(try await discard(house.anna, "/v1/vendors/\(vendor)").status == 200)
    for guest in [house.adam, house.mia, house.gina] {
      #expect(try await guest.post("/v1/vendors/\(vendor)/restore", [:]).status == 404)
    }
    #expect(try await house.mia.get("/v1/trash").status == 404)
    #expect(try await items(house.gina, "/v1/trash").isEmpty)
    #expect(try await house.gina.get("/v1/vendors/\(vendor)").status == 404)
  }

  @Test("when its time has ended it is erased, on the record and provably, and not a day before")
  func timeEnds() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let caseID = try await job.certified()
    let vendor = try #require(try await house.anna.get("/v1/cases/\(caseID)").json()["vendor"]?["id"]?.string)
    #expect(try await discard(house.anna, "/v1/vendors/\(vendor)").status == 200)
    try await endTime(house, days: Trash.days - 1)
    #expect(try await house.anna.get("/v1/vendors/\(vendor)").status == 200)
    try await endTime(house, days: 1)
    #expect(try await house.anna.get("/v1/vendors/\(vendor)").status == 410)
    #expect(try await house.anna.get("/v1/cases/\(caseID)").status == 410)
    #expect(try await items(house.anna, "/v1/trash").isEmpty)
    let erasures = try await items(house.adam, "/v1/erasures")
    let erasure = try #require(erasures.first)
    #expect(erasures.count == 1 && erasure["state"]?.string == "final" && erasure["trash"]?.bool == true)
    #expect(erasure["proposed_by"]?["name"]?.string == "Anna Berg")
    let record = try await house.adam.get(erasure["record"]?.string ?? "").body
    let verdict = ErasureVerifier.verify(
      record, pin: try VerifierKey(parsing: house.app.ledger.installation.verifierKey))
    #expect(verdict.outcome == .verified, "\(verdict.findings)")
    #expect(verdict.findings.contains { $0.reason.contains("Put into the trash by Anna Berg") })
  }

  @Test("what is under legal hold cannot be put into the trash, and what lies there stays as long as it is held")
  func legalHold() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let caseID = try await job.opened()
    let vendor = try #require(try await house.anna.get("/v1/cases/\(caseID)").json()["vendor"]?["id"]?.string)
    let piece = try #require(try await job.attach(caseID, "return").json()["id"]?.string)
    let evidence = "/v1/cases/\(caseID)/steps/return/evidence/\(piece)"
    let hold: JSON = ["object": ["type": "vendor", "id": .string(vendor)], "reason": "A dispute."]
    #expect(try await house.olga.post("/v1/holds", hold).status == 201)
    for path in ["/v1/vendors/\(vendor)", "/v1/cases/\(caseID)", evidence] {
      #expect(try await discard(house.anna, path).status == 409, "\(path)")
    }
    // A hold on the vendor holds a piece of its evidence, too.
    let erasure = try await house.olga.post(
      "/v1/erasures", ["object": ["type": "row", "id": .string("case_evidence/\(piece)")], "reason": "x"]
    ).json()
    #expect(erasure["inventory"]?["held"]?.bool == true)
    #expect(try await house.olga.post("/v1/erasures/\(erasure["id"]?.string ?? "")/confirm").status == 409)
    #expect(try await house.olga.post("/v1/erasures/\(erasure["id"]?.string ?? "")/withdraw").status == 200)
    let lift: JSON = ["object": ["type": "vendor", "id": .string(vendor)]]
    #expect(try await house.olga.post("/v1/holds/lift", lift).status == 200)
    for path in [evidence, "/v1/vendors/\(vendor)"] { #expect(try await discard(house.anna, path).status == 200) }
    #expect(try await house.olga.post("/v1/holds", hold).status == 201)
    try await endTime(house)
    #expect(try await house.anna.get("/v1/vendors/\(vendor)").status == 200)
    #expect(try await items(house.anna, "/v1/trash").count == 3)
    #expect(try await house.olga.post("/v1/holds/lift", lift).status == 200)
    try await endTime(house, days: 1)
    #expect(try await house.anna.get("/v1/vendors/\(vendor)").status == 410)
    #expect(try await items(house.anna, "/v1/trash").isEmpty)
  }

  @Test("a registry id in the trash is not given away, by hand or by an import")
  func registryID() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let made = try await house.anna.post("/v1/vendors", ["name": "Initech", "registry_id": "R-1"])
    let vendor = try #require(try made.json()["id"]?.string)
    #expect(try await discard(house.anna, "/v1/vendors/\(vendor)").status == 200)
    let again = try await house.anna.post("/v1/vendors", ["name": "Other", "registry_id": "R-1"])
    #expect(again.status == 409 && again.text.contains("in the trash"))
    let register = "registry_id,name\nR-1,Initech 2\n"
    let imported = try await house.anna.post("/v1/vendors/import", type: "text/csv", body: Array(register.utf8))
    #expect(imported.text.contains("in the trash"), "\(imported.text)")
    #expect(try await items(house.anna, "/v1/vendors").isEmpty)
  }
}

@Suite("evidence in the trash")
struct EvidenceTrashTests {
  private func verdict(_ house: House, _ caseID: String) async throws -> Verdict {
    let bundle = try await house.anna.get("/v1/cases/\(caseID)/certificate", accept: "application/zip").body
    return BundleVerifier.verify(
      zip: bundle, pin: try VerifierKey(parsing: house.app.ledger.installation.verifierKey))
  }

  @Test("evidence goes from an open step and comes back, and the certificate rests on what is there")
  func certificate() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let caseID = try await job.opened()
    let base = "/v1/cases/\(caseID)/steps/return"
    var pieces: [String] = []
    for body in ["wrong file", "goes and comes", "right file"] {
      pieces.append(try #require(try await job.attach(caseID, "return", body: body).json()["id"]?.string))
    }
    #expect(try await house.mia.send(.delete, "\(base)/evidence/\(pieces[0])").status == 404)
    for piece in pieces[0...1] {
      #expect(try await house.anna.send(.delete, "\(base)/evidence/\(piece)").status == 200)
      #expect(try await house.anna.get("\(base)/evidence/\(piece)").status == 404)
    }
    #expect(try await house.anna.post("\(base)/evidence/\(pieces[1])/restore", [:]).status == 200)
    #expect(try await house.anna.get("\(base)/evidence/\(pieces[1])").status == 200)
    for step in Job.steps { try await job.finish(caseID, step) }
    #expect(try await house.anna.send(.delete, "\(base)/evidence/\(pieces[2])").status == 409)
    // A whole case goes and comes back, and is certified all the same.
    #expect(try await house.anna.send(.delete, "/v1/cases/\(caseID)").status == 200)
    #expect(try await house.anna.post("/v1/cases/\(caseID)/certificate", [:]).status == 409)
    #expect(try await house.anna.post("/v1/cases/\(caseID)/restore", [:]).status == 200)
    #expect(try await house.anna.post("/v1/cases/\(caseID)/certificate", [:]).status == 201)
    let found = try await verdict(house, caseID)
    #expect(found.outcome == .verified, "\(found.findings)")
    let statement = try await house.anna.get("/v1/cases/\(caseID)/certificate", accept: "application/json").json()
    let named = (statement["evidence"]?.array ?? []).compactMap { $0["id"]?.string }
    #expect(!named.contains(pieces[0]) && named.contains(pieces[1]) && named.contains(pieces[2]))
  }

  @Test("evidence whose time in the trash ended is gone, and the case can still be certified")
  func erasedEvidence() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = Job(house: house)
    let caseID = try await job.opened()
    let piece = try #require(try await job.attach(caseID, "return", body: "wrong").json()["id"]?.string)
    #expect(try await house.anna.send(.delete, "/v1/cases/\(caseID)/steps/return/evidence/\(piece)").status == 200)
    house.clock.advance(seconds: Trash.days * 86_400)
    #expect(try await house.olga.post("/v1/jobs", ["kind": "erasure.trash"]).status == 202)
    for _ in 0..<3 {
      try await house.app.services.jobs.serve(house.acme.id)
      house.clock.advance(seconds: 31)
    }
    #expect(
      try await house.anna.post("/v1/cases/\(caseID)/steps/return/evidence/\(piece)/restore", [:]).status == 410)
    // A reminder is an entry of the case without a fact.
    #expect(try await house.anna.post("/v1/jobs", ["kind": "offboarding.remind"]).status == 202)
    try await house.app.services.jobs.serve(house.acme.id)
    for step in Job.steps { try await job.finish(caseID, step) }
    #expect(try await house.anna.post("/v1/cases/\(caseID)/certificate", [:]).status == 201)
    let found = try await verdict(house, caseID)
    #expect(found.outcome == .verified, "\(found.findings)")
    #expect(found.findings.contains { $0.reason.contains("1 pieces of evidence that were erased") })
    let trail = try await house.adam.get("/v1/audit?object=case:\(caseID)").text
    #expect(trail.contains("case.remind") && trail.contains("case.evidence.trash"))
  }
}
