import Platform

extension Permission {
  package static let erasuresConfirm = Permission("erasures.confirm")
}

/// Erasing what somebody wants gone, for good and provably: the inventory before, two steps, keys that end everywhere, and a record that
/// anybody can check. Legal holds, which only an owner places or lifts, and marks that keep what was erased from coming back.
package struct ErasuresModule: Module {
  package static let tables = [Erasure.table, Suppression.table, Suppression.marks]
  package static let derivations = [Suppression.derivation]

  package init() {}

  package var manifest: ModuleManifest {
    ModuleManifest(
      name: "erasures", tables: ErasuresModule.tables,
      permissions: [
        PermissionGrant(
          .erasuresRead, roles: [.owner, .manager, .auditor],
          summary: "See erasures with their records, legal holds, and what must not come back."),
        PermissionGrant(
          .erasuresPropose, roles: [.owner, .manager],
          summary: "See what an erasure would take away, propose it, and withdraw it before it begins."),
        PermissionGrant(
          .erasuresConfirm, roles: [.owner], summary: "Confirm an erasure, and let what was erased come back."),
        PermissionGrant(.holdsManage, roles: [.owner], summary: "Place and lift legal holds."),
      ],
      navigation: [
        NavigationEntry("/erasures", titleKey: "erasures_title", access: .permission(.erasuresRead), order: 40)
      ],
      texts: ErasureTexts.english,
      templates: [
        ErasureListPage.template, ErasureFormPage.template, ErasurePage.template, FarewellPage.template,
      ],
      exit: DataExit(
        exporter: "GET /v1/erasures lists every erasure, GET /v1/erasures/{id}/record gives its record.",
        eraser:
          "An erasure keeps no content; it goes with the organisation, whose own end stands on the installation's record."
      ),
      eraser: Eraser([
        Erasure.table.name: .stays(because: "It is the proof of what was erased."),
        Suppression.table.name: .stays(because: "It keeps what was erased from coming back; an owner lifts it."),
      ]), jobs: [ErasureCarrier.kind, ErasureClearing.kind, TrashEnd.kind])
  }

  package var routes: [Route] { ErasuresAPI.routes + HoldsAPI.routes + ErasurePages.routes }
}
