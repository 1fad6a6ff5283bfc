import Kernel

/// The installation's keys, apart from its data and never rolled back with it (docs/format.md §5.3).
package final class KeyStore: Sendable {
  package let name: KeyPlaceName
  package var providerKind: String { provider.kind }
  let provider: any KeyProvider
  /// What opening changed at the replicas.
  package let settled: KeyReplicas.Report
  /// Those that it had when it was opened; another process may add some.
  package let replicas: [KeyPlaceName]
  /// What the store says about its root key; nil where it says nothing: it lies in a file, and was never changed.
  package let rootFile: RootFile?
  let root: SecretBytes
  let earlierRoots: [SecretBytes]
  let places: KeyPlaces

  /// Nil if it is a database.
  package var directory: String? { name.directory }

  /// Opens a key store as it lies there, with the replicas that it lists. Nothing is compared or written: for reading beside a running
  /// server, and for the first moments of an installation.
  package convenience init(at name: KeyPlaceName, provider: any KeyProvider, disk: KeyDisk = .real) throws {
    try self.init(on: name.place(disk), provider: provider, disk: disk)
  }

  convenience init(on place: any KeyPlace, provider: any KeyProvider, disk: KeyDisk = .real) throws {
    try self.init(
      KeyPlaces(place, disk: disk), provider, try OpenRoot(in: place, provider), settled: KeyReplicas.Report())
  }

  /// Opens the key store of an installation for use: its replicas are reachable and in one state, and those in `addingReplicas` are
  /// filled and listed.
  package convenience init(
    at name: KeyPlaceName, provider: any KeyProvider, installation: String, dataDirectory: String,
    addingReplicas: [String] = [], disk: KeyDisk = .real
  ) throws {
    let places = KeyPlaces(name.place(disk), disk: disk)
    let root = try OpenRoot(in: places.live, provider)
    try TermsOfBefore.sealAnew(places, root)
    var replicas = KeyReplicas(places, dataDirectory: dataDirectory, root: root.key, installation: installation)
    try self.init(places, provider, root, settled: try replicas.settle(adding: addingReplicas))
  }

  private init(
    _ places: KeyPlaces, _ provider: any KeyProvider, _ root: OpenRoot, settled: KeyReplicas.Report
  ) throws {
    self.places = places
    (self.root, rootFile, earlierRoots) = (root.key, root.file, root.earlier)
    self.settled = settled
    name = places.live.name
    self.provider = provider
    replicas = try places.replicas()
  }

  /// Whether there is a key store at a place. Throws `Problem.unavailable` if it cannot be asked.
  package static func isMade(at name: KeyPlaceName) throws -> Bool { try name.place().exists(.installation) }

  // MARK: Installation key

  /// Makes and stores the seed of the installation key. Refuses to replace one.
  package func createInstallationKey(id: String) throws {
    let seed = SecretBytes.random()
    let box = try Box.seal(
      seed.withBytes { Array($0) }, key: root, context: SealingContext.installationKey(id: id, number: 1))
    try places.locked(.store) { held in
      guard try !held.live.exists(.installation), try held.live.add(box, as: .installation) == box else {
        throw Problem(.conflict, "This key store already belongs to an installation; choose another one with --keys.")
      }
    }
  }

  /// The kit of this installation: replicas first, since the live store is what a disaster takes.
  package func recoveryKit(id: String, verifierKey: String, now: Instant) -> RecoveryKit {
    RecoveryKit(
      installationID: id, rootKey: root,
      keyStores: replicas.map(\.description) + [directory.flatMap(DurableFile.resolved) ?? name.description],
      verifierKey: verifierKey, made: now)
  }

  // MARK: Tenants

  /// Every file of a tenant as it lies there, by its path: for whoever looks at what is stored.
  package func files(of tenant: TenantID) throws -> [(path: String, bytes: [UInt8])] {
    try places.live.list(of: tenant).compactMap { file in try places.read(file).map { (file.path, $0) } }
  }

  /// Makes the keys of a new tenant: log key, index key, first epoch; on every replica too. Safe to repeat after a crash. Throws
  /// `TenantErased` for one that was.
  package func createTenant(_ tenant: TenantID) throws {
    try places.locked(.tenant(tenant)) { held in
      try checkRoot(held.live)
      let there = try held.live.heads(of: tenant)
      guard try !places.isEnded(tenant, root) else { throw TenantErased() }
      if there.allSatisfy({ $0.epoch == nil }) {
        try createKey(.epoch(tenant, 1), context: SealingContext.epoch(tenant: tenant, epoch: 1), held)
      }
      try createKey(.index(tenant), context: SealingContext.indexKey(tenant: tenant), held)
      try createKey(.log(tenant, 1), context: SealingContext.logKey(tenant: tenant, number: 1), held)
    }
  }

  /// With a lease where other processes may destroy keys of the tenant meanwhile. `remainder`: what an earlier opening in this process left.
  package func openTenant(
    _ tenant: TenantID, lease: KeyLease? = nil, goingOnWith remainder: TenantKeys.Remainder? = nil
  ) throws -> TenantKeys {
    try TenantKeys(tenant: tenant, places: places, root: root, lease: lease, goingOnWith: remainder)
  }

  /// Whether the tenant was erased: it has no keys any more, and never will.
  package func isEnded(_ tenant: TenantID) throws -> Bool { try places.isEnded(tenant, root) }

  /// Destroys every key of a tenant at every place, whatever an earlier try left; there will never be others. To be repeated until it is
  /// complete.
  package func endTenant(_ tenant: TenantID, erasure: String, now: @autoclosure () -> Instant) throws -> KeyDestruction
  {
    try KeyTurn(tenant, places: places, root: root).endTenant(erasure: erasure, now: now())
  }

  func createKey(_ file: KeyFile, context: [UInt8], _ held: HeldKeyPlaces) throws {
    guard try !held.live.exists(file) else { return }
    let key = SecretBytes.random()
    let box = try Box.seal(key.withBytes { Array($0) }, key: root, context: context)
    _ = try held.add(box, as: file) { (try? Box.open($0, key: root, context: context))?.count == 32 }
  }

  func openKey(_ file: KeyFile, context: [UInt8]) throws -> SecretBytes {
    try places.openKey(file, root, context: context)
  }
}
