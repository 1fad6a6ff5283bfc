import Kernel
import Synchronization

/// The installation's keys, apart from its data and never rolled back with it (docs/format.md §5.3).
package final class KeyStore: Sendable {
  package let directory: String
  private let root: SecretBytes
  package let providerKind: String

  /// Opens an existing key store.
  package init(directory: String, provider: any KeyProvider) throws {
    self.directory = directory
    root = try provider.rootKey()
    providerKind = provider.kind
  }

  // MARK: Installation key

  /// Makes and stores the seed of the installation key. Refuses to replace one.
  package func createInstallationKey(id: String) throws {
    let path = directory + "/installation.key"
    guard try DurableFile.read(path) == nil else {
      throw Problem(.conflict, "This key store already belongs to an installation; choose another one with --keys.")
    }
    let seed = SecretBytes.random()
    let box = try Box.seal(seed.withBytes { Array($0) }, key: root, context: SealingContext.installationKey(id: id))
    try DurableFile.write(box, to: path)
  }

  /// The Ed25519 seed of the installation key.
  package func installationSeed(id: String) throws -> SecretBytes {
    try openKey(at: directory + "/installation.key", context: SealingContext.installationKey(id: id))
  }

  // MARK: Tenants

  /// Makes the keys of a new tenant: log key, index key, first epoch, first block. Safe to repeat after a crash.
  package func createTenant(_ tenant: TenantID) throws {
    let place = tenantDirectory(tenant)
    try DurableFile.makeDirectory(place + "/blocks")
    try createKey(at: place + "/log.key", context: SealingContext.logKey(tenant: tenant))
    try createKey(at: place + "/index.key", context: SealingContext.indexKey(tenant: tenant))
    try createKey(at: place + "/epoch-1.key", context: SealingContext.epoch(tenant: tenant, epoch: 1))
  }

  package func openTenant(_ tenant: TenantID) throws -> TenantKeys {
    let place = tenantDirectory(tenant)
    return try TenantKeys(
      tenant: tenant, directory: place, epoch: 1,
      epochKey: try openKey(at: place + "/epoch-1.key", context: SealingContext.epoch(tenant: tenant, epoch: 1)),
      logSeed: try openKey(at: place + "/log.key", context: SealingContext.logKey(tenant: tenant)),
      indexKey: try openKey(at: place + "/index.key", context: SealingContext.indexKey(tenant: tenant)))
  }

  private func tenantDirectory(_ tenant: TenantID) -> String { "\(directory)/tenants/\(tenant)" }

  private func createKey(at path: String, context: [UInt8]) throws {
    guard try DurableFile.read(path) == nil else { return }
    let key = SecretBytes.random()
    try DurableFile.write(try Box.seal(key.withBytes { Array($0) }, key: root, context: context), to: path)
  }

  private func openKey(at path: String, context: [UInt8]) throws -> SecretBytes {
    guard let box = try DurableFile.read(path) else {
      throw Problem(
        .unavailable, "A key of this installation is missing from the key store; name the right one with --keys.",
        detail: path)
    }
    do { return SecretBytes(try Box.open(box, key: root, context: context)) } catch {
      throw Problem(
        .unavailable, "The key store does not open with this root key; name the right one with --keys.", detail: path)
    }
  }
}
