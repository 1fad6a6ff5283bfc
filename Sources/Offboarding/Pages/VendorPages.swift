import Platform

struct VendorPages: Sendable {
  let desks: Desks

  var routes: [Route] {
    [
      Route(.get, "/vendors", access: .permission(.vendorsRead), summary: "Show and search vendors.", handler: list),
      Route(.post, "/vendors", access: .permission(.vendorsWrite), summary: "Add a vendor by form.", handler: create),
      Route(
        .get, "/vendors/new", access: .permission(.vendorsWrite), summary: "Show the form for a vendor.",
        handler: showNew),
      Route(
        .get, "/vendors/import", access: .permission(.vendorsWrite), summary: "Show the form for a register.",
        handler: showImport),
      Route(
        .post, "/vendors/import", access: .permission(.vendorsWrite), summary: "Import a register by form.",
        bodyLimit: VendorRegister.Limit.bytes + Route.ordinaryBodyLimit, timeoutSeconds: VendorAPI.importTimeoutSeconds,
        handler: importRegister),
      Route(.get, "/vendors/{id}", access: .permission(.vendorsRead), summary: "Show a vendor.", handler: show),
      Route(
        .post, "/vendors/{id}", access: .permission(.vendorsWrite), summary: "Change a vendor by form.", handler: change
      ),
      Route(
        .get, "/vendors/{id}/edit", access: .permission(.vendorsWrite), summary: "Show a vendor's form.",
        handler: showEdit),
    ]
  }

  private func list(_ request: Request) async throws -> Response {
    let (_, cursor) = try request.listing()
    let page = try await desks.vendors(request).list(
      query: request.query["q"] ?? "", after: cursor, limit: OffboardingPages.pageSize)
    let next = try OffboardingPages.next(request, page.next, keeping: ["q"])
    return try request.page(try VendorListPage(request, page, next: next))
  }

  private func show(_ request: Request) async throws -> Response {
    let vendor = try await desks.vendors(request).vendor(request.id("id"))
    var filter = CaseFilter()
    filter.vendor = vendor.id
    filter.isTrashed = vendor.trashed != nil
    let cases = try await desks.cases(request).list(filter, before: nil, limit: OffboardingPages.pageSize).items
    let hold = try await HoldNotice(request, about: [ObjectRef("vendor", vendor.id)])
    return try request.page(try VendorDetailPage(request, vendor, cases: cases, hold: hold))
  }

  private func showNew(_ request: Request) async throws -> Response { try request.page(VendorFormPage(request, nil)) }

  private func showEdit(_ request: Request) async throws -> Response {
    try request.page(VendorFormPage(request, try await desks.vendors(request).vendor(request.id("id"))))
  }

  private func create(_ request: Request) async throws -> Response {
    let form = try await request.form()
    do {
      let written = try await desks.vendors(request).create(try VendorDraft(form: form))
      return Response.seeOther("/vendors/\(written.value.id)").receipt(written.receipt).flash(
        "offboarding_vendor_added")
    } catch let problem as Problem where !problem.errors.isEmpty {
      return try request.page(VendorFormPage(request, nil, form: form, problem: problem), status: problem.code.status)
    }
  }

  private func change(_ request: Request) async throws -> Response {
    let form = try await request.form()
    let desk = try desks.vendors(request)
    let vendor = try await desk.vendor(request.id("id"))
    do {
      let written = try await desk.change(vendor.id, try VendorDraft(form: form))
      return Response.seeOther("/vendors/\(vendor.id)").receipt(written.receipt).flash("offboarding_vendor_saved")
    } catch let problem as Problem where !problem.errors.isEmpty {
      return try request.page(
        VendorFormPage(request, vendor, form: form, problem: problem), status: problem.code.status)
    }
  }

  private func showImport(_ request: Request) async throws -> Response { try request.page(ImportPage(request)) }

  private func importRegister(_ request: Request) async throws -> Response {
    guard let file = try await request.form().file else {
      return try request.page(
        ImportPage(request, problem: Problem.invalid("file", request.text("offboarding_import_no_file"))), status: 422)
    }
    do {
      let register = try await VendorRegister.read(file.chunks.limited(to: VendorRegister.Limit.bytes))
      let outcome = try await VendorImport(desks.vendors(request)).run(register)
      let response = try request.page(ImportPage(request, outcome))
      return outcome.receipt.map(response.receipt) ?? response
    } catch let problem as Problem where problem.code == .invalid || problem.code == .tooLarge {
      return try request.page(ImportPage(request, problem: problem), status: problem.code.status)
    }
  }
}
