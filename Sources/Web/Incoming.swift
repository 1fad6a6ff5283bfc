import Kernel

/// A request as it came in, before anything is known about it.
package struct Incoming: Sendable {
  /// As written by the client: "GET", "POST", or something we do not know.
  package let method: String
  /// Still percent-encoded, with the query.
  package let target: String
  package let headers: Headers
  package let body: Chunks
  /// Of the client, not of a proxy before us.
  package let remoteAddress: String
  /// What the listener found wrong with it; then this is the answer.
  package let refusal: Problem?
  /// Whether it counts against somebody's rate and waits for its turn: what comes over the network does.
  package let isMetered: Bool

  package init(
    method: String, target: String, headers: Headers, body: Chunks, remoteAddress: String, refusal: Problem? = nil,
    isMetered: Bool = false
  ) {
    self.refusal = refusal
    self.isMetered = isMetered
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
    self.remoteAddress = remoteAddress
  }

  /// The address of calls from within the process, which no connection has.
  package static let frontDoor = "front door"
  package var isFromWithin: Bool { remoteAddress == Incoming.frontDoor }

  /// Bytes of path and query; longer targets are refused.
  package static let maximumTargetBytes = 8_192

  /// The path's segments, decoded; nil if it is not a path of ours ("." and ".." and empty inner segments name nothing).
  package var segments: [String]? {
    let path = target.utf8.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
    guard path.first == UInt8(ascii: "/") else { return nil }
    if path.count == 1 { return [] }
    var segments: [String] = []
    for piece in Substring(path.dropFirst()).pieces(at: "/") {
      guard let segment = PercentEncoding.decode(piece), !segment.isEmpty, segment != ".", segment != "..",
        !segment.utf8.contains(0)
      else { return nil }
      segments.append(segment)
    }
    return segments
  }

  package var rawQuery: Substring {
    guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else { return "" }
    return Substring(target.utf8[mark...].dropFirst().prefix { $0 != UInt8(ascii: "#") })
  }
}
