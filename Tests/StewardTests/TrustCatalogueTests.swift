import Kernel
import Testing

@testable import Trust

@Suite("The catalogue of promises")
struct TrustCatalogueTests {
  static let checked: Set<String> = [
    "F9", "F10", "F11", "F15", "F22", "F23", "F29", "F30", "F31", "F44", "F53", "F54", "F55", "F71", "A5", "A6", "A7",
    "A9",
    "A10", "A12", "A14", "A15", "A20", "A21", "A22", "A36", "A37", "A41", "A42", "A43", "A44", "A49", "A54", "A56",
    "A57",
    "A58",
  ]

  @Test("there are 130 promises, F1 to F72 and A1 to A58, each once")
  func everyPromiseIsThereOnce() {
    let expected = (1...72).map { "F\($0)" } + (1...58).map { "A\($0)" }
    #expect(Catalogue.inOrder.map(\.id) == expected)
    #expect(Catalogue.promises.count == 130)
  }

  @Test("each promise is one sentence of its own, with what makes it true and a test for outsiders")
  func everyPromiseIsASentence() {
    for promise in Catalogue.promises {
      #expect(promise.sentence.hasSuffix("."), "\(promise.id)")
      #expect(!promise.sentence.contains(". "), "\(promise.id) is more than one sentence")
      #expect(promise.sentence.count > 20, "\(promise.id)")
      #expect(promise.because.hasSuffix("."), "\(promise.id)")
      #expect(promise.test.hasSuffix(".") || promise.test.hasSuffix("host."), "\(promise.id)")
    }
    #expect(Set(Catalogue.promises.map(\.sentence)).count == 130)
  }

  @Test("only these have checks, and only class D alone is declared")
  func basesAreAsSpecified() {
    #expect(Set(Catalogue.promises.filter(\.isChecked).map(\.id)) == Self.checked)
    let declared = Catalogue.promises.filter { if case .declared = $0.basis { true } else { false } }
    #expect(Set(declared.map(\.id)) == ["F35", "F64", "F66", "A50", "A51", "A52"])
    #expect(declared.allSatisfy { $0.kind == "D" })
    #expect(Catalogue.promises.filter { $0.kind == "D" }.count == declared.count)
    let notApplicable = Catalogue.promises.filter { if case .notApplicable = $0.basis { true } else { false } }
    #expect(Set(notApplicable.map(\.id)) == ["A1", "A28"])
  }

  @Test("without results nothing reads proven, whatever the hour")
  func nothingIsProvenByItself() {
    for promise in Catalogue.promises {
      #expect(Standing.of(promise, last: nil, now: Instant(milliseconds: 1_800_000_000_000)).state != .proven)
    }
  }

  @Test("a result for a promise without a check does not make it proven")
  func aStrayResultProvesNothing() {
    let now = Instant(milliseconds: 1_800_000_000_000)
    for promise in Catalogue.promises where !promise.isChecked {
      let stray = CheckResult(promise: promise.id, outcome: .proven, checkedAt: now)
      #expect(Standing.of(promise, last: stray, now: now).state != .proven, "\(promise.id)")
    }
  }
}

@Suite("The standing of a promise")
struct TrustStandingTests {
  let now = Instant(milliseconds: 1_800_000_000_000)
  let promise = Promise(
    "F10", .encryption, "E", "Sentence.", because: "Because.", test: "Test.", .checked(maximumAgeSeconds: 60))

  func standing(_ outcome: CheckResult.Outcome, age: Int) -> Standing {
    let result = CheckResult(
      promise: "F10", outcome: outcome, reason: "Reason.", evidence: "Evidence.", checkedAt: now.adding(seconds: -age))
    return Standing.of(promise, last: result, now: now)
  }

  @Test("a proof counts until its maximum age and reads stale a millisecond later")
  func aProofExpires() {
    #expect(standing(.proven, age: 60).state == .proven)
    #expect(standing(.proven, age: 60).expiresAt == now)
    let later = Standing.of(
      promise, last: CheckResult(promise: "F10", outcome: .proven, checkedAt: now.adding(seconds: -60)),
      now: Instant(milliseconds: now.milliseconds + 1))
    #expect(later.state == .stale)
    #expect(later.reason == "Its last proof is older than 1 minute.")
  }

  @Test("a failure never grows old into something milder")
  func aFailureStays() {
    #expect(standing(.failing, age: 0).state == .failing)
    #expect(standing(.failing, age: 100_000).state == .failing)
    #expect(standing(.failing, age: 0).reason == "Reason.")
  }

  @Test("a check that could not run leaves the promise unknown")
  func aBrokenCheckProvesNothing() {
    #expect(standing(.couldNotRun, age: 0).state == .unknown)
  }

  @Test("a proof from the future is not believed")
  func aFutureProofIsNotBelieved() {
    #expect(standing(.proven, age: -299).state == .proven)
    #expect(standing(.proven, age: -301).state == .unknown)
  }

  @Test("a roadmap entry turns red when its day has passed")
  func aRoadmapEntryIsDue() {
    func state(_ day: Day) -> PromiseState {
      let promise = Promise("A17", .identity, "E", "Sentence.", because: "Because.", test: "Test.", .roadmap(due: day))
      return Standing.of(promise, last: nil, now: now).state
    }
    #expect(state(now.day) == .roadmap)
    #expect(state(now.day.adding(days: -1)) == .failing)
  }
}
