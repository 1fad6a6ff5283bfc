import Platform
import TransparencyLog

/// F55: the current list of sub-processors is published: as page, JSON and feed, dated, with its history and its proofs.
enum PublishedListCheck {
  static func run(_ probe: Probe) async throws -> String {
    let first = try await json(probe, "")
    let register = try await probe.environment.providers.listed().filter { $0["public"]?.bool == true }
    let page = try await probe.stranger.page("/trust/subprocessors")
    let feed = try await probe.stranger.get("/trust/subprocessors.atom", accept: "application/atom+xml")
    guard page.status == 200, feed.status == 200 else {
      throw Broken(reason: "The page answered \(page.status), the feed \(feed.status).")
    }
    try isCurrent(first, register, page.text, probe)
    let changes = first["changes"]?.array ?? []
    try history(changes, page.text, feed.text)
    for change in changes.prefix(20) { try await receipt(of: change, probe) }
    try await follows(first, probe)
    return """
      Fetched the list as page, JSON and feed, as a stranger: \(register.count) entries, all as in the register, and \
      \(changes.count) dated changes, the same in all three. Verified the receipts of \(min(changes.count, 20)) of them and that \
      the log of a second list follows from that of the first.
      """
  }

  private static func json(_ probe: Probe, _ query: String) async throws -> JSON {
    let answer = try await probe.stranger.get("/trust/subprocessors.json" + query)
    try hold(answer.status == 200, "GET /trust/subprocessors.json answered \(answer.status).")
    return try answer.body(200, for: "GET /trust/subprocessors.json")
  }

  /// What is published of each entry is what the register says of it, and no entry is left out or added.
  private static func isCurrent(_ list: JSON, _ register: [JSON], _ page: String, _ probe: Probe) throws {
    let at = list["at"]?.string.flatMap { Instant($0) }
    let age = at.map { abs(probe.services.now.milliseconds - $0.milliseconds) }
    try hold(age.map { $0 < 60_000 } ?? false, "The list does not say of when it is.")
    let shown = list["subprocessors"]?.array ?? []
    try hold(
      shown.count == register.count, "\(shown.count) entries are published, and the register has \(register.count).")
    for entry in register {
      let id = entry["id"]?.string ?? ""
      let published = shown.first { $0["id"]?.string == id }
      for member in entry.object?.keys.sorted() ?? [] where !["public", "contract", "notices"].contains(member) {
        try hold(published?[member] == entry[member], "What is published of an entry differs in “\(member)”.")
      }
      let expires = entry["contract"]?["expires"]
      try hold(published?["contract"]?["expires"] == expires, "What is published of an entry differs in its contract.")
      let name = (entry["name"]?.string ?? "").htmlEscaped
      try hold(page.contains("id=\"\(id)\"") && page.contains(name), "The page does not show an entry of the register.")
    }
    let cards = page.ranges(of: "<article ").count
    try hold(cards == register.count, "The page shows \(cards) entries, and the register has \(register.count).")
  }

  private static func history(_ changes: [JSON], _ page: String, _ feed: String) throws {
    try hold(feed.hasPrefix("<?xml") && feed.contains("http://www.w3.org/2005/Atom"), "The feed is not an Atom feed.")
    let entries = feed.ranges(of: "<entry>").count
    try hold(
      entries == min(changes.count, 100), "The feed has \(entries) entries, and there are \(changes.count) changes.")
    for (position, change) in changes.enumerated() {
      guard let at = change["at"]?.string, Instant(at) != nil, let id = change["id"]?.string else {
        throw Broken(reason: "A change of the list is not dated.")
      }
      let index = change["entry"]?.integer ?? -1
      try hold(
        page.contains("/trust/subprocessors/changes/\(id)") && page.contains("datetime=\"\(at)\""),
        "The page does not show a change of the list with its date.")
      guard position < 100 else { continue }
      try hold(
        feed.contains("<updated>\(at)</updated>") && feed.contains("Entry \(index) of"),
        "The feed does not show a change of the list with its date.")
    }
  }

  /// The entry of a change is in the signed tree, and is about this provider.
  private static func receipt(of change: JSON, _ probe: Probe) async throws {
    let answer = try await probe.stranger.get(change["receipt"]?.string ?? "/")
    guard answer.status == 200, let receipt = try? Receipt(parsing: answer.body), let data = receipt.leaf,
      let certificate = try? probe.services.ledger.installation.trust.open(receipt.certificate),
      let checkpoint = try? Checkpoint.open(receipt.proof.checkpoint, key: certificate.key),
      let leaf = try? LeafEntry(parsing: data)
    else { throw Broken(reason: "A change of the list has no receipt that can be verified.") }
    let isIncluded = Proofs.verifyInclusion(
      leaf: MerkleTree.leafHash(data), index: receipt.index, size: checkpoint.size, proof: receipt.proof.hashes,
      root: checkpoint.root)
    try hold(isIncluded, "The entry of a change is not in the signed tree.")
    let object = ObjectRef("subprocessor", change["subprocessor"]?.string ?? "").description
    try hold(
      leaf.object == object && receipt.index == change["entry"]?.integer.map(Int64.init),
      "The receipt of a change speaks of something else.")
  }

  /// A second list, and the proof that its log only grew.
  private static func follows(_ first: JSON, _ probe: Probe) async throws {
    guard let size = first["log"]?["size"]?.integer else { throw Hindered(reason: "Nothing is on the log yet.") }
    let second = try await json(probe, "?from=\(size)")
    let (old, new) = (try head(first, probe), try head(second, probe))
    let hashes = (second["consistency"]?["hashes"]?.array ?? []).compactMap { hash in
      hash.string.flatMap { Base64.decode($0) }.flatMap { Digest(bytes: $0) }
    }
    let isFollowing =
      old.origin == new.origin
      && Proofs.verifyConsistency(from: old.size, to: new.size, proof: hashes, fromRoot: old.root, toRoot: new.root)
    try hold(isFollowing, "The second list does not follow from the first.")
  }

  private static func head(_ list: JSON, _ probe: Probe) throws -> Checkpoint {
    let certificate = Array((list["log"]?["certificate"]?.string ?? "").utf8)
    let note = Array((list["log"]?["checkpoint"]?.string ?? "").utf8)
    guard let key = try? probe.services.ledger.installation.trust.open(certificate).key,
      let checkpoint = try? Checkpoint.open(note, key: key)
    else { throw Broken(reason: "The list is not signed by a key that the installation vouches for.") }
    return checkpoint
  }
}
