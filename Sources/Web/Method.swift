/// The request methods that routes are declared for. HEAD is answered by the GET route, without a body.
package enum Method: String, Sendable, CaseIterable {
  case get = "GET"
  case post = "POST"
  case put = "PUT"
  case patch = "PATCH"
  case delete = "DELETE"

  /// Safe methods change nothing (RFC 9110 §9.2.1), so they need no proof of intent from a browser.
  package var isSafe: Bool { self == .get }
}
