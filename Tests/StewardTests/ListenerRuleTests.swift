import Platform
import Synchronization
import Testing

@testable import Server
@testable import Trust

@Suite("Rules of the listener")
struct ListenerRuleTests {
  @Test("a bucket holds its burst, fills at its rate, and says when to come back")
  func bucket() {
    var buckets = TokenBuckets<String>(maximum: 10)
    let rate = LimitSettings.Rate(perSecond: 2, burst: 4)
    for left in [3, 2, 1, 0] {
      let verdict = buckets.take(from: "a", at: 0, rate: rate)
      #expect(verdict.isAdmitted && verdict.remaining == left)
    }
    let refused = buckets.take(from: "a", at: 0, rate: rate)
    #expect(!refused.isAdmitted && refused.retryAfterSeconds == 1 && refused.resetSeconds == 2)
    #expect(buckets.take(from: "b", at: 0, rate: rate).isAdmitted, "another has a bucket of their own")
    #expect(!buckets.take(from: "a", at: 499, rate: rate).isAdmitted)
    #expect(buckets.take(from: "a", at: 1_000, rate: rate).isAdmitted)
    let setBack = buckets.take(from: "a", at: -1_000_000, rate: rate)
    #expect(setBack.remaining <= 1, "a clock that is set back fills nothing")
    #expect(buckets.take(from: "a", at: -998_000, rate: rate).isAdmitted, "and time goes on from there")
  }

  @Test("the table of buckets stays bounded and keeps those in use")
  func bounded() {
    var buckets = TokenBuckets<Int>(maximum: 100)
    let rate = LimitSettings.Rate(perSecond: 1, burst: 2)
    for name in 0..<10_000 {
      _ = buckets.take(from: name, at: Int64(name), rate: rate)
      _ = buckets.take(from: -1, at: Int64(name), rate: rate)
      #expect(buckets.count <= 100)
    }
    #expect(!buckets.take(1.5, from: -1, at: 9_999, rate: LimitSettings.Rate(perSecond: 0.001, burst: 2)).isAdmitted)
  }

  @Test("addresses are read in every form; a household counts as one")
  func addresses() throws {
    #expect(ClientAddress("192.0.2.1")?.text == "192.0.2.1")
    #expect(ClientAddress("192.0.2.1:4711")?.text == "192.0.2.1")
    #expect(ClientAddress("::ffff:192.0.2.1") == ClientAddress("192.0.2.1"))
    let one = try #require(ClientAddress("[2001:db8::1]:443"))
    #expect(one.party == ClientAddress("2001:db8::ffff:1")?.party)
    #expect(one.party != ClientAddress("2001:db8:0:1::1")?.party)
    for text in ["", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "[::1", "2001:db8::g"] {
      #expect(ClientAddress(text) == nil, "\(text)")
    }
    let range = try #require(AddressRange("10.0.1.0/23"))
    #expect(range.contains(try #require(ClientAddress("10.0.0.7"))))
    #expect(!range.contains(try #require(ClientAddress("10.0.2.0"))))
    #expect(!range.contains(try #require(ClientAddress("::a00:100"))))
    for text in [
      "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "x/8", "10.0.0.0/", "10.0.0.0:80", "[::1]", " 10.0.0.1",
      "10.0.0.0/+8",
    ] {
      #expect(AddressRange(text) == nil, "\(text)")
    }
  }

