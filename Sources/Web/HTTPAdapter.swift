import HTTPTypes
import Hummingbird
import Kernel
import Logging
import NIOCore

/// The seam between Hummingbird and us: its request becomes `Incoming`, our `Response` becomes its response.
package struct HTTPAdapter: HTTPResponder {
  package struct Context: RequestContext {
    package var coreContext: CoreRequestContextStorage
    let remoteAddress: String

    package init(source: ApplicationRequestContextSource) {
      coreContext = .init(source: source)
      remoteAddress = source.channel.remoteAddress?.ipAddress ?? ""
    }
  }

  private let answer: @Sendable (Incoming) async -> Response

  package init(answer: @escaping @Sendable (Incoming) async -> Response) {
    self.answer = answer
  }

  package func respond(to request: Hummingbird.Request, context: Context) async throws -> Hummingbird.Response {
    let incoming = Incoming(
      method: request.method.rawValue, target: request.head.path ?? "/", headers: headers(of: request),
      body: chunks(request.body), remoteAddress: context.remoteAddress)
    return converted(await answer(incoming))
  }

  private func headers(of request: Hummingbird.Request) -> Headers {
    var headers = Headers()
    if let host = request.head.authority { headers.add("Host", host) }
    for field in request.headers { headers.add(field.name.rawName, field.value) }
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
    for field in response.headers.fields {
      guard let name = HTTPField.Name(field.name) else { continue }
      fields.append(HTTPField(name: name, value: field.value))
    }
    let status = HTTPResponse.Status(code: min(max(response.status, 200), 599))
    return Hummingbird.Response(status: status, headers: fields, body: body(response.body))
  }

  private func body(_ body: Response.Body) -> ResponseBody {
    switch body {
    case .bytes(let bytes):
      return bytes.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
    case .stream(let chunks, let length):
      return ResponseBody(contentLength: length.map(Int.init)) { writer in
        for try await chunk in chunks { try await writer.write(ByteBuffer(bytes: chunk)) }
        try await writer.finish(nil)
      }
    }
  }
}
