import Platform

/// `/v1/vendors`: the vendors of a tenant as JSON, and their import as CSV.
struct VendorAPI: Sendable {
  let desks: Desks

  /// How long a large register may take.
  static let importTimeoutSeconds = 900

  var routes: [Route] {
    [
      Route(.post, "/v1/vendors", access: .permission(.vendorsWrite), summary: "Add a vendor.", handler: create).brief,
      Route(
        .get, "/v1/vendors", access: .permission(.vendorsRead),
        summary: "List vendors, or those in which every word of q occurs.", handler: list),
      Route(
        .post, "/v1/vendors/import", access: .permission(.vendorsWrite), summary: "Import a vendor register as CSV.",
        bodyLimit: VendorRegister.Limit.bytes, timeoutSeconds: VendorAPI.importTimeoutSeconds, handler: importRegister),
      Route(.get, "/v1/vendors/{id}", access: .permission(.vendorsRead), summary: "Read a vendor.", handler: read)
        .brief,
      Route(
        .patch, "/v1/vendors/{id}", access: .permission(.vendorsWrite), summary: "Change the members given.",
        handler: change
      ).brief,
    ]
  }

  private func create(_ request: Request) async throws -> Response {
    let body = try await request.object(members: VendorRecord.members.subtracting(["id"]))
    let written = try await desks.vendors(request).create(try VendorDraft(json: body))
    return .json(written.value.json, status: 201).receipt(written.receipt)
      .header("Location", "/v1/vendors/\(written.value.id)")
  }

  private func list(_ request: Request) async throws -> Response {
    let (limit, cursor) = try request.listing()
    let page = try await desks.vendors(request).list(query: request.query["q"] ?? "", after: cursor, limit: limit)
    return try request.list(items: page.items.map(\.json), next: page.next)
  }

  private func read(_ request: Request) async throws -> Response {
    .json(try await desks.vendors(request).vendor(request.id("id")).json)
  }

  private func change(_ request: Request) async throws -> Response {
    let id: VendorID = try request.id("id")
    let body = try await request.object(members: VendorRecord.members)
    guard body["id"] == nil || body["id"]?.string == id.text else {
      throw Problem.invalid("id", "The id of a vendor never changes.")
    }
    let written = try await desks.vendors(request).change(id, try VendorDraft(json: body))
    return .json(written.value.json).receipt(written.receipt)
  }

  private func importRegister(_ request: Request) async throws -> Response {
    let register = try await VendorRegister.read(request.bodyChunks)
    let outcome = try await VendorImport(desks.vendors(request)).run(register)
    let response = Response.json(outcome.json)
    return outcome.receipt.map(response.receipt) ?? response
  }
}
