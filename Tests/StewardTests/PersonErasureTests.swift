import Accounts
import Certificate
import Platform
import Server
import TestKit
import Testing
import TransparencyLog

@Suite("erasing a person")
struct PersonErasureTests {
  private func id(_ guest: Guest) throws -> String { try #require(guest.id?.text) }

  @Test("name and address go, with everything they could sign in with; what they did stands under their id")
  func wholeWay() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let (job, eraser) = (Job(house: house), Eraserhead(house: house))
    try await house.setPassword("a password of Ben's", for: house.ben)
    let browser = try await house.ben.signedIn(
      slug: "acme", email: "ben@acme.example", password: "a password of Ben's")
    #expect(try await browser.page("/home").status == 200)
    let caseID = try await job.certified()
    let ben = try id(house.ben)
    #expect(try await house.olga.page("/people").text.contains("/erasures/new?type=person&amp;id=\(ben)"))
    let shown = try await house.olga.page("/erasures/new?type=person&id=\(ben)").text
    #expect(shown.contains("Erase Ben Castillo?") && shown.contains("in 1 case"))
    let proposal = try await eraser.propose("person", ben, by: house.anna)
    #expect(try await house.ben.get("/v1/me").status == 200)
    let final = try await eraser.finish(proposal)
    #expect(final["state"]?.string == "final", "\(final.text)")
    #expect(try await eraser.verdict(final).outcome == .verified)
    #expect(try await house.ben.get("/v1/me").status == 401)
    #expect(try await browser.page("/home").status != 200)
    let again = try await house.stranger.submit(
      "/t/acme", [("email", "ben@acme.example"), ("password", "a password of Ben's")])
    #expect(again.status != 303)
    let people = try await house.olga.get("/v1/people").text
    #expect(!people.contains("Castillo") && !people.contains(ben))
    let trail = try await house.adam.get("/v1/audit?actor=person:\(ben)").json()["items"]?.array ?? []
    #expect(!trail.isEmpty && trail.allSatisfy { $0["actor_name"]?.isNull ?? true })
    #expect(try await house.anna.get("/v1/cases/\(caseID)").text.contains("Ben Castillo"))
    let record = try await house.adam.get(final["record"]?.string ?? "").text
    #expect(!record.contains("Castillo") && !record.contains("ben@acme"))
    // The address is free again.
    let added = try await house.olga.post(
      "/v1/people", ["name": "Ben Again", "email": "ben@acme.example", "roles": ["member"]])
    #expect(added.status == 201, "\(added.text)")
  }

  @Test("an invitation that waits goes with the person")
  func invitation() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let eraser = Eraserhead(house: house)
    let added = try await house.olga.post(
      "/v1/people", ["name": "Ivo", "email": "ivo@acme.example", "roles": ["member"]]
    ).json()
    let link = String(try #require(added["setup_link"]?.string).drop { $0 != "/" }.dropFirst(2).drop { $0 != "/" })
    #expect(try await house.stranger.page(link).status == 200)
    _ = try await eraser.erase("person", try #require(added["id"]?.string))
    #expect(try await house.stranger.page(link).status != 200)
  }

  @Test("the last owner is not erased without the organisation, at whatever step it turns out")
  func lastOwner() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let eraser = Eraserhead(house: house)
    let (olga, anna) = (try id(house.olga), try id(house.anna))
    let refused = try await house.olga.post("/v1/erasures", eraser.body("person", olga))
    #expect(refused.status == 409 && refused.text.contains("last owner"))
    #expect(try await house.olga.page("/erasures/new?type=person&id=\(olga)").status == 409)
    let second = try await house.app.accounts.enrol(
      house.acme.id, name: "Otto", email: "otto@acme.example", roles: [.owner], by: .system("test"))
    let proposal = try await eraser.propose("person", olga)
    #expect(try await house.olga.post("/v1/people/\(second)/disable").status == 200)
    let late = try await house.olga.post("/v1/erasures/\(proposal)/confirm")
    #expect(late.status == 409 && late.text.contains("last owner"))
    #expect(try await house.olga.get("/v1/me").status == 200)
    // Whoever is no owner can be erased, by an owner only.
    let other = try await eraser.propose("person", anna)
    #expect(try await house.anna.post("/v1/erasures/\(other)/confirm").status == 404)
    #expect(try await house.gina.post("/v1/erasures", eraser.body("person", anna)).status == 404)
  }

  @Test("a hold on a person keeps them")
  func hold() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let (eraser, mia) = (Eraserhead(house: house), try id(house.mia))
    let proposal = try await eraser.propose("person", mia)
    let hold: JSON = ["object": ["type": "person", "id": .string(mia)], "reason": "A dispute."]
    #expect(try await house.olga.post("/v1/holds", hold).status == 201)
    #expect(try await house.olga.post("/v1/erasures/\(proposal)/confirm").status == 409)
    #expect(try await house.mia.get("/v1/me").status == 200)
  }

  @Test("no path and no address of a place of keys is shown to customers")
  func labels() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let eraser = Eraserhead(house: house)
    let final = try await eraser.erase("vendor", try await Job(house: house).vendor())
    let path = final["id"]?.string ?? ""
    let texts = [
      final.text, try await house.adam.get(final["record"]?.string ?? "").text,
      try await house.adam.page("/erasures/\(path)").text,
    ]
    for text in texts {
      #expect(!text.contains(house.directory) && !text.contains("postgres://"))
      #expect(text.contains("key store "))
    }
  }
}
