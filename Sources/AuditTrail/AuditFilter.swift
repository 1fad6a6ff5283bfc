import Platform

/// What part of the trail somebody asked for, read from a query. An empty field counts as not asked.
struct AuditFilter: Sendable, Equatable {
  static let maximumTextBytes = 200

  var action: String?
  var actor: String?
  var object: String?
  var since: Instant?
  var until: Instant?

  init() {}

  /// Throws `badRequest` naming the field that cannot be read.
  init(_ query: Query) throws {
    action = try AuditFilter.text("action", query, "a dotted verb, such as vendor.create")
    actor = try AuditFilter.text("actor", query, "person:<id>, operator:<id> or system:<name>").map(AuditFilter.actor)
    object = try AuditFilter.text("object", query, "a type and an id, such as case:<id>")
    since = try AuditFilter.moment("since", query, endOfDay: false)
    until = try AuditFilter.moment("until", query, endOfDay: true)
  }

  var isEmpty: Bool { self == AuditFilter() }

  /// The journal's own filter, without a place to start and a length.
  var entries: EntryFilter {
    var filter = EntryFilter()
    filter.action = action
    filter.actor = actor
    filter.object = object
    filter.since = since
    filter.until = until
    return filter
  }

  /// The same filter as a query, for links.
  var query: Query {
    let pairs: [(name: String, value: String?)] = [
      ("action", action), ("actor", actor), ("object", object), ("since", since?.description),
      ("until", until?.description),
    ]
    return Query(pairs: pairs.compactMap { pair in pair.value.map { (pair.name, $0) } })
  }

  /// An id alone is a person's.
  private static func actor(_ text: String) -> String { PersonID(text) == nil ? text : "person:\(text)" }

  private static func text(_ name: String, _ query: Query, _ form: String) throws -> String? {
    guard let text = query[name]?.trimmed, !text.isEmpty else { return nil }
    guard text.utf8.count <= maximumTextBytes, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
      throw refusal(name, "Give \(form).")
    }
    return text
  }

  private static func moment(_ name: String, _ query: Query, endOfDay: Bool) throws -> Instant? {
    guard let text = query[name]?.trimmed, !text.isEmpty else { return nil }
    if let day = Day(text) {
      let start = Int64(day.daysSince1970) * 86_400_000
      return Instant(milliseconds: endOfDay ? start + 86_399_999 : start)
    }
    guard let instant = Moment.parse(text) else {
      throw refusal(name, "Give a day (2026-11-21) or a time with its zone (2026-11-21T08:00:00Z).")
    }
    return instant
  }

  private static func refusal(_ field: String, _ message: String) -> Problem {
    Problem(
      .badRequest, "The trail cannot be filtered like that. \(message)", errors: [Problem.FieldError(field, message)])
  }
}

/// RFC 3339 as people and programs write it: with or without a fraction, in any zone.
enum Moment {
  static func parse(_ text: String) -> Instant? {
    let bytes = Array(text.utf8.prefix(41))
    guard bytes.count >= 20, bytes.count <= 40 else { return nil }
    let head = String(decoding: bytes[0..<19], as: UTF8.self)
    var rest = bytes[19...]
    var fraction: [UInt8] = []
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      fraction = Array(rest.prefix { (0x30...0x39).contains($0) })
      guard !fraction.isEmpty else { return nil }
      rest = rest.dropFirst(fraction.count)
    }
    let milliseconds = String(decoding: (fraction + [0x30, 0x30, 0x30]).prefix(3), as: UTF8.self)
    guard let offset = minutes(of: rest), let local = Instant("\(head).\(milliseconds)Z") else { return nil }
    return local.adding(seconds: -60 * offset)
  }

  /// "Z", "+02:00", "-05:30" in minutes.
  private static func minutes(of zone: ArraySlice<UInt8>) -> Int? {
    let text = String(decoding: zone, as: UTF8.self)
    if text == "Z" { return 0 }
    let parts = text.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
    guard text.utf8.count == 6, parts.count == 2, let sign = text.first, sign == "+" || sign == "-",
      let hours = parts.first.flatMap({ Int($0) }), let minutes = parts.last.flatMap({ Int($0) }),
      (0...23).contains(hours), (0...59).contains(minutes)
    else { return nil }
    return (sign == "-" ? -1 : 1) * (hours * 60 + minutes)
  }
}
