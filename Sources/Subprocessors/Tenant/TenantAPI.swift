import Platform

/// `/v1/subprocessors` and `/v1/destinations`: the list as it is for one's own organisation, and what it says to it.
struct TenantAPI: Sendable {
  let registers: Registers

  var routes: [Route] {
    [
      Route(
        .get, "/v1/subprocessors", access: .permission(.subprocessorsRead),
        summary: "List sub-processors, and what each means for the organisation.", handler: list),
      Route(
        .post, "/v1/subprocessors/{id}/objection", access: .permission(.subprocessorsObject),
        summary: "Object to a sub-processor: nothing of the organisation goes there from the next call on.",
        handler: object),
      Route(
        .post, "/v1/subprocessors/{id}/objection/withdraw", access: .permission(.subprocessorsObject),
        summary: "Take an objection back.", handler: withdraw),
      Route(
        .get, "/v1/destinations", access: .permission(.subprocessorsRead),
        summary: "List destinations that the organisation chose itself.", handler: destinations),
      Route(
        .post, "/v1/destinations", access: .permission(.subprocessorsObject),
        summary: "Choose a destination to which data of the organisation may go.", handler: choose),
      Route(
        .post, "/v1/destinations/{id}/remove", access: .permission(.subprocessorsObject),
        summary: "Remove a chosen destination.", handler: remove),
      Route(
        .get, "/v1/data-regions", access: .permission(.subprocessorsRead),
        summary: "Tell where data of the organisation may be processed.", handler: regions),
      Route(
        .put, "/v1/data-regions", access: .permission(.subprocessorsObject),
        summary: "Choose where data of the organisation may be processed; null for anywhere.", handler: allow),
    ]
  }

  @Sendable private func list(_ request: Request) async throws -> Response {
    let (limit, cursor) = try request.listing()
    let all = try await TenantDesk(request, registers).list()
    let start = cursor.flatMap { mark in all.firstIndex { $0.provider.id.text == mark } }.map { $0 + 1 } ?? 0
    let items = all.dropFirst(start).prefix(limit)
    let hasMore = start + items.count < all.count
    return try request.list(
      items: items.map { TenantAPI.json($0, at: request.now) }, next: hasMore ? items.last?.provider.id.text : nil)
  }

  private static func json(_ item: TenantDesk.Item, at now: Instant) -> JSON {
    var members = item.provider.json(at: now).object ?? [:]
    members["admitted"] = .bool(item.refusal == nil)
    members["refusal"] = JSON(item.refusal?.reason)
    members["objection"] = item.objection.map(json) ?? .null
    return .object(members)
  }

  private static func json(_ objection: Objection) -> JSON {
    [
      "subprocessor": .string(objection.provider.text), "reason": .string(objection.reason),
      "objected_at": .string(objection.objectedAt.description),
      "withdrawn_at": JSON(objection.withdrawnAt?.description),
    ]
  }

  @Sendable private func object(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["reason"])
    let written = try await TenantDesk(request, registers).object(
      to: try id(request), because: body["reason"]?.string ?? "")
    return .json(TenantAPI.json(written.value), status: 201).receipt(written.receipt)
  }

  @Sendable private func withdraw(_ request: Request) async throws -> Response {
    _ = try await request.object(members: [])
    let written = try await TenantDesk(request, registers).withdraw(try id(request))
    return .json(TenantAPI.json(written.value)).receipt(written.receipt)
  }

  private func id(_ request: Request) throws -> SubprocessorID {
    guard let id = SubprocessorID(request.parameters["id"]) else {
      throw Problem(.notFound, "There is no such entry in the list of sub-processors.")
    }
    return id
  }

  // MARK: Destinations

  @Sendable private func destinations(_ request: Request) async throws -> Response {
    let (limit, cursor) = try request.listing()
    let rest = try await TenantDesk(request, registers).destinations().drop { row in
      cursor.map { row.key <= $0 } ?? false
    }
    let items = rest.prefix(limit)
    return try request.list(
      items: items.map(TenantAPI.json), next: rest.count > items.count ? items.last?.key : nil)
  }

  @Sendable private func choose(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["destination", "purpose", "categories"])
    let input = try DestinationInput(
      destination: body["destination"]?.string, purpose: body["purpose"]?.string,
      categories: body["categories"]?.array?.map { $0.string ?? "" })
    let written = try await TenantDesk(request, registers).choose(
      input.endpoint, purpose: input.purpose, categories: input.categories)
    return .json(TenantAPI.json(written.value), status: 201).receipt(written.receipt)
  }

  @Sendable private func remove(_ request: Request) async throws -> Response {
    _ = try await request.object(members: [])
    guard let id = DestinationID(request.parameters["id"]) else {
      throw Problem(.notFound, "There is no such destination.")
    }
    let receipt = try await TenantDesk(request, registers).remove(id)
    return .json(["id": .string(id.text), "state": "removed"]).receipt(receipt)
  }

  private static func json(_ destination: Destination) -> JSON {
    [
      "id": .string(destination.id.text), "destination": .string(destination.endpoint.description),
      "purpose": .string(destination.purpose), "categories": JSON.texts(destination.categories.map(\.rawValue)),
      "added_at": .string(destination.addedAt.description),
    ]
  }

  // MARK: Regions

  @Sendable private func regions(_ request: Request) async throws -> Response {
    .json(TenantAPI.json(try await TenantDesk(request, registers).regions()))
  }

  @Sendable private func allow(_ request: Request) async throws -> Response {
    let body = try await request.object(members: ["regions"])
    let regions = try DestinationInput.regions(
      body["regions"].flatMap { $0.isNull ? nil : $0.array?.map { $0.string ?? "" } })
    let receipt = try await TenantDesk(request, registers).allow(regions)
    return .json(TenantAPI.json(regions)).receipt(receipt)
  }

  private static func json(_ regions: Set<Region>?) -> JSON {
    ["regions": regions.map { JSON.texts($0.sorted()) } ?? .null]
  }
}

/// What somebody says about a destination, checked.
struct DestinationInput {
  let endpoint: Endpoint
  let purpose: String
  let categories: [DataCategory]

  init(destination: String?, purpose: String?, categories: [String]?) throws {
    var faults: [Problem.FieldError] = []
    let endpoint = Endpoint((destination ?? "").trimmed)
    if endpoint == nil { faults.append(.init("destination", "Write it like hooks.example.net:443.")) }
    let purpose = (purpose ?? "").trimmed
    if !Purpose.isOne(purpose) { faults.append(.init("purpose", "A purpose is a word such as webhook.")) }
    let known = (categories ?? []).compactMap(DataCategory.init(rawValue:))
    if known.isEmpty || known.count != categories?.count {
      faults.append(.init("categories", "Categories are operational, content, personal or special."))
    }
    guard let endpoint, faults.isEmpty else {
      throw Problem(.invalid, faults.first?.message ?? "Correct the destination.", errors: faults)
    }
    self.endpoint = endpoint
    self.purpose = purpose
    self.categories = Array(Set(known)).sorted { $0.rawValue < $1.rawValue }
  }

  /// Nil and the empty list mean anywhere.
  static func regions(_ texts: [String]?) throws -> Set<Region>? {
    guard let texts, !texts.isEmpty else { return nil }
    let regions = texts.compactMap { Region($0.trimmed) }
    guard regions.count == texts.count, regions.count <= RegionChoice.maximum else {
      throw Problem.invalid("regions", "Regions are short names such as EU or DE, at most \(RegionChoice.maximum).")
    }
    return Set(regions)
  }
}
