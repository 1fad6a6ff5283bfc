import Custody
import Kernel

/// The change of a tenant's epoch key (docs/format.md §5.6, without tombstones): a fresh one at every place, every block of subject keys sealed
/// anew under it, the earlier ones overwritten and removed. No subject's key changes, and nothing is sealed anew but blocks.
///
/// `key.turn` on `epoch:<n>` says, before anything is done, that this epoch is to end; `key.end` on `epoch:<n>` that no place holds the key
/// of this epoch or of one before it. Broken off between the two, the next start brings the places to one state and the same command says
/// so on the record.
extension Ledger {
  /// May be repeated at any time: each call turns once more, and ends whatever an earlier one left at a place that was away. Throws if
  /// the live store cannot be written.
  package func rotateEpoch(_ tenant: TenantID, by actor: Actor) async throws -> KeyDestruction {
    let clock = clock
    return try await using(tenant) { ledger in
      let keys = ledger.keys
      let ending = try await onThread { try keys.epoch }
      _ = try await ledger.write(Act("key.turn", on: Self.epoch(ending), by: actor)) { _ in }
      let turned = try await onThread { try keys.turnEpoch(now: clock.now) }
      if turned.isComplete {
        _ = try await ledger.write(Act("key.end", on: Self.epoch(turned.epochAfter - 1), by: actor)) { _ in }
      }
      return turned
    }
  }

  private static func epoch(_ number: Int64) -> ObjectRef { ObjectRef("epoch", String(number)) }
}
