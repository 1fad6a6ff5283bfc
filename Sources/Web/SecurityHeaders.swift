/// What every answer carries, so that a browser gives nothing away and runs nothing foreign.
package enum SecurityHeaders {
  /// No origin but ours, no script at all, forms to us only, in nobody's frame.
  package static let contentSecurityPolicy =
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

  /// Two years, for the preload list (RFC 6797).
  package static let strictTransportSecurity = "max-age=63072000; includeSubDomains; preload"

  package static func apply(to response: inout Response, isTLS: Bool) {
    set("Content-Security-Policy", contentSecurityPolicy, &response)
    set("X-Content-Type-Options", "nosniff", &response)
    set("Referrer-Policy", "no-referrer", &response)
    set("Cross-Origin-Opener-Policy", "same-origin", &response)
    set("Cross-Origin-Resource-Policy", "same-origin", &response)
    set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), browsing-topics=()", &response)
    set("Cache-Control", "no-store", &response)
    if isTLS { set("Strict-Transport-Security", strictTransportSecurity, &response) }
  }

  private static func set(_ name: String, _ value: String, _ response: inout Response) {
    if response.headers[name] == nil { response.headers.add(name, value) }
  }
}
