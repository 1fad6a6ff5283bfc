import Kernel

/// Something that is about to leave the process, and on whose behalf.
package struct EgressIntent: Sendable, Equatable {
  /// Nil: the installation itself (a key service, a backup).
  package let tenant: TenantID?
  package let module: String
  /// As in the register, such as `mail`.
  package let purpose: String
  /// What kinds of data leave: `personal`, `content`, `operational`.
  package let categories: [String]
  /// How many records or messages.
  package let count: Int
  /// Lower case, as in the URL.
  package let host: String
  package let port: Int

  package init(
    tenant: TenantID?, module: String, purpose: String, categories: [String], count: Int, host: String, port: Int
  ) {
    self.tenant = tenant
    self.module = module
    self.purpose = purpose
    self.categories = categories
    self.count = count
    self.host = host
    self.port = port
  }
}

/// Who may be called: an active sub-processor of the register, or one that the tenant chose. Kept by the register's module.
package protocol EgressPolicy: Sendable {
  /// The name under which the disclosure is journaled, such as `subprocessor:<id>`. Throws `Problem.forbidden` with the reason.
  func admit(_ intent: EgressIntent) async throws -> String
}

/// Nobody may be called.
package struct NoEgress: EgressPolicy {
  package init() {}
  package func admit(_ intent: EgressIntent) async throws -> String {
    throw Problem(.forbidden, "Nothing may leave: no sub-processor is registered for \(intent.purpose).")
  }
}
