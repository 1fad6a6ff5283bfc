import Ledger
import Platform
@testable import Server
import TestKit
import Testing

@Suite("Doctor of a database")
struct DoctorDatabaseTests {
  /// One that keeps what it acknowledges.
  private var sound: DatabaseFacts {
    var facts = DatabaseFacts()
    facts.version = "15.20"
    facts.isEncrypted = true
    facts.standbys = "two"
    (facts.connections, facts.largestConnections) = (40, 100)
    return facts
  }

  private func judged(_ change: (inout DatabaseFacts) -> Void) -> [Diagnosis] {
    var facts = sound
    change(&facts)
    return Doctor.judge(facts)
  }

  @Test("a sound one is good, and each sentence ends")
  func good() {
    let found = judged { _ in }
    #expect(found.allSatisfy { $0.grade == .good && $0.sentence.hasSuffix(".") })
  }

  @Test("each weakness is named by itself")
  func weaknesses() {
    let weak: [(Diagnosis.Grade, String, (inout DatabaseFacts) -> Void)] = [
      (.bad, "fsync", { $0.isCrashSafe = false }), (.warning, "no standby", { $0.standbys = "" }),
      (.warning, "sslmode=verify-full", { $0.isEncrypted = false }), (.warning, "81 of 100", { $0.connections = 81 }),
    ]
    for (grade, words, change) in weak {
      let found = judged(change).filter { $0.grade != .good }
      #expect(found.map(\.grade) == [grade] && found.first?.sentence.contains(words) == true, "\(words): \(found)")
    }
    #expect(judged { ($0.isEncrypted, $0.isLocal) = (false, true) }.allSatisfy { $0.grade == .good })
  }

  @Test("the installation's own database is asked, where there is one")
  func asked() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let isShared = house.app.ledger.isShared
    let facts = try DatabaseFacts(dataDirectory: house.directory + "/data")
    #expect((facts != nil) == isShared)
    #expect(facts.map { $0.largestConnections > 0 && !$0.version.isEmpty } ?? true)
  }
}
