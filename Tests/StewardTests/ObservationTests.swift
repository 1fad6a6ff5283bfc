import Logging
import Platform
import Synchronization
@testable import Server
import TestKit
import Testing

@Suite("What the operator sees")
struct ObservationTests {
  private static let request = Incoming(
    method: "GET", target: "/v1/vendors/someone@example.com?q=secret-word",
    headers: ["Accept": "application/json", "X-Request-Id": "someone@example.com"], body: Chunks(bytes: []),
    remoteAddress: "192.0.2.7")

  @Test("every answer has a name of its own, and a problem says the same; a name that the client sent is not taken")
  func requestIDs() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let (first, second) = (await house.app.answer(Self.request), await house.app.answer(Self.request))
    let name = try #require(first.headers["Request-Id"])
    #expect(ID<Tenant>(name) != nil && second.headers["Request-Id"] != name)
    guard case .bytes(let body) = first.body else { throw Problem.notFound }
    #expect(try JSON.parse(body)["instance"]?.string == "urn:steward:request:\(name)")
  }

  @Test("a line names the route and nothing of the request")
  func lines() async throws {
    let lines = Mutex<[String]>([])
    let handler = LineLog(LogSettings(level: .info, format: .logfmt)) { line, _ in
      lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
    }
    let house = try await House.open(logger: Logger(label: "test") { _ in handler })
    defer { house.leave() }
    let answer = await house.app.answer(Self.request)
    let line = try #require(lines.withLock { $0.last })
    #expect(line.contains("event=request"))
    #expect(line.contains("route=\"GET /v1/vendors/{id}\"") && line.contains("status=401"))
    #expect(line.contains("request=\(answer.headers["Request-Id"] ?? "?")"))
    for word in ["someone", "secret-word", "192.0.2.7"] { #expect(!line.contains(word)) }
    #expect(line.hasSuffix("\n") && line.count { $0 == "\n" } == 1)
  }

  @Test("a value cannot begin a line of its own or another key, in either format")
  func forging() {
    let pairs = [("event", "a b"), ("route", "x\nlevel=error event=\"forged\"")]
    #expect(LineLog.line(pairs, .logfmt) == #"event="a b" route="x\nlevel=error event=\"forged\"""#)
    #expect(LineLog.line(pairs, .json) == #"{"event":"a b","route":"x\nlevel=error event=\"forged\""}"#)
  }

  @Test("figures count requests by route and class, and hold no tenant, person or address")
  func figures() async throws {
    let house = try await House.open()
    defer { house.leave() }
    _ = await house.app.answer(Self.request)
    _ = await house.app.answer(Self.request)
    let before = house.app.ledger.meter.value.commands
    _ = try await house.anna.post("/v1/vendors", ["name": "Initech Marker"])
    let text = await house.app.composition.exposition()
    #expect(text.contains(#"steward_requests_total{route="GET /v1/vendors/{id}",status="4xx"} 2"#))
    #expect(text.contains(#"steward_request_seconds_count{route="GET /v1/vendors/{id}"} 2"#))
    #expect(text.contains(#"steward_writes_total{outcome="written"} \#(before + 1)"#))
    #expect(text.contains("process_resident_memory_bytes ") && text.contains("steward_disk_free_bytes "))
    for word in ["acme", "globex", "anna", "Initech", "192.0.2.7", "secret-word", house.acme.id.text] {
      #expect(!text.contains(word), "\(word)")
    }
  }

  @Test("the figures are well-formed: every name has help and type once, and buckets rise to the count")
  func wellFormed() async throws {
    let house = try await House.open()
    defer { house.leave() }
    _ = await house.app.answer(Self.request)
    var seen: Set<Substring> = []
    var last: (name: Substring, value: Double) = ("", 0)
    for line in await house.app.composition.exposition().split(separator: "\n") {
      if line.hasPrefix("# HELP ") {
        #expect(seen.insert(line.split(separator: " ")[2]).inserted, "\(line)")
      } else if !line.hasPrefix("#") {
        #expect(line.wholeMatch(of: /[a-z_]+(\{([a-z]+="[^"\n]*",?)+\})? [0-9.e+-]+/) != nil, "\(line)")
        let name = line.prefix { $0 != "{" && $0 != " " }
        let value = try #require(line.split(separator: " ").last.flatMap { Double($0) })
        if name.hasSuffix("_bucket"), last.name == name, !line.contains("le=\"0.001\""), !line.contains("le=\"1\"") {
          #expect(value >= last.value, "\(line)")
        }
        last = (name, value)
      }
    }
  }

  @Test("figures go to this machine and to whom the configuration names, to nobody else")
  func allowed() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let settings = Settings.Metrics(
      listen: ListenAddress(host: "localhost", port: 0), allow: ["10.0.0.0/8", "2001:db8::7"])
    for (address, status) in [
      ("127.0.0.1", 200), ("::1", 200), ("10.1.2.3", 200), ("::ffff:10.1.2.3", 200), ("2001:db8::7", 200),
      ("2001:db8::8", 404), ("11.0.0.1", 404), ("", 404),
    ] {
      let incoming = Incoming(
        method: "GET", target: "/metrics", headers: [:], body: Chunks(bytes: []), remoteAddress: address)
      #expect(await MetricsListener.answer(incoming, settings, house.app).status == status, "\(address)")
    }
  }
}
