import Kernel

/// Puts a fresh root key, kept by the same provider or by another, in the place of the one that is (docs/format.md §5.7).
///
/// 1. The new root key is durable where its provider keeps it, then on every place as `root.next`, which also has the old one under the new.
/// 2. Every box under the root key is sealed anew, on every replica, then in the live store. What was broken off is seen by what opens.
/// 3. `root` speaks of the new one, on every replica, then in the live store. The old one ends where its provider kept it; `root.next` goes last.
///
/// Each step may be broken off and is then begun again: what lies in the live store says how far it came. Meanwhile no process opens the
/// store; those that have it open go on with what they know, and make nothing new under the old root key.
struct RootChange {
  private let places: KeyPlaces
  private let installation: String
  private let old: any KeyProvider
  private let new: any KeyProvider
  private let next: RootFile
  private let newRoot: SecretBytes
  private let oldRoot: SecretBytes
  private(set) var rewrapped = 0

  init(
    _ places: KeyPlaces, installation: String, from old: any KeyProvider, to new: any KeyProvider, now: Instant
  ) throws {
    (self.places, self.installation, self.old, self.new) = (places, installation, old, new)
    if let bytes = try places.live.read(.nextRoot) {
      next = try RootFile(bytes)
      guard next.head.provider == new.kind, next.head.key == new.keyName else {
        throw Problem(
          .conflict,
          "A change of the root key to \(next.head.provider) \(next.head.key) was broken off: finish that first, by the same command as before."
        )
      }
    } else {
      next = try RootChange.begin(places, installation, from: old, to: new, now)
    }
    newRoot = try new.rootKey(next)
    guard let oldRoot = try next.earlierRoots(under: newRoot).first else {
      throw Problem(.unavailable, "The file root.next of the key store is damaged; restore it from a replica.")
    }
    self.oldRoot = oldRoot
  }

  private static func begin(
    _ places: KeyPlaces, _ installation: String, from old: any KeyProvider, to new: any KeyProvider, _ now: Instant
  ) throws -> RootFile {
    let bytes = try places.live.read(.root)
    let file = try bytes.map { try RootFile($0) }
    let root = try old.rootKey(file)
    let identity = SealingContext.installationKey(id: installation, number: 1)
    guard let key = try places.live.read(.installation), Box.isSealed(key, under: root, context: identity) else {
      throw Problem(.conflict, "The key store does not open with this root key; name the right one with --root-key.")
    }
    guard file?.earlier.count ?? 0 < RootFile.mostEarlier else {
      throw Problem(
        .conflict,
        "\(RootFile.mostEarlier) earlier root keys are kept for backups; drop those that none needs any more with `steward keys root --drop-before NUMBER`."
      )
    }
    let number = (file?.head.number ?? 1) + 1
    let head = RootFile.Head(
      installation: installation, number: number, made: now, provider: new.kind, key: new.keyName)
    let fresh = SecretBytes.random()
    var next = try new.keep(fresh, head, beside: root)
    next.earlier = [try RootFile.earlier(root, number: number - 1, ended: now, under: fresh, installation)]
    for (earlier, key) in zip(file?.earlier ?? [], try file?.earlierRoots(under: root) ?? []) {
      next.earlier.append(
        try RootFile.earlier(key, number: earlier.number, ended: earlier.ended, under: fresh, installation))
    }
    try places.locked(.store) { held in
      guard try held.live.read(.root) == bytes, try !held.live.exists(.nextRoot) else {
        throw Problem(.conflict, "Somebody else changes the root key at this moment; look with `steward keys root`.")
      }
      try held.rewrite(next.bytes, as: .nextRoot)
    }
    return next
  }

  /// Seals anew what is under the old root key, a tenant at a time: others wait for one tenant, not for all.
  mutating func rewrap() throws {
    let all = [places.live] + (try places.replicas().map(places.replica))
    let tenants = Set(try all.flatMap { try $0.list().map(\.tenant) })
    for tenant in tenants.sorted(by: { ($0?.text ?? "~") < ($1?.text ?? "~") }) {
      try places.locked(tenant.map { .tenant($0) } ?? .store) { held in try rewrap(tenant, held) }
    }
  }

  /// Everything of one tenant, or what belongs to none, as it lies there now.
  private mutating func rewrap(_ tenant: TenantID?, _ held: HeldKeyPlaces) throws {
    guard let tenant else { return try rewrapInstallation(held) }
    let here = try held.live.heads(of: tenant)
    let newest = here.compactMap(\.epoch).max() ?? 0
    // What only a replica has is of a destruction that was broken off; so is the key of an earlier epoch.
    let elsewhere = try held.replicas.flatMap { try $0.heads(of: tenant) }.filter { !here.contains($0) }
    for file in here + Set(elsewhere).sorted(by: { $0.order < $1.order }) {
      try rewrap(file, held, isEnding: !here.contains(file) || file.epoch.map { $0 < newest } ?? false)
    }
  }

  /// The installation's keys, each that it ever had. What only a replica has is of a change that was broken off.
  private mutating func rewrapInstallation(_ held: HeldKeyPlaces) throws {
    let here = Set(try held.live.list().filter { $0.tenant == nil })
    let elsewhere = Set(try held.replicas.flatMap { try $0.list() }.filter { $0.tenant == nil }).subtracting(here)
    for file in here.union(elsewhere).sorted(by: { $0.order < $1.order }) {
      if case .terms(let series) = file { try bringTogether(series, held) }
      try rewrap(file, held, isEnding: !here.contains(file))
    }
  }

