@testable import Operations
import Platform
import Server
import TestDatabase
import TestKit
import Testing

@Suite("Status")
struct StatusTests {
  private func time(_ minute: Int) -> Instant { House.beginning.adding(seconds: minute * 60) }

  private func history(_ beats: [(Int, String)], runs: [ProcessRun] = [], now: Int) -> History {
    var spans: [BeatSpan] = []
    for (minute, process) in beats { spans.add(time(minute), by: process) }
    let byName = Dictionary(runs.map { ("process:\($0.id)", $0) }, uniquingKeysWith: { first, _ in first })
    return History(spans, runs: byName, now: time(now))
  }

  private func run(_ version: String, stopped: Int? = nil) -> ProcessRun {
    var run = ProcessRun(id: ProcessID.make(at: House.beginning), version: version, startedAt: House.beginning)
    run.stoppedAt = stopped.map(time)
    return run
  }

  @Test("beats a minute apart are one span, and one beat that is late is no gap")
  func spans() {
    let beats = (0...60).filter { $0 != 30 }.map { ($0, "process:a") }
    let history = history(beats, now: 61)
    #expect(history.gaps.isEmpty)
    #expect(history.share(lastSeconds: 3_600) == 1_000)
  }

  @Test("a gap is as long as nothing was heard, and says what is known of it")
  func reasons() {
    let (a, b, c) = (run("1", stopped: 11), run("1"), run("2"))
    let names = [a, b, c].map { "process:\($0.id)" }
    #expect(history([(0, names[0]), (10, names[1])], runs: [a, b], now: 10).gaps.map(\.reason) == [.restart])
    #expect(history([(0, names[0]), (10, names[2])], runs: [a, c], now: 10).gaps.map(\.reason) == [.upgrade])
    #expect(history([(0, names[1]), (10, names[2])], runs: [b, c], now: 10).gaps.map(\.reason) == [.cut])
    #expect(history([(0, names[1]), (10, names[1])], runs: [b], now: 10).gaps.map(\.reason) == [.silent])
    #expect(history([(0, names[1])], runs: [b], now: 10).gaps == [.init(from: time(0), until: time(10), reason: .now)])
  }

  @Test("what is missing stands in its cell of the strip, and before the first beat there is no record")
  func strip() {
    let beats = (0..<60).filter { !(15..<30).contains($0) }.map { ($0, "process:a") }
    let cells = history(beats, now: 60).strip(seconds: 7_200, count: 8).map(\.share)
    #expect(cells == [nil, nil, nil, nil, 933, 0, 1_000, 1_000])
  }

  @Test("the page and its JSON show a gap that the clock made, from the record alone")
  func page() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let services = house.app.services
    let heartbeat = Heartbeat()
    for _ in 0..<5 {
      try await heartbeat.beat(services)
      house.clock.advance(seconds: 60)
    }
    try await heartbeat.end(services)
    house.clock.advance(seconds: 1_800)
    try await Heartbeat().beat(services)
    let json = try await house.stranger.get("/status.json").json()
    let gaps = try #require(json["gaps"]?.array)
    #expect(gaps.count == 1 && gaps[0]["seconds"]?.integer == 1_860 && gaps[0]["reason"]?.string == "restart")
    let page = try await house.stranger.page("/status").text
    #expect(page.contains("Stopped and started again") && page.contains("31 min"))
    #expect(try Verification.run(dataDirectory: house.directory + "/data").allSatisfy(\.isIntact))
  }

  @Test(
    "a day of heartbeats takes less than 4 MB on disk",
    .enabled(if: !TestDatabase.isWanted, "about the files of SQLite"))
  func growth() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let heartbeat = Heartbeat()
    try await heartbeat.beat(house.app.services)
    let system = try await house.app.services.tenants.system()
    let size: @Sendable () async throws -> Int64 = {
      try await house.app.ledger.read(system) { reader in
        try reader.rows("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")[0][0].integer ?? 0
      }
    }
    let before = try await size()
    for _ in 0..<200 { try await heartbeat.beat(house.app.services) }
    let each = (try await size() - before) / 200
    #expect((500..<2_900).contains(each), "\(each) bytes")
  }

  @Test("a heartbeat is an entry that changes no row, and goes on while tenants come and go")
  func entries() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let job = try #require(house.app.catalogue.jobs.first { $0.name == "status.beat" })
    #expect(job.schedule == .every(seconds: 60) && job.freeze != .stops)
    let heartbeat = Heartbeat()
    try await heartbeat.beat(house.app.services)
    try await heartbeat.beat(house.app.services)
    let system = try await house.app.services.tenants.system()
    let changes = try await house.app.ledger.read(system) { reader in
      try reader.rows(
        "SELECT changes FROM log_entry WHERE tenant = \(system) AND action = 'heartbeat' ORDER BY idx")
    }
    #expect(changes == [[.integer(0)], [.integer(0)]])
  }
}
