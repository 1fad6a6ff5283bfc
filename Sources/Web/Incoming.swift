/// A request as it came in, before anything is known about it.
package struct Incoming: Sendable {
  /// As written by the client: "GET", "POST", or something we do not know.
  package let method: String
  /// Still percent-encoded, with the query.
  package let target: String
  package let headers: Headers
  package let body: Chunks
  package let remoteAddress: String

  package init(method: String, target: String, headers: Headers, body: Chunks, remoteAddress: String) {
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
    self.remoteAddress = remoteAddress
  }

  /// Bytes of path and query; longer targets are refused.
  package static let maximumTargetBytes = 8_192

  /// The path's segments, decoded; nil if it is not a path of ours ("." and ".." and empty inner segments name nothing).
  package var segments: [String]? {
    let path = target.prefix { $0 != "?" && $0 != "#" }
    guard path.hasPrefix("/") else { return nil }
    if path == "/" { return [] }
    var segments: [String] = []
    for piece in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      guard let segment = PercentEncoding.decode(piece), !segment.isEmpty, segment != ".", segment != "..",
        !segment.utf8.contains(0)
      else { return nil }
      segments.append(segment)
    }
    return segments
  }

  package var rawQuery: Substring {
    guard let mark = target.firstIndex(of: "?") else { return "" }
    return target[target.index(after: mark)...].prefix { $0 != "#" }
  }
}
