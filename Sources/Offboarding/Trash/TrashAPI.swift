import Platform

/// `DELETE` on what can be brought back, `restore` on what lies in the trash, and the list of it.
struct TrashAPI: Sendable {
  let desks: Desks

  static let evidence = "\(EvidenceAPI.path)/{evidence}"

  var routes: [Route] {
    [
      Route(
        .get, "/v1/trash", access: .permission(.vendorsRead),
        summary: "List what is in the trash, and until when each can be brought back.", handler: list),
      Route(
        .delete, "/v1/vendors/{id}", access: .permission(.vendorsWrite),
        summary: "Put a vendor with its cases into the trash; it can be brought back for \(Trash.days) days.",
        handler: discardVendor),
      Route(
        .post, "/v1/vendors/{id}/restore", access: .permission(.vendorsWrite),
        summary: "Bring a vendor back with the cases that went with it.", handler: restoreVendor),
      Route(
        .delete, "/v1/cases/{id}", access: .permission(.casesWrite),
        summary: "Put a case into the trash; it can be brought back for \(Trash.days) days.", handler: discardCase),
      Route(
        .post, "/v1/cases/{id}/restore", access: .permission(.casesWrite), summary: "Bring a case back.",
        handler: restoreCase),
      Route(
        .delete, TrashAPI.evidence, access: .permission(.casesWrite),
        summary: "Put a piece of evidence into the trash; it can be brought back for \(Trash.days) days.",
        handler: discardEvidence),
      Route(
        .post, "\(TrashAPI.evidence)/restore", access: .permission(.casesWrite),
        summary: "Bring a piece of evidence back.", handler: restoreEvidence),
    ]
  }

  private func list(_ request: Request) async throws -> Response {
    try request.list(items: try await TrashList.read(request, desks).items.map(\.json), next: nil)
  }

  private func discardVendor(_ request: Request) async throws -> Response {
    _ = try await request.object(members: [])
    let person = try request.principal.person
    let written = try await desks.vendors(request).discard(request.id("id"), by: person)
    return .json(written.value.json).receipt(written.receipt)
  }

  private func restoreVendor(_ request: Request) async throws -> Response {
    _ = try await request.object(members: [])
    let written = try await desks.vendors(request).restore(request.id("id"))
    return .json(written.value.json).receipt(written.receipt)
  }

  private func discardCase(_ request: Request) async throws -> Response {
    _ = try await request.object(members: [])
    return answer(try await desks.cases(request).discard(request.id("id")))
  }

  private func restoreCase(_ request: Request) async throws -> Response {
    _ = try await request.object(members: [])
    return answer(try await desks.cases(request).restore(request.id("id")))
  }

  private func discardEvidence(_ request: Request) async throws -> Response {
    _ = try await request.object(members: [])
    return answer(
      try await desks.cases(request).discard(
        request.id("evidence"), of: request.id("id"), request.parameters["step"]))
  }

  private func restoreEvidence(_ request: Request) async throws -> Response {
    _ = try await request.object(members: [])
    return answer(
      try await desks.cases(request).restore(
        request.id("evidence"), of: request.id("id"), request.parameters["step"]))
  }

  private func answer(_ written: Written<CaseFile>) -> Response {
    Response.json(written.value.listed).receipt(written.receipt)
  }
}
