import Platform

/// An entry as its operator sees it: what is published, where the contract lies, and who has not been told yet.
package enum OperatorView {
  /// Owners named one by one; the rest are counted.
  static let shownMissing = 100

  package static func json(_ provider: Provider, _ standing: NoticeStanding? = nil, at now: Instant) -> JSON {
    var members = provider.json(at: now).object ?? [:]
    members["public"] = .bool(provider.isPublic)
    if let contract = provider.contract, var published = members["contract"]?.object {
      published["reference"] = .string(contract.reference)
      published["missing_clauses"] = JSON.texts(contract.missingClauses.map(\.rawValue))
      members["contract"] = .object(published)
    }
    if let standing { members["notices"] = json(standing) }
    return .object(members)
  }

  /// Tenants by their name in addresses, people by their id: who they are is for their own organisation to know.
  private static func json(_ standing: NoticeStanding) -> JSON {
    [
      "sent": JSON(standing.sent), "complete_at": JSON(standing.completeAt?.description),
      "missing_total": JSON(standing.missing.count),
      "missing": .array(
        standing.missing.prefix(shownMissing).map { missing in
          [
            "tenant": .string(missing.tenant), "person": JSON(missing.person?.text),
            "reason": .string(missing.reason.rawValue),
          ]
        }),
    ]
  }
}
