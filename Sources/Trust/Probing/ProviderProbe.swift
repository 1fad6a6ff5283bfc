import Platform

/// What checks can do with the register of sub-processors: read the customers' one, and work the probes' one as an operator would.
/// Kept by the register's module and handed in by `Server`; a sabotage replaces a member.
package struct ProviderProbe: Sendable {
  /// The customers' register as it is stored, drafts and all.
  package var listed: @Sendable () async throws -> [JSON]
  /// Writes an entry into the probes' register; answers its id. With a known `id` in it the contract is renewed.
  package var add: @Sendable (JSON) async throws -> String
  /// Writes to every owner of the probes' tenants; answers to how many.
  package var announce: @Sendable (String) async throws -> Int
  /// How many owners hold the clock up.
  package var missing: @Sendable (String) async throws -> Int
  /// Has the outbox of a probe tenant say that the notices were taken, as a mail server's answer would; answers how many.
  package var deliver: @Sendable (String, TenantID) async throws -> Int
  package var activate: @Sendable (String) async throws -> Void
  /// The daily job's work.
  package var review: @Sendable () async throws -> Void
  package var state: @Sendable (String) async throws -> String
  /// Empties the probes' register.
  package var clear: @Sendable () async throws -> Void

  package init(
    listed: @escaping @Sendable () async throws -> [JSON], add: @escaping @Sendable (JSON) async throws -> String,
    announce: @escaping @Sendable (String) async throws -> Int,
    missing: @escaping @Sendable (String) async throws -> Int,
    deliver: @escaping @Sendable (String, TenantID) async throws -> Int,
    activate: @escaping @Sendable (String) async throws -> Void, review: @escaping @Sendable () async throws -> Void,
    state: @escaping @Sendable (String) async throws -> String, clear: @escaping @Sendable () async throws -> Void
  ) {
    self.listed = listed
    self.add = add
    self.announce = announce
    self.missing = missing
    self.deliver = deliver
    self.activate = activate
    self.review = review
    self.state = state
    self.clear = clear
  }
}

/// Makes the probe for the services at hand.
package protocol ProviderProbing: Sendable {
  func probe(_ services: Services) -> ProviderProbe
}
