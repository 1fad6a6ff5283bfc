import Platform

/// A36: every customer is written to 30 days before a new sub-processor starts.
///
/// Takes an entry of the probes' register through its notice with the check's clock: nothing starts before every owner of both probe
/// tenants was sent the notice, nor on day 29 after the last; on day 31 it does. The gate is asked at each point.
enum NoticePeriodCheck {
  static func run(_ probe: Probe) async throws -> String {
    try await probe.withProviders { try await walk(probe) }
  }

  private static func walk(_ probe: Probe) async throws -> String {
    let providers = probe.environment.providers
    let provider = try await ProbeProvider.draft(probe)
    try await isOff(provider, after: 31, "although nobody was told")
    let posted = try await providers.announce(provider.id)
    let owners = try await owners(probe)
    try hold(posted == owners, "\(posted) notices were written to \(owners) owners.")
    try await isOff(provider, after: 31, "although no notice was sent")
    let first = try await providers.deliver(provider.id, probe.first.id)
    let missing = try await providers.missing(provider.id)
    try hold(
      first + missing == owners && missing > 0, "\(first) of \(owners) owners were told, and \(missing) are missing.")
    try await isOff(provider, after: 31, "although an owner of another organisation was not told")
    _ = try await providers.deliver(provider.id, probe.second.id)
    try hold(try await providers.missing(provider.id) == 0, "Owners are missing although all notices were sent.")
    try await isOff(provider, after: 29, "on day 29 after the last notice")
    try await ProbeClock.later(31 * ProbeProvider.day) {
      do { try await providers.activate(provider.id) } catch let problem as Problem where problem.code == .conflict {
        throw Broken(reason: "On day 31 it could not start: \(problem.message)")
      }
      for tenant in [probe.first, probe.second] {
        let reason = try await provider.refusal(for: tenant)
        try hold(reason == nil, "On day 31 the gate still refused it: \(reason ?? "")")
      }
    }
    let early = try await ProbeClock.later(29 * ProbeProvider.day) { try await provider.refusal(for: probe.first) }
    try hold(early != nil, "The gate let something through on day 29 because the entry says active.")
    return """
      Announced a sub-processor to the \(owners) owners of two organisations in the checks' own register. It could not start, and \
      the gate refused it, before it was announced, before any notice was sent, while one owner was missing, and on day 29 after \
      the last notice; on day 31 it started. The notices stood in each organisation's outbox; their sending was simulated.
      """
  }

  private static func owners(_ probe: Probe) async throws -> Int {
    var count = 0
    for tenant in [probe.first, probe.second] {
      count += try await probe.services.people.people(in: tenant.id).count { $0.isActive && $0.roles.contains(.owner) }
    }
    return count
  }

  private static func isOff(_ provider: ProbeProvider, after days: Int, _ when: String) async throws {
    try await ProbeClock.later(days * ProbeProvider.day) {
      let activate = provider.probe.environment.providers.activate
      try hold(try await provider.isRefused(activate), "It could start \(when).")
      try hold(try await provider.refusal(for: provider.probe.first) != nil, "The gate let something through \(when).")
    }
  }
}
