import Platform

extension Permission {
  package static let vendorsRead = Permission("vendors.read")
  package static let vendorsWrite = Permission("vendors.write")
  package static let casesRead = Permission("cases.read")
  package static let casesWrite = Permission("cases.write")
  package static let casesApprove = Permission("cases.approve")
  package static let casesCertify = Permission("cases.certify")
  /// See and do the steps that are assigned to oneself, and nothing else.
  package static let stepsAssigned = Permission("steps.assigned")
}

enum OffboardingPermissions {
  static let grants = [
    PermissionGrant(.vendorsRead, roles: [.owner, .manager], summary: "See and search vendors."),
    PermissionGrant(.vendorsWrite, roles: [.owner, .manager], summary: "Add, change and import vendors."),
    PermissionGrant(
      .casesRead, roles: [.owner, .manager, .auditor], summary: "See all cases, their evidence and certificates."),
    PermissionGrant(
      .casesWrite, roles: [.owner, .manager],
      summary: "Open and withdraw cases, assign steps, attach evidence, complete steps."),
    PermissionGrant(
      .casesApprove, roles: [.owner, .manager], summary: "Approve what another person did, or send it back."),
    PermissionGrant(.casesCertify, roles: [.owner, .manager], summary: "Issue the certificate of a case."),
    PermissionGrant(
      .stepsAssigned, roles: [.member],
      summary: "See the steps assigned to oneself, attach evidence to them, complete them."),
  ]
}

extension Route.Access {
  static let seeCases = Route.Access.anyOf([.casesRead, .stepsAssigned])
  static let workOnSteps = Route.Access.anyOf([.casesWrite, .stepsAssigned])
}
