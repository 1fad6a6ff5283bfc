import Platform

/// Home, the list of cases, opening one, and its certificate.
struct CasePages: Sendable {
  let desks: Desks

  /// Open cases that the first page looks at.
  static let homeCases = 200

  var routes: [Route] {
    [
      Route(.get, "/home", access: .seeCases, summary: "Show what is to do.", handler: home),
      Route(.get, "/cases", access: .seeCases, summary: "Show cases.", handler: list),
      Route(.post, "/cases", access: .permission(.casesWrite), summary: "Open a case by form.", handler: open),
      Route(
        .get, "/cases/new", access: .permission(.casesWrite), summary: "Show the form that opens a case.",
        handler: showNew),
      Route(.get, "/cases/{id}", access: .seeCases, summary: "Show a case.", handler: show),
      Route(
        .post, "/cases/{id}/withdraw", access: .permission(.casesWrite), summary: "Withdraw a case by form.",
        handler: withdraw),
      Route(
        .get, "/cases/{id}/certificate", access: .permission(.casesRead), summary: "Show the certificate of a case.",
        handler: certificate),
      Route(
        .post, "/cases/{id}/certificate", access: .permission(.casesCertify), summary: "Issue the certificate by form.",
        handler: issue),
      Route(
        .get, "/cases/{id}/certificate/bundle", access: .permission(.casesRead), summary: "Download the bundle.",
        handler: bundle),
      Route(
        .get, "/cases/{id}/certificate/print", access: .permission(.casesRead),
        summary: "Show the certificate as a page to print.", handler: printable),
    ]
  }

  private func home(_ request: Request) async throws -> Response {
    var filter = CaseFilter()
    filter.state = .open
    let files = try await desks.cases(request).list(filter, before: nil, limit: CasePages.homeCases).items
    return try request.page(HomePage(request, request.principal, files: files, people: await PeopleNames(request)))
  }

  private func list(_ request: Request) async throws -> Response {
    let (_, cursor) = try request.listing()
    var filter = CaseFilter()
    filter.state = request.query["state"].flatMap(CaseState.init(rawValue:))
    let (items, mark) = try await desks.cases(request).list(filter, before: cursor, limit: OffboardingPages.pageSize)
    let next = try OffboardingPages.next(request, mark, keeping: ["state"])
    // Where content was stands when it went: on the first page, for whoever sees all cases.
    let isFirst = cursor == nil && filter.state != .open && filter.state != .withdrawn
    let erased = isFirst ? try await desks.cases(request).erased(limit: OffboardingPages.pageSize) : []
    return try request.page(try CaseListPage(request, items, erased: erased, state: filter.state, next: next))
  }

  private func showNew(_ request: Request) async throws -> Response {
    try request.page(try await form(request, vendor: request.query["vendor"]))
  }

  private func form(
    _ request: Request, vendor id: String?, form: Form? = nil, problem: Problem? = nil
  ) async throws -> CaseFormPage {
    let desk = try desks.vendors(request)
    var vendor: VendorRecord?
    var found: [VendorRecord] = []
    if let id {
      guard let id = VendorID(id) else { throw Problem.notFound }
      vendor = try await desk.vendor(id)
    } else {
      found = try await desk.list(query: request.query["q"] ?? "", after: nil, limit: 20).items
    }
    return CaseFormPage(
      request, vendor: vendor, found: found, templates: desks.configuration.templates.current, form: form,
      problem: problem)
  }

  private func open(_ request: Request) async throws -> Response {
    let form = try await request.form()
    do {
      let input = try CaseInput.opening(
        vendor: form["vendor"], template: form["template"], version: nil, terminatedOn: form["terminated_on"],
        desks.configuration.templates)
      let written = try await desks.cases(request).open(
        vendor: input.vendor, template: input.template, terminatedOn: input.terminatedOn)
      return Response.seeOther("/cases/\(written.value.id)").receipt(written.receipt).flash("offboarding_case_opened")
    } catch let problem as Problem where !problem.errors.isEmpty {
      return try request.page(
        try await self.form(request, vendor: form["vendor"], form: form, problem: problem), status: problem.code.status)
    }
  }

  private func show(_ request: Request) async throws -> Response {
    try await CasePages.page(request, desks, try await desks.cases(request).find(request.id("id")))
  }

  /// The page of the case, after a refusal with what was refused.
  static func page(
    _ request: Request, _ desks: Desks, _ file: CaseFile, problem: Problem? = nil
  ) async throws -> Response {
    let people = try await request.services.people.people(in: request.principal.tenant)
    let hold = try await HoldNotice(request, about: [ObjectRef("case", file.id), ObjectRef("vendor", file.vendor)])
    return try request.page(
      try CasePage(request, file, people: people, hold: hold, problem: problem), status: problem?.code.status ?? 200)
  }

  /// Runs a verb and goes back to the case; a refusal that can be acted on is shown on its page.
  static func act<T: Sendable>(
    _ request: Request, _ desks: Desks, flash: String, step: String? = nil, _ verb: (CaseID) async throws -> Written<T>
  ) async throws -> Response {
    let id: CaseID = try request.id("id")
    do {
      let written = try await verb(id)
      let place = step.map { "#step-\($0)" } ?? ""
      return Response.seeOther("/cases/\(id)\(place)").receipt(written.receipt).flash(flash)
    } catch let problem as Problem where [.conflict, .invalid, .forbidden, .tooLarge].contains(problem.code) {
      return try await page(request, desks, try await desks.cases(request).find(id), problem: problem)
    }
  }

  private func withdraw(_ request: Request) async throws -> Response {
    let form = try await request.form()
    return try await CasePages.act(request, desks, flash: "offboarding_case_withdrawn") { id in
      try await desks.cases(request).withdraw(id, note: try CaseInput.note(form["note"]))
    }
  }

  private func certificate(_ request: Request) async throws -> Response {
    let desk = try desks.certificates(request)
    let file = try await desk.cases.find(request.id("id"))
    return try request.page(CertificateView(request, file, try await desk.bundle(file.id)))
  }

  private func issue(_ request: Request) async throws -> Response {
    let response = try await CasePages.act(request, desks, flash: "offboarding_certificate_issued") { id in
      try await desks.certificates(request).issue(id)
    }
    guard response.status == 303 else { return response }
    return response.header("Location", "/cases/\(request.parameters["id"])/certificate")
  }

  private func bundle(_ request: Request) async throws -> Response {
    let (id, desk) = (try request.id("id", of: CaseNoun.self), try desks.certificates(request))
    return try await CertificateAPI.bundle(try await desk.bundle(id), id, desk)
  }

  private func printable(_ request: Request) async throws -> Response {
    let desk = try desks.certificates(request)
    return try await CertificateAPI.document(try await desk.bundle(request.id("id")), desk)
  }
}
