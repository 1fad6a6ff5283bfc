import Kernel

/// Where the keys of an installation are: the place of the wrapped keys, and the file of the root key, which is in no database.
package struct KeyLocation: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringInterpolation {
  private let text: String
  private let namedRootKey: String?
  /// What calls to a key service may reach.
  private let egress: KeyServiceEgress

  /// A directory or the address of a database; the root key is `root.key` in the directory unless it is said to be elsewhere (`RootForm`).
  package init(_ text: String, rootKey: String? = nil, egress: KeyServiceEgress = KeyServiceEgress()) {
    self.text = text
    namedRootKey = rootKey
    self.egress = egress
  }

  package init(stringLiteral text: String) { self.init(text) }

  package var description: String { text }

  /// Throws `Problem.invalid` for an address with a password.
  package var place: KeyPlaceName { get throws { try KeyPlaceName(text) } }

  package var directory: String? { KeyPlaceName.isDatabase(text) ? nil : text }

  /// The same keys with another root key.
  package func with(rootKey: String) -> KeyLocation { KeyLocation(text, rootKey: rootKey, egress: egress) }

  /// The same root key in another directory.
  package func at(_ directory: String) -> KeyLocation { KeyLocation(directory, rootKey: namedRootKey, egress: egress) }

  /// Whether it is in `root.key` beside the keys, since nothing else was said.
  package var hasOrdinaryRoot: Bool { namedRootKey == nil }

  /// Throws `Problem.invalid` for a database without one.
  package var root: RootForm {
    get throws {
      if let namedRootKey { return try RootForm(namedRootKey) }
      guard let directory else {
        throw Problem.invalid(
          "root-key",
          "The root key never lies in the key database: name its file with --root-key, or root_key in the configuration."
        )
      }
      return .file(directory + "/root.key")
    }
  }

  /// The path of the root key's file; nil where it is in none. Throws `Problem.invalid` for a database without one.
  package var rootKeyFile: String? { get throws { try root.file } }

  /// Throws for secrets inside the data directory.
  package func provider(dataDirectory: String) throws -> any KeyProvider {
    let root = try root
    guard !root.files.contains(where: { FileKeyProvider.lies($0, inside: dataDirectory) }) else {
      throw Problem(
        .unavailable,
        "The key file lies inside the data directory; move the key store outside of it and name it with --keys.")
    }
    switch root {
    case .file(let path): return try FileKeyProvider(path: path, dataDirectory: dataDirectory)
    case .passphrase(let file): return WrappingProvider(PassphraseWrapper(PassphraseAsking.source(file: file)))
    case .token(let address): return WrappingProvider(TokenWrapper(address))
    case .service(let address): return WrappingProvider(try address.wrapper(egress))
    }
  }

  /// Makes what is needed before the first key.
  package func prepare() throws {
    try place.place().prepare()
    guard let file = try rootKeyFile else { return }
    if let slash = file.lastIndex(of: "/") { try DurableFile.makeDirectory(String(file[..<slash])) }
  }
}
