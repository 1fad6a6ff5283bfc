import Crypto
import Kernel

/// What is asked of the root key's provider while a server runs: whether it still gives what it gave.
package enum RootQuestion {
  package enum Answer: Sendable, Equatable {
    /// It gives the root key that is in use.
    case same
    /// There is nobody to ask: a file, or a person.
    case none
  }

  /// A provider that can be asked without a person.
  private static func provider(_ store: KeyStore) -> WrappingProvider? {
    guard let provider = store.provider as? WrappingProvider, provider.kind != "passphrase" else { return nil }
    return provider
  }

  /// Asks it to unwrap the root key once more. Throws `Problem` if it does not, or gives another. Blocks for as long as the call takes.
  package static func ask(_ store: KeyStore) throws -> Answer {
    guard let provider = provider(store), let file = store.rootFile else { return .none }
    let root = try provider.unwrapped(file)
    let isSame = root.withBytes { a in store.root.withBytes { b in a.elementsEqual(b) } }
    guard isSame else {
      throw Problem(
        .conflict, "The key service gives another root key than it gave at the start; restore the file `root`.")
    }
    return .same
  }

  /// Whether the root key also opens as that of another installation, which it must not. Blocks.
  package static func opensElsewhere(_ store: KeyStore) throws -> Bool {
    guard let provider = provider(store), let file = store.rootFile else { return false }
    let head = file.head
    let other = RootFile.Head(
      installation: head.installation + "x", number: head.number, made: head.made, provider: head.provider,
      key: head.key)
    let moved = RootFile(other, root: store.root, wrapped: file.wrapped, box: file.box)
    return (try? provider.unwrapped(moved)) != nil
  }

  /// Keys as somebody would look for them who has files: the root key, the installation key and the log keys of tenants; as bytes, in hex, in base64.
  package static func spellings(_ store: KeyStore, installation: String, tenants: [TenantID]) throws -> [[UInt8]] {
    let seeds = try tenants.map { try store.logSeed(of: $0, number: try store.newestLogKey(of: $0) ?? 1) }
    let keys = [store.root, try store.installationSeed(id: installation)] + seeds
    return keys.flatMap { key in
      key.withBytes { bytes in
        let plain = Array(bytes)
        let hex = Hex.encode(plain)
        let base64 = Base64.encode(plain).prefix(42)
        return [plain, Array(hex.utf8), Array(hex.uppercased().utf8), Array(base64.utf8)]
      }
    }
  }

  /// Files of the key store that say something about the root key or open with it, as they lie there.
  package static func files(_ store: KeyStore, tenants: [TenantID]) throws -> [[UInt8]] {
    let own = try [KeyFile.root, .installation].compactMap { try store.places.read($0) }
    return own + (try tenants.flatMap { try store.files(of: $0).map(\.bytes) })
  }
}
