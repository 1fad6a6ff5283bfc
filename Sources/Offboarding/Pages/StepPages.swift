import Certificate
import Platform

/// What forms do with the steps of a case.
struct StepPages: Sendable {
  let desks: Desks

  var routes: [Route] {
    let base = "/cases/{id}/steps/{step}"
    return [
      Route(
        .post, "\(base)/assign", access: .permission(.casesWrite), summary: "Assign a step by form.", handler: assign),
      Route(
        .post, "\(base)/evidence", access: .workOnSteps, summary: "Attach evidence by form.",
        bodyLimit: Int(clamping: desks.configuration.evidenceLimit) + Route.ordinaryBodyLimit,
        timeoutSeconds: EvidenceAPI.timeoutSeconds, handler: attach),
      Route(
        .get, "\(base)/evidence/{evidence}", access: .seeCases, summary: "Download evidence from its page.",
        timeoutSeconds: EvidenceAPI.timeoutSeconds, handler: EvidenceAPI(desks: desks).download),
      Route(.post, "\(base)/complete", access: .workOnSteps, summary: "Complete a step by form.", handler: complete),
      Route(
        .post, "\(base)/approve", access: .permission(.casesApprove), summary: "Approve a step by form.",
        handler: approve),
      Route(
        .post, "\(base)/return", access: .permission(.casesApprove), summary: "Send a step back by form.",
        handler: sendBack),
    ]
  }

  private func assign(_ request: Request) async throws -> Response {
    let form = try await request.form()
    let step = request.parameters["step"]
    return try await CasePages.act(request, desks, flash: "offboarding_step_assigned", step: step) { id in
      let person = try await CaseInput.assignee(form["person"], request)
      return try await desks.cases(request).assign(id, step, to: person)
    }
  }

  private func attach(_ request: Request) async throws -> Response {
    let form = try await request.form()
    let step = request.parameters["step"]
    return try await CasePages.act(request, desks, flash: "offboarding_step_attached", step: step) { id in
      guard let file = form.file, !file.filename.isEmpty else {
        throw Problem.invalid("file", request.text("offboarding_import_no_file"))
      }
      let claim = EvidenceDesk.Claim(
        kind: form["kind"], name: try FileName(claimed: file.filename),
        mediaType: try MediaTypeName.checked(file.mediaType))
      return try await desks.evidence(request).attach(id, step, claim, file.chunks)
    }
  }

  private func complete(_ request: Request) async throws -> Response {
    let form = try await request.form()
    let step = request.parameters["step"]
    let file = try await desks.cases(request).find(request.id("id"))
    let needsApproval = file.shape(of: step)?.approval == true
    let flash = needsApproval ? "offboarding_step_handed_in" : "offboarding_step_completed"
    return try await CasePages.act(request, desks, flash: flash, step: step) { id in
      let (note, remains) = (try CaseInput.note(form["note"]), try CaseInput.remains(form))
      return try await desks.cases(request).complete(id, step, note: note, remains: remains)
    }
  }

  private func approve(_ request: Request) async throws -> Response {
    let form = try await request.form()
    let step = request.parameters["step"]
    return try await CasePages.act(request, desks, flash: "offboarding_step_approved", step: step) { id in
      try await desks.cases(request).approve(id, step, note: try CaseInput.note(form["note"]))
    }
  }

  private func sendBack(_ request: Request) async throws -> Response {
    let form = try await request.form()
    let step = request.parameters["step"]
    return try await CasePages.act(request, desks, flash: "offboarding_step_returned", step: step) { id in
      try await desks.cases(request).sendBack(id, step, note: try CaseInput.note(form["note"]))
    }
  }
}

extension CaseInput {
  /// From the repeated fields of the form; lines left empty say nothing.
  static func remains(_ form: Form) throws(Problem) -> [Remainder] {
    let (whats, places, untils) = (form.all("remains_what"), form.all("remains_where"), form.all("remains_until"))
    var faults: [Problem.FieldError] = []
    var remains: [Remainder] = []
    for position in whats.indices.prefix(Remainder.Limit.count) {
      let place = places.indices.contains(position) ? places[position] : ""
      let until = untils.indices.contains(position) && !untils[position].isEmpty ? untils[position] : nil
      guard !(Words.isBlank(whats[position]) && Words.isBlank(place) && until == nil) else { continue }
      let rest = remainder(what: whats[position], place: place, until: until, field: "remains[\(position)]", &faults)
      if let rest { remains.append(rest) }
    }
    guard faults.isEmpty else { throw InvalidInput(errors: faults).problem }
    return remains
  }
}
