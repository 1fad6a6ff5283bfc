import Kernel

/// What an operator keeps on paper or elsewhere so that the installation can come back (docs/format.md §5.5): the root key under a
/// passphrase, and where the wrapped keys lie. Without the key store or a replica it opens nothing; without it they do not open.
package struct RecoveryKit: Sendable {
  package static let maximumSize = 1 << 16
  package static let maximumKeyStores = 16

  package let installationID: String
  package let rootKey: SecretBytes
  /// Replicas first, then the live key store: absolute paths on the machine on which the kit was made, or addresses of databases.
  package let keyStores: [String]
  /// One line (C2SP signed-note): who signs the logs' keys.
  package let verifierKey: String
  package let made: Instant

  package init(installationID: String, rootKey: SecretBytes, keyStores: [String], verifierKey: String, made: Instant) {
    self.installationID = installationID
    self.rootKey = rootKey
    self.keyStores = keyStores
    self.verifierKey = verifierKey
    self.made = made
  }

  /// Opens a kit, whole or only its block typed in from paper. Throws `Problem`: `badRequest` if it is none, `conflict` if it was changed,
  /// `forbidden` if the passphrase is another.
  package static func open(file path: String, passphrase: SecretBytes) throws -> RecoveryKit {
    guard let bytes = try? DurableFile.read(path), bytes.count <= maximumSize else {
      throw Problem(
        .badRequest, "The recovery kit cannot be read; name the file with --file or --recovery.", detail: path)
    }
    return try open(bytes, passphrase: passphrase)
  }

  package static func open(_ bytes: [UInt8], passphrase: SecretBytes) throws -> RecoveryKit {
    let sealed = try SealedKit(parsing: bytes)
    let key = try sealed.cost.key(passphrase, salt: sealed.salt)
    let root: [UInt8]
    do { root = try Box.open(sealed.box, key: key, context: sealed.context) } catch .wrongKeyOrPlace {
      throw Problem(.forbidden, "The passphrase does not open this recovery kit.")
    } catch {
      throw Problem(.conflict, "The recovery kit was changed since it was made; use another copy.")
    }
    guard root.count == 32 else {
      throw Problem(.conflict, "The recovery kit was changed since it was made; use another copy.")
    }
    return RecoveryKit(
      installationID: sealed.installationID, rootKey: SecretBytes(root), keyStores: sealed.keyStores,
      verifierKey: sealed.verifierKey, made: sealed.made)
  }

  /// The kit as a text file for people and programs.
  package func sealed(under passphrase: SecretBytes, cost: PassphraseCost = .ordinary) throws -> [UInt8] {
    guard (1...RecoveryKit.maximumKeyStores).contains(keyStores.count),
      keyStores.allSatisfy({ text in
        (text.hasPrefix("/") || KeyPlaceName.isDatabase(text)) && (try? KeyPlaceName(text)) != nil
      })
    else {
      throw Problem(
        .invalid,
        "The places of the keys must be 1 to \(RecoveryKit.maximumKeyStores) absolute paths or postgres:// addresses without passwords."
      )
    }
    var kit = SealedKit(
      installationID: installationID, keyStores: keyStores, verifierKey: verifierKey, made: made, cost: cost,
      salt: SecretBytes.random(count: 16).withBytes { Array($0) }, box: [])
    let key = try cost.key(passphrase, salt: kit.salt)
    kit.box = try Box.seal(rootKey.withBytes { Array($0) }, key: key, context: kit.context)
    return kit.document
  }

  /// Makes a working key store at a new, empty place from the replicas and the live store that the kit names, or from `places`.
  @discardableResult
  package func makeKeyStore(at location: KeyLocation, from places: [String]? = nil) throws -> KeyStore.CopyReport {
    try KeyStore.copy(
      from: places ?? keyStores, installation: installationID, rootKey: rootKey, to: location)
  }
}

/// A kit that is not opened: what stands in its block.
struct SealedKit {
  var installationID: String
  var keyStores: [String]
  var verifierKey: String
  var made: Instant
  var cost: PassphraseCost
  var salt: [UInt8]
  var box: [UInt8]

  /// What is in clear is bound: a changed path or id opens nothing.
  var context: [UInt8] {
    CBOR.array([
      "steward/recovery-kit/v1", .text(installationID), .integer(made.milliseconds), .text(verifierKey),
      .array(keyStores.map { .text($0) }),
    ]).encoded
  }
}
