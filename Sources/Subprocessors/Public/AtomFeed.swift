import Platform

/// The history of the list as a feed (RFC 4287): one entry for each change, newest first. A pure rendering.
struct AtomFeed: Sendable {
  /// Entries of the feed; the JSON has them all.
  static let maximumEntries = 100
  static let type = "application/atom+xml; charset=utf-8"

  let list: PublicList
  /// Scheme, host and port, without a closing slash.
  let origin: String
  let author: String
  /// The installation's id, from which the feed's own is made.
  let installation: String
  let texts: Texts

  var document: String {
    let shown = list.changes.prefix(AtomFeed.maximumEntries)
    let updated = shown.first?.change.at ?? list.at
    return """
      <?xml version="1.0" encoding="utf-8"?>
      <feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
      <id>\(AtomFeed.permanentID("feed", installation))</id>
      <title>\(texts("subprocessors_feed_title").htmlEscaped)</title>
      <updated>\(updated)</updated>
      <author><name>\(author.htmlEscaped)</name></author>
      <link rel="self" type="application/atom+xml" href="\(origin.htmlEscaped)/trust/subprocessors.atom"/>
      <link rel="alternate" type="text/html" href="\(origin.htmlEscaped)/trust/subprocessors"/>
      \(shown.map(entry).joined(separator: "\n"))
      </feed>

      """
  }

  private func entry(_ shown: PublicList.Change) -> String {
    let (change, name) = (shown.change, shown.name)
    let title = texts("subprocessors_change_title_\(change.kind.rawValue)", ["name": name])
    let words = [
      texts("subprocessors_change_\(change.kind.rawValue)", ["days": String(Lifecycle.noticeDays)]), change.note,
      texts("subprocessors_entry_of_log", ["index": String(change.entry)]),
    ]
    return """
      <entry>
      <id>\(AtomFeed.permanentID("change", change.id.text))</id>
      <title>\(title.htmlEscaped)</title>
      <updated>\(change.at)</updated>
      <link rel="alternate" type="text/html" href="\(origin.htmlEscaped)/trust/subprocessors#\(change.provider)"/>
      <content type="text">\(words.filter { !$0.isEmpty }.joined(separator: " ").htmlEscaped)</content>
      </entry>
      """
  }

  /// An id that outlives a move to another address (RFC 4287 §4.2.6.1): a UUID of version 8 (RFC 9562 §5.8) made from what it names.
  static func permanentID(_ noun: String, _ id: String) -> String {
    var bytes = Array(Digest(sha256: Array("\(noun)/\(id)".utf8)).bytes.prefix(16))
    guard bytes.count == 16 else { return "urn:uuid:" }
    bytes[6] = (bytes[6] & 0x0f) | 0x80
    bytes[8] = (bytes[8] & 0x3f) | 0x80
    let hex = Hex.encode(bytes)
    var rest = hex[...]
    let groups = [8, 4, 4, 4, 12].map { length in
      defer { rest = rest.dropFirst(length) }
      return String(rest.prefix(length))
    }
    return "urn:uuid:" + groups.joined(separator: "-")
  }
}
