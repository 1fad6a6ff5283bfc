import Kernel
import Synchronization

/// The installation's keys, apart from its data and never rolled back with it (docs/format.md §5.3).
package final class KeyStore: Sendable {
  package let directory: String
  package let providerKind: String
  /// What opening changed at the replicas.
  package let settled: KeyReplicas.Report
  let root: SecretBytes
  let places: KeyPlaces

  package var replicas: [String] { places.replicas }

  /// Opens a key store as it lies there, with the replicas that it lists. Nothing is compared or written: for reading beside a running
  /// server, and for the first moments of an installation.
  package convenience init(directory: String, provider: any KeyProvider, disk: KeyDisk = .real) throws {
    try self.init(directory, provider, try provider.rootKey(), disk, settled: KeyReplicas.Report())
  }

  /// Opens the key store of an installation for use: its replicas are reachable and in one state, and those in `addingReplicas` are
  /// filled and listed.
  package convenience init(
    directory: String, provider: any KeyProvider, installation: String, dataDirectory: String,
    addingReplicas: [String] = [], disk: KeyDisk = .real
  ) throws {
    let root = try provider.rootKey()
    var replicas = KeyReplicas(
      store: directory, dataDirectory: dataDirectory, root: root, installation: installation, disk: disk)
    try self.init(directory, provider, root, disk, settled: try replicas.settle(adding: addingReplicas))
  }

  private init(
    _ directory: String, _ provider: any KeyProvider, _ root: SecretBytes, _ disk: KeyDisk,
    settled: KeyReplicas.Report
  ) throws {
    self.directory = directory
    self.root = root
    self.settled = settled
    providerKind = provider.kind
    places = KeyPlaces(live: directory, replicas: try KeyReplicas.recorded(in: directory), disk: disk)
  }

  // MARK: Installation key

  /// Makes and stores the seed of the installation key. Refuses to replace one.
  package func createInstallationKey(id: String) throws {
    guard try !places.exists(.installation) else {
      throw Problem(.conflict, "This key store already belongs to an installation; choose another one with --keys.")
    }
    let seed = SecretBytes.random()
    let box = try Box.seal(seed.withBytes { Array($0) }, key: root, context: SealingContext.installationKey(id: id))
    try places.put(box, as: .installation)
  }

  /// The Ed25519 seed of the installation key.
  package func installationSeed(id: String) throws -> SecretBytes {
    try openKey(.installation, context: SealingContext.installationKey(id: id))
  }

  /// The kit of this installation: replicas first, since the live store is what a disaster takes.
  package func recoveryKit(id: String, verifierKey: String, now: Instant) -> RecoveryKit {
    RecoveryKit(
      installationID: id, rootKey: root, keyStores: replicas + [DurableFile.resolved(directory) ?? directory],
      verifierKey: verifierKey, made: now)
  }

  // MARK: Tenants

  /// Makes the keys of a new tenant: log key, index key, first epoch; on every replica too. Safe to repeat after a crash.
  package func createTenant(_ tenant: TenantID) throws {
    try createKey(.epoch(tenant, 1), context: SealingContext.epoch(tenant: tenant, epoch: 1))
    try createKey(.index(tenant), context: SealingContext.indexKey(tenant: tenant))
    try createKey(.log(tenant), context: SealingContext.logKey(tenant: tenant))
  }

  package func openTenant(_ tenant: TenantID) throws -> TenantKeys {
    try TenantKeys(
      tenant: tenant, places: places, epoch: 1,
      epochKey: try openKey(.epoch(tenant, 1), context: SealingContext.epoch(tenant: tenant, epoch: 1)),
      logSeed: try openKey(.log(tenant), context: SealingContext.logKey(tenant: tenant)),
      indexKey: try openKey(.index(tenant), context: SealingContext.indexKey(tenant: tenant)))
  }

  private func createKey(_ file: KeyFile, context: [UInt8]) throws {
    guard try !places.exists(file) else { return }
    let key = SecretBytes.random()
    try places.put(try Box.seal(key.withBytes { Array($0) }, key: root, context: context), as: file)
  }

  private func openKey(_ file: KeyFile, context: [UInt8]) throws -> SecretBytes {
    guard let box = try places.read(file) else {
      throw Problem(
        .unavailable, "A key of this installation is missing from the key store; name the right one with --keys.",
        detail: file.path)
    }
    do { return SecretBytes(try Box.open(box, key: root, context: context)) } catch {
      throw Problem(
        .unavailable, "The key store does not open with this root key; name the right one with --keys.",
        detail: file.path)
    }
  }
}
