import Platform
import Server
import TestKit
import Testing

@testable import Trust

@Suite("The trust page")
struct TrustPageTests {
  private let now = House.beginning

  private func record(_ results: CheckResult..., in house: House) async throws {
    let store = ResultStore(services: house.app.services)
    for result in results { try await store.record(result) }
  }

  @Test("a stranger reads all promises, each with every member of the contract")
  func contract() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let answer = try await house.stranger.get("/trust.json")
    #expect(answer.status == 200)
    let promises = try #require(try answer.json()["promises"]?.array)
    #expect(promises.map { $0["id"]?.string } == Catalogue.inOrder.map(\.id))
    let members: Set<String> = ["id", "class", "sentence", "state", "reason", "checked_at", "expires_at", "evidence"]
    for promise in promises {
      // Beside what a freeze stops stands what goes on.
      let own = members.union(promise["id"]?.string == "A44" ? ["goes_on"] : [])
      #expect(Set(promise.object?.keys.map(\.self) ?? []) == own)
      #expect(promise["reason"]?.string?.isEmpty == false)
      #expect(promise["sentence"]?.string?.contains("{") == false, "a hole was left open")
    }
    let states = Dictionary(grouping: promises) { $0["state"]?.string ?? "" }.mapValues(\.count)
    #expect(states == ["unknown": 122, "declared": 6, "not applicable": 2])
  }

  @Test("results change what is read: proven with its dates, failing with its reason, stale once it is too old")
  func states() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await record(
      CheckResult(promise: "F10", outcome: .proven, evidence: "Searched 3 files.", checkedAt: now),
      CheckResult(promise: "F15", outcome: .failing, reason: "It was not refused.", checkedAt: now),
      CheckResult(promise: "A20", outcome: .couldNotRun, reason: "No vendor.", checkedAt: now), in: house)
    func line(_ id: String) async throws -> JSON {
      let promises = try await house.stranger.get("/trust.json").json()["promises"]?.array
      return try #require(promises?.first { $0["id"]?.string == id })
    }
    #expect(try await line("F10")["state"]?.string == "proven")
    #expect(try await line("F10")["checked_at"]?.string == now.description)
    #expect(
      try await line("F10")["expires_at"]?.string == now.adding(seconds: Promise.ordinaryMaximumAgeSeconds).description)
    #expect(try await line("F10")["evidence"]?.string == "Searched 3 files.")
    #expect(try await line("F15")["state"]?.string == "failing")
    #expect(try await line("F15")["reason"]?.string == "It was not refused.")
    #expect(try await line("A20")["state"]?.string == "unknown")
    house.clock.advance(seconds: Promise.ordinaryMaximumAgeSeconds + 1)
    #expect(try await line("F10")["state"]?.string == "stale")
    #expect(try await line("F15")["state"]?.string == "failing")
  }

  @Test("each result is an entry of the installation's own log, and the row holds the digest of its evidence")
  func onRecord() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let result = CheckResult(promise: "F10", outcome: .proven, evidence: "Searched 3 files.", checkedAt: now)
    try await record(result, result, in: house)
    let system = try #require(house.app.ledger.tenant(slug: "system"))
    let entries = try await house.app.ledger.read(system.id) { reader in
      var filter = EntryFilter()
      filter.object = "promise:F10"
      return try reader.entries(filter)
    }
    #expect(entries.map(\.action) == ["promise.result", "promise.result"])
    #expect(entries.allSatisfy { $0.actor == "system:trust" && $0.changes == 1 })
    let digests = try await house.app.ledger.read(system.id) { reader in
      try reader.rows("SELECT evidence_digest FROM promise_result WHERE tenant = \(system.id)").compactMap {
        $0.first?.bytes
      }
    }
    #expect(digests == [Digest(sha256: Array("Searched 3 files.".utf8), [0]).bytes])
  }

  @Test("the page shows every sentence by topic, with counts that are links, and what makes it true")
  func page() async throws {
    let house = try await House.open()
    defer { house.leave() }
    try await record(
      CheckResult(promise: "F10", outcome: .proven, evidence: "Searched <3> files.", checkedAt: now), in: house)
    let page = try await house.stranger.page("/trust").text
    for promise in Catalogue.promises { #expect(page.contains("id=\"\(promise.id)\""), "\(promise.id)") }
    #expect(page.contains("Searched &lt;3&gt; files."))
    #expect(page.contains("datetime=\"\(now)\""))
    #expect(page.contains("href=\"/trust?state=not-applicable\""))
    #expect(!page.contains("<script"))
    let proven = try await house.stranger.page("/trust?state=proven").text
    #expect(proven.contains("id=\"F10\"") && !proven.contains("id=\"F15\""))
    let second = try await house.stranger.page("/trust?page=A&state=not-applicable").text
    #expect(second.contains("id=\"A1\"") && second.contains("id=\"A28\"") && !second.contains("id=\"A2\""))
    #expect(try await house.stranger.page("/trust?state=failing").text.contains("No promise is in this state"))
    #expect(try await house.stranger.page("/trust?state=nonsense&page=Z").status == 200)
    #expect(try await house.stranger.page("/trust?state=roadmap").text.contains("aria-current"))
  }

  @Test("probe tenants and the installation's own are hidden, and nothing of them is told")
  func hidden() async throws {
    let house = try await House.open()
    defer { house.leave() }
    _ = try await house.app.trust.prover.prove(["A15"], in: try house.app.trust.environment(house.app.services))
    let shown = try await house.app.tenants.all().map(\.slug)
    #expect(Set(shown) == ["acme", "globex"])
    for slug in ["system", "probe-one", "probe-two"] {
      #expect(house.app.ledger.tenant(slug: slug)?.isHidden == true)
      #expect(try await house.stranger.page("/t/\(slug)").status == 404)
    }
  }
}
