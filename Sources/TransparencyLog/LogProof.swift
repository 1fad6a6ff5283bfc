import Kernel

/// A proof that can be checked offline that an entry is in a log (`c2sp.org/tlog-proof@v1`).
package struct LogProof: Sendable, Equatable {
  package static let format = "c2sp.org/tlog-proof@v1"

  /// Data that the proof itself does not vouch for.
  package let extra: [UInt8]?
  package let index: Int64
  /// The inclusion proof, from the leaf's sibling to a child of the root.
  package let hashes: [Digest]
  /// The whole signed note.
  package let checkpoint: [UInt8]

  package init(extra: [UInt8]?, index: Int64, hashes: [Digest], checkpoint: [UInt8]) {
    self.extra = extra
    self.index = index
    self.hashes = hashes
    self.checkpoint = checkpoint
  }

  package var encoded: [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(128 + (extra?.count ?? 0) * 4 / 3 + hashes.count * 45 + checkpoint.count)
    out += LogProof.format.utf8
    out.append(0x0a)
    if let extra {
      out += "extra ".utf8
      Base64.append(extra, to: &out)
      out.append(0x0a)
    }
    out += "index \(index)\n".utf8
    for hash in hashes {
      hash.withUnsafeBytes { Base64.append($0, to: &out) }
      out.append(0x0a)
    }
    out.append(0x0a)
    out += checkpoint
    return out
  }

  /// The length of `encoded`, without making it.
  package var encodedCount: Int {
    let extraLine = extra.map { "extra ".utf8.count + ($0.count + 2) / 3 * 4 + 1 } ?? 0
    let indexLine = "index ".utf8.count + String(index).utf8.count + 1
    return LogProof.format.utf8.count + 1 + extraLine + indexLine + hashes.count * 45 + 1 + checkpoint.count
  }

  package init(parsing bytes: [UInt8]) throws {
    guard bytes.count <= LogLimit.proofBytes else {
      throw LogError("the proof is larger than \(LogLimit.proofBytes) bytes")
    }
    var lines = Lines(bytes: bytes)
    guard lines.next() == ArraySlice(LogProof.format.utf8) else {
      throw LogError("this is not a tlog-proof of version 1")
    }
    var line = lines.next()
    extra = try LogProof.extra(line)
    if extra != nil { line = lines.next() }
    guard let line, line.starts(with: "index ".utf8), let index = Decimal.parse(bytes: line.dropFirst(6)) else {
      throw LogError("the proof has no index line where it belongs")
    }
    self.index = index
    hashes = try LogProof.hashes(&lines)
    checkpoint = Array(lines.rest)
    guard !checkpoint.isEmpty else { throw LogError("the proof has no checkpoint") }
  }

  private static func extra(_ line: ArraySlice<UInt8>?) throws -> [UInt8]? {
    guard let line, line.starts(with: "extra ".utf8) else { return nil }
    guard let extra = Base64.decode(bytes: Array(line.dropFirst(6))), !extra.isEmpty else {
      throw LogError("the extra data of the proof is not canonical base64")
    }
    return extra
  }

  private static func hashes(_ lines: inout Lines) throws -> [Digest] {
    var hashes: [Digest] = []
    while let line = lines.next() {
      if line.isEmpty { return hashes }
      guard hashes.count < LogLimit.proofHashes, let hash = Digest(base64: String(decoding: line, as: UTF8.self)) else {
        throw LogError("the proof has a line that is not a hash")
      }
      hashes.append(hash)
    }
    throw LogError("the proof ends before its checkpoint")
  }
}

/// Lines that each end with a line feed; what follows the last one taken stays readable as bytes.
private struct Lines {
  let bytes: [UInt8]
  var position = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func next() -> ArraySlice<UInt8>? {
    guard let end = bytes[position...].firstIndex(of: 0x0a) else { return nil }
    defer { position = end + 1 }
    return bytes[position..<end]
  }

  var rest: ArraySlice<UInt8> { bytes[position...] }
}
