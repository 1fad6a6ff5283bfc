import Platform
import TransparencyLog

/// The trail for programs: lists, the export, one entry, its receipt.
enum AuditAPI {
  /// Entries that are read at a time while the export streams.
  static let exportPiece = 500

  static func list(_ request: Request) async throws -> Response {
    let filter = try AuditFilter(request.query)
    let page = try await AuditStore.page(filter, request)
    let names = try await ActorNames(page.entries, request)
    return try request.list(items: page.entries.map { json($0, names, page.erased) }, next: page.next)
  }

  /// Oldest first. Without a filter the batch entries are among the lines, so that they are all leaves of the tree in order.
  static func export(_ request: Request) async throws -> Response {
    let filter = try AuditFilter(request.query)
    let (ledger, tenant) = (request.services.ledger, try request.principal.tenant)
    let end = try await ledger.read(tenant) { try $0.logSize }
    let lines = Chunks {
      var from: Int64 = 0
      return {
        let piece = try await AuditStore.piece(filter, from: from, end: end, ledger, tenant)
        guard let last = piece.last else { return nil }
        from = last.index + 1
        return piece.flatMap { $0.data + [0x0a] }
      }
    }
    return .stream(type: "application/jsonl", length: nil, lines)
      .header("Content-Disposition", "attachment; filename=\"audit-trail.jsonl\"")
  }

  static func entry(_ request: Request) async throws -> Response {
    let index = try index(request)
    let verified = try await VerifiedEntry(index, request)
    let names = try await ActorNames([verified.entry], request)
    return .json(try verified.json(item: json(verified.entry, names, verified.erasedObject)))
  }

  /// The same bytes as in the answer to the write, but never without the leaf: a file has room for it.
  static func receipt(_ request: Request) async throws -> Response {
    let index = try index(request)
    let receipt = try await VerifiedEntry(index, request).receipt()
    return .bytes(receipt.encoded, type: "text/plain; charset=utf-8")
      .header("Content-Disposition", "attachment; filename=\"entry-\(index).tlog-proof\"")
  }

  /// What is not a whole number names no entry.
  static func index(_ request: Request) throws -> Int64 {
    let text = request.parameters["index"]
    guard let index = Int64(text), index >= 0, String(index) == text else { throw Problem.notFound }
    return index
  }

  static func json(_ entry: LoggedEntry, _ names: ActorNames, _ erased: [String: ErasedMark]) -> JSON {
    [
      "index": .integer(entry.index), "time": .string(entry.time.description), "actor": JSON(entry.actor),
      "actor_name": JSON(names[entry.actor]), "action": JSON(entry.action), "object": JSON(entry.object),
      "changes": entry.changes.map(JSON.integer) ?? .null,
      "object_erased_at": JSON(entry.object.flatMap { erased[$0] }?.at.description),
    ]
  }
}

/// Pieces of the trail, read by the journal's indexes.
enum AuditStore {
  struct Page: Sendable {
    let entries: [LoggedEntry]
    /// Where the next page begins, in words of this list.
    let next: String?
    /// Objects of the entries that were erased since.
    let erased: [String: ErasedMark]
  }

  static func page(_ filter: AuditFilter, _ request: Request) async throws -> Page {
    let (limit, cursor) = try request.listing()
    var wanted = filter.entries
    wanted.from = try cursor.map { cursor in
      guard let from = Int64(cursor) else { throw Problem(.badRequest, "Start the list again without a cursor.") }
      return from
    }
    wanted.limit = limit + 1
    let (found, erased) = try await request.services.ledger.read(request.principal.tenant) { [wanted] reader in
      let found = try reader.entries(wanted)
      return (found, try reader.erasedMarks(of: found.compactMap(\.object)))
    }
    let shown = Array(found.prefix(limit))
    return Page(
      entries: shown, next: found.count > limit ? shown.last.map { String($0.index) } : nil, erased: erased)
  }

  static func piece(
    _ filter: AuditFilter, from: Int64, end: Int64, _ ledger: Ledger, _ tenant: TenantID
  ) async throws -> [LoggedEntry] {
    var wanted = filter.entries
    wanted.ascending = true
    wanted.from = from
    wanted.limit = AuditAPI.exportPiece
    wanted.withBatches = filter.action == nil && filter.actor == nil && filter.object == nil
    return try await ledger.read(tenant) { [wanted] in try $0.entries(wanted).filter { $0.index < end } }
  }

  static func actions(_ ledger: Ledger, _ tenant: TenantID) async throws -> [String] {
    try await ledger.read(tenant) { try $0.values(of: .action) }
  }
}

/// Names of the people who acted, for those who may read the trail. The entries themselves hold ids only.
struct ActorNames: Sendable {
  private var names: [String: String] = [:]

  init(_ entries: [LoggedEntry], _ request: Request) async throws {
    let tenant = try request.principal.tenant
    for actor in Set(entries.compactMap(\.actor)) {
      guard actor.hasPrefix("person:"), let id = PersonID(actor.dropFirst("person:".count)) else { continue }
      names[actor] = try await request.services.people.person(id, in: tenant)?.name
    }
  }

  subscript(_ actor: String?) -> String? { actor.flatMap { names[$0] } }
}
