import HTTPTypes
import Hummingbird
import Kernel
import Logging
import NIOCore

/// The seam between Hummingbird and us: its request becomes `Incoming`, our `Response` becomes its response.
package struct HTTPAdapter: HTTPResponder {
  package struct Context: RequestContext {
    package var coreContext: CoreRequestContextStorage
    let peer: ClientAddress?
    let isMultiplexed: Bool

    package init(source: ApplicationRequestContextSource) {
      coreContext = .init(source: source)
      // A stream of HTTP/2 is a channel within a channel, without an address of its own.
      isMultiplexed = source.channel.remoteAddress == nil
      peer = ClientAddress(source.channel.remoteAddress ?? source.channel.parent?.remoteAddress)
    }
  }

  /// What must be right before anybody looks at a request.
  package struct Rules: Sendable {
    /// The names we answer to. A closure, since a new certificate may bring new ones.
    package let names: @Sendable () -> OwnNames
    /// Nil: nobody speaks for others, and what they would say is ignored.
    package let proxies: TrustedProxies?

    package init(names: @escaping @Sendable () -> OwnNames, proxies: TrustedProxies?) {
      self.names = names
      self.proxies = proxies
    }

    /// RFC 9112 §3.2, RFC 9113 §8.3.1. `headers` holds every Host that came.
    func refusal(_ headers: Headers) -> Problem? {
      let hosts = headers.all("Host")
      guard let host = hosts.first, hosts.count == 1 else {
        return Problem(.badRequest, "Name the host once, in one Host header.")
      }
      guard names().contains(host) else {
        return Problem(.badRequest, "This server answers to another name; use the address that you were given.")
      }
      if let proxies, !proxies.isSecure(headers) {
        return Problem(.badRequest, "Come by HTTPS; the proxy must say so in X-Forwarded-Proto.")
      }
      return nil
    }

    func client(_ peer: ClientAddress?, _ headers: Headers) -> String {
      (proxies?.client(headers) ?? peer)?.text ?? ""
    }
  }

  private let rules: Rules
  private let answer: @Sendable (Incoming) async -> Response

  package init(rules: Rules, answer: @escaping @Sendable (Incoming) async -> Response) {
    self.rules = rules
    self.answer = answer
  }

  package func respond(to request: Hummingbird.Request, context: Context) async throws -> Hummingbird.Response {
    let headers = headers(of: request, isMultiplexed: context.isMultiplexed)
    let incoming = Incoming(
      method: request.method.rawValue, target: request.head.path ?? "/", headers: headers, body: chunks(request.body),
      remoteAddress: rules.client(context.peer, headers), refusal: rules.refusal(headers), isMetered: true)
    return converted(await answer(incoming))
  }

  private func headers(of request: Hummingbird.Request, isMultiplexed: Bool) -> Headers {
    var headers = Headers()
    let authority = request.head.authority
    if let authority { headers.add("Host", authority) }
    for field in request.headers {
      // HTTP/2 may say it twice over, as :authority and Host.
      if let authority, field.value == authority, field.name.canonicalName == "host", isMultiplexed { continue }
      headers.add(field.name.rawName, field.value)
    }
    return headers
  }

  private func chunks(_ body: RequestBody) -> Chunks {
    Chunks {
      var iterator = body.makeAsyncIterator()
      return {
        do { return try await iterator.next().map { Array($0.readableBytesView) } } catch {
          // Broken chunks, a coding that nobody knows, a sender that is gone: the request is at fault, not the server.
          throw Problem(.badRequest, "The body did not arrive whole; send the request again.")
        }
      }
    }
  }

  private func converted(_ response: Response) -> Hummingbird.Response {
    var fields = HTTPFields()
    fields.reserveCapacity(response.headers.fields.count + 2)
    for field in response.headers.fields {
      guard let name = HTTPAdapter.names[field.name] ?? HTTPField.Name(field.name) else { continue }
      fields.append(HTTPField(name: name, value: field.value))
    }
    let status = HTTPResponse.Status(code: min(max(response.status, 200), 599))
    return Hummingbird.Response(status: status, headers: fields, body: body(response.body))
  }

  /// Names that stand on most answers, checked and folded once.
  private static let names: [String: HTTPField.Name] = Dictionary(
    uniqueKeysWithValues: [
      "Cache-Control", "Content-Length", "Content-Security-Policy", "Content-Type", "Cross-Origin-Opener-Policy",
      "Cross-Origin-Resource-Policy", "ETag", "Location", "Permissions-Policy", "RateLimit", "RateLimit-Policy",
      "Referrer-Policy", "Request-Id", "Set-Cookie", "Steward-Receipt", "Strict-Transport-Security",
      "X-Content-Type-Options",
    ].compactMap { text in HTTPField.Name(text).map { (text, $0) } })

  private func body(_ body: Response.Body) -> ResponseBody {
    switch body {
    case .bytes(let bytes):
      return bytes.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
    case .none: return ResponseBody { try await $0.finish(nil) }
    case .stream(let chunks, let length):
      return ResponseBody(contentLength: length.map(Int.init)) { writer in
        for try await chunk in chunks { try await writer.write(ByteBuffer(bytes: chunk)) }
        try await writer.finish(nil)
      }
    }
  }
}
