/// Whether a browser says that a request comes from a page of ours. A client that is no browser says nothing and passes.
package enum SameOrigin {
  /// `Sec-Fetch-Site` (W3C Fetch Metadata) decides where it is sent; else `Origin` (RFC 6454 §7) must name the host we are asked as.
  package static func allows(_ headers: Headers) -> Bool {
    if let site = headers["Sec-Fetch-Site"] { return site == "same-origin" || site == "none" }
    guard let origin = headers["Origin"] else { return true }
    guard let host = headers["Host"] else { return false }
    return origin == "http://\(host)" || origin == "https://\(host)"
  }
}
