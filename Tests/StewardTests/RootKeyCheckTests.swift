import Platform
import TestKit
import Testing

@testable import Server
@testable import Trust

@Suite("The promises about the root key, and an outage of its keeper")
struct RootKeyCheckTests {
  private static let good = RootKeyFacts(
    kind: "vault", isGiven: true, opensElsewhere: false, isElsewhere: true, hasSecretOnDisk: false, searched: 9)

  @Test("F11 and A12 are proven where a key service on another machine keeps the root key, and say what was done")
  func proven() async throws {
    try await expect(["F11", "A12"], Self.good, .proven, "vault")
  }

  @Test(
    "with a file, a passphrase or a token F11 stays unknown; on this machine, or with a secret on its disk, A12 does")
  func unknown() async throws {
    for kind in ["file", "passphrase", "pkcs11"] {
      var facts = Self.good
      facts.kind = kind
      try await expect(["F11"], facts, .couldNotRun, "no managed key store")
      if kind != "pkcs11" { try await expect(["A12"], facts, .couldNotRun, "another machine") }
    }
    var (here, onDisk) = (Self.good, Self.good)
    here.isElsewhere = false
    onDisk.hasSecretOnDisk = true
    try await expect(["A12"], here, .couldNotRun, "on this machine")
    try await expect(["A12"], onDisk, .couldNotRun, "lies on a disk")
    try await expect(["F11"], here, .proven, "")
  }

  @Test("a keeper that gives another key, a root key that opens elsewhere and a key in the clear turn both red")
  func broken() async throws {
    var (silent, loose, clear) = (Self.good, Self.good, Self.good)
    silent.isGiven = false
    loose.opensElsewhere = true
    clear.found = 1
    try await expect(["F11", "A12"], silent, .failing, "does not give")
    try await expect(["F11", "A12"], loose, .failing, "another installation's")
    try await expect(["F11", "A12"], clear, .failing, "in the clear in 1 of 9")
  }

  @Test("the installation of the tests keeps its root key in a file, and the desk says so")
  func file() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let environment = try house.app.trust.environment(house.app.services)
    #expect(try await environment.rootKey([]).kind == "file")
  }

  @Test(
    "while the keeper is away the server goes on for as long as it was told, says so once, and then stops with the reason"
  )
  func outage() {
    var outage = RootKeyWatch.Outage(limitSeconds: 3_600)
    let away = Problem(.unavailable, "It cannot be reached. Bring it back.")
    #expect(outage.note(nil, silentSeconds: 0) == nil)
    #expect(outage.pauseSeconds == RootKeyWatch.askSeconds)
    #expect(outage.note(away, silentSeconds: 60) == .away(away))
    #expect(outage.pauseSeconds == RootKeyWatch.askAgainSeconds)
    #expect(outage.note(away, silentSeconds: 3_599) == nil)
    #expect(outage.note(nil, silentSeconds: 0) == .back)
    #expect(outage.note(away, silentSeconds: 10) == .away(away))
    guard case .over(let problem) = outage.note(away, silentSeconds: 3_600) else { return #expect(Bool(false)) }
    #expect(problem.message.contains("for 1 hours") && problem.message.contains("Bring it back"))
  }

  private func expect(
    _ ids: [String], _ facts: RootKeyFacts, _ outcome: CheckResult.Outcome, _ words: String
  ) async throws {
    let house = try await House.open()
    defer { house.leave() }
    var environment = try house.app.trust.environment(house.app.services)
    environment.rootKey = { _ in facts }
    for id in ids {
      let check = try #require(Prover.checks.first { $0.id == id })
      let result = await Prover().run(id, check.run, in: environment)
      #expect(result.outcome == outcome, "\(id): \(result.outcome) \(result.reason)")
      #expect(
        (result.reason + result.evidence).contains(words) || words.isEmpty, "\(id): \(result.reason)\(result.evidence)")
    }
  }
}
