/// What the server's own listener offered to somebody who came from outside and tried everything.
package struct ListenerReport: Sendable {
  /// Where TLS ends.
  package enum Ending: Sendable, Equatable {
    /// Nothing listens: a command, or a test.
    case nowhere
    /// Plain HTTP that only this machine can reach.
    case thisMachine
    /// At a proxy; `isLocal` if all proxies are on this machine, so that nothing crosses a network in clear.
    case proxy(isLocal: Bool)
    case here
  }

  package enum Version: String, Sendable, CaseIterable {
    case ssl3 = "SSL 3.0"
    case tls10 = "TLS 1.0"
    case tls11 = "TLS 1.1"
    case tls12 = "TLS 1.2"
    case tls13 = "TLS 1.3"

    package var isRetired: Bool { self == .ssl3 || self == .tls10 || self == .tls11 }
  }

  /// A way of protecting bytes that was agreed to.
  package struct Suite: Sendable, Equatable {
    /// As registered with IANA.
    package let code: UInt16
    /// AEAD with forward secrecy (RFC 9325 §4.2).
    package let isStrong: Bool

    package init(code: UInt16, isStrong: Bool) {
      self.code = code
      self.isStrong = isStrong
    }

    package var name: String {
      let digits = String(code, radix: 16, uppercase: true)
      return "0x" + String(repeating: "0", count: 4 - digits.count) + digits
    }
  }

  /// An answer over the listener, and what it said of HTTPS.
  package struct Answer: Sendable {
    /// "a page", "a refusal", …
    package let what: String
    package let status: Int
    package let strictTransportSecurity: String?

    package init(what: String, status: Int, strictTransportSecurity: String?) {
      self.what = what
      self.status = status
      self.strictTransportSecurity = strictTransportSecurity
    }
  }

  package let ending: Ending
  /// Every suite that was agreed to, by version; a version that was refused is missing.
  package let agreed: [Version: [Suite]]
  /// How many hellos were sent, and how many suites they offered in all.
  package let hellos: Int
  package let suitesOffered: Int
  /// Whether compression inside TLS was agreed to (CRIME).
  package let compresses: Bool
  /// Whether plain HTTP on the same port was answered as if nothing were wrong.
  package let answersInClear: Bool
  package let answers: [Answer]

  package init(
    ending: Ending, agreed: [Version: [Suite]] = [:], hellos: Int = 0, suitesOffered: Int = 0, compresses: Bool = false,
    answersInClear: Bool = false, answers: [Answer] = []
  ) {
    self.ending = ending
    self.agreed = agreed
    self.hellos = hellos
    self.suitesOffered = suitesOffered
    self.compresses = compresses
    self.answersInClear = answersInClear
    self.answers = answers
  }
}
