import Certificate
import Custody
import Platform
import Server
import TestKit
import Testing
import TransparencyLog

@testable import Erasures

/// What the tests of erasures do again and again.
struct Eraserhead {
  let house: House

  func propose(_ type: String, _ id: String, suppress: Bool = false, by guest: Guest? = nil) async throws -> String {
    let answer = try await (guest ?? house.olga).post("/v1/erasures", body(type, id, suppress: suppress))
    #expect(answer.status == 201, "\(answer.text)")
    return try #require(try answer.json()["id"]?.string)
  }

  func body(_ type: String, _ id: String, suppress: Bool = false) -> JSON {
    [
      "object": ["type": .string(type), "id": .string(id)], "reason": "They asked for it.",
      "suppress": .bool(suppress),
    ]
  }

  /// Confirms and carries it to its end, whatever the engine waits for.
  func finish(_ id: String) async throws -> JSON {
    let confirmed = try await house.olga.post("/v1/erasures/\(id)/confirm")
    #expect(confirmed.status == 200, "\(confirmed.text)")
    #expect(try confirmed.json()["state"]?.string == "started")
    for _ in 0..<3 {
      try await house.app.services.jobs.serve(house.acme.id)
      house.clock.advance(seconds: 31)
    }
    return try await house.olga.get("/v1/erasures/\(id)").json()
  }

  func erase(_ type: String, _ id: String, suppress: Bool = false) async throws -> JSON {
    let erasure = try await finish(try await propose(type, id, suppress: suppress))
    #expect(erasure["state"]?.string == "final", "\(erasure.text)")
    return erasure
  }

  /// Confirmed and not yet carried any further.
  func confirmed(_ id: String) async throws -> ErasureCarrier {
    let key = try #require(ErasureID(id))
    let olga = try #require(house.olga.id)
    let act = Act("erasure.confirm", on: ObjectRef("erasure", key), by: .person(olga))
    _ = try await house.app.ledger.write(house.acme.id, act) { work in
      var erasure = try #require(try work.find(Erasure.self, key))
      erasure.progress.confirmed.append(
        Erasure.Progress.Confirmation(person: Erasure.Person(id: olga, name: "Olga"), at: work.now))
      erasure.state = .started
      try work.update(erasure)
      try work.commit(Fact.confirmation(erasure), subject: try work.subject(of: Erasure.self, erasure.key))
    }
    return ErasureCarrier(services: house.app.services, home: house.acme.id)
  }

  func verdict(_ erasure: JSON) async throws -> Verdict {
    let answer = try await house.adam.get(erasure["record"]?.string ?? "")
    #expect(answer.status == 200)
    return ErasureVerifier.verify(
      answer.body, pin: try VerifierKey(parsing: house.app.ledger.installation.verifierKey))
  }
}

