import Platform

/// What can be seen of the root key and of who keeps it.
package struct RootKeyFacts: Sendable, Equatable {
  /// `file`, `passphrase`, `pkcs11`, `vault`, `azure-kv` or `aws-kms`.
  package var kind: String
  /// Asked just now, its keeper gave the root key that is in use.
  package var isGiven = false
  /// The same as that of another installation, which is an error.
  package var opensElsewhere = false
  /// Its keeper is another machine.
  package var isElsewhere = false
  /// What the keeper is asked with lies on a disk of this machine.
  package var hasSecretOnDisk = false
  /// Files and rows of the key store, and databases, in which keys were looked for; and in how many one was.
  package var searched = 0
  package var found = 0

  package init(
    kind: String, isGiven: Bool = false, opensElsewhere: Bool = false, isElsewhere: Bool = false,
    hasSecretOnDisk: Bool = false, searched: Int = 0, found: Int = 0
  ) {
    self.kind = kind
    self.isGiven = isGiven
    self.opensElsewhere = opensElsewhere
    self.isElsewhere = isElsewhere
    self.hasSecretOnDisk = hasSecretOnDisk
    self.searched = searched
    self.found = found
  }
}

/// F11: keys are kept in a managed key store.
enum ManagedKeyCheck {
  static func run(_ probe: Probe) async throws -> String {
    let facts = try await probe.environment.rootKey([probe.first.id, probe.second.id])
    guard ["vault", "azure-kv", "aws-kms"].contains(facts.kind) else {
      throw Hindered(
        reason:
          "The root key is kept by \(RootKeyWords.keeper(facts.kind)), which is no managed key store; see docs/operations/keys.md."
      )
    }
    try RootKeyWords.hold(facts)
    return """
      Asked \(facts.kind) to unwrap the root key: it gave the one in use, and refused it under another installation's name. The root key, the \
      installation key and the probe tenants' log keys were looked for in \(facts.searched) key files and databases, as bytes, in hex and in \
      base64: none was found.
      """
  }
}

/// A12: the key of the vault is not beside the data: nor is what it could be asked for with.
enum KeyApartCheck {
  static func run(_ probe: Probe) async throws -> String {
    let facts = try await probe.environment.rootKey([probe.first.id, probe.second.id])
    guard ["pkcs11", "vault", "azure-kv", "aws-kms"].contains(facts.kind) else {
      throw Hindered(
        reason:
          "The root key is kept by \(RootKeyWords.keeper(facts.kind)); a key service on another machine keeps it apart."
      )
    }
    try RootKeyWords.hold(facts)
    guard facts.isElsewhere else {
      throw Hindered(reason: "What keeps the root key is on this machine, as far as software can tell.")
    }
    guard !facts.hasSecretOnDisk else {
      throw Hindered(
        reason:
          "What the key service is asked with lies on a disk of this machine; use the machine's identity, or a file in memory."
      )
    }
    return """
      The root key is unwrapped by \(facts.kind) on another machine, which gave it just now; what it is asked with lies on no disk here. No key in \
      \(facts.searched) key files and databases is in the clear.
      """
  }
}

private enum RootKeyWords {
  static func keeper(_ kind: String) -> String {
    switch kind {
    case "file": "a file of this machine"
    case "passphrase": "a passphrase"
    case "pkcs11": "a token"
    default: kind
    }
  }

  static func hold(_ facts: RootKeyFacts) throws {
    guard facts.searched > 0 else { throw Hindered(reason: "No key file could be looked into.") }
    try Trust.hold(facts.isGiven, "The keeper of the root key does not give the one that is in use.")
    try Trust.hold(!facts.opensElsewhere, "The wrapped root key also opens as another installation's.")
    try Trust.hold(
      facts.found == 0, "A key lies in the clear in \(facts.found) of \(facts.searched) key files and databases.")
  }
}
