import Kernel
import Web

/// Keeps pages of others from acting in the name of whoever is signed in (cross-site request forgery).
///
/// A credential in a cookie travels by itself, so a request that changes something must also show that it comes from a page of
/// ours: by its origin, and by the form token of the session, in the field `csrf` or the header `X-Steward-CSRF`.
/// It runs before the handler, so no handler can forget it.
struct FormGuard: Sendable {
  let stamps: Stamps

  /// The form, where it had to be read to find the token.
  func check(_ incoming: Incoming, _ route: Route, _ visitor: Visitor?, body: Chunks) async throws -> Form? {
    guard !route.method.isSafe else { return nil }
    let hasCookie = visitor?.session != nil
    guard hasCookie || route.access == .open else { return nil }
    guard SameOrigin.allows(incoming.headers) else { throw FormGuard.foreign }
    guard let session = visitor?.session else { return nil }
    if let token = incoming.headers["X-Steward-CSRF"], stamps.isFormToken(token, of: session) { return nil }
    guard isForm(incoming.headers["Content-Type"]) else { throw FormGuard.foreign }
    let form = try await FormReader.read(contentType: incoming.headers["Content-Type"], body: body)
    guard let token = form["csrf"], stamps.isFormToken(token, of: session) else { throw FormGuard.foreign }
    return form
  }

  private func isForm(_ contentType: String?) -> Bool {
    guard let type = contentType.flatMap({ MediaType($0) }) else { return false }
    return ["application/x-www-form-urlencoded", "multipart/form-data"].contains(type.essence)
  }

  static let foreign = Problem(.forbidden, "Open the page again and send the form from there.")
}
