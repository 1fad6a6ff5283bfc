/// How people sign in and out.
extension Catalogue {
  static let identity: [Promise] = [
    Promise(
      "F27", .identity, "E",
      "Multi-factor sign-in is available for every account.",
      because: "One-time codes and passkeys, whatever the plan.",
      test: "Enrol a second factor on the smallest plan.",
      .planned(with: "second factors")),
    Promise(
      "F28", .identity, "E",
      "Single sign-on through SAML 2.0 and OpenID Connect is available in the Enterprise plan.",
      because: "Signature, audience and replay are checked strictly.",
      test: "Connect a test identity provider; run a corpus of forged responses.",
      .planned(with: "single sign-on")),
    Promise(
      "F30", .identity, "E",
      "A session ends after {idle} without use, and after {absolute} in any case.",
      because: """
        The server keeps both times and decides at every request, whatever the browser still holds. The check signs in \
        as a probe and moves its own clock past each limit.
        """,
      test: "Sign in, wait, and reload.",
      .checked()),
    Promise(
      "F31", .identity, "E",
      """
      Sessions, tokens and whole accounts can be revoked, and a revoked credential is refused at its next use, \
      within a second.
      """,
      because: """
        Every request looks its credential up; nothing is trusted from a cache. The check revokes one of each kind and \
        replays it at once.
        """,
      test: "Revoke a token and send it again.",
      .checked()),
    Promise(
      "F32", .identity, "E",
      "Our own staff use multi-factor sign-in everywhere.",
      because: "The operators' broker needs a hardware key; the sentence speaks of the systems behind it.",
      test: "Read the broker's policy and the log of how people signed in.",
      .planned(with: "operator access")),
    Promise(
      "A16", .identity, "E",
      "One-time codes (TOTP) are available now.",
      because: "RFC 6238, each code once, tries limited.",
      test: "Use a code twice: the second time it is refused.",
      .planned(with: "second factors")),
    Promise(
      "A17", .identity, "E",
      "Passkeys (WebAuthn) are available.",
      because: "Registration and sign-in follow the specification.",
      test: "Register a passkey in a real browser.",
      .planned(with: "passkeys")),
  ]
}
