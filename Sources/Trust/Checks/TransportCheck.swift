import Platform

/// F9, F22, A5, A6, A7: how connections to this installation are protected, asked of its own listener as a scanner from outside would.
///
/// Where TLS does not end here, nothing can be seen of it from here, and the sentences say so instead of reading proven.
enum TransportCheck {
  static let ids = ["F9", "F22", "A5", "A6", "A7"]

  /// A year, the least that the preload list takes.
  static let leastMaximumAgeSeconds = 31_536_000

  private static func report(_ probe: Probe) async throws -> ListenerReport {
    let report = try await probe.environment.scanListener()
    switch report.ending {
    case .here: return report
    case .nowhere: throw Hindered(reason: "No listener is open in this process.")
    case .thisMachine:
      throw Hindered(
        reason: "No TLS is set up: the listener can be reached from its own machine only, as for a demonstration.")
    case .proxy(let isLocal):
      guard isLocal else {
        throw Broken(reason: "TLS ends at a proxy on another machine: from there on, data crosses a network in clear.")
      }
      throw Hindered(reason: "TLS ends at a proxy on this machine, whose offer cannot be seen from here.")
    }
  }

  /// F9: data in transit is protected by TLS 1.2 or later.
  static func inTransit(_ probe: Probe) async throws -> String {
    let report = try await report(probe)
    try notRetired(report)
    try hold(!report.answersInClear, "The listener answers plain HTTP on the port of TLS.")
    return """
      \(offered(report)) Nothing below TLS 1.2 was agreed to, and plain HTTP on the same port got no answer. Inside the \
      installation no link crosses a network: databases and keys are files of this machine, and commands ask through a \
      socket in the data directory. What leaves goes through the egress gate alone.
      """
  }

  /// F22: all connections use TLS 1.2 or later with weak suites turned off.
  static func noWeakSuites(_ probe: Probe) async throws -> String {
    let report = try await report(probe)
    try notRetired(report)
    try strongOnly(report)
    return "\(offered(report)) Agreed to: \(agreed(report)); each is authenticated encryption with forward secrecy."
  }

  /// A5: connections use TLS 1.3.
  static func newest(_ probe: Probe) async throws -> String {
    let report = try await report(probe)
    let older = report.agreed.keys.filter { $0 != .tls13 }.map(\.rawValue).sorted()
    try hold(older.isEmpty, "The listener also agrees to \(older.joined(separator: " and ")).")
    try hold(report.agreed[.tls13] != nil, "The listener does not agree to TLS 1.3.")
    return "\(offered(report)) TLS 1.3 was agreed to; SSL 3.0 and TLS 1.0, 1.1 and 1.2 were refused."
  }

  /// A6: browsers are told to use HTTPS only.
  static func strictTransport(_ probe: Probe) async throws -> String {
    let report = try await report(probe)
    guard !report.answers.isEmpty else { throw Hindered(reason: "The listener gave no answer to look at.") }
    for answer in report.answers {
      guard let header = answer.strictTransportSecurity else {
        throw Broken(reason: "An answer over TLS does not say HTTPS only: \(answer.what) (\(answer.status)).")
      }
      let seconds = maximumAge(header) ?? 0
      try hold(
        seconds >= leastMaximumAgeSeconds,
        "The answer to \(answer.what) asks for HTTPS for less than a year: \(seconds) seconds.")
      try hold(
        header.contains("includeSubDomains") && header.contains("preload"),
        "The header leaves out subdomains or preload.")
    }
    let kinds = report.answers.map { "\($0.what) (\($0.status))" }.joined(separator: ", ")
    return """
      Asked the listener over TLS for \(report.answers.count) things, most of them refused: \(kinds). Every answer carried \
      Strict-Transport-Security for a year or longer, with subdomains and preload.
      """
  }

  /// A7: no deprecated ciphers are offered.
  static func noDeprecatedCiphers(_ probe: Probe) async throws -> String {
    let report = try await report(probe)
    try strongOnly(report)
    try hold(!report.compresses, "The listener agrees to compression inside TLS.")
    return """
      \(offered(report)) Among them were suites without encryption or authentication, for export, with RC4, DES, 3DES, CBC, \
      static RSA and finite-field keys, and compression: all refused. Agreed to: \(agreed(report)).
      """
  }

  // MARK: What was found

  private static func notRetired(_ report: ListenerReport) throws {
    let retired = report.agreed.keys.filter(\.isRetired).map(\.rawValue).sorted()
    try hold(retired.isEmpty, "The listener agrees to \(retired.joined(separator: " and ")).")
    try hold(!report.agreed.isEmpty, "The listener agrees to no version of TLS.")
  }

  private static func strongOnly(_ report: ListenerReport) throws {
    for (version, suites) in report.agreed.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let weak = suites.filter { !$0.isStrong }
      try hold(
        weak.isEmpty,
        "The listener agrees to weak suites of \(version.rawValue): \(weak.map(\.name).joined(separator: ", ")).")
    }
  }

  private static func offered(_ report: ListenerReport) -> String {
    "Sent \(report.hellos) hellos of five versions with \(report.suitesOffered) suites to our own listener."
  }

  private static func agreed(_ report: ListenerReport) -> String {
    report.agreed.sorted { $0.key.rawValue < $1.key.rawValue }
      .map { "\($0.key.rawValue) with \($0.value.map(\.name).joined(separator: ", "))" }.joined(separator: "; ")
  }

  /// RFC 6797 §6.1.1.
  private static func maximumAge(_ header: String) -> Int? {
    header.split(separator: ";").map(\.trimmed).first { $0.lowercased().hasPrefix("max-age=") }
      .flatMap { Int($0.dropFirst("max-age=".count)) }
  }
}