  @Test("of the addresses that proxies list, the rightmost that is none of ours counts")
  func forwarded() throws {
    let proxies = try ProxySettings("10.0.0.5, 10.0.1.0/24").trusted
    #expect(proxies.client(["X-Forwarded-For": "198.51.100.9, 203.0.113.7, 10.0.1.9"])?.text == "203.0.113.7")
    #expect(
      proxies.client(["Forwarded": "for=198.51.100.9, for=\"[2001:db8::7]:80\";proto=https, for=10.0.0.5"])?.bytes.count
        == 16)
    let both: Headers = [
      "Forwarded": "for=198.51.100.9;proto=https", "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "http",
    ]
    #expect(proxies.client(both)?.text == "203.0.113.7", "what a client made up beside it does not count")
    #expect(!proxies.isSecure(both))
    #expect(proxies.client(["X-Forwarded-For": "203.0.113.7, garbage"]) == nil)
    #expect(proxies.client([:]) == nil)
    #expect(proxies.isSecure(["X-Forwarded-Proto": "http, https"]))
    #expect(!proxies.isSecure(["X-Forwarded-Proto": "https, http"]))
    #expect(!proxies.isSecure([:]))
  }

  @Test("a request names one of our hosts, with whatever port")
  func names() {
    let names = OwnNames(["Steward.acme.example", "*.eu.example", "192.0.2.1"])
    for own in [
      "steward.ACME.example", "steward.acme.example:8443", "a.eu.example", "192.0.2.1", "localhost:1", "[::1]:80",
    ] {
      #expect(names.contains(own), "\(own)")
    }
    for foreign in [
      "", "evil.example", "steward.acme.example.evil.example", "a.b.eu.example", "eu.example",
      "steward.acme.example:80x",
      "user@steward.acme.example", "steward.acme.example/", ":80", "[::1", "localhost ",
    ] { #expect(!names.contains(foreign), "\(foreign)") }
    #expect(TargetForm.authority(of: "http://evil.example:80/path?x=//y") == "evil.example:80")
    #expect(TargetForm.authority(of: "evil.example:443") == "evil.example:443")
  }

  @Test("settings that do not fit together are refused with a sentence that says what to do")
  func settings() throws {
    #expect(throws: Problem.self) { try ListenAddress("0.0.0.0:8080") }
    #expect(throws: Problem.self) { try ListenAddress("example.com:443", isProtected: true) }
    #expect(throws: Problem.self) { try TLSSettings(certificate: "c.pem", key: nil, minimum: nil) }
    #expect(throws: Problem.self) { try TLSSettings(certificate: "c.pem", key: "k.pem", minimum: "1.1") }
    #expect(try TLSSettings(certificate: "c.pem", key: "k.pem", minimum: nil)?.minimum == .tls13)
    #expect(try TLSSettings(certificate: nil, key: nil, minimum: nil) == nil)
    func listener(_ proxy: String?, _ origin: String?) throws {
      _ = try ListenerSettings(listen: "0.0.0.0:80", tls: nil, proxy: proxy, origin: origin, redirectFrom: nil)
    }
    #expect(throws: Problem.self) { try listener(nil, nil) }
    #expect(throws: Problem.self) { try listener("10.0.0.5", nil) }
    #expect(throws: Problem.self) { try listener("10.0.0.5", "http://steward.example") }
    #expect(throws: Problem.self) { try listener("10.0.0.5,x", "https://steward.example") }
    #expect(throws: Never.self) { try listener("10.0.0.5", "https://steward.example") }
    #expect(throws: Problem.self) { try LimitSettings(rate: 0, researchers: []) }
    #expect(throws: Problem.self) { try LimitSettings(rate: nil, researchers: ["ada:00:5"]) }
  }

  @Test("what does not move is closed, what moves slowly but moves is not")
  func paces() {
    let settings = LimitSettings()
    let (head, idle, grace) = (
      Int64(settings.headSeconds) * 1_000, Int64(settings.idleSeconds) * 1_000, Int64(settings.graceSeconds) * 1_000
    )
    var connection = ConnectionPace(settings, openedAt: 0)
    connection.received(at: head - 1)
    #expect(connection.stall(at: head, buffered: 0) == nil)
    #expect(connection.stall(at: head + 1, buffered: 0) == .slowHead, "bytes now and then do not buy more time")
    connection.busy()
    #expect(connection.stall(at: 10 * idle, buffered: 0) == nil, "while we answer, nobody is late")
    connection.idle(at: 0)
    #expect(connection.stall(at: idle, buffered: 0) == nil)
    #expect(connection.stall(at: idle + 1, buffered: 0) == .idle)
    connection.received(at: 100)
    #expect(connection.stall(at: 100 + head + 1, buffered: 0) == .slowHead)

    var reader = ConnectionPace(settings, openedAt: 0)
    reader.busy()
    reader.wrote(1 << 20)
    #expect(reader.stall(at: 0, buffered: 1 << 20) == nil)
    #expect(reader.stall(at: grace + 1, buffered: (1 << 20) - 20_000) == nil, "20,000 bytes in 20 seconds are enough")
    #expect(reader.stall(at: 2 * grace + 2, buffered: (1 << 20) - 20_100) == .slowReader)

    var body = RequestPace(settings)
    body.head(at: 0)
    body.asked(at: 0)
    #expect(body.stall(at: grace - 1) == nil)
    #expect(body.stall(at: grace) == .slowBody)
    body.arrived(at: 1_000)
    #expect(body.stall(at: 100 * grace) == nil, "while we do not read, the sender is not late")
    body.asked(at: 100 * grace)
    body.body(1 << 20)
    #expect(body.stall(at: 101 * grace) == nil)
    #expect(body.stall(at: 103 * grace) == .slowBody, "earlier bytes do not count for a later window")
    body.answered(at: 200 * grace)
    #expect(body.stall(at: 200 * grace + Int64(settings.lingerSeconds) * 1_000 + 1) == .linger)
  }

  @Test("turns go round among those who wait, and nobody takes more than their share")
  func turns() async throws {
    let queue = FairQueue<String>(.init(running: 4, runningPerParty: 3, waiting: 100, waitingPerParty: 50))
    let order = Order()
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
      let ask = { @Sendable (party: String) in
        try await queue.run(party, waitSeconds: 30) { _ in
          order.add(party)
          for await _ in gate {}
        }
      }
      for _ in 0..<20 { group.addTask { try await ask("hot") } }
      while queue.load != (3, 17) { await Task.yield() }
      group.addTask { try await ask("other") }
      while queue.load != (4, 17) { await Task.yield() }
      #expect(order.parties == ["hot", "hot", "hot", "other"], "who has a share free goes at once")
      open.finish()
      try await group.waitForAll()
    }
    #expect(queue.load == (0, 0))
    #expect(order.parties.count == 21)
  }

  @Test("a turn that waits for its sender is somebody else's; too many who wait are refused")
  func pausing() async throws {
    let queue = FairQueue<String>(.init(running: 1, runningPerParty: 1, waiting: 0, waitingPerParty: 0))
    try await queue.run("slow", waitSeconds: 1) { (turn) -> Void in
      await #expect(throws: Problem.self) { try await queue.run("other", waitSeconds: 1) { _ in } }
      try await turn.paused {
        let running = try await queue.run("other", waitSeconds: 1) { _ in queue.load.running }
        #expect(running == 1)
      }
      #expect(queue.load.running == 1)
    }
    #expect(queue.load == (0, 0))
  }

  @Test("who waits too long is told so")
  func waitingEnds() async throws {
    let queue = FairQueue<String>(.init(running: 1, runningPerParty: 1, waiting: 5, waitingPerParty: 5))
    try await queue.run("a", waitSeconds: 1) { (_) -> Void in
      await #expect(throws: Problem.self) { try await queue.run("a", waitSeconds: 0) { _ in } }
    }
    let load = try await queue.run("a", waitSeconds: 0) { _ in queue.load }
    #expect(load == (1, 0))
  }

  @Test("hellos are well formed, and replies are read with suspicion")
  func hellos() {
    for version in ListenerReport.Version.allCases {
      let bytes = ClientHello(version: version, suites: SuiteCatalogue.offered(version)).bytes { 7 }
      #expect(bytes[0] == 22 && bytes.count == 5 + Int(bytes[3]) << 8 + Int(bytes[4]))
      #expect(Int(bytes[6]) << 16 + Int(bytes[7]) << 8 + Int(bytes[8]) == bytes.count - 9)
    }
    #expect(HelloReply([21, 3, 1, 0, 2, 2, 70]) == .alert(70))
    #expect(HelloReply([21, 3, 1, 0, 2, 2]) == nil)
    #expect(HelloReply(Array("HTTP/1.1 400".utf8)) == .nothing)
    let hello: [UInt8] =
      [2, 0, 0, 44, 3, 3] + [UInt8](repeating: 9, count: 32) + [0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4]
    #expect(
      HelloReply([22, 3, 3, 0, UInt8(hello.count)] + hello) == .agreed(version: 0x0304, suite: 0x1301, compression: 0))
    for length in 0..<hello.count {
      _ = HelloReply([22, 3, 3, 0, UInt8(length)] + hello.prefix(length))
    }
  }
}

private final class Order: Sendable {
  private let list = Mutex<[String]>([])
  var parties: [String] { list.withLock { $0 } }
  func add(_ party: String) { list.withLock { $0.append(party) } }
}
