import Accounts
import Platform
import Server
import TestKit
import Testing

@Suite("People and credentials")
struct AccountsTests {
  private static let password = "correct horse battery"

  @Test("a person is added, sets a password with the link once, and signs in")
  func setUp() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let added = try await house.olga.post(
      "/v1/people", ["name": "Zoë", "email": "zoe@acme.example", "roles": ["member"]])
    #expect(added.status == 201)
    #expect(added.headers["Steward-Receipt"] != nil)
    let link = try #require(try added.json()["setup_link"]?.string)
    let path = String(link.dropFirst("http://localhost:8080".count))
    #expect(try await house.stranger.page(path).text.contains("zoe@acme.example"))
    #expect(try await house.stranger.submit(path, [("password", "short")]).status == 422)
    let first = try await house.stranger.submit(path, [("password", AccountsTests.password)])
    #expect(first.status == 303)
    #expect(first.headers["Steward-Receipt"] != nil)
    #expect(try await house.stranger.withSession(of: first).get("/v1/me").status == 200)
    #expect(try await house.stranger.submit(path, [("password", AccountsTests.password)]).status == 404)
    let again = try await house.stranger.signedIn(
      slug: "acme", email: "ZOE@acme.example", password: AccountsTests.password)
    #expect(try await again.get("/v1/me").json()["email"] == "zoe@acme.example")
    // What a cookie holds is no token, also when the server knows it by now.
    let session = try #require(again.cookie?.dropFirst("steward_session=".count))
    #expect(try await again.withToken(String(session)).get("/v1/me").status == 401)
    let signedIn = try await house.stranger.submit(
      "/t/acme", [("email", "zoe@acme.example"), ("password", AccountsTests.password)])
    #expect(signedIn.headers["Steward-Receipt"] != nil)
    #expect(try await again.submit("/sign-out", []).headers["Steward-Receipt"] != nil)
  }

  @Test("a set-up link ends after 72 hours")
  func linkExpires() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let added = try await house.olga.post("/v1/people", ["name": "Zoë", "email": "zoe@acme.example"])
    let link = try #require(try added.json()["setup_link"]?.string?.dropFirst("http://localhost:8080".count))
    house.clock.advance(seconds: 72 * 3_600 - 1)
    #expect(try await house.stranger.page(String(link)).status == 200)
    house.clock.advance(seconds: 1)
    #expect(try await house.stranger.page(String(link)).status == 404)
  }

  @Test("a new person without a role sees nothing but themselves")
  func newPersonSeesNothing() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let id = try await house.app.accounts.enrol(
      house.acme.id, name: "New", email: "new@acme.example", roles: [], by: .system("test"))
    let token = try await house.app.accounts.issueToken(house.acme.id, for: id, label: "t", by: .system("test"))
    let guest = house.stranger.withToken(token)
    for route in house.app.catalogue.table.routes where route.access != .open && route.access != .signedIn {
      let path = route.path.split(separator: "/").map { $0.hasPrefix("{") ? "x" : String($0) }.joined(separator: "/")
      #expect(try await guest.send(route.method, "/" + path).status == 404, "\(route.name)")
    }
  }

  @Test("disabling a person ends their session and token with the next request")
  func disable() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.setPassword(AccountsTests.password, for: house.anna)
    let browser = try await house.anna.signedIn(
      slug: "acme", email: "anna@acme.example", password: AccountsTests.password)
    #expect(try await browser.get("/v1/me").status == 200)
    let id = try #require(house.anna.id)
    #expect(try await house.olga.post("/v1/people/\(id)/disable").status == 200)
    #expect(try await browser.get("/v1/me").status == 401)
    #expect(try await house.anna.get("/v1/me").status == 401)
    let after = try await house.anna.signedIn(
      slug: "acme", email: "anna@acme.example", password: AccountsTests.password)
    #expect(after.cookie == nil)
  }

  @Test("the last owner cannot be disabled")
  func lastOwner() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let id = try #require(house.olga.id)
    #expect(try await house.olga.post("/v1/people/\(id)/disable").status == 409)
  }

  @Test("a session ends after 30 minutes without use, and after 12 hours in any case")
  func sessionTimes() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.setPassword(AccountsTests.password, for: house.anna)
    let idle = try await house.anna.signedIn(slug: "acme", email: "anna@acme.example", password: AccountsTests.password)
    house.clock.advance(seconds: 29 * 60)
    #expect(try await idle.get("/v1/me").status == 200)
    house.clock.advance(seconds: 30 * 60)
    #expect(try await idle.get("/v1/me").status == 401)
    let busy = try await house.anna.signedIn(slug: "acme", email: "anna@acme.example", password: AccountsTests.password)
    for _ in 0..<35 {
      house.clock.advance(seconds: 20 * 60)
      #expect(try await busy.get("/v1/me").status == 200)
    }
    house.clock.advance(seconds: 20 * 60)
    #expect(try await busy.get("/v1/me").status == 401)
  }

  @Test("a changed password ends the other sessions and keeps this one")
  func changePassword() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.setPassword(AccountsTests.password, for: house.anna)
    let here = try await house.anna.signedIn(slug: "acme", email: "anna@acme.example", password: AccountsTests.password)
    let there = try await house.anna.signedIn(
      slug: "acme", email: "anna@acme.example", password: AccountsTests.password)
    let wrong = try await here.submit(
      "/account/password", [("current_password", "not my password"), ("new_password", "another good sentence")])
    #expect(wrong.status == 422)
    let changed = try await here.submit(
      "/account/password", [("current_password", AccountsTests.password), ("new_password", "another good sentence")])
    #expect(changed.status == 303)
    #expect(changed.headers["Steward-Receipt"] != nil)
    #expect(try await here.get("/v1/me").status == 200)
    #expect(try await there.get("/v1/me").status == 401)
  }

  @Test("a token is shown once, listed without its secret, and revoked for the next request")
  func tokens() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let made = try await house.anna.post("/v1/tokens", ["label": "nightly"])
    #expect(made.status == 201)
    let token = try #require(try made.json()["token"]?.string)
    let id = try #require(try made.json()["id"]?.string)
    let list = try await house.anna.get("/v1/tokens").text
    #expect(list.contains("nightly") && !list.contains(token) && !list.contains(String(token.suffix(20))))
    let script = house.anna.withToken(token)
    #expect(try await script.get("/v1/me").status == 200)
    #expect(try await house.ben.post("/v1/tokens/\(id)/revoke").status == 404)
    #expect(try await house.anna.post("/v1/tokens/\(id)/revoke").status == 200)
    #expect(try await script.get("/v1/me").status == 401)
  }

  @Test("guessing is stopped, for known and unknown addresses alike")
  func throttle() async throws {
    let house = try await House.open()
    defer { house.leave() }
    for email in ["anna@acme.example", "nobody@acme.example"] {
      for _ in 0..<10 {
        #expect(try await house.stranger.submit("/t/acme", [("email", email), ("password", "wrong")]).status == 401)
      }
      #expect(try await house.stranger.submit("/t/acme", [("email", email), ("password", "wrong")]).status == 429)
    }
    house.clock.advance(seconds: 15 * 60)
    #expect(
      try await house.stranger.submit("/t/acme", [("email", "anna@acme.example"), ("password", "w")]).status == 401)
  }

  @Test("guesses that come all at once are no more than guesses one after another")
  func throttleAtOnce() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<30 {
        group.addTask {
          try await house.stranger.submit("/t/acme", [("email", "anna@acme.example"), ("password", "wrong")]).status
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(statuses.count { $0 == 401 } == 10)
    #expect(statuses.count { $0 == 429 } == 20)
  }

  @Test("failures that come through a proxy on this machine do not lock out everybody else")
  func loopbackIsNobody() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.setPassword(AccountsTests.password, for: house.anna)
    func attempt(_ email: String, _ password: String, from address: String) async -> Int {
      let body = Query(pairs: [("email", email), ("password", password)]).text
      let incoming = Incoming(
        method: "POST", target: "/t/acme", headers: ["Content-Type": "application/x-www-form-urlencoded"],
        body: Chunks(bytes: Array(body.utf8)), remoteAddress: address)
      return await house.app.answer(incoming).status
    }
    for number in 0..<50 {
      #expect(await attempt("u\(number)@acme.example", "wrong", from: "127.0.0.1") == 401)
      #expect(await attempt("v\(number)@acme.example", "wrong", from: "192.0.2.1") == 401)
    }
    #expect(await attempt("anna@acme.example", AccountsTests.password, from: "192.0.2.1") == 429)
    #expect(await attempt("anna@acme.example", AccountsTests.password, from: "127.0.0.1") == 303)
  }

  @Test("what is written by form is answered with a receipt, as by the API")
  func receiptsOfForms() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.setPassword(AccountsTests.password, for: house.olga)
    let browser = try await house.olga.signedIn(
      slug: "acme", email: "olga@acme.example", password: AccountsTests.password)
    let added = try await browser.submit("/people", [("name", "Zoë"), ("email", "zoe@acme.example")])
    #expect(added.status == 201 && added.headers["Steward-Receipt"] != nil)
    let made = try await browser.submit("/account/tokens", [("label", "nightly")])
    #expect(made.status == 201 && made.headers["Steward-Receipt"] != nil)
    let token = try #require(try await browser.get("/v1/tokens").json()["items"]?.array?.last?["id"]?.string)
    let adam = try #require(house.adam.id)
    for path in ["/people/\(adam)/disable", "/people/\(adam)/readmit", "/account/tokens/\(token)/revoke"] {
      let answer = try await browser.submit(path, [])
      #expect([201, 303].contains(answer.status) && answer.headers["Steward-Receipt"] != nil, "\(path)")
    }
  }

  @Test("a name that cannot be seen, or that turns what stands beside it, is refused")
  func names() async throws {
    let house = try await House.open()
    defer { house.leave() }
    for name in [
      "\u{200b}", "\u{3164}", "\u{2800}\u{ad}", "x\u{0}y", "x\u{1b}[2J", "\u{202e}annA", "a\u{2066}", "a\nb", " ",
    ] {
      let answer = try await house.olga.post("/v1/people", ["name": .string(name), "email": "new@acme.example"])
      #expect(answer.status == 422, "\(name.unicodeScalars.map(\.value))")
    }
    for email in ["u\u{200b}x@acme.example", "u\u{7f}@acme.example", "u\u{202e}@acme.example"] {
      let answer = try await house.olga.post("/v1/people", ["name": "New", "email": .string(email)])
      #expect(answer.status == 422)
    }
    let fine = try await house.olga.post("/v1/people", ["name": "Zo\u{308}e 王 محمد", "email": "zoë@acme.example"])
    #expect(fine.status == 201)
  }

  @Test("a form without the token of the session, or from another site, changes nothing")
  func forgery() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.setPassword(AccountsTests.password, for: house.olga)
    let browser = try await house.olga.signedIn(
      slug: "acme", email: "olga@acme.example", password: AccountsTests.password)
    let token = try await browser.formToken()
    let form = Array("label=evil".utf8)
    let good = Array("label=good&csrf=\(token)".utf8)
    let type = "application/x-www-form-urlencoded"
    #expect(try await browser.post("/account/tokens", type: type, body: form).status == 403)
    #expect(try await browser.post("/v1/tokens", ["label": "evil"]).status == 403)
    let foreign: Headers = ["Content-Type": type, "Sec-Fetch-Site": "cross-site"]
    #expect(try await browser.send(.post, "/account/tokens", headers: foreign, body: good).status == 403)
    #expect(try await browser.post("/account/tokens", type: type, body: good).status == 201)
    #expect(try await !house.olga.get("/v1/tokens").text.contains("evil"))
  }

  @Test("people of one tenant do not exist for another")
  func tenantsApart() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let anna = try #require(house.anna.id)
    #expect(try await house.gina.post("/v1/people/\(anna)/disable").status == 404)
    #expect(try await !house.gina.get("/v1/people").text.contains("Anna"))
    let first = try await house.olga.get("/v1/people?limit=2").json()
    let cursor = try #require(first["next"]?.string)
    let rest = try await house.olga.get("/v1/people?cursor=\(cursor)").json()
    #expect(rest["items"]?.array?.count == 3 && rest["next"]?.isNull == true)
    #expect(first["items"]?.array?.allSatisfy { rest["items"]?.array?.contains($0) == false } == true)
    #expect(try await house.gina.get("/v1/people?cursor=\(cursor)").status == 400)
    #expect(try await house.olga.get("/v1/tokens?cursor=\(cursor)").status == 400)
  }

  @Test("an address is taken once, in whatever case")
  func uniqueAddress() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await house.play(
      """
      as olga
      POST /v1/people
      {"name": "Another Anna", "email": "ANNA@acme.example"}
      409
      has "email"
      POST /v1/people
      {"name": "", "email": "nowhere", "roles": ["king"]}
      422
      has "name"
      has "email"
      has "roles"
      POST /v1/people
      {"name": "Anna", "email": "anna@acme.example", "admin": true}
      422
      has "admin"
      as gina
      POST /v1/people
      {"name": "Anna elsewhere", "email": "anna@acme.example"}
      201
      header Steward-Receipt
      """)
  }
}
