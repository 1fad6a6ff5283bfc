/// A cookie that we set (RFC 6265bis): always `HttpOnly`, `SameSite`, for the whole origin and no other.
package struct Cookie: Sendable {
  package let name: String
  package let value: String
  /// Nil: until the browser closes. 0: delete now.
  package let maxAgeSeconds: Int?
  package let isSecure: Bool
  package let sameSite: String

  package init(name: String, value: String, maxAgeSeconds: Int?, isSecure: Bool, sameSite: String = "Lax") {
    self.name = name
    self.value = value
    self.maxAgeSeconds = maxAgeSeconds
    self.isSecure = isSecure
    self.sameSite = sameSite
  }

  package static let flashName = "steward_flash"

  static func flash(_ key: String) -> Cookie {
    Cookie(name: flashName, value: key, maxAgeSeconds: 60, isSecure: false, sameSite: "Strict")
  }

  /// The value of `Set-Cookie`.
  package var text: String {
    var text = "\(name)=\(value); Path=/; HttpOnly; SameSite=\(sameSite)"
    if let maxAgeSeconds { text += "; Max-Age=\(maxAgeSeconds)" }
    if isSecure { text += "; Secure" }
    return text
  }

  /// The first cookie called `name` in the request's `Cookie` fields.
  package static func value(_ name: String, in headers: Headers) -> String? {
    for field in headers.all("Cookie") {
      for pair in field.pieces(at: ";").prefix(64) {
        let halves = pair.pieces(at: "=", maxSplits: 1)
        if halves.count == 2, halves[0].trimmed == name { return halves[1].trimmed }
      }
    }
    return nil
  }
}

extension Response {
  /// The text has been shown.
  package mutating func clearFlash() {
    let cookie = Cookie(name: Cookie.flashName, value: "", maxAgeSeconds: 0, isSecure: false, sameSite: "Strict")
    headers.add("Set-Cookie", cookie.text)
  }
}