@Suite("erasures")
struct ErasureTests {
  @Test("erasures that begin one after another are final within a minute each, though servers hold keys by leases")
  func several() async throws {
    let house = try await House.open(isShared: true)
    defer { house.leave() }
    let eraser = Eraserhead(house: house)
    var begun: [String] = []
    for number in 0..<4 {
      let made = try await house.anna.post("/v1/vendors", ["name": .string("Short-lived \(number)")])
      begun.append(try await eraser.propose("vendor", try #require(try made.json()["id"]?.string)))
      #expect(try await house.olga.post("/v1/erasures/\(begun[number])/confirm").status == 200)
      try await house.app.services.jobs.serve(house.acme.id)
      house.clock.advance(seconds: 1)
    }
    for _ in 0..<60 {
      house.clock.advance(seconds: 1)
      try await house.app.services.jobs.serve(house.acme.id)
    }
    for id in begun {
      #expect(try await house.olga.get("/v1/erasures/\(id)").json()["state"]?.string == "final")
    }
  }

  @Test("an erasure shows first, asks twice, takes everything, proves it, and what was proven before still is")
  func wholeWay() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let (job, eraser) = (Job(house: house), Eraserhead(house: house))
    let caseID = try await job.certified()
    let bundle = try await house.anna.get("/v1/cases/\(caseID)/certificate", accept: "application/zip").body
    let other = try await job.vendor("Hooli")
    let vendor = try #require(try await house.anna.get("/v1/cases/\(caseID)").json()["vendor"]?["id"]?.string)
    let id = try await eraser.propose("vendor", vendor)
    let proposed = try await house.adam.get("/v1/erasures/\(id)").json()
    #expect(proposed["state"]?.string == "proposed")
    #expect((proposed["inventory"]?["rows"]?.integer ?? 0) > 10)
    #expect(proposed["inventory"]?["files"]?.integer == 7)
    #expect((proposed["inventory"]?["journal_images"]?.integer ?? 0) > 0)
    #expect(try await house.anna.get("/v1/vendors/\(vendor)").status == 200)
    #expect(try await house.adam.get("/v1/erasures/\(id)/record").status == 409)
    let final = try await eraser.finish(id)
    #expect(final["state"]?.string == "final", "\(final.text)")
    #expect(final["erased"]?["rows"]?.integer == proposed["inventory"]?["rows"]?.integer)
    #expect(final["erased"]?["files"]?.integer == 7)
    #expect((final["key_copies"]?.array ?? []).allSatisfy { $0["ended_at"]?.string != nil })
    for path in ["/v1/vendors/\(vendor)", "/v1/cases/\(caseID)", "/v1/cases/\(caseID)/certificate"] {
      let answer = try await house.anna.get(path)
      #expect(answer.status == 410, "\(path)")
      #expect(answer.text.contains("erased on 2026-03-02"))
    }
    #expect(try await house.anna.get("/v1/vendors/\(other)").status == 200)
    #expect(try await house.anna.page("/cases?state=certified").text.contains("erased on 2026-03-02"))
    let trail = try await house.adam.get("/v1/audit?object=case:\(caseID)").json()
    #expect(trail["items"]?.array?.first?["object_erased_at"]?.string != nil)
    let pin = try VerifierKey(parsing: house.app.ledger.installation.verifierKey)
    #expect(BundleVerifier.verify(zip: bundle, pin: pin).outcome == .verified)
    let verdict = try await eraser.verdict(final)
    #expect(verdict.outcome == .verified, "\(verdict.findings)")
  }

  @Test("the record holds nothing of what was erased")
  func noContent() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let eraser = Eraserhead(house: house)
    let vendor = try await Job(house: house).vendor("Marker Vendor")
    let final = try await eraser.erase("vendor", vendor)
    let record = try await house.adam.get(final["record"]?.string ?? "").text
    #expect(!record.contains("Marker") && !final.text.contains("Marker"))
  }

