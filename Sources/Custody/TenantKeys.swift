import Crypto
import Kernel
import Synchronization

/// One tenant's keys while it is open: hands out slots of blocks that are already durable, and finds subject keys.
///
/// Lock order: `state` only; file writes happen inside it when a block or the mark must become durable, which is once in up to
/// 1,024 slots.
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
  private let state: Mutex<State>

  private struct State {
    /// Next slot to hand out; all below `reserved` are durably marked as taken.
    var next: Int64
    var reserved: Int64
    var reservation: Int64 = 16
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
    let taken = try Self.readMark(tenant, places)
    state = Mutex(State(next: taken, reserved: taken))
  }

  /// Slots below it may be in use: what rows name must lie below.
  package var taken: Int64 { state.withLock { $0.reserved } }

  /// The next free slot. Its block is durable and it is marked as taken before this returns.
  package func takeSlot() throws -> SubjectRef {
    try state.withLock { state in
      if state.next >= state.reserved { try reserve(&state) }
      defer { state.next += 1 }
      return SubjectRef(state.next)
    }
  }

  /// The 32-byte key of a subject. Throws `Problem.unavailable` if it is missing and `SubjectErased` if it was destroyed.
  package func key(of subject: SubjectRef) throws -> SecretBytes {
    guard subject.number >= 0 else { throw KeyMissing(subject: subject) }
    return try state.withLock { state in
      let keys = try block(subject.block, &state)
      guard let key = keys[subject.slot] else { throw SubjectErased(subject: subject) }
      return key
    }
  }

  /// HMAC-SHA-256 under the tenant's index key (docs/format.md §5.3), for derived tables.
  package func keyedHash(_ purpose: String, _ value: String) -> [UInt8] {
    let message = CBOR.array([.text(purpose), .text(value)]).encoded
    return indexKey.withBytes { Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: $0))) }
  }

  // MARK: Slots

  private func reserve(_ state: inout State) throws {
    let end = state.reserved + state.reservation
    for number in (state.next / SubjectRef.slotsPerBlock)...((end - 1) / SubjectRef.slotsPerBlock) {
      try createBlock(number, isFresh: number * SubjectRef.slotsPerBlock >= state.reserved)
    }
    try places.put(TakenMark.text(end), as: .taken(tenant))
    state.reserved = end
    state.reservation = min(state.reservation * 2, Self.largestReservation)
  }

  /// Slots below it were or may have been handed out. Where the mark is lost, that is every slot of every block there is.
  private static func readMark(_ tenant: TenantID, _ places: KeyPlaces) throws -> Int64 {
    guard let bytes = try places.read(.taken(tenant)) else {
      var end: Int64 = 0
      while try places.exists(.block(tenant, end / SubjectRef.slotsPerBlock)) { end += SubjectRef.slotsPerBlock }
      return end
    }
    guard let mark = TakenMark.parse(bytes) else {
      throw Problem(
        .unavailable, "The mark of used keys is damaged; restore the key store from a replica.",
        detail: KeyFile.taken(tenant).path)
    }
    return mark
  }

  // MARK: Blocks

  /// `isFresh`: no slot of the block was ever handed out. Only then may it be made; another would take the place of keys in use.
  private func createBlock(_ number: Int64, isFresh: Bool) throws {
    if try places.exists(.block(tenant, number)) { return }
    guard isFresh else {
      throw Problem(
        .unavailable, "A block of keys in use is missing from the key store; restore it from a replica.",
        detail: KeyFile.block(tenant, number).path)
    }
    let keys = SecretBytes.random(count: KeyBlock.plainSize)
    try places.put(
      try KeyBlock.seal(keys, tenant: tenant, number: number, epoch: epoch, key: epochKey), as: .block(tenant, number))
  }

  private func block(_ number: Int64, _ state: inout State) throws -> [SecretBytes?] {
    if let keys = state.blocks[number] { return keys }
    guard let file = try places.read(.block(tenant, number)),
      let plain = try? KeyBlock.open(file, tenant: tenant, number: number, epoch: epoch, key: epochKey)
    else { throw KeyMissing(subject: SubjectRef(number * SubjectRef.slotsPerBlock)) }
    let keys = stride(from: 0, to: plain.count, by: 32).map { start -> SecretBytes? in
      let key = plain[start..<start + 32]
      return key.allSatisfy { $0 == 0 } ? nil : SecretBytes(key)
    }
    state.blocks[number] = keys
    state.recent.append(number)
    if state.recent.count > Self.blocksHeld { state.blocks[state.recent.removeFirst()] = nil }
    return keys
  }
}

/// The subject's key was destroyed by an erasure: what it sealed cannot be opened any more.
package struct SubjectErased: Error, Sendable { package let subject: SubjectRef }

/// The key store does not have the key, or its block does not open.
package struct KeyMissing: Error, Sendable { package let subject: SubjectRef }
