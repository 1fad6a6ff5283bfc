import Platform

/// `/v1/templates` and `/v1/cases`: opening a case and leading it to its certificate.
struct CaseAPI: Sendable {
  let desks: Desks

  var routes: [Route] {
    [
      Route(
        .get, "/v1/templates", access: .permission(.casesRead), summary: "List the templates and their versions.",
        handler: templates),
      Route(.post, "/v1/cases", access: .permission(.casesWrite), summary: "Open a case for a vendor.", handler: open),
      Route(.get, "/v1/cases", access: .seeCases, summary: "List cases, newest first.", handler: list),
      Route(.get, "/v1/cases/{id}", access: .seeCases, summary: "Read a case with its steps.", handler: read),
      Route(
        .post, "/v1/cases/{id}/withdraw", access: .permission(.casesWrite), summary: "Withdraw a case.",
        handler: withdraw),
      Route(
        .post, "/v1/cases/{id}/steps/{step}/assign", access: .permission(.casesWrite),
        summary: "Assign a step to a person.", handler: assign),
      Route(
        .post, "/v1/cases/{id}/steps/{step}/complete", access: .workOnSteps,
        summary: "Complete a step, or hand it in for approval.", handler: complete),
      Route(
        .post, "/v1/cases/{id}/steps/{step}/approve", access: .permission(.casesApprove),
        summary: "Approve what another person did.", handler: approve),
      Route(
        .post, "/v1/cases/{id}/steps/{step}/return", access: .permission(.casesApprove), summary: "Send a step back.",
        handler: sendBack),
    ]
  }

  private func templates(_ request: Request) async throws -> Response {
    let (limit, cursor) = try request.listing()
    let all = desks.configuration.templates.templates
    let start = min(max(cursor.flatMap { Int($0) } ?? 0, 0), all.count)
    let part = all[start...].prefix(limit)
    return try request.list(
      items: part.map(\.listed), next: start + part.count < all.count ? String(start + part.count) : nil)
  }

  private func open(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["vendor", "template", "template_version", "terminated_on"])
    let input = try CaseInput.opening(
      vendor: body["vendor"]?.string, template: body["template"]?.string, version: body["template_version"]?.integer,
      terminatedOn: body["terminated_on"]?.string, desks.configuration.templates)
    let written = try await desks.cases(request).open(
      vendor: input.vendor, template: input.template, terminatedOn: input.terminatedOn)
    return .json(written.value.listed, status: 201).receipt(written.receipt).header(
      "Location", "/v1/cases/\(written.value.id)")
  }

  private func list(_ request: Request) async throws -> Response {
    let (limit, cursor) = try request.listing()
    var filter = CaseFilter()
    if let text = request.query["state"] {
      guard let state = CaseState(rawValue: text) else {
        throw Problem.invalid("state", "A state is open, certified or withdrawn.")
      }
      filter.state = state
    }
    if let text = request.query["vendor"] {
      guard let vendor = VendorID(text) else { throw Problem.invalid("vendor", "Name the vendor by its id.") }
      filter.vendor = vendor
    }
    let (items, next) = try await desks.cases(request).list(filter, before: cursor, limit: limit)
    return try request.list(items: items.map(\.listed), next: next)
  }

  private func read(_ request: Request) async throws -> Response {
    .json(try await desks.cases(request).find(request.id("id")).listed)
  }

  private func withdraw(_ request: Request) async throws -> Response {
    let note = try CaseInput.note(try await request.object(members: ["note"]))
    return answer(try await desks.cases(request).withdraw(request.id("id"), note: note))
  }

  private func assign(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["person"])
    let desk = try desks.cases(request)
    let id: CaseID = try request.id("id")
    _ = try await desk.find(id)
    let person = try await CaseInput.assignee(body["person"]?.string, request)
    return answer(try await desk.assign(id, request.parameters["step"], to: person))
  }

  private func complete(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["note", "remains"])
    let (note, remains) = (try CaseInput.note(body), try CaseInput.remains(body))
    return answer(
      try await desks.cases(request).complete(
        request.id("id"), request.parameters["step"], note: note, remains: remains))
  }

  private func approve(_ request: Request) async throws -> Response {
    let note = try CaseInput.note(try await request.object(members: ["note"]))
    return answer(try await desks.cases(request).approve(request.id("id"), request.parameters["step"], note: note))
  }

  private func sendBack(_ request: Request) async throws -> Response {
    let note = try CaseInput.note(try await request.object(members: ["note"]))
    return answer(try await desks.cases(request).sendBack(request.id("id"), request.parameters["step"], note: note))
  }

  private func answer(_ written: Written<CaseFile>) -> Response {
    Response.json(written.value.listed).receipt(written.receipt)
  }
}
