import Platform

/// Leaving a vendor: the vendor register, cases opened from versioned templates, evidence, and the certificate at the end.
package struct OffboardingModule: Module {
  private let desks: Desks

  package init(_ configuration: OffboardingConfiguration = OffboardingConfiguration()) {
    desks = Desks(configuration: configuration)
  }

  package static let tables = [
    VendorRecord.table, VendorRegistry.table, CaseRecord.table, StepRecord.table, EvidenceRecord.table,
    BundleRecord.table, StepReminderRecord.table,
  ]

  package static let derivations = [VendorRegistry.derivation]

  package var manifest: ModuleManifest {
    ModuleManifest(
      name: "offboarding", tables: OffboardingModule.tables, permissions: OffboardingPermissions.grants,
      navigation: [
        NavigationEntry("/home", titleKey: "offboarding_home", access: .seeCases, order: 10),
        NavigationEntry("/cases", titleKey: "offboarding_cases", access: .seeCases, order: 11),
        NavigationEntry("/vendors", titleKey: "offboarding_vendors", access: .permission(.vendorsRead), order: 12),
      ],
      texts: OffboardingTexts.english.merging(ReminderTexts.english) { first, _ in first }
        .merging(TrashTexts.english) { first, _ in first },
      templates: OffboardingPages.templates,
      exit: DataExit(
        exporter:
          "Vendors and cases leave as JSON from GET /v1/vendors and GET /v1/cases, evidence and certificates as files from the addresses in them.",
        eraser:
          "A vendor, a case and each piece of evidence has a subject key of its own; destroying it makes row, file and disclosed facts unreadable everywhere, while the entries stay provable."
      ), eraser: OffboardingEraser.eraser, jobs: [StepReminders.kind])
  }

  package var routes: [Route] {
    VendorAPI(desks: desks).routes + CaseAPI(desks: desks).routes + EvidenceAPI(desks: desks).routes
      + CertificateAPI(desks: desks).routes + TrashAPI(desks: desks).routes + OffboardingPages(desks: desks).routes
  }
}
