import Kernel

/// The name of a tile (C2SP tlog-tiles, height 8): a row of up to 256 hashes of one level, or a bundle of entries.
package struct TilePath: Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    /// Level in tiles: its hashes cover 256^level leaves each.
    case hash(level: Int)
    case entries
  }

  package static let fullWidth = 256

  package let kind: Kind
  package let index: Int64
  /// 1 to 256; less than 256 is a partial tile.
  package let width: Int

  /// `tile/0/x001/234`, `tile/0/x001/234.p/5`, `tile/entries/000`. Returns nil for every other spelling.
  package init?(path: String) {
    var parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { Array($0) }
    guard path.utf8.count <= 64, parts.count >= 3, parts.removeFirst() == Array("tile".utf8),
      let kind = TilePath.kind(parts.removeFirst())
    else { return nil }
    var width = TilePath.fullWidth
    if parts.count >= 2, parts[parts.count - 2].suffix(2).elementsEqual(".p".utf8) {
      guard let partial = Decimal.parse(bytes: parts.removeLast()), (1...255).contains(partial) else { return nil }
      width = Int(partial)
      parts[parts.count - 1].removeLast(2)
    }
    guard let index = TilePath.index(parts) else { return nil }
    self.init(kind: kind, index: index, width: width)
  }

  package init(kind: Kind, index: Int64, width: Int) {
    self.kind = kind
    self.index = index
    self.width = width
  }

  package var description: String {
    let name =
      switch kind {
      case .hash(let level): String(level)
      case .entries: "entries"
      }
    return "tile/\(name)/\(TilePath.digits(index))\(width < TilePath.fullWidth ? ".p/\(width)" : "")"
  }

  /// Position of the tile's first hash on its level, or of its first entry. Nil beyond the largest tree.
  package var start: Int64? {
    let (start, overflow) = index.multipliedReportingOverflow(by: Int64(TilePath.fullWidth))
    return overflow ? nil : start
  }

  /// Level of the tile's hashes in the tree: they cover 2^level leaves each.
  package var treeLevel: Int {
    switch kind {
    case .hash(let level): level * 8
    case .entries: 0
    }
  }

  /// A tree of this size holds all that the tile names.
  package func isWithin(size: Int64) -> Bool {
    guard let start, (1...LogLimit.treeSize).contains(size), treeLevel < 63 else { return false }
    let available = size >> Int64(treeLevel)
    return start <= available && available - start >= Int64(width)
  }

  /// Each entry behind its length in two bytes, big endian. Entries have at most 65,535 bytes.
  package static func entryBundle(_ entries: [[UInt8]]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(entries.reduce(0) { $0 + $1.count + 2 })
    for entry in entries {
      let length = UInt16(clamping: entry.count)
      out.append(UInt8(length >> 8))
      out.append(UInt8(length & 0xff))
      out += entry.prefix(Int(length))
    }
    return out
  }

  package static func hashTile(_ hashes: [Digest]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(hashes.count * 32)
    for hash in hashes { hash.withUnsafeBytes { out += $0 } }
    return out
  }

  private static func kind(_ name: [UInt8]) -> Kind? {
    if name.elementsEqual("entries".utf8) { return .entries }
    guard name.count <= 2, let level = Decimal.parse(bytes: name), level < 64 else { return nil }
    return .hash(level: Int(level))
  }

  /// Three digits a part, all but the last marked with `x`, no part of zeros in front.
  private static func index(_ parts: [[UInt8]]) -> Int64? {
    guard (1...5).contains(parts.count) else { return nil }
    var index: Int64 = 0
    for (position, part) in parts.enumerated() {
      var digits = part[...]
      if position < parts.count - 1 {
        guard digits.popFirst() == UInt8(ascii: "x") else { return nil }
      }
      guard digits.count == 3, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
      let value = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) }
      guard position > 0 || parts.count == 1 || value > 0 else { return nil }
      index = index * 1_000 + value
    }
    return index
  }

  private static func digits(_ index: Int64) -> String {
    var rest = max(index, 0)
    var parts: [String] = []
    repeat {
      let group = String(rest % 1_000)
      let padded = String(repeating: "0", count: 3 - group.utf8.count) + group
      parts.append(parts.isEmpty ? padded : "x" + padded)
      rest /= 1_000
    } while rest > 0
    return parts.reversed().joined(separator: "/")
  }
}
