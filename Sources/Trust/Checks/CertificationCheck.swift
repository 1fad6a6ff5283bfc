import Platform

/// A57: we are not certified, and say why; a badge needs a verified report.
enum CertificationCheck {
  private static let standards = ["SOC 2 Type II", "ISO/IEC 27001"]

  static func run(_ probe: Probe) async throws -> String {
    let sentence = try need(Catalogue.promise("A57")?.sentence, "The catalogue has no such promise.")
    let answer = try await probe.stranger.get("/trust.json").body(200, for: "GET /trust.json")
    let shown = answer["promises"]?.array?.first { $0["id"]?.string == "A57" }?["sentence"]?.string
    try hold(
      shown == sentence && sentence.contains("not certified"), "The statement does not say that we are not certified.")
    try hold(sentence.contains(": ") && sentence.count > 60, "The statement does not say why we are not certified.")
    let page = try await probe.stranger.page("/trust")
    guard page.status == 200 else { throw Hindered(reason: "GET /trust answered \(page.status).") }
    try hold(page.text.contains(sentence.htmlEscaped), "The trust page does not show the sentence.")
    let badges = HTMLTags(page.text).filter { tag in
      tag.attributes.contains { $0.name == "class" && $0.value.split(separator: " ").contains("certification") }
    }.count
    try hold(badges == 0, "The trust page shows \(badges) badges, and no report was verified.")
    let attempts = try await refused(probe)
    return """
      The public statement says that we are not certified, and why; the page shows no badge. \(attempts) attempts to publish a \
      badge, without a report and with one that no known auditor signed, were refused and wrote nothing.
      """
  }

  private static func refused(_ probe: Probe) async throws -> Int {
    let store = ResultStore(services: probe.services)
    let system = try await store.system()
    var attempts = 0
    for standard in standards {
      for report in [nil, [], Array("Everything is fine. Signed, an auditor.".utf8)] as [[UInt8]?] {
        let before = try await badges(probe, system)
        do {
          try await probe.environment.publishBadge(standard, report)
          throw Broken(reason: "A badge for \(standard) was published without a verified report.")
        } catch let problem as Problem where problem.code == .invalid {
          attempts += 1
        }
        try hold(try await badges(probe, system) == before, "A refused badge was stored nevertheless.")
      }
    }
    return attempts
  }

  private static func badges(_ probe: Probe, _ system: TenantID) async throws -> Int64 {
    try await probe.services.ledger.read(system) { reader in
      try reader.rows("SELECT count(*) FROM trust_badge WHERE tenant = \(system)").first?.first?.integer ?? 0
    }
  }
}