  /// What ended at one place has ended, also where the live store was put back since.
  private func bringTogether(_ series: TermKeyName.Series, _ held: HeldKeyPlaces) throws {
    let places: [any KeyFiles] = held.replicas + [held.live]
    let books = try places.map { place in
      try place.read(.terms(series)).flatMap { box in
        TermBook.open(box, series, root: newRoot) ?? TermBook.open(box, series, root: oldRoot)
      }
    }
    guard let book = TermBook.merged(books.compactMap(\.self)), books.contains(where: { $0 != book }) else { return }
    try held.rewrite(try book.seal(series, root: newRoot), as: .terms(series))
  }

  /// `isEnding`: it may be overwritten already, and then stays as it is.
  private mutating func rewrap(_ file: KeyFile, _ held: HeldKeyPlaces, isEnding: Bool) throws {
    guard let context = file.rootContext(installation) else { return }
    let isLive = try held.live.exists(file)
    guard let bytes = try held.live.read(file) ?? held.replicas.compactMap({ try $0.read(file) }).first else { return }
    var wanted = bytes
    if !Box.isSealed(bytes, under: newRoot, context: context) {
      guard let plain = try? Box.open(bytes, key: oldRoot, context: context) else {
        if isEnding { return }
        throw Problem(
          .unavailable, "A key of this installation is damaged; restore it from a replica, then run this again.",
          detail: file.path)
      }
      wanted = try Box.seal(plain, key: newRoot, context: context)
      rewrapped += 1
    }
    if isLive && !isEnding { return try held.rewrite(wanted, as: file) }
    // Nothing comes back where it ended.
    try held.rewriteWhereItIs(wanted, as: file)
  }

  /// From here on the new one counts; the old one ends.
  mutating func finish() throws {
    try places.locked(.store) { held in
      // What others made or removed meanwhile.
      let all = try held.live.list() + held.replicas.flatMap { try $0.list() }
      for tenant in Set(all.map(\.tenant)) { try rewrap(tenant, held) }
      try held.rewrite(next.bytes, as: .root)
    }
    try new.settle(on: newRoot)
    try old.destroy(oldRoot, after: new)
    try places.locked(.store) { held in
      for replica in held.replicas { try replica.drop(.nextRoot) }
      try held.live.drop(.nextRoot)
    }
  }
}

extension KeyFile {
  /// What a box under the root key is bound to; nil for files that are none.
  func rootContext(_ installation: String) -> [UInt8]? {
    switch self {
    case .installation: SealingContext.installationKey(id: installation, number: 1)
    case .laterInstallation(let number): SealingContext.installationKey(id: installation, number: number)
    case .log(let tenant, let number): SealingContext.logKey(tenant: tenant, number: number)
    case .index(let tenant): SealingContext.indexKey(tenant: tenant)
    case .epoch(let tenant, let number): SealingContext.epoch(tenant: tenant, epoch: number)
    case .erased(let tenant, let id): SealingContext.erased(tenant: tenant, id: id)
    case .gone(let tenant): SealingContext.gone(tenant: tenant)
    case .terms(let series): SealingContext.terms(series)
    case .term(let name): SealingContext.term(name)
    case .root, .nextRoot, .kit, .installationLink, .block, .taken: nil
    }
  }
}

extension HeldKeyPlaces {
  /// Makes every place hold these bytes and nothing of what they replace, the live store last.
  func rewrite(_ bytes: [UInt8], as file: KeyFile) throws {
    for replica in replicas { try reach(replica) { try $0.rewrite(bytes, as: file) } }
    try live.rewrite(bytes, as: file)
  }
}

extension HeldKeyPlaces {
  /// The same at the places that have it.
  func rewriteWhereItIs(_ bytes: [UInt8], as file: KeyFile) throws {
    for replica in replicas {
      try reach(replica) { replica in
        if let there = try replica.read(file), there != bytes { try replica.rewrite(bytes, as: file) }
      }
    }
    if let there = try live.read(file), there != bytes { try live.rewrite(bytes, as: file) }
  }
}

extension KeyStore {
  /// What a change of the root key did.
  package struct RootChangeReport: Sendable, Equatable {
    package let number: Int64
    package let provider: String
    package let rewrapped: Int
    package let replicas: Int
  }

  /// Changes the root key of the store, or finishes a change that was broken off. May run beside servers: they go on with the tenants that they
  /// have open, refuse what needs another, and want a restart with the new root key.
  package static func changeRoot(
    at name: KeyPlaceName, installation: String, from old: any KeyProvider, to new: any KeyProvider, now: Instant,
    disk: KeyDisk = .real
  ) throws -> RootChangeReport {
    let places = KeyPlaces(name.place(disk), disk: disk)
    try places.live.prepareToRewrite()
    for replica in try places.replicas() { try places.replica(replica).prepareToRewrite() }
    var change = try RootChange(places, installation: installation, from: old, to: new, now: now)
    try change.rewrap()
    try change.finish()
    guard let bytes = try places.live.read(.root) else { throw Problem.notFound }
    let file = try RootFile(bytes)
    return RootChangeReport(
      number: file.head.number, provider: file.head.provider, rewrapped: change.rewrapped,
      replicas: try places.replicas().count)
  }

  /// Drops earlier root keys with lower numbers: backups of their time cannot be opened any more. How many are left.
  package func dropRoots(before number: Int64) throws -> Int {
    guard var file = rootFile else { return 0 }
    file.earlier.removeAll { $0.number < number }
    try places.live.prepareToRewrite()
    try places.locked(.store) { held in
      try checkRoot(held.live)
      for replica in held.replicas { try replica.prepareToRewrite() }
      try held.rewrite(file.bytes, as: .root)
    }
    return file.earlier.count
  }
}
