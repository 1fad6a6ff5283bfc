import Platform
import TransparencyLog

/// A21: whoever may can read, filter and export the trail themselves.
enum TrailCheck {
  /// Lines of the export whose receipts are verified one by one.
  static let provenLines = 10

  static func run(_ probe: Probe) async throws -> String {
    let tenant = probe.first
    let since = probe.services.now
    let vendor = try await probe.vendor(in: tenant)
    let entry = try await probe.proven(
      try await probe.rename(vendor, to: Marker.make(), in: tenant), of: tenant, what: "changing a vendor")
    for person in [tenant.owner, tenant.manager, tenant.auditor] { try await reads(person, entry) }
    let filters = try await filters(probe, entry, vendor)
    let pages = try await pages(probe)
    let (lines, whole) = try await exports(probe, entry, since)
    return """
      Owner, manager and auditor read entry \(entry.index). \(filters) filters gave exactly what they ask for; \(pages) pages \
      followed each other without a gap. Exported \(lines) lines as JSON Lines and verified that they are leaves of the signed \
      tree\(whole ? ", whose root follows from the export alone" : "").
      """
  }

  private static func reads(_ person: ProbePerson, _ entry: ProvenEntry) async throws {
    let answer = try await person.caller.get("/v1/audit?limit=200")
    let roles = person.roles.map(\.rawValue).joined()
    try hold(answer.status == 200, "A person with the role \(roles) cannot read the audit trail.")
    let indexes = try answer.body(200, for: "GET /v1/audit")["items"]?.array?.compactMap { $0["index"]?.integer } ?? []
    try hold(indexes.contains(Int(entry.index)), "The newest entries do not hold the one just written.")
  }

  /// Every filter by itself and all together; each must let the entry through, and nothing that does not fit.
  private static func filters(_ probe: Probe, _ entry: ProvenEntry, _ vendor: String) async throws -> Int {
    let leaf = entry.leaf
    let time = PercentEncoding.encode(leaf.time.description)
    let fits: [(String, @Sendable (JSON) -> Bool)] = [
      ("action=\(leaf.action)", { $0["action"]?.string == leaf.action }),
      ("actor=\(leaf.actor)", { $0["actor"]?.string == leaf.actor }),
      ("object=\(leaf.object)", { $0["object"]?.string == leaf.object }),
      ("since=\(time)", { ($0["time"]?.string ?? "") >= leaf.time.description }),
      ("until=\(time)", { ($0["time"]?.string ?? "9") <= leaf.time.description }),
    ]
    let together = fits.map(\.0).joined(separator: "&")
    let fitsAll: @Sendable (JSON) -> Bool = { item in fits.allSatisfy { $0.1(item) } }
    let all = fits + [(together, fitsAll)]
    for (query, isFitting) in all {
      let answer = try await probe.first.auditor.caller.get("/v1/audit?limit=200&\(query)")
      let name = query.prefix { $0 != "=" }
      try hold(answer.status == 200, "The trail cannot be filtered by \(name).")
      let items = try answer.body(200, for: "GET /v1/audit")["items"]?.array ?? []
      try hold(items.allSatisfy(isFitting), "The filter by \(name) lets through what does not fit.")
      try hold(items.contains { $0["index"]?.integer == Int(entry.index) }, "The filter by \(name) loses what fits.")
    }
    return all.count
  }

  /// Three small pages against one large one.
  private static func pages(_ probe: Probe) async throws -> Int {
    let caller = probe.first.auditor.caller
    let whole = try await caller.get("/v1/audit?limit=9").body(200, for: "GET /v1/audit")
    var cursor: String?
    var indexes: [Int] = []
    for _ in 0..<3 {
      let part = try await caller.get(
        "/v1/audit?limit=3" + (cursor.map { "&cursor=\(PercentEncoding.encode($0))" } ?? "")
      )
      .body(200, for: "GET /v1/audit")
      indexes += part["items"]?.array?.compactMap { $0["index"]?.integer } ?? []
      cursor = part["next"]?.string
      if cursor == nil { break }
    }
    let expected = whole["items"]?.array?.compactMap { $0["index"]?.integer } ?? []
    try hold(indexes == expected, "The pages of the trail do not add up to the list.")
    return 3
  }

  private static func exports(_ probe: Probe, _ entry: ProvenEntry, _ since: Instant) async throws -> (Int, Bool) {
    let caller = probe.first.auditor.caller
    let recent = try await lines(caller, "?since=\(PercentEncoding.encode(since.description))")
    try hold(
      recent.contains { (try? LeafEntry(parsing: $0)) == entry.leaf },
      "The export does not hold the entry just written.")
    for line in recent.prefix(provenLines) {
      guard let leaf = try? LeafEntry(parsing: line) else { continue }
      try await isIncluded(leaf, line, probe)
    }
    guard entry.checkpoint.size <= EveryLine.maximum else { return (recent.count, false) }
    let all = try await lines(caller, "")
    var frontier = Frontier()
    for line in all.prefix(Int(entry.checkpoint.size)) { frontier.append(MerkleTree.leafHash(line)) }
    try hold(
      frontier.size == entry.checkpoint.size && frontier.root == entry.checkpoint.root,
      "The exported lines are not the leaves of the signed tree.")
    return (all.count, true)
  }

  /// Up to this size the whole log is exported and its root computed from the lines.
  private enum EveryLine { static let maximum: Int64 = 20_000 }

  private static func lines(_ caller: Caller, _ query: String) async throws -> [[UInt8]] {
    let answer = try await caller.get("/v1/audit/export\(query)")
    try hold(answer.status == 200, "The trail cannot be exported.")
    return answer.body.split(separator: 0x0a).map(Array.init)
  }

  /// Finds the line's index by its object and time, takes its receipt and verifies it.
  private static func isIncluded(_ leaf: LeafEntry, _ line: [UInt8], _ probe: Probe) async throws {
    let time = PercentEncoding.encode(leaf.time.description)
    let query =
      "object=\(PercentEncoding.encode(leaf.object))&since=\(time)&until=\(time)&action=\(leaf.action)&limit=200"
    let items = try await probe.first.auditor.caller.get("/v1/audit?\(query)").body(200, for: "GET /v1/audit")["items"]?
      .array
    for index in (items ?? []).compactMap({ $0["index"]?.integer }) {
      let bytes = try await probe.first.auditor.caller.get("/v1/audit/\(index)/receipt").body
      guard let receipt = try? Receipt(parsing: bytes), receipt.leaf == nil || receipt.leaf == line else { continue }
      let proven = try await probe.proven(receipt, of: probe.first, what: "an exported line")
      if proven.leaf == leaf { return }
    }
    throw Broken(reason: "An exported line is not proven to be in the signed tree.")
  }
}
