import Kernel
import Ledger
import Web

/// One request at a handler: the route has matched, the principal has been checked, and a browser's form has proved that it is ours.
package struct Request: Sendable {
  package let services: Services
  package let catalogue: Catalogue
  package let route: Route
  package let method: Method
  package let path: String
  package let parameters: Parameters
  package let query: Query
  package let headers: Headers
  /// Who asks, if anyone does; always someone unless the route is `.open`.
  package let visitor: Visitor?
  /// The address the connection came from, for throttling; never stored.
  package let remoteAddress: String
  package let now: Instant
  let body: Chunks
  /// Where the platform has already read the form, to check its token.
  let checkedForm: Form?
  let frame: PageFrame

  package var wantsHTML: Bool { Accept.prefersHTML(headers["Accept"]) }

  /// The principal; throws 401 on an `.open` route that nobody is signed in to.
  package var principal: Principal {
    get throws {
      guard let visitor else { throw Problem.signInFirst }
      return visitor.principal
    }
  }

  /// A path parameter as an id; what is not an id names nothing that exists.
  package func id<Noun>(_ name: String, of noun: Noun.Type = Noun.self) throws -> ID<Noun> {
    guard let id = ID<Noun>(parameters[name]) else { throw Problem.notFound }
    return id
  }

  package func text(_ key: String, _ values: [String: String] = [:]) -> String { services.texts(key, values) }
}

/// A principal with what pages show of them.
package struct Visitor: Sendable, Equatable {
  package let principal: Principal
  package let name: String
  package let tenantName: String
  package let tenantSlug: String

  package init(principal: Principal, name: String, tenantName: String, tenantSlug: String) {
    self.principal = principal
    self.name = name
    self.tenantName = tenantName
    self.tenantSlug = tenantSlug
  }

  /// The session if the credential came by itself, in a cookie: then whatever changes something must carry the form token.
  package var session: SessionID? {
    if case .session(let id) = principal.credential { id } else { nil }
  }
}

extension Request {
  /// Path parameters by name; a missing one reads as empty, which names nothing.
  package struct Parameters: Sendable {
    package let values: [String: String]
    package init(_ values: [String: String]) { self.values = values }
    package subscript(_ name: String) -> String { values[name] ?? "" }
  }
}

extension Problem {
  package static let signInFirst = Problem(.unauthenticated, "Sign in, or send a token in the Authorization header.")
}
