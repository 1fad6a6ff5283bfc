import Platform

/// `/trust/subprocessors` as page, JSON and feed, and the receipt of each change. Nobody has to sign in.
struct PublicAPI: Sendable {
  let registers: Registers

  var routes: [Route] {
    [
      Route(
        .get, "/trust/subprocessors", access: .open, summary: "The sub-processors, with their history.", handler: page),
      Route(
        .get, "/trust/subprocessors.json", access: .open, summary: "The sub-processors for programs, with proofs.",
        handler: json),
      Route(
        .get, "/trust/subprocessors.atom", access: .open,
        summary: "Changes of the sub-processors as a feed (RFC 4287).",
        handler: feed),
      Route(
        .get, "/trust/subprocessors/changes/{id}", access: .open,
        summary: "The receipt of a change of the list, a tlog-proof.", handler: receipt),
    ]
  }

  @Sendable private func page(_ request: Request) async throws -> Response {
    try request.page(PublicPage(try await PublicList.read(registers, now: request.now), request))
  }

  @Sendable private func feed(_ request: Request) async throws -> Response {
    let services = request.services
    let feed = AtomFeed(
      list: try await PublicList.read(registers, now: request.now), origin: services.installation.origin,
      author: services.installation.productName, installation: services.ledger.installation.id.text,
      texts: services.texts)
    return .bytes(Array(feed.document.utf8), type: AtomFeed.type)
  }

  @Sendable private func json(_ request: Request) async throws -> Response {
    let list = try await PublicList.read(registers, now: request.now)
    var members: [String: JSON] = [
      "at": .string(list.at.description), "digest": .string(list.digest), "notice_days": JSON(Lifecycle.noticeDays),
      "subprocessors": .array(list.providers.map { $0.json(at: list.at) }),
      "own_places": JSON.texts(request.services.egress.ownPlaces.map { "\($0.host):\($0.port)" }.sorted()),
      "changes": .array(list.changes.map(PublicAPI.json)),
    ]
    if let home = try await registers.home(of: .customers) {
      let proof = ListProof(ledger: request.services.ledger, home: home)
      members["log"] = try await proof.head()
      if let from = request.query["from"] {
        members["consistency"] = try await proof.consistency(from: Int64(from) ?? 0)
      }
    }
    return .json(.object(members))
  }

  private static func json(_ shown: PublicList.Change) -> JSON {
    let change = shown.change
    return [
      "id": .string(change.id.text), "subprocessor": .string(change.provider.text), "name": .string(shown.name),
      "change": .string(change.kind.rawValue), "at": .string(change.at.description), "note": .string(change.note),
      "entry": .integer(change.entry), "receipt": .string("/trust/subprocessors/changes/\(change.id)"),
    ]
  }

  @Sendable private func receipt(_ request: Request) async throws -> Response {
    let id = request.parameters["id"]
    let list = try await PublicList.read(registers, now: request.now)
    guard let home = try await registers.home(of: .customers),
      let shown = list.changes.first(where: { $0.change.id.text == id })
    else { throw Problem.notFound }
    let receipt = try await request.services.ledger.receipt(home, index: shown.change.entry)
    return .bytes(receipt.encoded, type: "text/plain; charset=utf-8")
      .header("Content-Disposition", "attachment; filename=\"entry-\(shown.change.entry).tlog-proof\"")
  }
}
