import Crypto
import Dispatch
import Kernel
import Synchronization

/// One tenant's keys while it is open: hands out slots of blocks that are already durable, and finds subject keys.
///
/// Other processes may have the tenant open too. Each reserves ranges of its own under the lock of the live store, once in up to 1,024
/// slots. Blocks change only when keys are destroyed. Where another process may do that, what was read is used for `KeyLease.limit` at
/// most since the live store was last looked at (docs/format.md §5.6).
///
/// Lock order: `slots`, then the live store's; writes happen inside both when a block or the mark must become durable and nobody saw to it ahead
/// of need. `cache` is held
/// for no reading or writing, so that a store that is away keeps nobody from keys that are known.
package final class TenantKeys: Sendable {
  /// 32 KiB each.
  private static let blocksHeld = 128
  private static let largestReservation: Int64 = 1_024
  /// From reservations of this size on, the next one is made before it is needed.
  private static let aheadFrom: Int64 = 256

  package let tenant: TenantID
  private let places: KeyPlaces
  private let root: SecretBytes
  /// Nil where nobody else works on the store.
  private let lease: KeyLease?
  private let indexKey: SecretBytes
  private let slots: Mutex<Slots>
  private let cache: Mutex<Cache>

  /// What this process has reserved.
  fileprivate struct Slots: Sendable {
    /// Next slot to hand out; those below `end` are ours.
    var next: Int64 = 0
    var end: Int64 = 0
    /// Ours, too, behind that range.
    var ahead: [Range<Int64>] = []
    /// How many to take next time.
    var reservation: Int64 = 16
    /// Once somebody asked who must not wait.
    var isHurried = false
    /// Whether another range is being reserved ahead.
    var isReserving = false
    /// A sync that failed for it. It is never tried again, so nothing is handed out any more.
    var failure: DurableFile.FileError?

    var left: Int64 { ahead.reduce(end - next) { $0 + Int64($1.count) } }

    mutating func put(_ range: Range<Int64>) {
      ahead.append(range)
      reservation = min(reservation * 2, TenantKeys.largestReservation)
    }

    /// Whether there is a slot in `next`.
    mutating func advance() -> Bool {
      guard next >= end else { return true }
      guard !ahead.isEmpty else { return false }
      let range = ahead.removeFirst()
      (next, end) = (range.lowerBound, range.upperBound)
      return true
    }

    /// Whether the caller has to see to the next range.
    mutating func mustReserveAhead() -> Bool {
      guard isHurried, reservation >= TenantKeys.aheadFrom, !isReserving, left < reservation / 2 else { return false }
      isReserving = true
      return true
    }
  }

  private struct Cache {
    /// The mark as it was last seen. It only rises, so what lies below is known without asking.
    var mark: Int64
    /// Blocks that were read, each in one piece: a thousand objects would take longer to make than to open.
    var blocks: [Int64: SecretBytes] = [:]
    var recent: [Int64] = []
    var epochs: [Int64: SecretBytes] = [:]
    /// The tenant's files but blocks and mark when they were last looked at: any destruction of keys changes them.
    var generation: Set<KeyFile>
    /// How often it was another one.
    var turns: Int64 = 0
    /// Subjects with a tombstone, whatever their blocks say.
    var erased: Set<SubjectRef> = []
    var lookedAt: ContinuousClock.Instant

    mutating func forget() {
      blocks = [:]
      recent = []
      epochs = [:]
    }

    /// What is known of a subject's key, if its block is at hand.
    func key(of subject: SubjectRef) throws -> SecretBytes? {
      if !erased.isEmpty, erased.contains(subject) { throw SubjectErased(subject: subject) }
      guard let block = blocks[subject.block] else { return nil }
      return try KeyBlock.key(of: subject, in: block)
    }
  }

  /// What an opening had reserved and did not use when the tenant was closed, for the next one in this process: nobody else was or will
  /// be given these slots.
  package struct Remainder: Sendable {
    fileprivate let slots: Slots
    /// The mark as it was seen; a store that shows a lower one was put back.
    fileprivate let mark: Int64
  }

  /// Throws `Problem.unavailable` if a key is missing or does not open, and `TenantErased`.
  init(
    tenant: TenantID, places: KeyPlaces, root: SecretBytes, lease: KeyLease? = nil,
    goingOnWith remainder: Remainder? = nil
  ) throws {
    self.tenant = tenant
    self.places = places
    self.root = root
    self.lease = lease
    let lookedAt = lease?.now() ?? .now
    let (generation, newest, epoch) = try Self.newestEpoch(tenant, places, root)
    do {
      indexKey = try places.openKey(.index(tenant), root, context: SealingContext.indexKey(tenant: tenant))
    } catch {
      // The tenant may have ended meanwhile.
      _ = try Self.generation(tenant, places, root)
      throw error
    }
    // What an earlier process reserved and did not use is wasted: a restored database could otherwise use a slot twice.
    slots = Mutex(remainder?.slots ?? Slots())
    let mark = try KeyPlaces.writtenMark(of: tenant, in: places.live) ?? 0
    if let remainder { try Self.refuseOlder(mark, than: remainder.mark, tenant) }
    cache = Mutex(Cache(mark: mark, epochs: [newest: epoch], generation: generation, lookedAt: lookedAt))
    let erased = Set(try tombstones(generation).keys)
    cache.withLock { $0.erased = erased }
  }

  /// Takes what is reserved and not used away from this opening, which hands out nothing of it any more.
  package func leaveRemainder() -> Remainder {
    slots.withLock { slots in
      defer { slots = Slots() }
      return Remainder(slots: slots, mark: cache.withLock { $0.mark })
    }
  }

  private static func refuseOlder(_ mark: Int64, than seen: Int64, _ tenant: TenantID) throws {
    guard mark < seen else { return }
    throw Problem(
      .unavailable,
      "The key store is older than it was: a key could be used twice. Bring the key store back from a replica.",
      detail: "\(KeyFile.taken(tenant).path): \(mark), was \(seen)")
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
    let (subject, isLow) = try slots.withLock { slots in
      if let failure = slots.failure { throw failure }
      if !slots.advance() {
        slots.put(try reserve(slots.reservation))
        _ = slots.advance()
      }
      defer { slots.next += 1 }
      return (SubjectRef(slots.next), slots.mustReserveAhead())
    }
    if isLow { reserveAhead() }
    return subject
  }

  /// The next free slot with its key if both are at hand; nil where the store would have to be asked, or another thread is at it.
  /// For callers whose thread must not wait; `takeSlot` is for those who may.
  package func takeSlotAtHand() -> (SubjectRef, SecretBytes)? {
    let taken = slots.withLockIfAvailable { slots -> (SubjectRef, SecretBytes, Bool)? in
      slots.isHurried = true
      guard slots.failure == nil, slots.advance() else { return nil }
      let subject = SubjectRef(slots.next)
      guard let key = keyAtHand(subject, youngerThan: KeyLease.limit) else { return nil }
      slots.next += 1
      return (subject, key, slots.mustReserveAhead())
    }
    guard let taken, let (subject, key, isLow) = taken else { return nil }
    if isLow { reserveAhead() }
    return (subject, key)
  }

  /// The 32-byte key of a subject. Throws `KeyMissing` if it is missing and `SubjectErased` if it was destroyed.
  package func key(of subject: SubjectRef) throws -> SecretBytes {
    guard subject.number >= 0 else { throw KeyMissing(subject: subject) }
    let now = lease?.now()
    let known = try cache.withLock { cache -> SecretBytes? in
      if let now, now - cache.lookedAt >= KeyLease.renewal { return nil }
      return try cache.key(of: subject)
    }
    if let known { return known }
    try look()
    guard !cache.withLock({ $0.erased.contains(subject) }) else { throw SubjectErased(subject: subject) }
    return try KeyBlock.key(of: subject, in: try block(subject.block))
  }

  /// The key if it is in memory and the store was looked at not longer ago than that.
  private func keyAtHand(_ subject: SubjectRef, youngerThan age: Duration) -> SecretBytes? {
    let now = lease?.now()
    return cache.withLock { cache in
      if let now, now - cache.lookedAt >= age { return nil }
      return try? cache.key(of: subject)
    }
  }

  /// HMAC-SHA-256 under the tenant's index key (docs/format.md §5.3), for derived tables.
  package func keyedHash(_ purpose: String, _ value: String) -> [UInt8] {
    let message = CBOR.array([.text(purpose), .text(value)]).encoded
    return indexKey.withBytes { Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: $0))) }
  }

  // MARK: Slots

  /// Takes a range behind every other process's, which is durably marked when this returns.
  private func reserve(_ count: Int64) throws -> Range<Int64> {
    let seen = cache.withLock { $0.mark }
    let start = try places.locked(.tenant(tenant)) { held in
      let mark = try KeyPlaces.mark(of: tenant, in: held.live)
      try Self.refuseOlder(mark, than: seen, tenant)
      for number in (mark / SubjectRef.slotsPerBlock)...((mark + count - 1) / SubjectRef.slotsPerBlock) {
        try createBlock(number, isFresh: number * SubjectRef.slotsPerBlock >= mark, held)
      }
      try held.raise(mark + count, of: tenant)
      return mark
    }
    saw(start + count)
    return start..<(start + count)
  }

  /// Reserves the next range on a thread that may wait, so that those who take slots find one. Whatever fails here is met again by who needs a
  /// range and finds none, except for a failed sync, which the next taker hears of.
  private func reserveAhead() {
    DispatchQueue.global().async { [self] in
      let count = slots.withLock { $0.reservation }
      let reserved = Result {
        let range = try reserve(count)
        // Read by now: else all who take the first slots of a block would read it at once.
        for number in SubjectRef(range.lowerBound).block...SubjectRef(range.upperBound - 1).block {
          _ = try block(number)
        }
        return range
      }
      slots.withLock { slots in
        slots.isReserving = false
        switch reserved {
        case .success(let range): slots.put(range)
        case .failure(let error as DurableFile.FileError) where error.isOfSync: slots.failure = error
        case .failure: break
        }
      }
    }
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
    // Whoever turned the epoch meanwhile did so under this lock.
    guard let epoch = try held.live.heads(of: tenant).compactMap(\.epoch).max() else { throw TenantErased() }
    let file = KeyFile.epoch(tenant, epoch)
    let key = try epochKey(epoch)
    // A replica that could not be reached when the epoch was turned could not open the block.
    if let box = try held.live.read(file) { try held.spread(box, as: file) }
    let keys = SecretBytes.random(count: KeyBlock.plainSize)
    let sealed = try KeyBlock.seal(keys, tenant: tenant, number: number, epoch: epoch, key: key)
    _ = try held.add(sealed, as: .block(tenant, number)) {
      (try? KeyBlock.open($0, tenant: tenant, number: number, epoch: epoch, key: key)) != nil
    }
  }

  private func epochKey(_ number: Int64) throws -> SecretBytes {
    if let key = cache.withLock({ $0.epochs[number] }) { return key }
    let key = try places.openKey(
      .epoch(tenant, number), root, context: SealingContext.epoch(tenant: tenant, epoch: number))
    // One that ended meanwhile must not come back.
    cache.withLock { if $0.generation.contains(.epoch(tenant, number)) { $0.epochs[number] = key } }
    return key
  }

  /// The keys of a block, one after another. An epoch may end between the reading of a block and of its key: then both are read again.
  private func read(_ number: Int64) throws -> [UInt8] {
    for isLast in [false, false, false, true] {
      guard let file = try places.read(.block(tenant, number)), let epoch = KeyBlock.epoch(of: file) else { break }
      do {
        let key = try epochKey(epoch)
        if let plain = try? KeyBlock.open(file, tenant: tenant, number: number, epoch: epoch, key: key) { return plain }
      } catch let problem as Problem where !isLast && problem.detail == KeyFile.epoch(tenant, epoch).path { continue }
      break
    }
    throw KeyMissing(subject: SubjectRef(number * SubjectRef.slotsPerBlock))
  }

  private func block(_ number: Int64) throws -> SecretBytes {
    if let keys = cache.withLock({ $0.blocks[number] }) { return keys }
    let generation = cache.withLock { $0.generation }
    let keys = SecretBytes(try read(number))
    return cache.withLock { cache in
      // Another thread may have read it meanwhile.
      if let known = cache.blocks[number] { return known }
      // Keys were destroyed while it was read: it may be from before.
      guard cache.generation == generation else { return keys }
      cache.blocks[number] = keys
      cache.recent.append(number)
      if cache.recent.count > Self.blocksHeld { cache.blocks[cache.recent.removeFirst()] = nil }
      return keys
    }
  }
}

