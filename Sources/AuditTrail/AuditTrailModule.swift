import Platform

/// Lets a tenant read, filter, export and verify its own record without asking anybody.
///
/// The module owns no table: what it shows is the journal itself, in the plain columns of its entries.
package struct AuditTrailModule: Module {
  package init() {}

  package var manifest: ModuleManifest {
    ModuleManifest(
      name: "AuditTrail", tables: [],
      permissions: [
        PermissionGrant(.auditRead, roles: [.owner, .manager, .auditor], summary: "Read and export the audit trail."),
        PermissionGrant(
          .logRead, roles: [.owner, .manager, .auditor], summary: "Read the tenant's log and its proofs."),
      ],
      navigation: [
        NavigationEntry("/audit", titleKey: "audit_title", access: .permission(.auditRead), order: 30)
      ],
      texts: AuditTexts.english, templates: [AuditPage.template, EntryPage.template],
      exit: DataExit(
        exporter: "GET /v1/audit/export gives every leaf of the log as JSON Lines.",
        eraser: "Entries hold no content: what they commit to dies with the keys of the rows. They go with the tenant.")
    )
  }

  package var routes: [Route] {
    apiRoutes + logRoutes + pageRoutes
  }

  private var apiRoutes: [Route] {
    [
      Route(
        .get, "/v1/audit", access: .permission(.auditRead),
        summary: "List the entries of the audit trail, newest first.",
        handler: AuditAPI.list),
      Route(
        .get, "/v1/audit/export", access: .permission(.auditRead),
        summary: "Export the audit trail as JSON Lines, oldest first; each line is the leaf data.",
        handler: AuditAPI.export),
      Route(
        .get, "/v1/audit/{index}", access: .permission(.auditRead),
        summary: "Show an entry with its changes, its proof and the verdict on it.", handler: AuditAPI.entry),
      Route(
        .get, "/v1/audit/{index}/receipt", access: .permission(.auditRead),
        summary: "Download the receipt of an entry, a tlog-proof.", handler: AuditAPI.receipt),
    ]
  }

  private var logRoutes: [Route] {
    [
      Route(
        .get, "/v1/log/checkpoint", access: .permission(.logRead),
        summary: "Show the latest signed checkpoint of the log.",
        handler: LogAPI.checkpoint),
      Route(
        .get, "/v1/log/tile/{path+}", access: .permission(.logRead),
        summary: "Download a tile of hashes or a bundle of entries (C2SP tlog-tiles).", handler: LogAPI.tile),
      Route(
        .get, "/v1/log/vkey", access: .permission(.logRead), summary: "Show the verifier key of the log.",
        handler: LogAPI.verifierKey),
      Route(
        .get, "/v1/log/certificate", access: .permission(.logRead),
        summary: "Show the installation key's certificate of the log's key.", handler: LogAPI.certificate),
    ]
  }

  private var pageRoutes: [Route] {
    [
      Route(
        .get, "/audit", access: .permission(.auditRead), summary: "The audit trail.", handler: AuditPage.show),
      Route(
        .get, "/audit/{index}", access: .permission(.auditRead), summary: "An entry of the audit trail, verified now.",
        handler: EntryPage.show),
    ]
  }
}

extension Permission {
  package static let auditRead = Permission("audit.read")
  package static let logRead = Permission("log.read")
}
