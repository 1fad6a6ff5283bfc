import Platform

/// `/v1/messages`.
struct MailAPI: Sendable {
  var routes: [Route] {
    [
      Route(
        .get, "/v1/messages", access: .permission(.mailRead),
        summary: "List messages, newest first; `state` is all, underway, held, failed or sent.", handler: list),
      Route(
        .get, "/v1/messages/{id}", access: .permission(.mailRead),
        summary: "Show a message, without what only its recipient may see.", handler: show),
      Route(
        .post, "/v1/messages/{id}/retry", access: .permission(.mailRetry),
        summary: "Send a message again that is held or waits.", handler: retry),
    ]
  }

  @Sendable func list(_ request: Request) async throws -> Response {
    let (limit, cursor) = try request.listing()
    let found = try await MailStore.page(
      try MailFilter(request.query), limit: limit, before: cursor, request.services.ledger,
      try request.principal.tenant)
    return try request.list(items: found.messages.map(MailAPI.json), next: found.next)
  }

  @Sendable func show(_ request: Request) async throws -> Response {
    let message = try await MailStore.message(try request.id("id"), request)
    var members = MailAPI.json(message).object ?? [:]
    members["text"] = message.hasText ? .string(message.shown) : .null
    return .json(.object(members))
  }

  @Sendable func retry(_ request: Request) async throws -> Response {
    let (id, receipt) = try await MailStore.retry(request)
    let message = try await MailStore.message(id, request)
    return Response.json(MailAPI.json(message)).receipt(receipt)
  }

  static func json(_ message: MessageRecord) -> JSON {
    [
      "id": .string(message.id.text), "template": .string(message.template), "purpose": .string(message.purpose),
      "to": ["name": .string(message.name), "email": .string(message.email)], "subject": .string(message.subject),
      "state": .string(message.state.rawValue), "reason": JSON(message.reason?.rawValue), "said": JSON(message.said),
      "attempts": .integer(Int64(message.attempts)), "possibly_repeated": .bool(message.isRepeat),
      "message_id": .string("<\(message.wireID)>"), "created_at": .string(message.createdAt.description),
      "changed_at": .string(message.changedAt.description), "next_attempt_at": JSON(message.notBefore?.description),
    ]
  }
}
