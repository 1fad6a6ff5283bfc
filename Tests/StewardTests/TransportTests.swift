import Custody
import Glibc
import NIOSSL
import Platform
import Synchronization
import TestKit
import Testing

@testable import Server
@testable import Trust

/// A listener on a free port of this machine, in front of a house.
private enum Door {
  /// `adjust` and `answer` make it worse than ours.
  static func scanned(
    _ house: House, minimum: TLSSettings.Minimum = .tls13,
    adjust: @escaping @Sendable (inout TLSConfiguration) -> Void = { _ in },
    answer: (@Sendable (Incoming) async -> Web.Response)? = nil
  ) async throws -> ListenerReport {
    let files = try TestCertificate.make(in: house.directory)
    let tls = TLSSettings(certificateFile: files.certificateFile, keyFile: files.keyFile, minimum: minimum)
    let settings = ListenerSettings(ListenAddress(host: "127.0.0.1", port: 0), tls: tls)
    let state = try ListenerState(settings, certificates: try ListenerCertificates(tls, adjust: adjust))
    let (opened, open) = AsyncStream.makeStream(of: Int.self)
    let listener = Listener(
      settings, limits: LimitSettings(), state: state, logger: house.app.logger,
      answer: answer ?? { [app = house.app] in await app.answer($0) }, opened: { open.yield($0) })
    let running = Task { try await listener.run() }
    var ports = opened.makeAsyncIterator()
    _ = await ports.next()
    let report = try await HandshakeScan.report(on: state)
    running.cancel()
    _ = try? await running.value
    return report
  }
}

@Suite("TLS, as seen by its own scan", .serialized)
struct TransportTests {
  @Test("a listener as we set it up proves all five sentences")
  func sound() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let report = try await Door.scanned(house)
    for (id, result) in try await results(house, report) {
      #expect(result.outcome == .proven, "\(id): \(result.reason)")
    }
    #expect(report.agreed == [.tls13: report.agreed[.tls13] ?? []] && report.agreed[.tls13]?.count == 3)
    #expect(report.answers.count == 9, "\(report.answers.map(\.what))")
  }

  @Test("TLS 1.2 by the operator's word turns A5 red and no other")
  func older() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let report = try await Door.scanned(house, minimum: .tls12)
    #expect(report.agreed[.tls12]?.allSatisfy(\.isStrong) == true)
    for (id, result) in try await results(house, report) {
      #expect(result.outcome == (id == "A5" ? .failing : .proven), "\(id): \(result.reason)")
    }
  }

  @Test("CBC suites turn F22 and A7 red, a retired version F9 and F22")
  func weak() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let report = try await Door.scanned(
      house, minimum: .tls12,
      adjust: {
        $0.minimumTLSVersion = .tlsv1
        $0.cipherSuiteValues = [.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
      })
    for (id, result) in try await results(house, report) {
      #expect(result.outcome == (id == "A6" ? .proven : .failing), "\(id): \(result.evidence)")
    }
    #expect(report.agreed[.tls10] != nil)
  }

  @Test("an answer that asks for HTTPS for a minute turns A6 red")
  func shortTransportSecurity() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let report = try await Door.scanned(
      house,
      answer: { [app = house.app] incoming in
        let answer = await app.answer(incoming)
        return answer.status == 404 ? answer.header("Strict-Transport-Security", "max-age=60") : answer
      })
    for (id, result) in try await results(house, report) {
      #expect(result.outcome == (id == "A6" ? .failing : .proven), "\(id): \(result.reason)")
    }
  }

  @Test("an answer without the header turns A6 red")
  func noTransportSecurity() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let found = try await Door.scanned(house)
    let bare = ListenerReport.Answer(what: "a page", status: 200, strictTransportSecurity: nil)
    let report = ListenerReport(ending: .here, agreed: found.agreed, answers: found.answers + [bare])
    #expect(try await results(house, report)["A6"]?.outcome == .failing)
  }

  @Test("where TLS does not end here, nothing reads proven; in clear over a network reads failing")
  func elsewhere() async throws {
    let house = try await House.open()
    defer { house.leave() }
    for ending in [ListenerReport.Ending.nowhere, .thisMachine, .proxy(isLocal: true)] {
      let found = try await results(house, ListenerReport(ending: ending))
      #expect(found.values.allSatisfy { $0.outcome == .couldNotRun }, "\(ending)")
    }
    let clear = try await results(house, ListenerReport(ending: .proxy(isLocal: false)))
    #expect(clear.values.allSatisfy { $0.outcome == .failing })
  }

  @Test("a new certificate is used at once, a broken one never")
  func reload() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let first = try TestCertificate.make(in: house.directory)
    let second = try TestCertificate.make(in: house.directory, name: "second")
    let certificates = try ListenerCertificates(
      TLSSettings(certificateFile: first.certificateFile, keyFile: first.keyFile))
    let old = certificates.context
    #expect(certificates.names == ["localhost", "*.steward.example", "127.0.0.1"])
    rename(second.certificateFile, first.certificateFile)
    certificates.reload(house.app.logger)
    #expect(certificates.context === old, "the new certificate's key is not there yet")
    rename(second.keyFile, first.keyFile)
    chmod(first.keyFile, 0o644)
    certificates.reload(house.app.logger)
    #expect(certificates.context === old, "others can read the key")
    chmod(first.keyFile, 0o600)
    try DurableFile.write(Array(try #require(try DurableFile.read(first.keyFile))), to: first.keyFile)
    certificates.reload(house.app.logger)
    #expect(certificates.context !== old)
  }

  @Test("A49 turns red once nothing is counted, once a 429 keeps silent, or once a neighbour is held back too")
  func rates() async throws {
    let house = try await House.open()
    defer { house.leave() }
    let environment = try house.app.trust.environment(house.app.services)
    let (send, prover) = (environment.send, Prover())
    func outcome(
      _ send: @escaping @Sendable (FrontDoor.Call) async throws -> FrontDoor.Answer
    ) async throws -> CheckResult.Outcome? {
      var changed = environment
      changed.send = send
      return try await prover.prove(["A49"], in: changed).first?.outcome
    }
    #expect(try await outcome(send) == .proven)
    #expect(
      try await outcome { call in
        var call = call
        call.isMetered = false
        return try await send(call)
      } == .failing)
    #expect(
      try await outcome { call in
        let answer = try await send(call)
        var headers = answer.headers
        headers["Retry-After"] = nil
        return FrontDoor.Answer(status: answer.status, headers: headers, body: answer.body)
      } == .failing)
    let isHeldBack = { @Sendable (answer: FrontDoor.Answer) in answer.status == 429 }
    let anyRefused = Flag()
    #expect(
      try await outcome { call in
        if call.isMetered, anyRefused.isSet { return FrontDoor.Answer(status: 429, headers: [:], body: []) }
        let answer = try await send(call)
        if isHeldBack(answer) { anyRefused.set() }
        return answer
      } == .failing)
  }

  private func results(_ house: House, _ report: ListenerReport) async throws -> [String: CheckResult] {
    var environment = try house.app.trust.environment(house.app.services)
    environment.scanListener = { report }
    let found = try await Prover().prove(Set(TransportCheck.ids), in: environment)
    #expect(found.count == TransportCheck.ids.count)
    return Dictionary(found.map { ($0.promise, $0) }, uniquingKeysWith: { first, _ in first })
  }
}

private final class Flag: Sendable {
  private let value = Mutex(false)
  var isSet: Bool { value.withLock { $0 } }
  func set() { value.withLock { $0 = true } }
}
