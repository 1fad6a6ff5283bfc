import CCurl

/// A call over HTTP. Checked when it is made.
package struct HTTPRequest: Sendable {
  package enum Method: String, Sendable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
  }

  package static let maximumBodyBytes = 64 << 20
  package static let maximumHeaders = 50

  package let method: Method
  package let url: EgressURL
  package let headers: [(name: String, value: String)]
  package let body: [UInt8]
  package var limits = EgressLimits()
  /// PEM certificates that vouch for the server instead of the system's.
  package var caFile: String?

  package init(
    _ method: Method, _ url: EgressURL, headers: [(name: String, value: String)] = [], body: [UInt8] = []
  ) throws(EgressRefusal) {
    guard headers.count <= HTTPRequest.maximumHeaders, body.count <= HTTPRequest.maximumBodyBytes else {
      throw .badRequest("it is too large")
    }
    for (name, value) in headers {
      guard HTTPRequest.isToken(name), value.utf8.count <= 4_096, value.utf8.allSatisfy({ (32...126).contains($0) })
      else {
        throw .badRequest("a header has a character that does not belong there")
      }
      guard !HTTPRequest.reserved.contains(name.lowercased()), !name.lowercased().hasPrefix("proxy-") else {
        throw .badRequest("the header \(name) is not the caller's")
      }
    }
    guard method != .get || body.isEmpty else { throw .badRequest("a GET has no body") }
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
  }

  /// They say where a message begins and ends, and for whom it is.
  private static let reserved: Set<String> = [
    "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "keep-alive",
  ]

  private static let tokenBytes = Set(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~".utf8)

  private static func isToken(_ text: String) -> Bool {
    (1...100).contains(text.utf8.count) && text.utf8.allSatisfy(tokenBytes.contains)
  }
}

/// Whatever status it has: a redirection is an answer, and is not followed.
package struct HTTPAnswer: Sendable, Equatable {
  package let status: Int
  /// Names in lower case, in the order in which they came.
  package let headers: [Header]
  package let body: [UInt8]

  package struct Header: Sendable, Equatable {
    package let name: String
    package let value: String
  }

  package subscript(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

package enum HTTPOutcome: Sendable, Equatable {
  case answer(HTTPAnswer)
  /// Nothing of the request was sent.
  case notSent(EgressFault)
  /// The request went out, whole or in part, and no whole answer came back.
  case unknown(EgressFault)
}

/// Makes the call, on the thread it is on.
enum HTTPCall {
  static func perform(_ request: HTTPRequest, at addresses: [Address]) -> HTTPOutcome {
    guard let transfer = Transfer(pinned: addresses, limits: request.limits) else { return .notSent(.configuration) }
    transfer.prepare(
      url: request.url.text, host: request.url.host, port: request.url.port, protocols: request.url.scheme.rawValue,
      caFile: request.caFile)
    transfer.set(CURLOPT_PATH_AS_IS, 1)
    transfer.set(CURLOPT_HTTP_TRANSFER_DECODING, 1)
    if request.method != .get {
      transfer.set(CURLOPT_POST, 1)
      transfer.set(postFields: request.body)
      transfer.set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
    }
    let hasType = request.headers.contains { $0.name.lowercased() == "content-type" }
    transfer.set(
      CURLOPT_HTTPHEADER,
      // An empty value in curl's own notation: neither asks to be told to go on, nor claims a type.
      list: request.headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" } + ["Expect:"]
        + (hasType ? [] : ["Content-Type:"]))
    let code = transfer.perform()
    if code == CURLE_OK { return .answer(answer(transfer)) }
    let fault = transfer.fault(code)
    return transfer.info(CURLINFO_REQUEST_SIZE) > 0 ? .unknown(fault) : .notSent(fault)
  }

  private static func answer(_ transfer: Transfer) -> HTTPAnswer {
    // Interim answers (1xx) come with headers of their own; the last block counts.
    let start = transfer.headerLines.lastIndex { $0.hasPrefix("HTTP/") } ?? 0
    let headers = transfer.headerLines.dropFirst(start + 1).compactMap { line -> HTTPAnswer.Header? in
      guard let colon = line.firstIndex(of: ":") else { return nil }
      let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
      return HTTPAnswer.Header(name: line[..<colon].lowercased(), value: String(value))
    }
    return HTTPAnswer(status: transfer.info(CURLINFO_RESPONSE_CODE), headers: headers, body: transfer.body)
  }
}
