import Kernel

/// The last leaf of every batch that was made durable together (docs/format.md §3.1).
package struct LeafBatch: Sendable, Equatable {
  package var time: Instant
  /// Command entries just before it, at least 1.
  package var count: Int64
  /// The state commitment after the batch.
  package var state: Digest
  /// The root of the object map, nil while there is none.
  package var map: Digest?

  package init(time: Instant, count: Int64, state: Digest, map: Digest? = nil) {
    self.time = time
    self.count = count
    self.state = state
    self.map = map
  }

  package func encoded() throws -> [UInt8] {
    guard (1...LogLimit.treeSize).contains(count) else { throw LogError("a batch has at least one entry") }
    var out: [UInt8] = []
    out.reserveCapacity(192)
    out += #"{"count":"#.utf8
    out += String(count).utf8
    out += #","kind":"batch","map":"#.utf8
    LeafWriter.append(map, to: &out)
    out += #","state":"#.utf8
    LeafWriter.append(state, to: &out)
    out += #","time":"#.utf8
    LeafWriter.append(token: time.description, to: &out)
    out += #","v":1}"#.utf8
    return out
  }

  package init(parsing bytes: [UInt8]) throws {
    var scanner = LeafScanner(bytes)
    try scanner.expect(#"{"count":"#)
    count = try scanner.integer()
    try scanner.expect(#","kind":"batch","map":"#)
    map = try scanner.optionalDigest()
    try scanner.expect(#","state":"#)
    state = try scanner.digest()
    try scanner.expect(#","time":"#)
    time = try scanner.instant()
    try scanner.expect(#","v":1}"#)
    guard scanner.isAtEnd else { throw LogError("there is something behind the batch entry") }
    guard count > 0 else { throw LogError("a batch has at least one entry") }
  }
}

/// Leaf data of either kind.
package enum Leaf: Sendable, Equatable {
  case command(LeafEntry)
  case batch(LeafBatch)

  package init(parsing bytes: [UInt8]) throws {
    if bytes.starts(with: #"{"count":"#.utf8) {
      self = .batch(try LeafBatch(parsing: bytes))
    } else {
      self = .command(try LeafEntry(parsing: bytes))
    }
  }

  package var time: Instant {
    switch self {
    case .command(let entry): entry.time
    case .batch(let batch): batch.time
    }
  }
}