// MARK: - What others change

/// How long keys may be used that another process may have destroyed.
package struct KeyLease: Sendable {
  /// Since the live store was last looked at.
  package static let limit = Duration.seconds(20)
  /// From then on it is looked at when a key is used.
  static let renewal = Duration.seconds(10)

  let now: @Sendable () -> ContinuousClock.Instant

  package init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) { self.now = now }
}

extension TenantKeys {
  /// Sees to it that nothing is used that was in memory for too long. Throws if the store would have to be asked and cannot be.
  private func look() throws {
    guard let lease else { return }
    let age = lease.now() - cache.withLock { $0.lookedAt }
    guard age >= KeyLease.renewal else { return }
    do { try lookAgain() } catch { if age >= KeyLease.limit { throw error } }
  }

  /// Looks at the live store, and forgets what is in memory if keys were destroyed. Answers whether they were.
  @discardableResult
  package func lookAgain() throws -> Bool {
    let before = lease?.now() ?? .now
    let generation = try Self.generation(tenant, places, root)
    let isOther = cache.withLock { $0.generation != generation }
    let erased = isOther ? Set(try tombstones(generation).keys) : []
    cache.withLock { cache in
      cache.lookedAt = max(cache.lookedAt, before)
      guard isOther else { return }
      cache.generation = generation
      cache.turns += 1
      cache.erased.formUnion(erased)
      cache.forget()
    }
    return isOther
  }

