import Synchronization

/// What the write path did since the start, for the operator's figures. Written by the writers' threads once per batch.
package final class LedgerMeter: Sendable {
  /// Bounds of the sizes of batches; the last count is of all above.
  package static let sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256]

  private let counts = Mutex(Counts())

  package struct Counts: Sendable, Equatable {
    package var batches: UInt64 = 0
    /// Commands that are on the record.
    package var commands: UInt64 = 0
    /// Commands that threw, or that could not be written.
    package var refused: UInt64 = 0
    /// Transactions that failed as a whole: a full or failing disk.
    package var failures: UInt64 = 0
    /// Batches by size, as many as there are bounds.
    package var sizes = [UInt64](repeating: 0, count: LedgerMeter.sizes.count)
  }

  package init() {}

  package var value: Counts { counts.withLock { $0 } }

  /// A batch was committed.
  func note(commands: Int, refused: Int) {
    counts.withLock { counts in
      counts.refused += UInt64(refused)
      guard commands > 0 else { return }
      counts.batches += 1
      counts.commands += UInt64(commands)
      counts.sizes[LedgerMeter.sizes.firstIndex { commands <= $0 } ?? LedgerMeter.sizes.count - 1] += 1
    }
  }

  /// A batch was lost.
  func noteFailure(commands: Int) {
    counts.withLock { counts in
      counts.failures += 1
      counts.refused += UInt64(commands)
    }
  }
}
