import Kernel

/// Where the keys of an installation are: the place of the wrapped keys, and the file of the root key, which is in no database.
package struct KeyLocation: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringInterpolation {
  private let text: String
  private let namedRootKey: String?

  /// A directory or the address of a database; the root key is `root.key` in the directory unless another file is named.
  package init(_ text: String, rootKey: String? = nil) {
    self.text = text
    namedRootKey = rootKey
  }

  package init(stringLiteral text: String) { self.init(text) }

  package var description: String { text }

  /// Throws `Problem.invalid` for an address with a password.
  package var place: KeyPlaceName { get throws { try KeyPlaceName(text) } }

  package var directory: String? { KeyPlaceName.isDatabase(text) ? nil : text }

  /// The path of the root key's file. Throws `Problem.invalid` for a database without one.
  package var rootKeyFile: String {
    get throws {
      if let namedRootKey { return namedRootKey }
      guard let directory else {
        throw Problem.invalid(
          "root-key",
          "The root key never lies in the key database: name its file with --root-key, or root_key in the configuration."
        )
      }
      return directory + "/root.key"
    }
  }

  /// Throws for a root key inside the data directory.
  package func provider(dataDirectory: String) throws -> FileKeyProvider {
    try FileKeyProvider(path: try rootKeyFile, dataDirectory: dataDirectory)
  }

  /// Makes what is needed before the first key.
  package func prepare() throws {
    try place.place().prepare()
    let file = try rootKeyFile
    if let slash = file.lastIndex(of: "/") { try DurableFile.makeDirectory(String(file[..<slash])) }
  }
}
