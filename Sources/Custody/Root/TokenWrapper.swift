import Kernel

/// A token: AES-256-GCM with a key that the token made and never gives out. What binds is the additional data.
package struct TokenWrapper: KeyWrapper {
  package let kind = "pkcs11"
  package var keyName: String { address.keyName }
  private let address: TokenAddress

  package init(_ address: TokenAddress) { self.address = address }

  /// Makes the key in the token where there is none.
  package func wrap(_ secret: SecretBytes, for head: RootFile.Head) throws -> [UInt8] {
    try session(writes: true) { session in
      let key = try session.key(address) ?? session.makeKey(address)
      return try session.seal(secret, under: key, bound: head.context)
    }
  }

  package func unwrap(_ bytes: [UInt8], for head: RootFile.Head) throws -> SecretBytes {
    try session(writes: false) { session in
      guard let key = try session.key(address) else {
        throw Problem(
          .unavailable,
          "The token has no AES key \(address.keyName); put the right token in, or correct the pkcs11: address.")
      }
      guard let secret = session.open(bytes, under: key, bound: head.context) else {
        throw Problem(
          .unavailable,
          "The token's key \(address.keyName) does not open the root key; it is another than the one that wrapped it.")
      }
      return secret
    }
  }

  private func session<T>(writes: Bool, _ body: (TokenSession) throws -> T) throws -> T {
    let module = try TokenModule.load(address.module)
    let slot = try module.slot(address)
    return try module.session(slot, pin: try SecretLineFile.read(address.pinFile), writes: writes, body)
  }
}
