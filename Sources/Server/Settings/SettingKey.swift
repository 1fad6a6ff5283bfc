import Platform

/// One key of the configuration file as it is declared: the reader, the example and the reference are all made from these.
package struct SettingKey: Sendable {
  /// What may stand behind a key. Every kind says in words what it wants, for the refusal.
  package enum Kind: Sendable {
    case path
    /// An absolute path, or the address of a database without a password.
    case keyPlace
    case keyPlaces
    /// Where the root key is (`RootForm`).
    case rootKey
    /// An absolute path, or the name of a systemd credential; refused if others than its owner and group can read it.
    case secretFile
    case address
    case origin
    case host
    case email
    case contact
    case text
    /// postgres://ROLE@HOST/DATABASE
    case database
    /// SHA-256 in hex.
    case digest
    case flag
    case integer(ClosedRange<Int>)
    case choice([String])
    case networks
    /// A list of mappings with these keys.
    case items([SettingKey])
  }

  /// "tls.certificate"; a key of an item has no section before it.
  package let path: String
  package let kind: Kind
  /// What counts when the key is absent, as it would be written; nil if nothing does.
  package let ordinary: String?
  /// What the example shows, commented out, where nothing counts by itself.
  package let sample: String
  /// For the example and the reference: what it does and when to change it.
  package let purpose: String

  init(_ path: String, _ kind: Kind, ordinary: String? = nil, sample: String = "", _ purpose: String) {
    self.path = path
    self.kind = kind
    self.ordinary = ordinary
    self.sample = sample
    self.purpose = purpose
  }

  package var section: String? {
    path.contains(".") ? path.split(separator: ".").first.map(String.init) : nil
  }

  package var name: String { path.split(separator: ".").last.map(String.init) ?? path }
}

extension SettingKey.Kind {
  /// "an absolute path", to stand after "Write".
  package var words: String {
    switch self {
    case .path: "an absolute path"
    case .keyPlace: "an absolute path, or a postgres:// address without its password"
    case .keyPlaces: "a list of absolute paths, or of postgres:// addresses without their passwords"
    case .rootKey:
      "an absolute path, passphrase:FILE, or an address of a token or key service (pkcs11:, vault:, azure-kv:, aws-kms:)"
    case .secretFile: "the absolute path of a file that holds it, or the name of a systemd credential"
    case .address: "HOST:PORT, such as localhost:8080 or \"[::]:443\""
    case .origin: "a scheme and a host without a path, such as https://steward.example.com"
    case .host: "the name of a host"
    case .email: "an e-mail address"
    case .contact: "a mailto: or https: address without spaces"
    case .database:
      "the URL of a PostgreSQL database, such as postgres://steward_app@db.example/steward?sslmode=verify-full"
    case .digest: "64 hexadecimal digits"
    case .text: "a text of at most \(SettingLimits.longestText) characters"
    case .flag: "true or false"
    case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .choice(let words): words.joined(separator: " or ")
    case .networks: "a list of addresses or networks, such as 10.0.0.0/8 or fd00::/8"
    case .items(let keys): "a list of entries with \(keys.map(\.name).joined(separator: ", "))"
    }
  }
}

/// What a configuration file may be at most.
package enum SettingLimits {
  package static let largestFile = 64 << 10
  package static let longestText = 1_000
  package static let longestList = 100
}
