import Kernel

/// What we ask of an object store: the part of S3's API that every store of its kind has. Keys are without the place's prefix, and hold only
/// letters, digits, hyphens and slashes.
package enum ObjectStoreCall: Sendable {
  case put(key: String, bytes: [UInt8])
  case beginUpload(key: String)
  /// Parts are numbered from 1; all but the last have at least 5 MiB.
  case putPart(key: String, upload: String, number: Int, bytes: [UInt8])
  case finishUpload(key: String, upload: String, parts: [Part])
  case abortUpload(key: String, upload: String)
  /// `tag`: the object must still be the one that had this ETag.
  case get(key: String, range: ClosedRange<Int64>, tag: String?)
  case delete(key: String)
  case list(prefix: String, after: String?)
  case listUploads(prefix: String)

  /// A part as the store took it.
  package struct Part: Sendable, Equatable {
    package let tag: String
    package let sha256: Digest
    package init(tag: String, sha256: Digest) {
      self.tag = tag
      self.sha256 = sha256
    }
  }

  /// Objects of one page of a listing.
  package static let pageSize = 1_000
  /// Bytes of an answer that is no object.
  static let largestText = 4 << 20

  /// Whether what is asked hands content over, or makes it count.
  package var carriesContent: Bool {
    switch self {
    case .put, .beginUpload, .putPart, .finishUpload: true
    case .abortUpload, .get, .delete, .list, .listUploads: false
    }
  }
}

extension ObjectStorePlace {
  /// The request, signed. It is good for some minutes; one that is tried again is made anew.
  package func request(
    _ call: ObjectStoreCall, by key: ObjectStoreKey, at now: Instant
  ) throws(EgressRefusal) -> HTTPRequest {
    let parts = parts(of: call)
    let query = parts.query.map { (name: ObjectStorePlace.encode($0.0), value: ObjectStorePlace.encode($0.1)) }
    let digest = Digest(sha256: parts.body)
    var headers =
      parts.headers + [
        ("x-amz-content-sha256", digest.hex), ("x-amz-date", RequestSignature.stamp(now).time),
      ]
    let path = path(parts.key)
    let authorization = RequestSignature(region: region, service: "s3").authorization(
      RequestSignature.Request(
        method: parts.method.rawValue, path: path, query: query,
        headers: headers.map { (name: $0.0, value: $0.1) } + [("host", authority)], payload: digest.hex),
      by: key, at: now)
    headers.append(("authorization", authorization))
    let target = path + (query.isEmpty ? "" : "?" + query.map { "\($0.name)=\($0.value)" }.joined(separator: "&"))
    var request = try HTTPRequest(
      parts.method, try EgressURL("\(scheme.rawValue)://\(host.inURL):\(port)\(target)"),
      headers: headers.map { (name: $0.0, value: $0.1) }, body: parts.body)
    request.limits.bodyBytes = parts.largestAnswer
    request.limits.totalSeconds = 120
    return request
  }

  private struct Parts {
    var method: HTTPRequest.Method
    var key: String?
    var query: [(String, String)] = []
    var headers: [(String, String)] = []
    var body: [UInt8] = []
    var largestAnswer = ObjectStoreCall.largestText
  }

  private func parts(of call: ObjectStoreCall) -> Parts {
    switch call {
    case .put(let key, let bytes):
      return Parts(method: .put, key: key, headers: [ObjectStorePlace.checksum(bytes)], body: bytes)
    case .beginUpload(let key):
      return Parts(
        method: .post, key: key, query: [("uploads", "")], headers: [("x-amz-checksum-algorithm", "SHA256")])
    case .putPart(let key, let upload, let number, let bytes):
      return Parts(
        method: .put, key: key, query: [("partNumber", "\(number)"), ("uploadId", upload)],
        headers: [ObjectStorePlace.checksum(bytes)], body: bytes)
    case .finishUpload(let key, let upload, let parts):
      return Parts(
        method: .post, key: key, query: [("uploadId", upload)], body: Array(ObjectStoreText.completion(parts).utf8))
    case .abortUpload(let key, let upload):
      return Parts(method: .delete, key: key, query: [("uploadId", upload)])
    case .get(let key, let range, let tag):
      let headers =
        [("range", "bytes=\(range.lowerBound)-\(range.upperBound)")] + (tag.map { [("if-match", $0)] } ?? [])
      return Parts(
        method: .get, key: key, headers: headers,
        largestAnswer: max(ObjectStoreCall.largestText, Int(clamping: range.upperBound - range.lowerBound + 1)))
    case .delete(let key): return Parts(method: .delete, key: key)
    case .list(let prefix, let after):
      let page = [("list-type", "2"), ("max-keys", "\(ObjectStoreCall.pageSize)"), ("prefix", self.prefix + prefix)]
      return Parts(method: .get, query: page + (after.map { [("continuation-token", $0)] } ?? []))
    case .listUploads(let prefix):
      return Parts(method: .get, query: [("uploads", ""), ("prefix", self.prefix + prefix)])
    }
  }

  /// The store compares what arrived with this before it keeps it.
  private static func checksum(_ bytes: [UInt8]) -> (String, String) {
    ("x-amz-checksum-sha256", Digest(sha256: bytes).base64)
  }

  /// RFC 3986 §2.3: all but unreserved characters.
  private static func encode(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
      switch byte {
      case 65...90, 97...122, 48...57, 45, 46, 95, 126: out.unicodeScalars.append(Unicode.Scalar(byte))
      default: out += "%" + Hex.encode([byte]).uppercased()
      }
    }
    return out
  }
}
