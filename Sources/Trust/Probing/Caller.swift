import Platform

/// Sends requests through the front door as somebody.
struct Caller: Sendable {
  enum Credential: Sendable {
    case none
    case token(String)
    case cookie(String)
  }

  let send: @Sendable (FrontDoor.Call) async throws -> FrontDoor.Answer
  let credential: Credential

  func get(_ target: String, accept: String = "application/json") async throws -> FrontDoor.Answer {
    try await send(FrontDoor.Call(.get, target, headers: headers(accept: accept)))
  }

  func page(_ target: String) async throws -> FrontDoor.Answer { try await get(target, accept: "text/html") }

  func send(_ method: Method, _ target: String, _ json: JSON = [:]) async throws -> FrontDoor.Answer {
    try await send(method, target, type: "application/json", body: json.canonical)
  }

  func send(
    _ method: Method, _ target: String, type: String, body: [UInt8], _ more: Headers = [:]
  ) async throws -> FrontDoor.Answer {
    var headers = headers(accept: "application/json")
    headers["Content-Type"] = type
    for field in more.fields { headers[field.name] = field.value }
    return try await send(FrontDoor.Call(method, target, headers: headers, body: body))
  }

  /// A form as a browser sends it.
  func submit(_ target: String, _ fields: [(name: String, value: String)]) async throws -> FrontDoor.Answer {
    var headers = headers(accept: "text/html")
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    headers["Sec-Fetch-Site"] = "same-origin"
    return try await send(FrontDoor.Call(.post, target, headers: headers, body: Array(Query(pairs: fields).text.utf8)))
  }

  private func headers(accept: String) -> Headers {
    var headers: Headers = ["Accept": accept, "Host": "localhost"]
    switch credential {
    case .none: break
    case .token(let token): headers["Authorization"] = "Bearer \(token)"
    case .cookie(let cookie): headers["Cookie"] = cookie
    }
    return headers
  }
}

/// The promise does not hold, and why; the reason is published, so it holds no content.
struct Broken: Error {
  let reason: String
}

/// The check could not do its work, which says nothing about the promise.
struct Hindered: Error {
  let reason: String
}

/// The promise is broken unless `condition`.
func hold(_ condition: Bool, _ reason: @autoclosure () -> String) throws {
  if !condition { throw Broken(reason: reason()) }
}

/// The check cannot go on without this.
func need<T>(_ value: T?, _ reason: @autoclosure () -> String) throws -> T {
  guard let value else { throw Hindered(reason: reason()) }
  return value
}

extension FrontDoor.Answer {
  /// The JSON body of an answer that must have this status for the check to go on.
  func body(_ expected: Int..., for what: String) throws -> JSON {
    guard expected.contains(status) else { throw Hindered(reason: "\(what) answered \(status).") }
    guard !body.isEmpty else { return [:] }
    guard let json = try? json() else { throw Hindered(reason: "\(what) did not answer with JSON.") }
    return json
  }

  /// The session cookie it sets, as a `Cookie` header sends it back.
  var sessionCookie: String? {
    headers.all("Set-Cookie").compactMap { $0.split(separator: ";").first.map(String.init) }.first {
      $0.contains("session=") && !$0.hasSuffix("=")
    }
  }
}

/// Random lower-case words that stand nowhere else, so that finding one means something.
enum Marker {
  static func make(length: Int = 20) -> String {
    var random = SystemRandomNumberGenerator()
    return String((0..<length).map { _ in "bcdfghjklmnpqrstvwxz".randomElement(using: &random) ?? "q" })
  }
}
