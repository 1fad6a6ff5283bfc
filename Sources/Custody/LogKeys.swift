import Kernel

/// The keys of a tenant's log, by number from 1 (docs/format.md §3.4). Only the newest that is on the record signs; which one that is
/// says the record, not the key store, so that a rotation that was broken off before its commit changes nothing.
extension KeyStore {
  /// The Ed25519 seed. Throws `Problem.unavailable` where it is missing, or destroyed.
  package func logSeed(of tenant: TenantID, number: Int64) throws -> SecretBytes {
    try openKey(.log(tenant, number), context: SealingContext.logKey(tenant: tenant, number: number))
  }

  package func hasLogKey(of tenant: TenantID, number: Int64) throws -> Bool {
    try places.exists(.log(tenant, number))
  }

  /// The highest number that the live store has; nil if it has no key of this log.
  package func newestLogKey(of tenant: TenantID) throws -> Int64? {
    try places.live.list(of: tenant).compactMap { file in
      if case .log(_, let number) = file { number } else { nil }
    }.max()
  }

  /// Makes the key of this number, durable at every place. One that is there is of a rotation that was broken off: nothing was ever
  /// signed with it that anybody saw, and it is taken.
  package func makeLogKey(of tenant: TenantID, number: Int64) throws {
    try places.locked(.tenant(tenant)) { held in
      try createKey(.log(tenant, number), context: SealingContext.logKey(tenant: tenant, number: number), held)
    }
  }

  /// A place where a key that is to end is still, and why.
  package struct PendingEnd: Sendable, Equatable {
    package let place: String
    package let obstacle: String
  }

  /// Overwrites and removes the key at every place that can be reached; gives back those that cannot. Safe to repeat.
  package func endLogKey(of tenant: TenantID, number: Int64) throws -> [PendingEnd] {
    let replicas = try places.replicas().map(places.replica)
    try places.live.prepareToEnd()
    for replica in replicas { try? replica.prepareToEnd() }
    let pending = try places.locked(.tenant(tenant)) { held in held.end(.log(tenant, number)) }
    for place in replicas + [places.live] { place.sweep() }
    return pending
  }
}

extension HeldKeyPlaces {
  /// At every place that can be reached, replicas first; gives back those that cannot.
  func end(_ file: KeyFile) -> [KeyStore.PendingEnd] {
    let others: [(name: String, files: any KeyFiles)] = replicas.map { ("\($0.name)", $0) }
    return (others + [("live store", live)]).compactMap { place in
      do {
        // A replica whose file system is not mounted is an empty directory: what is not there may lie elsewhere.
        guard try place.files.exists(.installation) else {
          return KeyStore.PendingEnd(place: place.name, obstacle: "The place is not there.")
        }
        try place.files.end([file])
        return nil
      } catch {
        return KeyStore.PendingEnd(place: place.name, obstacle: (error as? Problem)?.message ?? "\(error)")
      }
    }
  }
}
