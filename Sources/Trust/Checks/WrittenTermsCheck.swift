import Platform

/// F54: there are written terms with every provider, on security, confidentiality and data protection.
enum WrittenTermsCheck {
  private static let clauses = ["security", "confidentiality", "data-protection"]

  static func run(_ probe: Probe) async throws -> String {
    let count = try await everyProvider(probe)
    return try await probe.withProviders {
      try await noneWithout(probe)
      try await lapse(probe)
      return """
        Each of the \(count) sub-processors to whom data may go has a contract on record that holds today and settles security, \
        confidentiality and data protection. In the checks' own register nobody could be announced without one of these \
        clauses or with a contract that had ended; one whose contract lapsed was refused by the gate from the first day \
        on, and suspended on the record by the daily review.
        """
    }
  }

  /// The customers' register: whoever the gate lets through has terms.
  private static func everyProvider(_ probe: Probe) async throws -> Int {
    let today = probe.services.now.day
    let active = try await probe.environment.providers.listed().filter { entry in
      entry["kind"]?.string == "subprocessor" && entry["in_force"]?.bool == true
    }
    for entry in active {
      let name = entry["name"]?.string ?? ""
      let contract = entry["contract"]
      let settled = Set(contract?["clauses"]?.array?.compactMap(\.string) ?? [])
      for clause in clauses {
        try hold(settled.contains(clause), "Data may go to \(name), whose contract has no clause on \(clause).")
      }
      let ends = contract?["expires"]?.string.flatMap { Day($0) }
      try hold(ends.map { today <= $0 } ?? false, "Data may go to \(name), whose contract has ended.")
    }
    return active.count
  }

  private static func noneWithout(_ probe: Probe) async throws {
    for clause in clauses {
      let provider = try await ProbeProvider.draft(probe, without: clause)
      try hold(
        try await provider.isRefused { try await provider.announce($0) },
        "It was announced without a clause on \(clause).")
    }
    let ended = try await ProbeProvider.draft(probe, contractDays: -1)
    try hold(
      try await ended.isRefused { try await ended.announce($0) }, "It was announced under a contract that had ended.")
  }

  private static func lapse(_ probe: Probe) async throws {
    let provider = try await ProbeProvider.active(probe, contractDays: 40)
    let providers = probe.environment.providers
    try await ProbeClock.later(40 * ProbeProvider.day) {
      let reason = try await provider.refusal(for: probe.first)
      try hold(reason == nil, "On the last day of its contract it is off: \(reason ?? "")")
    }
    try await ProbeClock.later(41 * ProbeProvider.day) {
      try hold(
        try await provider.refusal(for: probe.first) != nil,
        "Its contract had lapsed, and the gate let something through.")
      try await providers.review()
      try hold(try await providers.state(provider.id) == "suspended", "The lapse of its contract is not on the record.")
    }
    try await ProbeClock.later(40 * ProbeProvider.day) {
      try hold(
        try await provider.refusal(for: probe.first) != nil, "It was suspended, and the gate let something through.")
    }
  }
}
