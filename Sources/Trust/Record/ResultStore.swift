import Platform

/// Results of checks, kept in the tenant of the installation itself.
struct ResultStore: Sendable {
  let services: Services

  func system() async throws -> TenantID { try await services.tenants.system() }

  /// The last result of each promise that has one. Empty before the first run.
  func all() async throws -> [String: CheckResult] {
    guard let tenant = try await services.ledger.find(slug: Tenants.systemSlug) else { return [:] }
    let rows = try await services.ledger.view(PromiseResult.self, tenant.id).rows
    return Dictionary(rows.map { ($0.key, $0.result) }, uniquingKeysWith: { _, last in last })
  }

  /// One entry `promise.result` on `promise:<id>`; answers its index.
  @discardableResult
  func record(_ result: CheckResult) async throws -> Int64 {
    let act = Act("promise.result", on: ObjectRef("promise", result.promise), by: .system("trust"))
    return try await services.ledger.write(try await system(), act) { work in
      if try work.find(PromiseResult.self, result.promise) == nil {
        try work.insert(PromiseResult(result))
      } else {
        try work.update(PromiseResult(result))
      }
    }.receipt.index
  }
}
