import Certificate
import Platform

/// `/v1/erasures`.
enum ErasuresAPI {
  static let routes = [
    Route(
      .post, "/v1/erasures", access: .permission(.erasuresPropose),
      summary: "Propose an erasure: the answer says what would go and what would remain. Nothing is destroyed.",
      handler: propose),
    Route(
      .get, "/v1/erasures", access: .permission(.erasuresRead), summary: "List erasures, newest first.", handler: list),
    Route(
      .get, "/v1/erasures/{id}", access: .permission(.erasuresRead),
      summary: "Read an erasure: its state, and each copy of the keys with its end.", handler: read),
    Route(
      .post, "/v1/erasures/{id}/confirm", access: .permission(.erasuresConfirm),
      summary: "Confirm an erasure, which starts it; that of the organisation takes two, each with its number.",
      handler: confirm),
    Route(
      .post, "/v1/erasures/{id}/withdraw", access: .permission(.erasuresPropose),
      summary: "Withdraw an erasure before it begins.", handler: withdraw),
    Route(
      .get, "/v1/erasures/{id}/record", access: .permission(.erasuresRead),
      summary: "Get the record of a final erasure, for steward-verify erasure.", handler: record),
    Route(
      .post, "/v1/erasures/{id}/readmit", access: .permission(.erasuresConfirm),
      summary: "Let what was erased come back.", handler: readmit),
    Route(
      .get, "/v1/erased/{link}", access: .open,
      summary: "Get the record of an organisation's erasure by the link that its owner got.", handler: farewell),
  ]

  @Sendable static func propose(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["object", "reason", "suppress"])
    guard let target = ErasureTarget(json: body["object"]) else {
      throw Problem.invalid("object", ErasureTarget.sentence)
    }
    if target.kind == .tenant, !(try request.principal.has(.erasuresConfirm)) { throw Problem.notFound }
    let suppress = body["suppress"] ?? false
    guard let wish = suppress.bool else { throw Problem.invalid("suppress", "Say true or false.") }
    let written = try await ErasureDesk(request).propose(
      target, reason: body["reason"]?.string ?? "", suppress: wish)
    return .json(try json(written.value, request), status: 201).receipt(written.receipt)
      .header("Location", "/v1/erasures/\(written.value.id)")
  }

  @Sendable static func list(_ request: Request) async throws -> Response {
    let (limit, cursor) = try request.listing()
    let page = try await ErasureDesk(request).list(before: cursor, limit: limit)
    return try request.list(items: try page.items.map { try json($0, request) }, next: page.next)
  }

  @Sendable static func read(_ request: Request) async throws -> Response {
    .json(try json(try await ErasureDesk(request).find(request.id("id")), request))
  }

  @Sendable static func confirm(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["password", "confirmation"])
    guard let number = (body["confirmation"] ?? 1).integer, (1...2).contains(number) else {
      throw Problem.invalid(
        "confirmation", "Say which confirmation this is: 1, or 2 for the second of an organisation.")
    }
    try await request.confirmPassword(body)
    let (erasure, receipt) = try await ErasureDesk(request).confirm(request.id("id"), number: Int(number))
    return .json(try json(erasure, request)).receipt(receipt)
  }

  @Sendable static func withdraw(_ request: Request) async throws -> Response {
    _ = try await request.object(members: [])
    let written = try await withdrawn(request)
    return .json(try json(written.value, request)).receipt(written.receipt)
  }

  /// The organisation's own end is for its owners to ask for and to take back; nobody else stands in its way.
  static func withdrawn(_ request: Request) async throws -> Written<Erasure> {
    let (desk, id) = (try ErasureDesk(request), try request.id("id", of: ErasureNoun.self))
    if try await desk.find(id).target.kind == .tenant, !(try request.principal.has(.erasuresConfirm)) {
      throw Problem.notFound
    }
    return try await desk.withdraw(id)
  }

  @Sendable static func record(_ request: Request) async throws -> Response {
    let id: ErasureID = try request.id("id")
    return file(try await ErasureDesk(request).record(id), id)
  }

  static func file(_ record: [UInt8], _ id: ErasureID) -> Response {
    Response.bytes(record, type: "application/json")
      .header("Content-Disposition", "attachment; filename=\"erasure-\(id).json\"")
  }

  @Sendable static func readmit(_ request: Request) async throws -> Response {
    try await request.confirmPassword(try await request.object(members: ["password"]))
    return Response.noContent.receipt(try await ErasureDesk(request).readmit(request.id("id")))
  }

  @Sendable static func farewell(_ request: Request) async throws -> Response {
    let (id, _) = try await Farewell.find(request)
    let system = try await request.services.tenants.system()
    return file(try await ErasureDesk.record(id, system, request.services.ledger), id)
  }

  // MARK: JSON

  static func json(_ erasure: Erasure, _ request: Request) throws -> JSON {
    let keys = erasure.progress.keys
    return [
      "id": .string(erasure.id.text), "object": erasure.target.json, "state": .string(erasure.state.rawValue),
      "reason": .string(erasure.reason), "suppress": .bool(erasure.suppress),
      "proposed_at": .string(erasure.proposedAt.description), "proposed_by": erasure.proposedBy.json,
      "trash": .bool(erasure.progress.isOfTrash),
      "confirmed_by": .array(
        erasure.progress.confirmed.map {
          [
            "id": .string($0.person.id.text), "name": .string($0.person.name), "at": .string($0.at.description),
          ]
        }), "confirmations_needed": .integer(Int64(erasure.confirmationsNeeded)),
      "started_at": JSON(erasure.startedAt?.description), "final_at": JSON(erasure.finalAt?.description),
      "ciphertext": JSON(erasure.ciphertext?.rawValue), "cleared_at": JSON(erasure.clearedAt?.description),
      "inventory": erasure.inventory.json,
      "erased": [
        "rows": .integer(erasure.erased.rows), "files": .integer(erasure.erased.files),
        "journal_images": .integer(erasure.erased.images),
        "subjects": .integer(Int64(erasure.progress.subjects.count)),
      ], "key_copies": .array((keys?.copies ?? []).map(\.json)),
      "pending": .array((keys?.copies ?? []).filter { $0.endedAt == nil }.map { .string($0.place) }),
      "record": erasure.state == .final ? .string("/v1/erasures/\(erasure.id)/record") : .null,
      "record_link": erasure.target.kind == .tenant && erasure.state != .withdrawn && erasure.state != .proposed
        ? .string("/v1/erased/\(Farewell.link(erasure.id, request))") : .null,
    ]
  }
}

