import Platform
import Server

/// Someone who sends requests: JSON in, an answer out, through the same dispatcher as the network.
package struct Guest: Sendable {
  private let app: StewardApp
  package let name: String
  /// Nil for a stranger.
  package let id: PersonID?
  package let token: String?
  /// A browser's cookie, after `signedIn`.
  package let cookie: String?

  init(app: StewardApp, name: String, id: PersonID?, token: String?, cookie: String? = nil) {
    self.app = app
    self.name = name
    self.id = id
    self.token = token
    self.cookie = cookie
  }

  package func get(_ target: String, accept: String? = nil) async throws -> FrontDoor.Answer {
    try await send(.get, target, headers: accept.map { ["Accept": $0] } ?? [:])
  }

  /// As a browser asks for a page.
  package func page(_ target: String) async throws -> FrontDoor.Answer {
    try await get(target, accept: "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
  }

  package func post(_ target: String, _ json: JSON? = nil) async throws -> FrontDoor.Answer {
    let headers: Headers = json == nil ? [:] : ["Content-Type": "application/json"]
    return try await send(.post, target, headers: headers, body: json?.canonical ?? [])
  }

  package func post(_ target: String, type: String, body: [UInt8]) async throws -> FrontDoor.Answer {
    try await send(.post, target, headers: ["Content-Type": type], body: body)
  }

  /// As a browser submits a form of a page of ours; `csrf` is added for who has a session.
  package func submit(_ target: String, _ fields: [(name: String, value: String)]) async throws -> FrontDoor.Answer {
    var fields = fields
    if cookie != nil { fields.append(("csrf", try await formToken())) }
    let headers: Headers = [
      "Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html", "Sec-Fetch-Site": "same-origin",
    ]
    return try await send(.post, target, headers: headers, body: Array(Query(pairs: fields).text.utf8))
  }

  /// The form token as the page of the account holds it.
  package func formToken() async throws -> String {
    let text = try await page("/account").text
    guard let start = text.firstRange(of: "name=\"csrf\" value=\"")?.upperBound else { return "" }
    return String(text[start...].prefix { $0 != "\"" })
  }

  package func send(
    _ method: Method, _ target: String, headers: Headers = [:], body: [UInt8] = []
  ) async throws -> FrontDoor.Answer {
    var headers = headers
    if let token { headers["Authorization"] = "Bearer \(token)" }
    if let cookie { headers["Cookie"] = cookie }
    return try await app.services.frontDoor.send(FrontDoor.Call(method, target, headers: headers, body: body))
  }

  /// The same person in a browser that holds the session of a sign-in's answer.
  package func withSession(of answer: FrontDoor.Answer) -> Guest {
    let cookie = answer.headers.all("Set-Cookie").first { $0.hasPrefix("steward_session=") }
    return Guest(app: app, name: name, id: id, token: nil, cookie: cookie.map { String($0.prefix { $0 != ";" }) })
  }

  /// The same person at another server.
  package func at(_ app: StewardApp) -> Guest { Guest(app: app, name: name, id: id, token: token, cookie: cookie) }

  /// The same person, by another token.
  package func withToken(_ token: String) -> Guest { Guest(app: app, name: name, id: id, token: token) }

  package func signedIn(slug: String, email: String, password: String) async throws -> Guest {
    let stranger = Guest(app: app, name: name, id: id, token: nil)
    return withSession(of: try await stranger.submit("/t/\(slug)", [("email", email), ("password", password)]))
  }
}
