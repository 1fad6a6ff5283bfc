import Crypto
import Kernel
import Synchronization

/// One tenant's keys while it is open: hands out slots of blocks that are already durable, and finds subject keys.
///
/// Other processes may have the tenant open too. Each reserves ranges of its own under the lock of the live store, once in up to 1,024
/// slots; blocks change only by erasure, so one that was read is kept.
///
/// Lock order: `slots`, then the live store's; writes happen inside both when a block or the mark must become durable. `cache` is held
/// for no reading or writing, so that a store that is away keeps nobody from keys that are known.
package final class TenantKeys: Sendable {
  private static let blocksHeld = 64
  private static let largestReservation: Int64 = 1_024

  package let tenant: TenantID
  /// Ed25519 seed of the tenant's log key.
  package let logSeed: SecretBytes
  private let places: KeyPlaces
  private let epoch: Int64
  private let epochKey: SecretBytes
  private let indexKey: SecretBytes
  private let slots: Mutex<Slots>
  private let cache: Mutex<Cache>

  /// What this process has reserved.
  private struct Slots {
    /// Next slot to hand out; those below `end` are ours.
    var next: Int64 = 0
    var end: Int64 = 0
    /// How many to take next time.
    var reservation: Int64 = 16
  }

  private struct Cache {
    /// The mark as it was last seen. It only rises, so what lies below is known without asking.
    var mark: Int64
    /// Blocks that were read. An erasure by another process would have to be seen before one is used again: decision 0058 keeps the place.
    var blocks: [Int64: [SecretBytes?]] = [:]
    var recent: [Int64] = []
  }

  init(
    tenant: TenantID, places: KeyPlaces, epoch: Int64, epochKey: SecretBytes, logSeed: SecretBytes,
    indexKey: SecretBytes
  ) throws {
    self.tenant = tenant
    self.places = places
    self.epoch = epoch
    self.epochKey = epochKey
    self.logSeed = logSeed
    self.indexKey = indexKey
    // What an earlier opening reserved and did not use is wasted: a restored database could otherwise use a slot twice.
    slots = Mutex(Slots())
    cache = Mutex(Cache(mark: try KeyPlaces.writtenMark(of: tenant, in: places.live) ?? 0))
  }

  /// The mark as it lies in the store now: slots below it may be in use, by any process.
  package var taken: Int64 {
    get throws {
      if let mark = try KeyPlaces.writtenMark(of: tenant, in: places.live) {
        saw(mark)
        return mark
      }
      return try KeyPlaces.mark(of: tenant, in: places.live)
    }
  }

  private func saw(_ mark: Int64) { cache.withLock { $0.mark = max($0.mark, mark) } }

  /// Whether the store will never hand out this slot again; a row that names another must not exist. The store is asked only about slots
  /// that another process may have taken since it was last looked at.
  package func isTaken(_ subject: SubjectRef) throws -> Bool {
    if cache.withLock({ subject.number < $0.mark }) { return true }
    return try subject.number < taken
  }

  /// The next free slot. Its block is durable and it is marked as taken before this returns.
  package func takeSlot() throws -> SubjectRef {
    try slots.withLock { slots in
      if slots.next >= slots.end { try reserve(&slots) }
      defer { slots.next += 1 }
      return SubjectRef(slots.next)
    }
  }

  /// The next free slot with its key if both are at hand; nil where the store would have to be asked, or another thread is at it.
  /// For callers whose thread must not wait; `takeSlot` is for those who may.
  package func takeSlotAtHand() -> (SubjectRef, SecretBytes)? {
    slots.withLockIfAvailable { slots -> (SubjectRef, SecretBytes)? in
      let subject = SubjectRef(slots.next)
      guard slots.next < slots.end, let key = cache.withLock({ $0.blocks[subject.block] })?[subject.slot] else {
        return nil
      }
      slots.next += 1
      return (subject, key)
    } ?? nil
  }

  /// The 32-byte key of a subject. Throws `KeyMissing` if it is missing and `SubjectErased` if it was destroyed.
  package func key(of subject: SubjectRef) throws -> SecretBytes {
    guard subject.number >= 0 else { throw KeyMissing(subject: subject) }
    guard let key = try block(subject.block)[subject.slot] else { throw SubjectErased(subject: subject) }
    return key
  }

  /// HMAC-SHA-256 under the tenant's index key (docs/format.md §5.3), for derived tables.
  package func keyedHash(_ purpose: String, _ value: String) -> [UInt8] {
    let message = CBOR.array([.text(purpose), .text(value)]).encoded
    return indexKey.withBytes { Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: $0))) }
  }

  // MARK: Slots

  /// Takes a range behind every other process's, which is durably marked when this returns.
  private func reserve(_ slots: inout Slots) throws {
    let seen = cache.withLock { $0.mark }
    let count = slots.reservation
    let start = try places.locked(.tenant(tenant)) { held in
      let mark = try KeyPlaces.mark(of: tenant, in: held.live)
      guard mark >= seen else {
        throw Problem(
          .unavailable,
          "The key store is older than it was: a key could be used twice. Bring the key store back from a replica.",
          detail: "\(KeyFile.taken(tenant).path): \(mark), was \(seen)")
      }
      for number in (mark / SubjectRef.slotsPerBlock)...((mark + count - 1) / SubjectRef.slotsPerBlock) {
        try createBlock(number, isFresh: number * SubjectRef.slotsPerBlock >= mark, held)
      }
      try held.raise(mark + count, of: tenant)
      return mark
    }
    saw(start + count)
    slots = Slots(next: start, end: start + count, reservation: min(count * 2, Self.largestReservation))
  }

  // MARK: Blocks

  /// `isFresh`: no slot of the block was ever handed out. Only then may it be made; another would take the place of keys in use.
  private func createBlock(_ number: Int64, isFresh: Bool, _ held: HeldKeyPlaces) throws {
    if try held.live.exists(.block(tenant, number)) {
      // Made by somebody who never came to mark it, and perhaps not durable.
      if isFresh { try held.renew(.block(tenant, number)) }
      return
    }
    guard isFresh else {
      throw Problem(
        .unavailable, "A block of keys in use is missing from the key store; restore it from a replica.",
        detail: KeyFile.block(tenant, number).path)
    }
    let keys = SecretBytes.random(count: KeyBlock.plainSize)
    let sealed = try KeyBlock.seal(keys, tenant: tenant, number: number, epoch: epoch, key: epochKey)
    _ = try held.add(sealed, as: .block(tenant, number)) { opened($0, number) != nil }
  }

  private func opened(_ file: [UInt8], _ number: Int64) -> [UInt8]? {
    try? KeyBlock.open(file, tenant: tenant, number: number, epoch: epoch, key: epochKey)
  }

  private func block(_ number: Int64) throws -> [SecretBytes?] {
    if let keys = cache.withLock({ $0.blocks[number] }) { return keys }
    guard let file = try places.read(.block(tenant, number)), let plain = opened(file, number) else {
      throw KeyMissing(subject: SubjectRef(number * SubjectRef.slotsPerBlock))
    }
    let keys = stride(from: 0, to: plain.count, by: 32).map { start -> SecretBytes? in
      let key = plain[start..<start + 32]
      return key.allSatisfy { $0 == 0 } ? nil : SecretBytes(key)
    }
    return cache.withLock { cache in
      // Another thread may have read it meanwhile.
      if let known = cache.blocks[number] { return known }
      cache.blocks[number] = keys
      cache.recent.append(number)
      if cache.recent.count > Self.blocksHeld { cache.blocks[cache.recent.removeFirst()] = nil }
      return keys
    }
  }
}

/// The subject's key was destroyed by an erasure: what it sealed cannot be opened any more.
package struct SubjectErased: Error, Sendable { package let subject: SubjectRef }

/// The key store does not have the key, or its block does not open.
package struct KeyMissing: Error, Sendable { package let subject: SubjectRef }
