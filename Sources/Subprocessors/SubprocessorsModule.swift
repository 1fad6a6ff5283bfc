import Platform

extension Permission {
  package static let subprocessorsRead = Permission("subprocessors.read")
  package static let subprocessorsObject = Permission("subprocessors.object")
  package static let dataExport = Permission("data.export")
}

/// Who else sees customers' data: the register, the gate's policy that is read from it, notices before anybody new begins, the
/// published list with its history, and each tenant's objections and own choices.
package struct SubprocessorsModule: Module {
  package static let tables = [
    Provider.table, RegisterChange.table, Notice.table, Objection.table, Destination.table, RegionChoice.table,
    GivenList.table,
  ]

  private let registers: Registers
  private let exports: [ExportPart]

  package init(registers: Registers, exports: [ExportPart]) {
    self.registers = registers
    self.exports = exports
  }

  package var manifest: ModuleManifest {
    ModuleManifest(
      name: "subprocessors", tables: SubprocessorsModule.tables,
      permissions: [
        PermissionGrant(
          .subprocessorsRead, roles: [.owner, .manager, .auditor],
          summary: "See the sub-processors and what each means for the organisation."),
        PermissionGrant(
          .subprocessorsObject, roles: [.owner],
          summary: "Object to a sub-processor; choose destinations and regions for the organisation's data."),
        PermissionGrant(.dataExport, roles: [.owner], summary: "Take the organisation's data along."),
      ],
      navigation: [
        NavigationEntry(
          "/subprocessors", titleKey: "subprocessors_title", access: .permission(.subprocessorsRead), order: 60)
      ],
      texts: SubprocessorsTexts.english, templates: [PublicPage.template, TenantPage.template, LeavePage.template],
      exit: DataExit(
        exporter:
          "GET /v1/subprocessors, /v1/destinations and /v1/data-regions give the list with the tenant's objections and choices.",
        eraser:
          "An objection and a destination have a subject key of their own; the register itself holds no data of customers."
      ),
      eraser: Eraser(
        Dictionary(
          uniqueKeysWithValues: SubprocessorsModule.tables.map {
            ($0.name, .stays(because: "It says who may be called, and who objected."))
          })),
      jobs: [
        JobKind(
          "subprocessors.review",
          summary: "Suspend sub-processors whose contract has lapsed, and note whose notices were sent.",
          schedule: .daily(hour: 0, minute: 5), scope: .installation
        ) { [registers] run in
          let register = Register(services: run.services, registers: registers, actor: .system("subprocessors"))
          try await register.review()
        }
      ])
  }

  package var routes: [Route] {
    PublicAPI(registers: registers).routes + TenantAPI(registers: registers).routes
      + TenantPages(registers: registers, exports: exports).routes + ExportAPI(parts: exports).routes
  }
}
