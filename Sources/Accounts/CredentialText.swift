import Platform

/// The written form of a credential: which tenant, which record, and 256 random bits that only its holder has.
///
///     stw_<tenant id>_<token id>_<secret>       a bearer token
///     <tenant id>_<session id>_<secret>         a session cookie, a set-up link
struct CredentialText<Noun>: Sendable {
  static var secretLength: Int { 32 }

  let tenant: TenantID
  let id: ID<Noun>
  private let secret: [UInt8]

  /// A fresh one.
  static func make(tenant: TenantID, id: ID<Noun>) -> CredentialText {
    var random = SystemRandomNumberGenerator()
    return CredentialText(
      tenant: tenant, id: id, secret: (0..<secretLength).map { _ in UInt8.random(in: .min ... .max, using: &random) })
  }

  private init(tenant: TenantID, id: ID<Noun>, secret: [UInt8]) {
    self.tenant = tenant
    self.id = id
    self.secret = secret
  }

  /// Nil for what is not written like a credential.
  init?(_ text: String, prefix: String = "") {
    guard text.utf8.count <= 200, text.hasPrefix(prefix) else { return nil }
    // The secret's own alphabet holds an underscore, so it takes the rest.
    let pieces = text.dropFirst(prefix.count).split(separator: "_", maxSplits: 2, omittingEmptySubsequences: false)
    guard pieces.count == 3, let tenant = TenantID(pieces[0]), let id = ID<Noun>(pieces[1]),
      let secret = Base64.decodeURL(pieces[2]), secret.count == CredentialText.secretLength
    else { return nil }
    self.init(tenant: tenant, id: id, secret: secret)
  }

  func text(prefix: String = "") -> String { "\(prefix)\(tenant)_\(id)_\(Base64.encodeURL(secret))" }

  /// What is stored. The secret has full entropy, so a plain hash is enough.
  var secretHash: [UInt8] { Digest(sha256: secret).bytes }

  func matches(_ stored: [UInt8]) -> Bool { ConstantTime.equal(stored, secretHash) }
}

let tokenPrefix = "stw_"
