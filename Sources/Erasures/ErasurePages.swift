import Platform

/// `/erasures`: forms go to the same desk as the API; a confirmation needs the password again.
enum ErasurePages {
  static let routes = [
    Route(
      .get, "/erasures", access: .permission(.erasuresRead), summary: "Show erasures and legal holds.", handler: list),
    Route(
      .get, "/erasures/new", access: .permission(.erasuresPropose), summary: "Show what an erasure would take away.",
      handler: showNew),
    Route(
      .post, "/erasures", access: .permission(.erasuresPropose), summary: "Propose an erasure by form.",
      handler: propose),
    Route(.get, "/erasures/{id}", access: .permission(.erasuresRead), summary: "Show an erasure.", handler: show),
    Route(
      .post, "/erasures/{id}/confirm", access: .permission(.erasuresConfirm),
      summary: "Confirm an erasure by form, with the password.", handler: confirm),
    Route(
      .post, "/erasures/{id}/withdraw", access: .permission(.erasuresPropose), summary: "Withdraw an erasure by form.",
      handler: withdraw),
    Route(
      .post, "/erasures/{id}/readmit", access: .permission(.erasuresConfirm),
      summary: "Let what was erased come back, by form.", handler: readmit),
    Route(
      .post, "/holds", access: .permission(.holdsManage), summary: "Place a legal hold by form.", handler: hold),
    Route(
      .post, "/holds/lift", access: .permission(.holdsManage), summary: "Lift a legal hold by form.",
      handler: liftHold),
    Route(
      .get, "/erased/{link}", access: .open, summary: "Show what is left of an organisation that was erased.",
      handler: farewell),
  ]

  @Sendable static func list(_ request: Request) async throws -> Response {
    try request.page(try await ErasureListPage.make(request))
  }

  private static func target(_ type: String?, _ id: String?, _ request: Request) throws -> ErasureTarget {
    guard let target = ErasureTarget(type: type, id: id) else {
      throw Problem.invalid("object", ErasureTarget.sentence)
    }
    if target.kind == .tenant, !(try request.principal.has(.erasuresConfirm)) { throw Problem.notFound }
    return target
  }

  @Sendable static func showNew(_ request: Request) async throws -> Response {
    let target = try target(request.query["type"], request.query["id"], request)
    return try request.page(ErasureFormPage(request, target, try await ErasureDesk(request).inventory(target)))
  }

  @Sendable static func propose(_ request: Request) async throws -> Response {
    let form = try await request.form()
    let target = try target(form["type"], form["id"], request)
    let desk = try ErasureDesk(request)
    do {
      let written = try await desk.propose(
        target, reason: form["reason"] ?? "", suppress: form["suppress"] == "yes")
      return Response.seeOther("/erasures/\(written.value.id)").receipt(written.receipt)
    } catch let problem as Problem where problem.code == .invalid || problem.code == .conflict {
      let inventory = try await desk.inventory(target)
      return try request.page(
        ErasureFormPage(request, target, inventory, form: form, problem: problem), status: problem.code.status)
    }
  }

  @Sendable static func show(_ request: Request) async throws -> Response {
    let desk = try ErasureDesk(request)
    let erasure = try await desk.find(request.id("id"))
    return try request.page(
      try ErasurePage(
        request, erasure, isSuppressed: try await desk.isSuppressed(erasure.id), taken: await taken(erasure, desk)))
  }

  /// What would go now; nil where it was begun or withdrawn, or nothing is left.
  private static func taken(_ erasure: Erasure, _ desk: ErasureDesk) async -> Inventory? {
    erasure.state == .proposed ? try? await desk.inventory(erasure.target) : nil
  }

  @Sendable static func confirm(_ request: Request) async throws -> Response {
    let form = try await request.form()
    let (desk, id) = (try ErasureDesk(request), try request.id("id", of: ErasureNoun.self))
    let erasure = try await desk.find(id)
    do {
      try await request.services.people.confirm(request.principal, password: form["password"] ?? "")
      let (confirmed, receipt) = try await desk.confirm(id, number: form["confirmation"].flatMap { Int($0) } ?? 1)
      guard confirmed.state != .proposed else {
        return Response.seeOther("/erasures/\(id)").receipt(receipt).flash("erasures_confirmed_first")
      }
      // Whoever ends the organisation cannot come back by signing in.
      let next = confirmed.target.kind == .tenant ? "/erased/\(Farewell.link(id, request))" : "/erasures/\(id)"
      return Response.seeOther(next).receipt(receipt).flash("erasures_begun")
    } catch let problem as Problem where [.invalid, .conflict, .tooManyRequests].contains(problem.code) {
      return try request.page(
        try ErasurePage(
          request, erasure, isSuppressed: false, taken: await taken(erasure, desk), problem: problem),
        status: problem.code.status)
    }
  }

  @Sendable static func withdraw(_ request: Request) async throws -> Response {
    let written = try await ErasuresAPI.withdrawn(request)
    return Response.seeOther("/erasures/\(written.value.id)").receipt(written.receipt).flash("erasures_was_withdrawn")
  }

  @Sendable static func readmit(_ request: Request) async throws -> Response {
    let form = try await request.form()
    let (desk, id) = (try ErasureDesk(request), try request.id("id", of: ErasureNoun.self))
    do {
      try await request.services.people.confirm(request.principal, password: form["password"] ?? "")
    } catch let problem as Problem where [.invalid, .tooManyRequests].contains(problem.code) {
      let erasure = try await desk.find(id)
      return try request.page(
        try ErasurePage(
          request, erasure, isSuppressed: try await desk.isSuppressed(id), readmitFault: problem.fault),
        status: problem.code.status)
    }
    let receipt = try await desk.readmit(id)
    return Response.seeOther("/erasures/\(id)").receipt(receipt).flash("erasures_readmitted")
  }

  @Sendable static func hold(_ request: Request) async throws -> Response {
    let form = try await request.form()
    do {
      guard let target = ErasureTarget(type: form["type"], id: form["id"]) else {
        throw Problem.invalid("object", ErasureTarget.sentence)
      }
      let receipt = try await ErasureDesk(request).hold(target, reason: form["reason"] ?? "")
      return Response.seeOther("/erasures").receipt(receipt).flash("erasures_hold_placed")
    } catch let problem as Problem where [.invalid, .conflict, .notFound, .gone].contains(problem.code) {
      return try request.page(
        try await ErasureListPage.make(request, form: form, problem: problem), status: problem.code.status)
    }
  }

  @Sendable static func liftHold(_ request: Request) async throws -> Response {
    let form = try await request.form()
    guard let target = ErasureTarget(type: form["type"], id: form["id"]) else {
      throw Problem.invalid("object", ErasureTarget.sentence)
    }
    do {
      try await request.services.people.confirm(request.principal, password: form["password"] ?? "")
    } catch let problem as Problem where [.invalid, .tooManyRequests].contains(problem.code) {
      return try request.page(
        try await ErasureListPage.make(request, lifting: target, fault: problem.fault), status: problem.code.status)
    }
    let receipt = try await ErasureDesk(request).liftHold(target)
    return Response.seeOther("/erasures").receipt(receipt).flash("erasures_hold_lifted")
  }

  @Sendable static func farewell(_ request: Request) async throws -> Response {
    try request.page(FarewellPage(request, try await Farewell.find(request).1))
  }
}

extension Problem {
  /// What is said beside the field that is wrong.
  fileprivate var fault: String { errors.first?.message ?? message }
}