  @Test("a case, a row and a key can be erased by themselves; what is part of something larger cannot")
  func otherObjects() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let (job, eraser) = (Job(house: house), Eraserhead(house: house))
    let caseID = try await job.opened()
    let attached = try await job.attach(caseID, "return")
    let evidence = try #require(try attached.json()["id"]?.string)
    let row = try await house.olga.post("/v1/erasures", eraser.body("row", "case_file/\(caseID)"))
    #expect(row.status == 409, "\(row.text)")
    #expect(
      try await house.olga.post("/v1/erasures", eraser.body("row", "person/\(house.mia.id?.text ?? "")")).status == 409)
    #expect(try await house.olga.post("/v1/erasures", eraser.body("row", "log_entry/1")).status == 422)
    #expect(try await house.olga.post("/v1/erasures", eraser.body("subject", "99999999")).status == 422)
    #expect(try await eraser.verdict(try await eraser.erase("row", "case_evidence/\(evidence)")).outcome == .verified)
    #expect(try await house.anna.get("/v1/cases/\(caseID)").status == 200)
    #expect(try await eraser.verdict(try await eraser.erase("case", caseID)).outcome == .verified)
    #expect(try await house.anna.get("/v1/cases/\(caseID)").status == 410)
  }

  @Test("an erasure of which another left nothing destroys nothing and has no record")
  func nothingLeft() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let (job, eraser) = (Job(house: house), Eraserhead(house: house))
    let caseID = try await job.opened()
    let vendor = try #require(try await house.anna.get("/v1/cases/\(caseID)").json()["vendor"]?["id"]?.string)
    let whole = try await eraser.propose("vendor", vendor)
    let part = try await eraser.propose("case", caseID)
    #expect(try await eraser.finish(whole)["state"]?.string == "final")
    let refused = try await house.olga.post("/v1/erasures/\(part)/confirm")
    #expect(refused.status == 409 && refused.text.contains("Nothing of this is left"), "\(refused.text)")
    // Confirmed just before the other took it all.
    let carrier = try await eraser.confirmed(part)
    #expect(try await carrier.carry(try #require(ErasureID(part))) == nil)
    let after = try await house.olga.get("/v1/erasures/\(part)").json()
    #expect(after["state"]?.string == "withdrawn", "\(after.text)")
    #expect(try await house.olga.get("/v1/erasures/\(part)/record").status == 409)
  }

  @Test("an erasure that had destroyed its keys before the data came back says which epoch ended")
  func cameBack() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let (job, eraser, services) = (Job(house: house), Eraserhead(house: house), house.app.services)
    let vendor = try await job.vendor()
    let id = try await eraser.propose("vendor", vendor)
    let carrier = try await eraser.confirmed(id)
    let act = Act("erasure.reapply", on: ObjectRef("erasure", "reapply"), by: .system("erasure"))
    let subjects = try await house.app.ledger.write(house.acme.id, act) { work in
      let finding = try services.erasers.find(ErasureTarget(.vendor, vendor), work)
      let rows = try services.erasers.rows(under: Set(finding?.subjects ?? []), work)
      return try work.erase(rows.live + rows.gone, as: id)
    }.value
    _ = try await house.app.ledger.destroyKeys(of: house.acme.id, subjects, erasure: id)
    for _ in 0..<3 {
      _ = try await carrier.carry(try #require(ErasureID(id)))
      house.clock.advance(seconds: 31)
    }
    let erasure = try await house.olga.get("/v1/erasures/\(id)").json()
    #expect(erasure["state"]?.string == "final", "\(erasure.text)")
    let verdict = try await eraser.verdict(erasure)
    #expect(verdict.outcome == .verified, "\(verdict.findings)")
  }

  @Test("only an owner confirms, once, and only what was not withdrawn; others see no such thing")
  func rights() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let eraser = Eraserhead(house: house)
    let vendor = try await Job(house: house).vendor()
    let id = try await eraser.propose("vendor", vendor, by: house.anna)
    #expect(try await house.anna.post("/v1/erasures/\(id)/confirm").status == 404)
    #expect(try await house.adam.post("/v1/erasures", eraser.body("vendor", vendor)).status == 404)
    #expect(try await house.mia.get("/v1/erasures").status == 404)
    #expect(try await house.gina.get("/v1/erasures/\(id)").status == 404)
    #expect(try await house.gina.post("/v1/erasures/\(id)/confirm").status == 404)
    let end = try await eraser.propose("tenant", house.acme.id.text)
    #expect(try await house.anna.get("/v1/erasures/\(end)").status == 200)
    #expect(try await house.anna.post("/v1/erasures/\(end)/withdraw").status == 404)
    #expect(try await house.anna.page("/erasures/\(end)").text.contains("/withdraw\"") == false)
    #expect(try await house.olga.post("/v1/erasures/\(end)/withdraw").status == 200)
    #expect(try await house.gina.post("/v1/erasures", eraser.body("vendor", vendor)).status == 404)
    #expect(try await house.anna.post("/v1/erasures", eraser.body("tenant", house.acme.id.text)).status == 404)
    #expect(try await house.olga.post("/v1/erasures", eraser.body("tenant", house.globex.id.text)).status == 404)
    #expect(try await house.olga.post("/v1/erasures", eraser.body("vendor", vendor)).status == 409)
    #expect(try await house.anna.post("/v1/erasures/\(id)/withdraw").status == 200)
    #expect(try await house.olga.post("/v1/erasures/\(id)/confirm").status == 409)
    #expect(try await house.anna.get("/v1/vendors/\(vendor)").status == 200)
    let second = try await eraser.propose("vendor", vendor)
    _ = try await eraser.finish(second)
    #expect(try await house.olga.post("/v1/erasures/\(second)/confirm").status == 409)
    #expect(try await house.olga.post("/v1/erasures/\(second)/withdraw").status == 409)
    #expect(try await house.olga.post("/v1/erasures", eraser.body("vendor", vendor)).status == 410)
  }

  @Test("what is under legal hold is not erased; only an owner places a hold or lifts it")
  func holds() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let (job, eraser) = (Job(house: house), Eraserhead(house: house))
    let caseID = try await job.opened()
    let vendor = try #require(try await house.anna.get("/v1/cases/\(caseID)").json()["vendor"]?["id"]?.string)
    let hold: JSON = ["object": ["type": "case", "id": .string(caseID)], "reason": "Lawsuit"]
    #expect(try await house.anna.post("/v1/holds", hold).status == 404)
    let id = try await eraser.propose("vendor", vendor)
    #expect(try await house.olga.post("/v1/holds", hold).status == 201)
    #expect(try await house.olga.post("/v1/holds", hold).status == 409)
    #expect(try await house.olga.post("/v1/erasures/\(id)/confirm").status == 409)
    #expect(try await house.anna.get("/v1/cases/\(caseID)").status == 200)
    #expect(try await house.adam.get("/v1/holds").text.contains("Lawsuit"))
    let lift: JSON = ["object": ["type": "case", "id": .string(caseID)]]
    #expect(try await house.anna.post("/v1/holds/lift", lift).status == 404)
    #expect(try await house.olga.post("/v1/holds/lift", lift).status == 200)
    #expect(try await eraser.finish(id)["state"]?.string == "final")
  }

  @Test("a suppressed vendor comes back neither by hand nor by an import, until an owner lets it")
  func suppression() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let eraser = Eraserhead(house: house)
    let csv = "registry_id,name,privacy_url\nR-1,Initech GmbH,https://initech.example/privacy\nR-2,Hooli,\n"
    func load() async throws -> JSON {
      try await house.anna.post("/v1/vendors/import", type: "text/csv", body: Array(csv.utf8)).json()
    }
    #expect(try await load()["created"]?.integer == 2)
    let vendor = try #require(
      try await house.anna.get("/v1/vendors?q=initech").json()["items"]?.array?.first?["id"]?.string)
    let erasure = try #require(try await eraser.erase("vendor", vendor, suppress: true)["id"]?.string)
    let again = try await load()
    #expect(again["created"]?.integer == 0 && again["rejected_total"]?.integer == 1, "\(again.text)")
    #expect(again["rejected"]?.text.contains("not to come back") == true)
    for draft in [
      ["name": "initech  gmbh"], ["name": "Other", "registry_id": "r1"],
      ["name": "Other", "privacy_url": "http://www.initech.example/privacy/"],
    ] as [JSON] { #expect(try await house.anna.post("/v1/vendors", draft).status == 409, "\(draft.text)") }
    let sameNotice: JSON = ["name": "Other", "registry_id": "R-3", "privacy_url": "https://initech.example/privacy"]
    #expect(try await house.anna.post("/v1/vendors", sameNotice).status == 201)
    let hooli = try #require(
      try await house.anna.get("/v1/vendors?q=hooli").json()["items"]?.array?.first?["id"]?.string)
    let renamed: JSON = ["name": "Initech GmbH"]
    let patch = try await house.anna.send(.patch, "/v1/vendors/\(hooli)", body: renamed.canonical)
    #expect(patch.status == 409)
    #expect(try await house.anna.post("/v1/erasures/\(erasure)/readmit").status == 404)
    #expect(try await house.olga.post("/v1/erasures/\(erasure)/readmit").status == 204)
    #expect(try await load()["created"]?.integer == 1)
  }

  @Test("without the wish a vendor may come back, as a new one")
  func comesBack() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let first = try await Job(house: house).vendor()
    _ = try await Eraserhead(house: house).erase("vendor", first)
    #expect(try await Job(house: house).vendor() != first)
  }

  @Test("an erasure goes on while the organisation is frozen")
  func frozen() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let vendor = try await Job(house: house).vendor()
    #expect(try await house.olga.post("/v1/freeze", ["reason": "Incident"]).status == 200)
    _ = try await Eraserhead(house: house).erase("vendor", vendor)
  }

  @Test("in a browser it takes the password again; a session left open is not enough")
  func browser() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.setPassword("correct horse battery", for: house.olga)
    let olga = try await house.olga.signedIn(
      slug: "acme", email: "olga@acme.example", password: "correct horse battery")
    let vendor = try await Job(house: house).vendor("Initech")
    let before = try await olga.page("/erasures/new?type=vendor&id=\(vendor)").text
    for word in ["Erase Initech?", "What goes", "What remains, and why", "Keep it from coming back"] {
      #expect(before.contains(word), "\(word)")
    }
    #expect(try await olga.submit("/erasures", [("type", "vendor"), ("id", vendor), ("reason", "")]).status == 422)
    let proposed = try await olga.submit(
      "/erasures", [("type", "vendor"), ("id", vendor), ("reason", "They asked"), ("suppress", "yes")])
    let path = try #require(proposed.headers["Location"])
    #expect(try await olga.page(path).text.contains("Erase for good"))
    #expect(try await house.anna.page(path).text.contains("An owner of the organisation has to confirm it."))
    #expect(try await olga.submit("\(path)/confirm", [("password", "wrong")]).status == 422)
    let token = try await olga.formToken()
    let api = try await olga.send(
      .post, "/v1\(path)/confirm", headers: ["X-Steward-CSRF": token, "Sec-Fetch-Site": "same-origin"])
    #expect(api.status == 422, "\(api.text)")
    #expect(try await house.anna.get("/v1/vendors/\(vendor)").status == 200)
    #expect(try await olga.submit("\(path)/confirm", [("password", "correct horse battery")]).status == 303)
    for _ in 0..<3 {
      try await house.app.services.jobs.serve(house.acme.id)
      house.clock.advance(seconds: 31)
    }
    let after = try await house.olga.page(path).text
    for word in ["Final", "Download the record", "Copies of the keys", "Let it come back"] {
      #expect(after.contains(word), "\(word)")
    }
    for page in [before, after, try await house.olga.page("/erasures").text] {
      for stray in ["erasures_", "Optional(", "<script", "style=\"", "{{"] {
        #expect(!page.contains(stray), "\(stray)")
      }
    }
    #expect(try await house.olga.page("/vendors/\(vendor)").text.contains("erased on 2026-03-02"))
  }

  @Test("an organisation ends by its owner's two confirmations, and its record is there by the link")
  func wholeOrganisation() async throws {
    let house = try await House.open()
    defer { house.leave() }
    _ = try await Job(house: house).vendor()
    let id = try await Eraserhead(house: house).propose("tenant", house.acme.id.text)
    let once = try await house.olga.post("/v1/erasures/\(id)/confirm").json()
    #expect(once["state"]?.string == "proposed")
    let twice = try await house.olga.post("/v1/erasures/\(id)/confirm", ["confirmation": 2]).json()
    #expect(twice["state"]?.string == "started")
    let link = try #require(twice["record_link"]?.string)
    let system = try await house.app.tenants.system()
    for _ in 0..<3 {
      try await house.app.services.jobs.serve(system)
      house.clock.advance(seconds: 31)
    }
    let record = try await house.stranger.get(link)
    #expect(record.status == 200, "\(record.text)")
    let pin = try VerifierKey(parsing: house.app.ledger.installation.verifierKey)
    let verdict = ErasureVerifier.verify(record.body, pin: pin)
    #expect(verdict.outcome == .verified, "\(verdict.findings)")
    #expect(try await house.stranger.get("/v1/erased/\(link.suffix(30))").status == 404)
    #expect(try await house.olga.get("/v1/vendors").status != 200)
    #expect(try await house.gina.get("/v1/vendors").status == 200)
  }
}

