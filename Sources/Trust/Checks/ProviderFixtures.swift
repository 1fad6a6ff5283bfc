import Platform

/// A sub-processor that exists for a check only, in the probes' own register.
struct ProbeProvider: Sendable {
  let id: String
  let name: String
  let host: String
  let probe: Probe

  static let port = 443
  static let purpose = "probe"
  static let category = "operational"

  private var providers: ProviderProbe { probe.environment.providers }

  /// A draft with a contract that holds for `contractDays` from now on and has all clauses but `missing`.
  static func draft(
    _ probe: Probe, contractDays: Int = 365, without missing: String? = nil
  ) async throws -> ProbeProvider {
    let name = "Probe \(Marker.make())"
    let host = "\(Marker.make()).invalid"
    let entry = description(probe, name, host, contractDays: contractDays, without: missing)
    return ProbeProvider(
      id: try await probe.environment.providers.add(entry), name: name, host: host, probe: probe)
  }

  static func description(
    _ probe: Probe, _ name: String, _ host: String, contractDays: Int, without missing: String? = nil
  ) -> JSON {
    let today = probe.startedAt.day
    let clauses: [String] = ["security", "confidentiality", "data-protection"].filter { $0 != missing }
    return [
      "kind": "subprocessor", "name": .string(name), "entity": "Probe Ltd", "address": "1 Probe Street",
      "contact": "nobody@probe.invalid", "description": "Exists for a check.", "purposes": [.string(purpose)],
      "categories": [.string(category)], "region": "EU", "hosts": [.string("\(host):\(port)")],
      "contract": [
        "dated": .string(today.adding(days: -30).description),
        "expires": .string(today.adding(days: contractDays).description),
        "clauses": .array(clauses.map { .string($0) }),
        "reference": "probe",
      ],
    ]
  }

  /// Announced, told to all owners of both tenants, and 31 days later active. What follows happens that much later.
  static func active(_ probe: Probe, contractDays: Int = 365) async throws -> ProbeProvider {
    let provider = try await draft(probe, contractDays: contractDays)
    _ = try await provider.providers.announce(provider.id)
    for tenant in [probe.first, probe.second] { _ = try await provider.providers.deliver(provider.id, tenant.id) }
    try await ProbeClock.later(31 * ProbeProvider.day) { try await provider.providers.activate(provider.id) }
    return provider
  }

  static let day = 86_400

  /// Asks the gate for a tenant, as an adapter would before it calls. Nil if it may go; else the reason.
  func refusal(for tenant: ProbeTenant?) async throws -> String? {
    let intent = EgressIntent(
      tenant: tenant?.id, module: "probe", purpose: ProbeProvider.purpose, categories: [ProbeProvider.category],
      count: 1, host: host, port: ProbeProvider.port)
    do {
      let permit = try await probe.services.egress.admit(intent)
      try hold(permit.destination == "subprocessor:\(id)", "The gate names somebody else as the recipient.")
      return nil
    } catch let problem as Problem where problem.code == .forbidden {
      return problem.message
    }
  }

  /// Whether a step of the operator's is refused with a reason, and changes nothing.
  func isRefused(_ step: @Sendable (String) async throws -> Void) async throws -> Bool {
    let before = try await providers.state(id)
    do { try await step(id) } catch let problem as Problem where problem.code == .conflict {
      return try await providers.state(id) == before
    }
    return false
  }

  func announce(_ id: String) async throws { _ = try await providers.announce(id) }
}

extension Probe {
  /// Runs a check on an empty register of the probes, and leaves it empty.
  func withProviders(_ body: () async throws -> String) async throws -> String {
    try await environment.providers.clear()
    do {
      let evidence = try await body()
      try await environment.providers.clear()
      return evidence
    } catch {
      try? await environment.providers.clear()
      throw error
    }
  }
}
