import Kernel

/// Where the root key is, as an operator writes it: `root_key` in the configuration, `--root-key` on the command line. It holds no secret,
/// only names and the files in which secrets are.
package enum RootForm: Sendable, Hashable {
  package static let longest = 1_000

  /// `file:/etc/steward/root.key`, or the path alone.
  case file(String)
  /// `passphrase` asks; `passphrase:FILE` reads it from the first line of a file.
  case passphrase(file: String?)
  case token(TokenAddress)
  case service(ServiceAddress)

  /// Schemes of everything but files, as they are written.
  package static let schemes = ["passphrase", "pkcs11:", "vault:", "azure-kv:", "aws-kms:"]

  /// Throws `Problem.invalid`.
  package init(_ text: String) throws {
    guard !text.isEmpty, text.utf8.count <= RootForm.longest, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f })
    else {
      throw RootForm.wrong("A root key is named by at most \(RootForm.longest) plain characters.")
    }
    if text == "passphrase" {
      self = .passphrase(file: nil)
    } else if let file = RootForm.rest(of: text, "passphrase:") {
      guard !file.isEmpty else {
        throw RootForm.wrong("Name the file of the passphrase: passphrase:/etc/steward/word.")
      }
      self = .passphrase(file: file)
    } else if text.hasPrefix("pkcs11:") {
      self = .token(try TokenAddress(text))
    } else if let kind = ServiceAddress.Kind.allCases.first(where: { text.hasPrefix($0.rawValue + ":") }) {
      self = .service(try ServiceAddress(kind, String(text.dropFirst(kind.rawValue.utf8.count + 1))))
    } else {
      let named = RootForm.rest(of: text, "file:")
      // A misspelt keeper is not a file in the current directory.
      guard named?.isEmpty == false || text.contains("/") && !text.prefix(while: { $0 != "/" }).contains(":") else {
        throw RootForm.wrong(
          "Write an absolute path, passphrase, passphrase:FILE, pkcs11:…, vault:…, azure-kv:… or aws-kms:…; `\(text)` is none of them."
        )
      }
      self = .file(named ?? text)
    }
  }

  private static func rest(of text: String, _ scheme: String) -> String? {
    text.hasPrefix(scheme) ? String(text.dropFirst(scheme.utf8.count)) : nil
  }

  static func wrong(_ sentence: String) -> Problem { Problem.invalid("root-key", sentence) }

  /// The path, where it is a file.
  package var file: String? { if case .file(let path) = self { path } else { nil } }

  /// Names of files and places that must not lie inside of the data directory.
  package var files: [String] {
    switch self {
    case .file(let path): [path]
    case .passphrase(let file): [file].compactMap(\.self)
    case .token(let token): [token.pinFile]
    case .service(let service): service.secretFiles
    }
  }

  /// Whether it is kept by a service on another machine.
  package var isElsewhere: Bool { if case .service(let service) = self { service.isElsewhere } else { false } }

  /// `file`, `passphrase`, `pkcs11`, `vault`, `azure-kv` or `aws-kms`.
  package var kind: String {
    switch self {
    case .file: "file"
    case .passphrase: "passphrase"
    case .token: "pkcs11"
    case .service(let service): service.kind.rawValue
    }
  }
}

/// `%41` and its kind (RFC 3986 §2.1).
enum PercentText {
  /// Nil for what is no such text.
  static func decode(_ text: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = Hex.decode(String(decoding: rest.prefix(2), as: UTF8.self).lowercased()) else {
        return nil
      }
      bytes += value
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  /// `a=b&c=d`. Throws for what is none, and for a name that stands twice.
  static func pairs(_ text: some StringProtocol, separator: Character) throws -> [String: String] {
    var found: [String: String] = [:]
    for part in text.split(separator: separator) {
      let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard halves.count == 2, let name = decode(halves[0]), let value = decode(halves[1]), found[name] == nil else {
        throw RootForm.wrong("Write the parts of the root key's name as name=value, each once.")
      }
      found[name] = value
    }
    return found
  }
}