/// `/v1/holds`.
enum HoldsAPI {
  static let routes = [
    Route(
      .get, "/v1/holds", access: .permission(.erasuresRead), summary: "List legal holds.", handler: list),
    Route(
      .post, "/v1/holds", access: .permission(.holdsManage),
      summary: "Place a legal hold: the object cannot be erased until it is lifted.", handler: place),
    Route(
      .post, "/v1/holds/lift", access: .permission(.holdsManage), summary: "Lift a legal hold.", handler: lift),
  ]

  @Sendable static func list(_ request: Request) async throws -> Response {
    try request.list(items: try await ErasureDesk(request).holds().map(json), next: nil)
  }

  @Sendable static func place(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["object", "reason"])
    guard let target = ErasureTarget(json: body["object"]) else {
      throw Problem.invalid("object", ErasureTarget.sentence)
    }
    let receipt = try await ErasureDesk(request).hold(target, reason: body["reason"]?.string ?? "")
    return .json(["object": target.json, "held": true], status: 201).receipt(receipt)
  }

  @Sendable static func lift(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["object", "password"])
    guard let target = ErasureTarget(json: body["object"]) else {
      throw Problem.invalid("object", ErasureTarget.sentence)
    }
    try await request.confirmPassword(body)
    let receipt = try await ErasureDesk(request).liftHold(target)
    return .json(["object": target.json, "held": false]).receipt(receipt)
  }

  private static func json(_ hold: LegalHold) -> JSON {
    let halves = hold.object.split(separator: ":", maxSplits: 1).map(String.init)
    return [
      "object": ["type": .string(halves.first ?? ""), "id": .string(halves.last ?? "")],
      "since": .string(hold.since.description), "by": .string(hold.actor), "reason": .string(hold.reason),
    ]
  }
}

extension ErasureTarget {
  static let sentence =
    "Name the object by its type (vendor, case, person, row, subject or tenant) and its id."
  /// Characters of an id; a row is named by its table and key.
  private static let maximumIDLength = 200

  init?(json: JSON?) {
    guard let members = json?.object, members.count == 2, let type = members["type"]?.string,
      let id = members["id"]?.string
    else { return nil }
    self.init(type: type, id: id)
  }

  init?(type: String?, id: String?) {
    guard let kind = type.flatMap(Kind.init(rawValue:)), let id, !id.isEmpty,
      id.utf8.count <= ErasureTarget.maximumIDLength, id.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
    else { return nil }
    self.init(kind, id)
  }
}

extension Request {
  /// A browser's session is not enough for what cannot be taken back, or takes away what keeps it from happening: somebody may have left it
  /// open. Throws `invalid` for another password than the one in `body`.
  func confirmPassword(_ body: JSON) async throws {
    guard case .session = try principal.credential else { return }
    try await services.people.confirm(principal, password: body["password"]?.string ?? "")
  }
}

extension ErasureDesk {
  init(_ request: Request) throws {
    let principal = try request.principal
    self.init(
      services: request.services, tenant: principal.tenant,
      person: Erasure.Person(id: principal.person, name: request.visitor?.name ?? ""))
  }
}

/// The way to the record of an organisation's end: nobody can sign in to it any more, so a link that cannot be guessed leads there.
enum Farewell {
  private static let purpose = ["erasure", "record"]

  static func link(_ id: ErasureID, _ request: Request) -> String {
    request.services.stamps.stamped(id.text, for: purpose)
  }

  static func find(_ request: Request) async throws -> (ErasureID, Erasure) {
    guard let id = request.services.stamps.open(request.parameters["link"], for: purpose).flatMap({ ErasureID($0) })
    else { throw Problem.notFound }
    let system = try await request.services.tenants.system()
    guard let erasure = try await request.services.ledger.read(system, { try $0.find(Erasure.self, id) }) else {
      throw Problem.notFound
    }
    return (id, erasure)
  }
}
