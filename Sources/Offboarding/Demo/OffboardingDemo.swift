import Certificate
import Platform

/// Sample data: a register, one case on its way and one that is certified, made through the same desks as everything else.
package struct OffboardingDemo: Sendable {
  private let ledger: Ledger
  private let tenant: TenantProfile
  private let manager: NamedPerson
  private let approver: NamedPerson

  package init(ledger: Ledger, tenant: TenantProfile, manager: NamedPerson, approver: NamedPerson) {
    self.ledger = ledger
    self.tenant = tenant
    self.manager = manager
    self.approver = approver
  }

  /// `register` is a vendor register as CSV.
  package func seed(register: [UInt8]) async throws {
    let vendors = VendorDesk(ledger: ledger, tenant: tenant.id, actor: .person(manager.id))
    _ = try await VendorImport(vendors).run(try await VendorRegister.read(Chunks(bytes: register)))
    let chosen = try await vendors.list(query: "", after: nil, limit: 50).items.filter {
      $0.details.relationship == .active && !$0.details.dataCategories.isEmpty
    }
    guard chosen.count >= 2 else { return }
    try await certified(chosen[0])
    try await running(chosen[1])
  }

  private var today: Day { ledger.clock.now.day }
  private func desk(_ person: NamedPerson) -> CaseDesk { CaseDesk(ledger: ledger, tenant: tenant.id, person: person) }

  /// Every step done, the doubtful ones approved by the second person, the certificate issued.
  private func certified(_ vendor: VendorRecord) async throws {
    let file = try await desk(manager).open(
      vendor: vendor.id, template: .vendorOffboarding, terminatedOn: today.adding(days: -35)
    ).value
    for step in file.template.steps {
      let remains =
        step.id == "verify-deletion"
        ? [Remainder(what: "Backups", place: "Vendor's backup store", until: today.adding(days: 30))] : []
      try await finish(file, step, remains: remains)
      if step.approval { _ = try await desk(approver).approve(file.id, step.id, note: "Checked against the evidence.") }
    }
    _ = try await CertificateDesk(desk(manager), tenantName: tenant.name).issue(file.id)
  }

  /// Two steps done, one waiting for its approval, the rest ahead.
  private func running(_ vendor: VendorRecord) async throws {
    let file = try await desk(manager).open(
      vendor: vendor.id, template: .vendorOffboarding, terminatedOn: today.adding(days: -12)
    ).value
    for (step, person) in [
      ("return", manager), ("verify-return", manager), ("revoke-access", manager), ("request-deletion", approver),
    ] {
      _ = try await desk(manager).assign(file.id, step, to: person)
    }
    for id in ["return", "verify-return"] {
      if let step = file.shape(of: id) { try await finish(file, step, remains: []) }
    }
  }

  private func finish(_ file: CaseFile, _ step: CaseTemplate.Step, remains: [Remainder]) async throws {
    for need in step.evidence {
      let claim = EvidenceDesk.Claim(
        kind: need.kind, name: try FileName(claimed: "\(need.kind).txt"), mediaType: "text/plain")
      _ = try await EvidenceDesk(desk(manager)).attach(
        file.id, step.id, claim, Chunks(bytes: sample(file, step, need.kind)))
    }
    _ = try await desk(manager).complete(
      file.id, step.id, note: OffboardingDemo.notes[step.id] ?? step.title, remains: remains)
  }

  private func sample(_ file: CaseFile, _ step: CaseTemplate.Step, _ kind: String) -> [UInt8] {
    Array(
      "Sample evidence\n\nVendor: \(file.vendorName)\nStep: \(step.title)\nKind: \(kind)\nContract ended: \(file.terminatedOn)\n"
        .utf8)
  }

  private static let notes = [
    "return": "The vendor delivered a full export over its customer portal.",
    "verify-return": "Record counts and checksums match our last reconciliation.",
    "revoke-access": "All accounts and API keys of the vendor are disabled; the access list is attached.",
    "request-deletion": "Deletion requested in writing, with a date.",
    "vendor-confirms": "The vendor's data protection officer confirmed deletion in writing.",
    "verify-deletion": "Log-in refused, sample queries return nothing. Backups expire with their cycle.",
  ]
}
