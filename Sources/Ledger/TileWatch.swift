import Kernel
import TransparencyLog

/// What the stored tiles must hold, level by level, while the leaves of a log go by (C2SP tlog-tiles): leaves in full tiles only, and above
/// them every complete hash.
struct TileWatch {
  struct Tile {
    let level: Int
    let index: Int64
    let data: [UInt8]
  }

  private struct Level {
    var data: [UInt8] = []
    var index: Int64 = 0
  }

  private var levels = [Level()]

  /// Takes a complete hash of a tile level (0: a leaf); answers the tile that it filled.
  mutating func take(_ hash: Digest, level: Int) -> Tile? {
    if level == levels.count { levels.append(Level()) }
    hash.withUnsafeBytes { levels[level].data.append(contentsOf: $0) }
    guard levels[level].data.count == 32 * Int(LogStore.tileWidth) else { return nil }
    defer { levels[level] = Level(index: levels[level].index + 1) }
    return Tile(level: level, index: levels[level].index, data: levels[level].data)
  }

  /// Tiles that are begun and stored: those above the leaves.
  var partial: [Tile] {
    levels.enumerated().dropFirst().filter { !$0.element.data.isEmpty }.map {
      Tile(level: $0.offset, index: $0.element.index, data: $0.element.data)
    }
  }

  /// How many tiles are stored in all.
  var count: Int64 { levels.reduce(0) { $0 + $1.index } + Int64(partial.count) }
}
