import Kernel
import Web

/// A credential as it was presented, not yet believed.
package enum PresentedCredential: Sendable {
  case bearer(String)
  case sessionCookie(String)

  /// `Authorization` decides where it is sent; a cookie counts only without it.
  static func find(in headers: Headers, cookieName: String) -> PresentedCredential? {
    if let authorization = headers["Authorization"] {
      let halves = authorization.split(separator: " ", maxSplits: 1)
      guard halves.count == 2, halves.first?.lowercased() == "bearer", let token = halves.last else {
        return .bearer("")
      }
      return .bearer(token.trimmed)
    }
    return Cookie.value(cookieName, in: headers).map(PresentedCredential.sessionCookie)
  }
}

/// Tells who a credential belongs to; kept by `Accounts`.
package protocol Authenticator: Sendable {
  /// Nil if the credential is not, or no longer, good. Checked anew for every request.
  func visitor(_ credential: PresentedCredential, now: Instant) async throws -> Visitor?
}

/// The name of the session cookie: under TLS bound to the origin by its prefix (RFC 6265bis §4.1.3.2).
package enum SessionCookie {
  package static func name(isTLS: Bool) -> String { isTLS ? "__Host-steward_session" : "steward_session" }
}