@Suite("where the keys of an erasure were")
struct KeyEndsTests {
  private let noon = Instant(milliseconds: 1_800_000_000_000)

  private func tried(_ places: [(String, Bool)]) -> KeyDestruction {
    let copies = places.map { place, isEnded in
      KeyCopy(
        place: place, isLive: place == "/live", endedAt: isEnded ? noon : nil, obstacle: isEnded ? nil : "It is away.")
    }
    return KeyDestruction(epochBefore: 1, epochAfter: 2, copies: copies)
  }

  @Test("a replica that was named and then forgotten keeps the erasure from its end until it is back and has ended")
  func forgotten() {
    let one = KeyPlaceLabel.text("/one", isLive: false, installation: "i")
    let live = KeyPlaceLabel.text("/live", isLive: true, installation: "i")
    let first = KeyEnds(tried([("/one", false), ("/live", true)]), over: nil, installation: "i")
    #expect(!first.isComplete)
    let later = KeyEnds(tried([("/live", true)]), over: first, installation: "i")
    #expect(!later.isComplete)
    #expect(later.copies.first { $0.place == one }?.obstacle?.contains("taken off the list") == true)
    let back = KeyEnds(tried([("/one", true), ("/live", true)]), over: later, installation: "i")
    #expect(back.isComplete && back.copies.map(\.place) == [one, live])
    // One that had ended may go.
    let without = KeyEnds(tried([("/live", true)]), over: back, installation: "i")
    #expect(without.isComplete && without.copies.map(\.endedAt) == [noon, noon])
  }
}

