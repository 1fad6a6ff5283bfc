import Platform
import Testing
import TestKit
import Web

@Suite("HTTP conventions")
struct WebTests {
  @Test("JSON unless HTML is asked for by name")
  func accept() {
    #expect(!Accept.prefersHTML(nil))
    #expect(!Accept.prefersHTML("*/*"))
    #expect(!Accept.prefersHTML("application/json, text/html;q=0.5"))
    #expect(Accept.prefersHTML("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"))
    #expect(!Accept.prefersHTML("text/html;q=0"))
    #expect(Accept.choose("application/zip", among: ["application/json", "application/zip"]) == "application/zip")
    #expect(Accept.choose("image/png", among: ["application/json"]) == nil)
  }

  @Test("a query is read strictly")
  func query() throws {
    let query = try Query(parsing: "a=1&b=x+y%C3%A9&a=2&c")
    #expect(query.all("a") == ["1", "2"])
    #expect(query["b"] == "x yé")
    #expect(query["c"] == "")
    for broken in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=%00"] {
      #expect(throws: Problem.self, "\(broken)") { try Query(parsing: broken) }
    }
    #expect(throws: Problem.self) { try Query(parsing: String(repeating: "a&", count: Query.maximumPairs + 1)) }
  }

  @Test("a path with dots, empty segments or a NUL is no path of ours")
  func paths() {
    func segments(_ target: String) -> [String]? {
      Incoming(method: "GET", target: target, headers: [:], body: Chunks(bytes: []), remoteAddress: "").segments
    }
    #expect(segments("/v1/vendors/%41?x=1") == ["v1", "vendors", "A"])
    #expect(segments("/") == [])
    for path in ["/a/../b", "/%2e%2e/b", "//a", "/a/", "/a%00", "/a%zz", "a"] {
      #expect(segments(path) == nil, "\(path)")
    }
  }

  @Test("a multipart form is read the same however it is cut into pieces", arguments: [1, 2, 3, 7, 64, 4_096])
  func multipart(size: Int) async throws {
    let content = "line one\r\n--not the boundary\r\n--b\r\nend\r\n-"
    let body = Array(multipartBody(content).utf8)
    let form = try await FormReader.read(
      contentType: "multipart/form-data; boundary=\"b0und\"", body: pieces(body, size))
    #expect(form["csrf"] == "t0ken")
    #expect(form["empty"] == "")
    let file = try #require(form.file)
    #expect(file.filename == "a \"quoted\".txt")
    #expect(file.mediaType == "text/plain")
    #expect(String(decoding: try await file.chunks.collect(limit: 1_000), as: UTF8.self) == content)
  }

  @Test("a broken multipart form is refused and ends")
  func brokenMultipart() async {
    let whole = multipartBody("content")
    let broken = [
      "", "--", "--b0und", "--b0und\r\n\r\n", String(whole.dropLast(10)), whole.replacing("form-data", with: "other"),
      "--b0und\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nv\r\n--b0undXX",
      String(repeating: "x", count: 100_000),
    ]
    for text in broken {
      await #expect(throws: Problem.self, "\(text.prefix(60))") {
        let form = try await FormReader.read(
          contentType: "multipart/form-data; boundary=b0und", body: pieces(Array(text.utf8), 5))
        _ = try await form.file?.chunks.collect(limit: 1_000_000)
      }
    }
  }

  @Test("a body over its limit ends where the limit is")
  func limits() async {
    let long = pieces([UInt8](repeating: 1, count: 100), 10)
    await #expect(throws: Problem.self) { _ = try await long.limited(to: 99).collect(limit: 1_000) }
    await #expect(throws: Never.self) { _ = try await long.limited(to: 100).collect(limit: 1_000) }
  }

  @Test("a page of ours passes, another site's does not")
  func origin() {
    #expect(SameOrigin.allows([:]))
    #expect(SameOrigin.allows(["Origin": "http://localhost:8080", "Host": "localhost:8080"]))
    #expect(!SameOrigin.allows(["Origin": "http://evil.example", "Host": "localhost:8080"]))
    #expect(!SameOrigin.allows(["Origin": "null", "Host": "localhost:8080"]))
    #expect(!SameOrigin.allows(["Sec-Fetch-Site": "same-site"]))
  }

  @Test("a redirect stays on this origin")
  func redirects() {
    #expect(Response.seeOther("/people").headers["Location"] == "/people")
    for path in ["//evil.example", "https://evil.example", "/\\evil.example", ""] {
      #expect(Response.seeOther(path).headers["Location"] == "/", "\(path)")
    }
  }

  @Test("every answer carries the security headers, pages and refusals alike")
  func headers() async throws {
    let house = try await House.open()
    defer { house.leave() }
    for target in ["/", "/v1/me", "/nothing", "/healthz", "/openapi.json"] {
      let answer = try await house.stranger.page(target)
      let policy = try #require(answer.headers["Content-Security-Policy"])
      #expect(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"))
      #expect(answer.headers["X-Content-Type-Options"] == "nosniff", "\(target)")
      #expect(answer.headers["Cache-Control"] == "no-store", "\(target)")
    }
  }

  @Test("bad input gets a clear answer and ends nothing")
  func badInput() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let deep = String(repeating: "[", count: 10_000)
    let bodies = ["{", deep, "[]", "{\"a\":1,\"a\":2}", "{\"label\":1.5}", "\u{0}"]
    for body in bodies {
      let answer = try await house.anna.post("/v1/tokens", type: "application/json", body: Array(body.utf8))
      #expect([400, 422].contains(answer.status), "\(body.prefix(20)): \(answer.status)")
      #expect(answer.headers["Content-Type"] == "application/problem+json")
    }
    #expect(try await house.anna.post("/v1/tokens", type: "text/plain", body: [65]).status == 400)
    let huge = [UInt8](repeating: 32, count: (1 << 20) + 1)
    #expect(try await house.anna.post("/v1/tokens", type: "application/json", body: huge).status == 413)
    for target in [
      "/v1/people?limit=0", "/v1/people?limit=201", "/v1/people?limit=x", "/v1/people?cursor=x", "/v1/people?a=%zz",
    ] {
      #expect(try await house.anna.get(target).status == 400, "\(target)")
    }
    #expect(try await house.anna.get("/v1/\(String(repeating: "a", count: 9_000))").status == 400)
    let refused = try await house.anna.send(.delete, "/v1/me")
    #expect(refused.status == 405)
    #expect(refused.headers["Allow"] == "GET, HEAD")
  }

  private func multipartBody(_ content: String) -> String {
    "preamble\r\n--b0und\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nt0ken\r\n"
      + "--b0und\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n"
      + "--b0und\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a %22quoted%22.txt\"\r\n"
      + "Content-Type: text/plain\r\n\r\n\(content)\r\n--b0und--\r\n"
  }

  private func pieces(_ bytes: [UInt8], _ size: Int) -> Chunks {
    Chunks {
      var rest = bytes[...]
      return {
        guard !rest.isEmpty else { return nil }
        let piece = Array(rest.prefix(size))
        rest = rest.dropFirst(size)
        return piece
      }
    }
  }
}
