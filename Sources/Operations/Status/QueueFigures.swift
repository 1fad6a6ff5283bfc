import Platform

/// How much waits, over all tenants that are open: jobs and messages by state, without a word on whose they are. What the checks of the
/// promises leave in tenants of their own does not count; every state is there, zero or not, so that a rule on it can fire. Of several servers
/// on one database each tells of the tenants it has open; what they tell must not be added up.
enum QueueFigures {
  /// Tenants that are looked into for one answer; with more of them open the figures are of the first so many.
  static let mostTenants = 500

  static let all: [Figure] = [
    Figure("steward_jobs", .gauge, help: "Background work of open tenants, by state.") { services in
      samples(
        JobState.State.allCases.map(\.rawValue),
        count(services) { try $0.rows("SELECT state, COUNT(*) FROM job WHERE tenant = \($0.tenant) GROUP BY state") })
    },
    Figure("steward_messages", .gauge, help: "Messages of open tenants, by state.") { services in
      samples(
        MessageRecord.State.allCases.map(\.rawValue),
        count(services) {
          try $0.rows("SELECT state, COUNT(*) FROM message WHERE tenant = \($0.tenant) GROUP BY state")
        })
    },
  ]

  private static func count(_ services: Services, _ read: (Peek) throws -> [[Value]]) -> [String: Int64] {
    var total: [String: Int64] = [:]
    let isOfProbes = { (id: TenantID) in
      services.ledger.tenant(id).map { $0.isHidden && $0.slug != Tenants.systemSlug } ?? false
    }
    for tenant in services.ledger.openTenantIDs.filter({ !isOfProbes($0) }).prefix(mostTenants) {
      for row in (try? services.ledger.peek(tenant, read)) ?? [] {
        if let state = row[0].text, let count = row[1].integer { total[state, default: 0] += count }
      }
    }
    return total
  }

  private static func samples(_ states: [String], _ counts: [String: Int64]) -> [Figure.Sample] {
    states.sorted().map { .init(Double(counts[$0, default: 0]), [.init("state", $0)]) }
  }
}
