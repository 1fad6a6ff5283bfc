import Kernel
import Ledger
import Platform

/// Says on the page of a vendor or a case that it is under legal hold, and lets an owner place one where there is none.
struct HoldNotice: Equatable, Sendable {
  static let template = """
    {{#isHeld}}<div class="notice wait"><h2>{{t.offboarding_held}}</h2><p>{{t.offboarding_held_lead}}{{#canSee}} <a href="/erasures#holds">{{t.offboarding_held_see}}</a>{{/canSee}}</p></div>{{/isHeld}}
    """

  let isHeld: Bool
  let canSee: Bool
  /// Where to place one.
  let path: String?

  /// `about`: the object itself first, then what it belongs to. A hold on the organisation counts, too.
  init(_ request: Request, about: [ObjectRef]) async throws {
    let tenant = try request.principal.tenant
    let all = about + [ObjectRef("tenant", tenant)]
    let isHeld = try await request.services.ledger.read(tenant) { reader in
      try all.contains { try reader.isHeld($0) }
    }
    self.isHeld = isHeld
    canSee = try request.principal.has(.erasuresRead)
    path =
      try !isHeld && request.principal.has(.holdsManage)
      ? all.first.map { "/erasures?" + Query(pairs: [("hold", $0.type), ("id", $0.id)]).text + "#holds" } : nil
  }
}
