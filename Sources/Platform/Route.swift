import Web

/// One row of the route table. The router, the OpenAPI document, the permission matrix and the test that a stranger learns
/// nothing are all read from these rows; there is no other way to be reachable.
package struct Route: Sendable {
  package typealias Handler = @Sendable (Request) async throws -> Response

  /// Who gets to the handler. Whoever does not is told 401 (no credential) or 404 (no permission).
  package enum Access: Sendable, Equatable {
    case permission(Permission)
    /// At least one of these; the handler narrows down what is seen.
    case anyOf([Permission])
    /// Any person of the tenant.
    case signedIn
    /// Everyone, signed in or not.
    case open
  }

  /// What the route takes and gives, for the OpenAPI document.
  package enum Kind: Sendable {
    case api, page
  }

  package let method: Method
  /// "/v1/vendors/{id}"; a last segment `{path+}` takes the rest.
  package let path: String
  package let access: Access
  /// One sentence in the imperative: "List vendors."
  package let summary: String
  /// Bytes of body the handler can get.
  package let bodyLimit: Int
  /// How long the handler may take before its answer is 503.
  package let timeoutSeconds: Int
  package let handler: Handler
  /// Whether the handler does little between two waits (some parsing, some encoding), so that it may run on the loop that serves the
  /// connection. Every other one runs beside the loops.
  package private(set) var isBrief = false

  /// One mebibyte: every JSON body and every form without a file fits.
  package static let ordinaryBodyLimit = 1 << 20
  package static let ordinaryTimeoutSeconds = 30

  package init(
    _ method: Method, _ path: String, access: Access, summary: String, bodyLimit: Int = Route.ordinaryBodyLimit,
    timeoutSeconds: Int = Route.ordinaryTimeoutSeconds, handler: @escaping Handler
  ) {
    self.method = method
    self.path = path
    self.access = access
    self.summary = summary
    self.bodyLimit = bodyLimit
    self.timeoutSeconds = timeoutSeconds
    self.handler = handler
  }

  /// The same route, declared brief.
  package var brief: Route {
    var route = self
    route.isBrief = true
    return route
  }

  /// API routes live under /v1; everything else is a page, a document or a well-known place.
  package var kind: Kind { path.hasPrefix("/v1/") ? .api : .page }
  /// "GET /v1/vendors/{id}"
  package var name: String { "\(method.rawValue) \(path)" }
}
