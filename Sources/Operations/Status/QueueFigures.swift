import Platform

/// How much waits, over all tenants that are open: jobs and messages by state, without a word on whose they are. Of several servers
/// on one database each tells of the tenants it has open; what they tell must not be added up.
enum QueueFigures {
  /// Tenants that are looked into for one answer; with more of them open the figures are of the first so many.
  static let mostTenants = 500

  static let all: [Figure] = [
    Figure("steward_jobs", .gauge, help: "Background work of open tenants, by state.") { services in
      samples(
        count(services) { try $0.rows("SELECT state, COUNT(*) FROM job WHERE tenant = \($0.tenant) GROUP BY state") })
    },
    Figure("steward_messages", .gauge, help: "Messages of open tenants, by state.") { services in
      samples(
        count(services) {
          try $0.rows("SELECT state, COUNT(*) FROM message WHERE tenant = \($0.tenant) GROUP BY state")
        })
    },
  ]

  private static func count(_ services: Services, _ read: (Peek) throws -> [[Value]]) -> [String: Int64] {
    var total: [String: Int64] = [:]
    for tenant in services.ledger.openTenantIDs.prefix(mostTenants) {
      for row in (try? services.ledger.peek(tenant, read)) ?? [] {
        if let state = row[0].text, let count = row[1].integer { total[state, default: 0] += count }
      }
    }
    return total
  }

  private static func samples(_ counts: [String: Int64]) -> [Figure.Sample] {
    counts.sorted { $0.key < $1.key }.map { .init(Double($0.value), [.init("state", $0.key)]) }
  }
}
