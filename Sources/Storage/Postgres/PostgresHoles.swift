/// SQL of ours with `?` holes, as PostgreSQL wants it: `$1`, `$2`, … Question marks in strings, identifiers and comments stay.
struct PostgresHoles {
  private(set) var text: String
  private(set) var count: Int

  /// `sql` is ours, never a person's. A text that already says `$1` is passed on, and may hold no `?` besides.
  init(_ sql: String) throws {
    guard sql.utf8.contains(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "$") }) else {
      (text, count) = (sql, 0)
      return
    }
    var reader = Reader(bytes: Array(sql.utf8))
    try reader.run()
    text = String(decoding: reader.output, as: UTF8.self)
    count = max(reader.holes, reader.highest)
  }

  private struct Reader {
    let bytes: [UInt8]
    var place = 0
    var output: [UInt8] = []
    var holes = 0
    /// Of the `$n` that stood in the text.
    var highest = 0

    mutating func run() throws {
      output.reserveCapacity(bytes.count + 32)
      while place < bytes.count {
        switch bytes[place] {
        case UInt8(ascii: "'"): copy(until: endOfQuoted(UInt8(ascii: "'"), backslashes: isEscapeString))
        case UInt8(ascii: "\""): copy(until: endOfQuoted(UInt8(ascii: "\""), backslashes: false))
        case UInt8(ascii: "-") where byte(1) == UInt8(ascii: "-"): copy(until: endOfLine)
        case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "*"): copy(until: endOfComment)
        case UInt8(ascii: "$"): dollar()
        case UInt8(ascii: "?"): hole()
        default: copy(until: place + 1)
        }
      }
      guard holes == 0 || highest == 0 else {
        throw StorageError(sqlState: "42601", message: "the statement mixes ? and $n")
      }
    }

    private func byte(_ ahead: Int) -> UInt8? { place + ahead < bytes.count ? bytes[place + ahead] : nil }

    private mutating func copy(until end: Int) {
      output.append(contentsOf: bytes[place..<min(end, bytes.count)])
      place = end
    }

    private mutating func hole() {
      holes += 1
      output.append(contentsOf: "$\(holes)".utf8)
      place += 1
    }

    /// `E'…'` alone knows backslashes; `standard_conforming_strings` is on.
    private var isEscapeString: Bool {
      guard place > 0, bytes[place - 1] | 0x20 == UInt8(ascii: "e") else { return false }
      return place < 2 || !PostgresHoles.isWord(bytes[place - 2])
    }

    private func endOfQuoted(_ quote: UInt8, backslashes: Bool) -> Int {
      var at = place + 1
      while at < bytes.count {
        if backslashes, bytes[at] == UInt8(ascii: "\\") {
          at += 2
        } else if bytes[at] != quote {
          at += 1
        } else if at + 1 < bytes.count, bytes[at + 1] == quote {
          at += 2
        } else {
          return at + 1
        }
      }
      return bytes.count
    }

    private var endOfLine: Int { bytes[place...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count }

    /// Comments nest (PostgreSQL, 4.1.5).
    private var endOfComment: Int {
      var (at, depth) = (place, 0)
      while at + 1 < bytes.count {
        switch (bytes[at], bytes[at + 1]) {
        case (UInt8(ascii: "/"), UInt8(ascii: "*")): (at, depth) = (at + 2, depth + 1)
        case (UInt8(ascii: "*"), UInt8(ascii: "/")): (at, depth) = (at + 2, depth - 1)
        default: at += 1
        }
        if depth == 0 { return at }
      }
      return bytes.count
    }

    /// `$1`, `$tag$ … $tag$`, or a dollar inside a name.
    private mutating func dollar() {
      if place > 0, PostgresHoles.isWord(bytes[place - 1]) { return copy(until: place + 1) }
      let digits = bytes[(place + 1)...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      if let number = Int(String(decoding: digits, as: UTF8.self)) {
        highest = max(highest, number)
        return copy(until: digits.endIndex)
      }
      let end = bytes[(place + 1)...].firstIndex { !PostgresHoles.isWord($0) } ?? bytes.count
      guard end < bytes.count, bytes[end] == UInt8(ascii: "$") else { return copy(until: place + 1) }
      let tag = bytes[place...end]
      var at = end + 1
      while at + tag.count <= bytes.count, !bytes[at..<(at + tag.count)].elementsEqual(tag) { at += 1 }
      copy(until: at + tag.count)
    }
  }

  fileprivate static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
      true
    default: false
    }
  }
}