  /// How often keys were seen to have been destroyed since this was opened, whoever saw it: whoever shows what they sealed compares it with what it
  /// was before.
  package var turns: Int64 { cache.withLock { $0.turns } }

  /// For a timer: looks at the live store if it is time, and throws if it is overdue and cannot be asked; then nothing is left in memory.
  /// Answers whether keys were destroyed.
  package func renew() throws -> Bool {
    guard let lease else { return false }
    let age = lease.now() - cache.withLock { $0.lookedAt }
    guard age >= KeyLease.renewal else { return false }
    do { return try lookAgain() } catch {
      guard age >= KeyLease.limit else { return false }
      cache.withLock { $0.forget() }
      throw error
    }
  }

  /// For a timer: keys that nobody used for a while leave memory. Answers whether they did.
  package func tend() -> Bool {
    guard let lease else { return false }
    return cache.withLock { cache in
      guard lease.now() - cache.lookedAt >= KeyLease.limit, !cache.blocks.isEmpty || !cache.epochs.isEmpty else {
        return false
      }
      cache.forget()
      return true
    }
  }

  private static func generation(
    _ tenant: TenantID, _ places: KeyPlaces, _ root: SecretBytes
  ) throws -> Set<KeyFile> {
    let files = Set(try places.live.heads(of: tenant)).subtracting([.taken(tenant)])
    if files.contains(.gone(tenant)), try places.isEnded(tenant, root) { throw TenantErased() }
    return files
  }