@Suite("what an eraser has to say")
struct EraserRuleTests {
  private struct Careless: Module {
    var rules: [String: Eraser.Rule]?
    static let table = Table("careless", .primary, columns: [], retention: "for ever")

    var manifest: ModuleManifest {
      ModuleManifest(
        name: "careless", tables: [Careless.table], permissions: [], exit: DataExit(exporter: "a", eraser: "b"),
        eraser: rules.map { Eraser($0) })
    }
    var routes: [Route] { [] }
  }

  @Test("a module with primary tables boots only if it says what becomes of each of them")
  func boots() throws {
    #expect(throws: Problem.self) { try Platform.Catalogue([Careless()]) }
    #expect(throws: Problem.self) { try Platform.Catalogue([Careless(rules: [:])]) }
    #expect(throws: Problem.self) {
      try Platform.Catalogue([Careless(rules: ["careless": .goes(), "other": .goes()])])
    }
    _ = try Platform.Catalogue([Careless(rules: ["careless": .goes()])])
  }

  @Test("a vendor is recognised whatever its spelling")
  func comparable() {
    func marks(_ name: String, _ id: String?, _ url: String?) -> [String] {
      VendorIdentity(name: name, registryID: id, url: url).marks.map { "\($0.kind.rawValue) \($0.text)" }
    }
    #expect(
      marks("Initech, GmbH & Co.", "R-1 ", "HTTPS://www.Initech.example/a/#top") == [
        "registry_id r1", "name initechgmbhco", "url initech.example/a",
      ])
    #expect(marks("…", nil, nil) == [])
    #expect(marks("İş", nil, nil) == marks("i̇ş", nil, nil))
  }
}
