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
  private let directory: String
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
    tenant: TenantID, directory: String, epoch: Int64, epochKey: SecretBytes, logSeed: SecretBytes,
    indexKey: SecretBytes
  ) throws {
    self.tenant = tenant
    self.directory = directory
    self.epoch = epoch
    self.epochKey = epochKey
    self.logSeed = logSeed
    self.indexKey = indexKey
    // What an earlier opening reserved and did not use is wasted: a restored database could otherwise use a slot twice.
    let taken = try Self.readMark(directory + "/taken")
    state = Mutex(State(next: taken, reserved: taken))
  }

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
      try createBlockIfMissing(number)
    }
    try DurableFile.write(Array("\(end)\n".utf8), to: directory + "/taken")
    state.reserved = end
    state.reservation = min(state.reservation * 2, Self.largestReservation)
  }

  private static func readMark(_ path: String) throws -> Int64 {
    guard let bytes = try DurableFile.read(path) else { return 0 }
    guard bytes.last == UInt8(ascii: "\n"), let mark = Int64(String(decoding: bytes.dropLast(), as: UTF8.self)),
      mark >= 0
    else {
      throw Problem(
        .unavailable, "The mark of used keys is damaged; restore the key store from a replica.", detail: path)
    }
    return mark
  }

  // MARK: Blocks

  private func path(ofBlock number: Int64) -> String { "\(directory)/blocks/\(number)" }

  private func createBlockIfMissing(_ number: Int64) throws {
    guard try DurableFile.read(path(ofBlock: number)) == nil else { return }
    let keys = SecretBytes.random(count: 32 * Int(SubjectRef.slotsPerBlock))
    let box = try Box.seal(
      keys.withBytes { Array($0) }, key: epochKey,
      context: SealingContext.block(tenant: tenant, epoch: epoch, block: number))
    try DurableFile.write(bigEndian(epoch) + box, to: path(ofBlock: number))
  }

  private func block(_ number: Int64, _ state: inout State) throws -> [SecretBytes?] {
    if let keys = state.blocks[number] { return keys }
    guard let file = try DurableFile.read(path(ofBlock: number)), file.count > 8 else {
      throw KeyMissing(subject: SubjectRef(number * SubjectRef.slotsPerBlock))
    }
    let context = SealingContext.block(tenant: tenant, epoch: epoch, block: number)
    guard Array(file[0..<8]) == bigEndian(epoch),
      let plain = try? Box.open(Array(file[8...]), key: epochKey, context: context),
      plain.count == 32 * Int(SubjectRef.slotsPerBlock)
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

  private func bigEndian(_ value: Int64) -> [UInt8] {
    stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> Int64($0)) }
  }
}

/// The subject's key was destroyed by an erasure: what it sealed cannot be opened any more.
package struct SubjectErased: Error, Sendable { package let subject: SubjectRef }

/// The key store does not have the key, or its block does not open.
package struct KeyMissing: Error, Sendable { package let subject: SubjectRef }
