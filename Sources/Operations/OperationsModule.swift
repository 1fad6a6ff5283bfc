import Platform

extension Permission {
  package static let jobsRead = Permission("jobs.read")
  package static let jobsManage = Permission("jobs.manage")
  package static let freezeSwitch = Permission("freeze.switch")
}

/// What the platform does by itself, shown to those whose data it is: background work, and the switch that stops it.
package struct OperationsModule: Module {
  package init() {}

  package var manifest: ModuleManifest {
    ModuleManifest(
      name: "operations", tables: [],
      permissions: [
        PermissionGrant(.jobsRead, roles: [.owner, .manager], summary: "See the background work of the organisation."),
        PermissionGrant(
          .jobsManage, roles: [.owner, .manager], summary: "Start, cancel and retry background work."),
        PermissionGrant(.freezeSwitch, roles: [.owner], summary: "Freeze the organisation and lift the freeze."),
      ],
      navigation: [
        NavigationEntry("/jobs", titleKey: "operations_jobs", access: .permission(.jobsRead), order: 80)
      ],
      texts: OperationsTexts.english, templates: [JobsPage.template, FreezePage.template],
      exit: DataExit(
        exporter: "GET /v1/jobs lists the background work; GET /v1/freeze tells whether the organisation is frozen.",
        eraser:
          "Jobs hold ids only and go a week after they ended; the reason of a freeze has a subject key of its own."
      ),
      jobs: [FileSweep.kind])
  }

  package var routes: [Route] { JobsAPI.routes + JobsPages.routes + FreezeAPI.routes + FreezePages.routes }
}
