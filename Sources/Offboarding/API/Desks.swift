import Platform

/// What the module was put together with.
package struct OffboardingConfiguration: Sendable {
  package var templates: TemplateCatalogue
  /// Bytes of one evidence file.
  package var evidenceLimit: Int64

  package init(templates: TemplateCatalogue = .builtIn, evidenceLimit: Int64 = Ledger.largestFile) {
    self.templates = templates
    self.evidenceLimit = evidenceLimit
  }
}

/// The desks as this visitor may use them.
struct Desks: Sendable {
  let configuration: OffboardingConfiguration

  init(configuration: OffboardingConfiguration) { self.configuration = configuration }

  func vendors(_ request: Request) throws -> VendorDesk {
    let principal = try request.principal
    return VendorDesk(ledger: request.services.ledger, tenant: principal.tenant, actor: principal.actor)
  }

  /// All cases for whoever may read them, else the assigned steps.
  func cases(_ request: Request) throws -> CaseDesk {
    let principal = try request.principal
    let scope: CaseScope = principal.has(.casesRead) ? .all : .assigned(principal.person)
    return CaseDesk(
      ledger: request.services.ledger, tenant: principal.tenant,
      person: NamedPerson(id: principal.person, name: request.visitor?.name ?? ""), scope: scope,
      templates: configuration.templates)
  }

  func evidence(_ request: Request) throws -> EvidenceDesk {
    EvidenceDesk(try cases(request), limit: configuration.evidenceLimit)
  }

  func certificates(_ request: Request) throws -> CertificateDesk {
    CertificateDesk(try cases(request), tenantName: request.visitor?.tenantName ?? "")
  }
}
