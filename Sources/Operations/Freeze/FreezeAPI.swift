import Platform

/// `/v1/freeze`.
enum FreezeAPI {
  static let routes = [
    Route(
      .get, "/v1/freeze", access: .signedIn, summary: "Tell whether the organisation is frozen, since when and why.",
      handler: show),
    Route(
      .post, "/v1/freeze", access: .permission(.freezeSwitch),
      summary: "Freeze the organisation: stop background work, everything that leaves, and all changes but the exempt.",
      handler: freeze),
    Route(
      .post, "/v1/freeze/lift", access: .permission(.freezeSwitch), summary: "Lift the freeze.", handler: lift),
  ]

  @Sendable static func show(_ request: Request) async throws -> Response {
    .json(json(try await request.services.freezes.find(try request.principal.tenant)))
  }

  @Sendable static func freeze(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["reason"])
    let principal = try request.principal
    let written = try await request.services.freezes.freeze(
      principal.tenant, reason: body["reason"]?.string ?? "", by: principal.actor)
    return .json(json(written.value)).receipt(written.receipt)
  }

  @Sendable static func lift(_ request: Request) async throws -> Response {
    _ = try await request.object(members: [])
    let principal = try request.principal
    let written = try await request.services.freezes.lift(principal.tenant, by: principal.actor)
    return .json(json(nil)).receipt(written.receipt)
  }

  private static func json(_ freeze: FreezeRecord?) -> JSON {
    [
      "frozen": .bool(freeze != nil), "since": JSON(freeze?.since.description), "by": JSON(freeze?.actor),
      "reason": JSON(freeze?.reason),
    ]
  }
}