  /// The files, and the key of the newest epoch there. It may end between the two, in another process: then there is a newer one.
  private static func newestEpoch(
    _ tenant: TenantID, _ places: KeyPlaces, _ root: SecretBytes, reading: Int = 1
  ) throws -> (files: Set<KeyFile>, number: Int64, key: SecretBytes) {
    let files = try generation(tenant, places, root)
    let number = files.compactMap(\.epoch).max() ?? 1
    do {
      let context = SealingContext.epoch(tenant: tenant, epoch: number)
      return (files, number, try places.openKey(.epoch(tenant, number), root, context: context))
    } catch {
      let now = try generation(tenant, places, root)
      guard reading < readings, now.contains(where: { ($0.epoch ?? 0) > number }) else { throw error }
      return try newestEpoch(tenant, places, root, reading: reading + 1)
    }
  }

  /// How often the files may change while they are read.
  private static let readings = 8

  private func tombstones(_ files: Set<KeyFile>, reading: Int = 1) throws -> [SubjectRef: Tombstone] {
    var stones: [SubjectRef: Tombstone] = [:]
    for file in files {
      guard case .erased(_, let id) = file else { continue }
      let found = try places.read(file).flatMap { TombstoneFile.open($0, tenant: tenant, id: id, root: root) }
      if found == nil, reading < Self.readings {
        // Another process put small files together, and what this one said another says now; or it ended the tenant.
        let now = try Self.generation(tenant, places, root)
        if !now.contains(file) { return try tombstones(now, reading: reading + 1) }
      }
      guard let found else {
        throw Problem(
          .unavailable, "A record of destroyed keys is damaged; bring the key store back from a replica.",
          detail: file.path)
      }
      for stone in found.stones { stones[stone.subject] = stone }
    }
    return stones
  }

