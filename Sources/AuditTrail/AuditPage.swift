import Platform

/// The trail as people read it: a filter, the newest entries, and a way to verify each.
struct AuditPage: Page {
  static let template = Template("audit", AuditTemplates.list)

  struct Row: Equatable, Sendable {
    let index: Int64
    let time: TimeText
    let actor: String
    /// The id as it stands in the entry, where a name is shown.
    let actorID: String?
    let actorQuery: String
    let action: String
    let actionQuery: String
    let object: String
    let objectQuery: String
    /// The day on which it was erased.
    let erased: String?
    let changes: Int64
  }

  struct Choice: Equatable, Sendable {
    let value: String
    let title: String
    let isChosen: Bool
  }

  struct Filter: Equatable, Sendable {
    let actions: [Choice]
    let actors: [Choice]
    let object: String
    let since: String
    let until: String
    let isActive: Bool
  }

  let title: String
  let section: String? = "/audit"
  let rows: [Row]
  let isEmpty: Bool
  let filter: Filter
  let next: String?
  let exportPath: String

  static func show(_ request: Request) async throws -> Response {
    let filter = try AuditFilter(request.query)
    let tenant = try request.principal.tenant
    let found = try await AuditStore.page(filter, request)
    let names = try await ActorNames(found.entries, request)
    let actions = try await AuditStore.actions(request.services.ledger, tenant)
    let people = try await request.services.people.people(in: tenant)
    let next = try request.nextCursor(found.next)
    return try request.page(
      AuditPage(
        title: request.text("audit_title"), rows: found.entries.map { row($0, names, found.erased, request) },
        isEmpty: found.entries.isEmpty, filter: form(filter, actions, people, request),
        next: next.map { "/audit?" + Query(pairs: filter.query.pairs + [("cursor", $0)]).text },
        exportPath: "/v1/audit/export" + (filter.isEmpty ? "" : "?" + filter.query.text)))
  }

  private static func row(
    _ entry: LoggedEntry, _ names: ActorNames, _ erased: [String: ErasedMark], _ request: Request
  ) -> Row {
    let actor = entry.actor ?? ""
    let action = entry.action ?? ""
    let object = entry.object ?? ""
    return Row(
      index: entry.index, time: TimeText(entry.time), actor: ActorText.shown(actor, names, request),
      actorID: names[actor] == nil ? nil : actor, actorQuery: Query(pairs: [("actor", actor)]).text, action: action,
      actionQuery: Query(pairs: [("action", action)]).text, object: ObjectText.short(object),
      objectQuery: Query(pairs: [("object", object)]).text,
      erased: erased[object].map { request.text("audit_erased", ["day": $0.at.day.description]) },
      changes: entry.changes ?? 0)
  }

  private static func form(
    _ filter: AuditFilter, _ actions: [String], _ people: [PersonCard], _ request: Request
  ) -> Filter {
    var actors = people.map { ("person:\($0.id)", $0.name) }
    if let actor = filter.actor, !actors.contains(where: { $0.0 == actor }) {
      actors.append((actor, ActorText.system(actor, request)))
    }
    return Filter(
      actions: actions.map { Choice(value: $0, title: $0, isChosen: $0 == filter.action) },
      actors: actors.map { Choice(value: $0.0, title: $0.1, isChosen: $0.0 == filter.actor) },
      object: filter.object ?? "", since: filter.since?.day.description ?? "",
      until: filter.until?.day.description ?? "",
      isActive: !filter.isEmpty)
  }
}

/// A time twice: for machines, and in the words of a log.
struct TimeText: Equatable, Sendable {
  /// RFC 3339.
  let exact: String
  /// "2026-11-21 08:00:00"
  let shown: String

  init(_ instant: Instant) {
    exact = instant.description
    shown = String(exact.prefix(19)).replacing("T", with: " ")
  }
}

/// Actors in words.
enum ActorText {
  static func shown(_ actor: String, _ names: ActorNames, _ request: Request) -> String {
    names[actor] ?? system(actor, request)
  }

  /// A part of the system by its name; anybody unknown by the end of their id.
  static func system(_ actor: String, _ request: Request) -> String {
    guard actor.hasPrefix("system:") else { return ObjectText.short(actor) }
    return request.text("audit_actor_system", ["part": String(actor.dropFirst("system:".count))])
  }
}

/// "case:01k…8f3a" for "case:01k4…": type, and enough of the id to tell two apart.
enum ObjectText {
  static func short(_ object: String) -> String {
    let halves = object.split(separator: ":", maxSplits: 1)
    guard halves.count == 2, let type = halves.first, let id = halves.last, id.count > 10 else { return object }
    return "\(type) …\(id.suffix(6))"
  }
}
