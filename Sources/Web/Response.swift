import Kernel

/// What a handler answers: a value that tests can compare and that knows nothing of the server underneath.
package struct Response: Sendable {
  package enum Body: Sendable {
    case bytes([UInt8])
    /// `length` in bytes where it is known beforehand.
    case stream(Chunks, length: Int64?)
    /// The answer to HEAD where nobody knows how long the one to GET would be.
    case none
  }

  package var status: Int
  package var headers: Headers
  package var body: Body

  package init(status: Int, headers: Headers = [:], body: Body = .bytes([])) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  package static func json(_ value: JSON, status: Int = 200) -> Response {
    bytes(value.canonical, type: "application/json", status: status)
  }

  /// One page of a list: `{"items":[…],"next":cursor or null}`.
  package static func list(items: [JSON], next: String?) -> Response {
    json(["items": .array(items), "next": JSON(next)])
  }

  /// A whole HTML document. Pages inside the shell come from `Request.page(_:status:)`.
  package static func html(_ document: String, status: Int = 200) -> Response {
    bytes(Array(document.utf8), type: "text/html; charset=utf-8", status: status)
  }

  package static func text(_ text: String, status: Int = 200) -> Response {
    bytes(Array(text.utf8), type: "text/plain; charset=utf-8", status: status)
  }

  package static func bytes(_ bytes: [UInt8], type: String, status: Int = 200) -> Response {
    Response(status: status, headers: ["Content-Type": type], body: .bytes(bytes))
  }

  package static func stream(type: String, length: Int64?, _ chunks: Chunks) -> Response {
    Response(status: 200, headers: ["Content-Type": type], body: .stream(chunks, length: length))
  }

  package static func stream<Base: AsyncSequence & Sendable>(
    type: String, length: Int64?, _ base: Base
  ) -> Response where Base.Element == [UInt8] {
    stream(type: type, length: length, Chunks(base))
  }

  /// After a form: the browser gets `path` (RFC 9110 §15.4.4). `path` begins with one slash and stays on this origin.
  package static func seeOther(_ path: String) -> Response {
    let local = path.hasPrefix("/") && !path.hasPrefix("//") && !path.contains("\\") ? path : "/"
    return Response(status: 303, headers: ["Location": local])
  }

  package static let noContent = Response(status: 204)

  package func header(_ name: String, _ value: String) -> Response {
    var copy = self
    copy.headers[name] = value
    return copy
  }

  /// Shows the text `key` of the catalogue once, on the next page. Only the key travels, never a text.
  package func flash(_ key: String) -> Response {
    var copy = self
    copy.headers.add("Set-Cookie", Cookie.flash(key).text)
    return copy
  }
}
