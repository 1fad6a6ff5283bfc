import Kernel
import Ledger

/// Freezes tenants and lifts it again. What a freeze stops asks here or, better, writes first: the write path refuses by itself.
package final class Freezes: Sendable {
  /// Characters of a reason.
  package static let maximumReasonLength = 500

  private let ledger: Ledger
  private let wake: @Sendable (TenantID, Instant) -> Void

  /// What goes on in a frozen tenant, as the write path has it.
  package var exemptions: [FreezeExemption] { ledger.freezeRule.exemptions }

  /// `wake` is told of a tenant in which work may begin again.
  package init(ledger: Ledger, wake: @escaping @Sendable (TenantID, Instant) -> Void) {
    self.ledger = ledger
    self.wake = wake
  }

  /// The whole list as it is published: acts by the rule of the write path, then kinds of jobs by their own declarations.
  package func published(_ jobs: Jobs) -> [FreezeExemption] {
    exemptions
      + jobs.kinds.values.sorted { $0.name < $1.name }.compactMap { kind in
        guard case .exempt(let reason) = kind.freeze else { return nil }
        return FreezeExemption(["job \(kind.name)"], what: kind.summary, reason: reason)
      }
  }

  /// As of the latest commit.
  package func isFrozen(_ tenant: TenantID) async throws -> Bool { try await find(tenant) != nil }

  /// Nil if the tenant is not frozen.
  package func find(_ tenant: TenantID) async throws -> FreezeRecord? {
    try await ledger.view(FreezeRecord.self, tenant)[FreezeRecord.key]
  }

  /// From this entry on nothing but what is exempt is written, begun or sent. `conflict` if the tenant is frozen already.
  package func freeze(_ tenant: TenantID, reason: String, by actor: Actor) async throws -> Written<FreezeRecord> {
    let reason = reason.trimmed
    guard !reason.isEmpty, reason.count <= Freezes.maximumReasonLength else {
      throw Problem.invalid("reason", "Say why in 1 to \(Freezes.maximumReasonLength) characters.")
    }
    guard try await ledger.find(tenant)?.slug != Tenants.systemSlug else {
      throw Problem(.forbidden, "The installation's own record cannot be frozen: the proofs of the others are on it.")
    }
    return try await ledger.write(tenant, Act("freeze.begin", on: ObjectRef("tenant", tenant), by: actor)) { work in
      guard try work.find(FreezeRecord.self, FreezeRecord.key) == nil else { throw Freezes.alreadyFrozen }
      let record = FreezeRecord(since: work.now, actor: work.actor, reason: reason)
      try work.insert(record)
      return record
    }
  }

  /// `conflict` if the tenant is not frozen.
  package func lift(_ tenant: TenantID, by actor: Actor) async throws -> Written<Void> {
    try await ledger.write(tenant, Act("freeze.lift", on: ObjectRef("tenant", tenant), by: actor)) { [wake] work in
      guard try work.find(FreezeRecord.self, FreezeRecord.key) != nil else {
        throw Problem(.conflict, "This organisation is not frozen.")
      }
      try work.delete(FreezeRecord.self, FreezeRecord.key)
      work.afterCommit { [tenant = work.tenant, now = work.now] in wake(tenant, now) }
    }
  }

  private static let alreadyFrozen = Problem(.conflict, "This organisation is frozen already; lift the freeze first.")
}
