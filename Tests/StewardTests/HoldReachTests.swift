import Offboarding
import Platform
import Server
import TestKit
import Testing

@testable import Erasures

/// What a legal hold reaches: not only the object it names, but whatever belongs to that, by whatever name somebody asks for it.
@Suite("how far a legal hold reaches")
struct HoldReachTests {
  /// A house with an open case, one piece of evidence, and reminders that were sent.
  struct Scene {
    let house: House
    let eraser: Eraserhead
    let caseID: String
    let vendor: String
    let evidence: String

    init(_ house: House) async throws {
      self.house = house
      eraser = Eraserhead(house: house)
      let job = Job(house: house)
      caseID = try await job.opened()
      vendor = try #require(try await house.anna.get("/v1/cases/\(caseID)").json()["vendor"]?["id"]?.string)
      evidence = try #require(try await job.attach(caseID, "return").json()["id"]?.string)
    }

    func remind() async throws {
      #expect(try await house.anna.post("/v1/jobs", ["kind": "offboarding.remind"]).status == 202)
      // The reminders, and then their delivery.
      for _ in 0..<2 { try await house.app.services.jobs.serve(house.acme.id) }
    }

    func hold(_ type: String, _ id: String) async throws -> Int {
      try await house.olga.post(
        "/v1/holds", ["object": ["type": .string(type), "id": .string(id)], "reason": "Lawsuit"]
      ).status
    }

    /// Keys of a table's rows, with the numbers of their subjects.
    func rows(_ table: String) async throws -> [(key: String, subject: Int64)] {
      let tenant = house.acme.id
      return try await house.app.ledger.read(tenant) { reader in
        try reader.rows("SELECT id, subject FROM \(raw: table) WHERE tenant = \(tenant) ORDER BY id")
      }.map { ($0[0].text ?? "", $0[1].integer ?? -1) }
    }
  }

  @Test(
    "a hold on a vendor or its case holds each of their rows, and the mails about them, also when they are asked for by row or key"
  )
  func rowByRow() async throws {
    let house = try await House.open(mail: MailSettings(route: .mailbox))
    defer { house.leave() }
    let scene = try await Scene(house)
    house.clock.advance(seconds: 40 * 86_400)
    try await scene.remind()
    for (type, id) in [("vendor", scene.vendor), ("case", scene.caseID)] {
      #expect(try await scene.hold(type, id) == 201)
      for table in ["case_evidence", "step_reminder", "message", "mailbox"] {
        let rows = try await scene.rows(table)
        let row = try #require(rows.last, "\(table)")
        for (kind, name) in [("row", "\(table)/\(row.key)"), ("subject", String(row.subject))] {
          let proposed = try await house.anna.post("/v1/erasures", scene.eraser.body(kind, name))
          #expect(proposed.status == 201, "\(proposed.text)")
          let json = try proposed.json()
          #expect(json["inventory"]?["held"]?.bool == true, "\(type) \(name)")
          let erasure = json["id"]?.string ?? ""
          #expect(try await house.olga.post("/v1/erasures/\(erasure)/confirm").status == 409, "\(type) \(name)")
          #expect(try await house.anna.post("/v1/erasures/\(erasure)/withdraw").status == 200)
        }
      }
      let lift: JSON = ["object": ["type": .string(type), "id": .string(id)]]
      #expect(try await house.olga.post("/v1/holds/lift", lift).status == 200)
    }
    let message = try #require(try await scene.rows("message").last).key
    #expect(try await scene.eraser.erase("row", "message/\(message)")["state"]?.string == "final")
  }

  @Test("nobody gets a hold on what is being erased already, neither on the object nor on what goes with it")
  func tooLate() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let scene = try await Scene(house)
    try await scene.begin("vendor", scene.vendor)
    #expect(try await scene.hold("case", scene.caseID) == 409)
    #expect(try await scene.hold("vendor", scene.vendor) == 409)
  }

  @Test("an organisation either ends or is held: whichever is on its record first")
  func endOrHold() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let scene = try await Scene(house)
    let (ledger, acme) = (house.app.ledger, house.acme.id)
    #expect(try await scene.hold("case", scene.caseID) == 201)
    await #expect(throws: Problem.self) { try await ledger.beginEnd(of: acme, erasure: "x") }
    let lift: JSON = ["object": ["type": "case", "id": .string(scene.caseID)]]
    #expect(try await house.olga.post("/v1/holds/lift", lift).status == 200)
    try await ledger.beginEnd(of: acme, erasure: "x")
    try await ledger.beginEnd(of: acme, erasure: "x")
    #expect(try await scene.hold("case", scene.caseID) == 409)
    #expect(try await scene.hold("tenant", acme.text) == 409)
  }

  @Test("nothing comes to what is being erased: no evidence, no case, no reminder")
  func nothingComes() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let scene = try await Scene(house)
    try await scene.begin("vendor", scene.vendor)
    #expect(try await Job(house: house).attach(scene.caseID, "return").status == 409)
    let another: JSON = [
      "vendor": .string(scene.vendor), "template": "vendor-offboarding", "terminated_on": "2026-02-28",
    ]
    #expect(try await house.anna.post("/v1/cases", another).status == 409)
    let note: JSON = ["note": "done", "remains": []]
    #expect(try await house.anna.post("/v1/cases/\(scene.caseID)/steps/return/complete", note).status == 409)
    house.clock.advance(seconds: 40 * 86_400)
    try await scene.remind()
    #expect(try await scene.rows("step_reminder").isEmpty)
    #expect(try await scene.rows("message").isEmpty)
  }
}

extension HoldReachTests.Scene {
  /// An erasure that was confirmed and has not taken anything yet, as while its first part waits, or while others follow.
  func begin(_ type: String, _ id: String) async throws {
    let erasureID = try #require(ErasureID(try await eraser.propose(type, id)))
    let act = Act("erasure.confirm", on: ObjectRef("erasure", erasureID), by: .system("test"))
    _ = try await house.app.ledger.write(house.acme.id, act) { work in
      var erasure = try #require(try work.find(Erasure.self, erasureID))
      erasure.state = .started
      try work.update(erasure)
    }
  }
}