  // MARK: Destroying

  /// Every subject whose key was destroyed, as the live store says now.
  package func tombstones() throws -> [SubjectRef: Tombstone] {
    try tombstones(try Self.generation(tenant, places, root))
  }

  /// Destroys the keys of subjects at every place, whatever an earlier try left. May be repeated at any time; a place that cannot be
  /// reached stays pending, and says so. Throws if the live store cannot be written, or a subject was never taken.
  /// `now` is read behind what ended, place by place.
  package func destroy(
    _ subjects: [SubjectRef], erasure: String, now: @autoclosure () -> Instant
  ) throws -> KeyDestruction {
    guard try !subjects.isEmpty && subjects.allSatisfy({ try $0.number >= 0 && isTaken($0) }) else {
      throw Problem(.internal, "A key was to be destroyed that was never used.")
    }
    return try turn(subjects, erasure, now, forced: false)
  }

  /// The number of the current epoch, as the live store says now.
  package var epoch: Int64 {
    get throws { try Self.generation(tenant, places, root).compactMap(\.epoch).max() ?? 0 }
  }

  /// Gives the tenant a new epoch key and ends the old one, without destroying any subject's key.
  package func turnEpoch(now: @autoclosure () -> Instant) throws -> KeyDestruction {
    try turn([], "", now, forced: true)
  }

  private func turn(
    _ subjects: [SubjectRef], _ erasure: String, _ now: () -> Instant, forced: Bool
  ) throws -> KeyDestruction {
    defer { cache.withLock { $0.forget() } }
    cache.withLock { $0.erased.formUnion(subjects) }
    let turn = KeyTurn(tenant, places: places, root: root)
    let destruction = try turn.run(subjects, erasure: erasure, now: now(), forced: forced)
    try lookAgain()
    return destruction
  }
}

/// The subject's key was destroyed by an erasure: what it sealed cannot be opened any more.
package struct SubjectErased: Error, Sendable { package let subject: SubjectRef }

/// The key store does not have the key, or its block does not open.
package struct KeyMissing: Error, Sendable { package let subject: SubjectRef }
