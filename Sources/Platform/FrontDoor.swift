import Kernel
import Synchronization
import Web

/// The whole application as a function, for probes that must take the same way as everybody else: route table, credentials,
/// limits, handlers, headers. Set once, when the application is put together.
package final class FrontDoor: Sendable {
  package struct Call: Sendable {
    package var method: Method
    /// With the query, as on the wire.
    package var target: String
    package var headers: Headers
    package var body: [UInt8]
    /// Whether it counts against somebody's rate, as a call over the network does. Calls from within do not, unless they are about it.
    package var isMetered: Bool

    package init(
      _ method: Method, _ target: String, headers: Headers = [:], body: [UInt8] = [], isMetered: Bool = false
    ) {
      self.isMetered = isMetered
      self.method = method
      self.target = target
      self.headers = headers
      self.body = body
    }
  }

  package struct Answer: Sendable {
    package let status: Int
    package let headers: Headers
    package let body: [UInt8]

    package init(status: Int, headers: Headers, body: [UInt8]) {
      self.status = status
      self.headers = headers
      self.body = body
    }

    package var text: String { String(decoding: body, as: UTF8.self) }
    package func json() throws -> JSON { try JSON.parse(body) }
  }

  private let application = Mutex<(@Sendable (Call) async throws -> Answer)?>(nil)

  package init() {}

  package func open(_ application: @escaping @Sendable (Call) async throws -> Answer) {
    self.application.withLock { $0 = application }
  }

  package func send(_ call: Call) async throws -> Answer {
    guard let application = application.withLock({ $0 }) else {
      throw Problem(.unavailable, "The server is still starting.")
    }
    return try await application(call)
  }

  /// A JSON call with a bearer token.
  package func send(_ method: Method, _ target: String, token: String?, json: JSON? = nil) async throws -> Answer {
    var headers: Headers = [:]
    if let token { headers["Authorization"] = "Bearer \(token)" }
    if json != nil { headers["Content-Type"] = "application/json" }
    return try await send(Call(method, target, headers: headers, body: json?.canonical ?? []))
  }
}
