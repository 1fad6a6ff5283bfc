import Platform
import Server
import TestKit
import Testing

/// Who wants something gone, or free to go, says so deliberately: with the password where a session was left open, and twice where it is twice.
@Suite("what it takes to agree to an erasure")
struct ErasureConsentTests {
  private typealias Fields = [(name: String, value: String)]

  private static let password = "correct horse battery"

  private func signedIn(_ house: House) async throws -> Guest {
    try await house.setPassword(ErasureConsentTests.password, for: house.olga)
    return try await house.olga.signedIn(
      slug: "acme", email: "olga@acme.example", password: ErasureConsentTests.password)
  }

  @Test("one confirmation that arrives twice is one confirmation")
  func sentTwice() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let id = try await Eraserhead(house: house).propose("tenant", house.acme.id.text)
    func confirm(_ body: JSON) async throws -> FrontDoor.Answer {
      try await house.olga.post("/v1/erasures/\(id)/confirm", body)
    }
    #expect(try await confirm(["confirmation": 2]).status == 409)
    #expect(try await confirm(["confirmation": "1"]).status == 422)
    #expect(try await confirm([:]).json()["state"]?.string == "proposed")
    #expect(try await confirm([:]).status == 409)
    #expect(try await confirm(["confirmation": 1]).status == 409)
    #expect(try await confirm(["confirmation": 2]).json()["state"]?.string == "started")
  }

  @Test("the form of the first confirmation, sent twice, does not begin the end of the organisation")
  func formSentTwice() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let olga = try await signedIn(house)
    let id = try await Eraserhead(house: house).propose("tenant", house.acme.id.text)
    let form: Fields = [("password", ErasureConsentTests.password), ("confirmation", "1")]
    #expect(try await olga.page("/erasures/\(id)").text.contains(#"name="confirmation" value="1""#))
    #expect(try await olga.submit("/erasures/\(id)/confirm", form).status == 303)
    #expect(try await olga.submit("/erasures/\(id)/confirm", form).status == 409)
    #expect(try await house.olga.get("/v1/erasures/\(id)").json()["state"]?.string == "proposed")
    #expect(try await olga.page("/erasures/\(id)").text.contains(#"name="confirmation" value="2""#))
  }

  @Test("lifting a hold takes the password again where a browser asks for it")
  func lifting() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let olga = try await signedIn(house)
    let vendor = try await Job(house: house).vendor()
    let object: JSON = ["type": "vendor", "id": .string(vendor)]
    #expect(try await house.olga.post("/v1/holds", ["object": object, "reason": "Lawsuit"]).status == 201)
    let body: JSON = ["object": object]
    let headers: Headers = ["X-Steward-CSRF": try await olga.formToken(), "Sec-Fetch-Site": "same-origin"]
    let api = try await olga.send(.post, "/v1/holds/lift", headers: headers, body: body.canonical)
    #expect(api.status == 422, "\(api.text)")
    let target: Fields = [("type", "vendor"), ("id", vendor)]
    let refused = try await olga.submit("/holds/lift", target + [("password", "wrong")])
    #expect(refused.status == 422 && refused.text.contains("not your present password"))
    #expect(try await house.olga.get("/v1/holds").text.contains("Lawsuit"))
    #expect(try await olga.submit("/holds/lift", target + [("password", ErasureConsentTests.password)]).status == 303)
    #expect(try await !house.olga.get("/v1/holds").text.contains("Lawsuit"))
  }

  @Test("letting what was erased come back takes the password again where a browser asks for it")
  func readmitting() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let olga = try await signedIn(house)
    let eraser = Eraserhead(house: house)
    let id = try #require(
      try await eraser.erase("vendor", try await Job(house: house).vendor(), suppress: true)["id"]?.string)
    let headers: Headers = ["X-Steward-CSRF": try await olga.formToken(), "Sec-Fetch-Site": "same-origin"]
    #expect(try await olga.send(.post, "/v1/erasures/\(id)/readmit", headers: headers).status == 422)
    let refused = try await olga.submit("/erasures/\(id)/readmit", [("password", "wrong")])
    #expect(refused.status == 422 && refused.text.contains("not your present password"))
    #expect(try await house.anna.post("/v1/vendors", ["name": "Initech"]).status == 409)
    let form: Fields = [("password", ErasureConsentTests.password)]
    #expect(try await olga.submit("/erasures/\(id)/readmit", form).status == 303)
    #expect(try await house.anna.post("/v1/vendors", ["name": "Initech"]).status == 201)
  }
}
