/// One tenant's data, or the control data, behind either engine: one writer at a time in this process, some readers.
package protocol TenantDatabase: Sendable {
  /// Whether other processes write it too: then nothing that was read before a transaction may be believed in it.
  var isShared: Bool { get }

  /// Runs `body` on the writer's thread without blocking the caller; `body` begins and ends its own transactions. Where no
  /// connection is to be had, it gets one whose every call throws.
  func onWriter(_ body: @escaping @Sendable (WriterAccess) -> Void)

  /// Runs `body` on the writer's thread and waits. For opening and for tools. A transaction that `body` leaves by throwing is rolled back.
  func onWriterBlocking<T>(_ body: (Connection, WorkGate) throws -> T) throws -> T

  /// Runs `body` in a read transaction: one snapshot, on a reader's thread.
  func read<T: Sendable>(_ body: @escaping @Sendable (Connection) throws -> T) async throws -> T

  /// Whether the disk failed under a write: then nothing may be written through this handle, since nobody knows what is durable.
  var hasFailed: Bool { get }
  func declareFailed()
  /// Takes what was deleted off the disk, as far as this side can. A file of more than `largest` bytes is not written anew. Blocks; not for the
  /// writer's thread.
  func scrub(upTo largest: Int64) throws -> Scrubbed
  /// Gives back what is held beyond the data itself, without waiting.
  func releaseMemory()
  func close()
}

extension TenantDatabase {
  package func releaseMemory() {}
  package func scrub(upTo largest: Int64) throws -> Scrubbed { .elsewhere }
}

/// Where bytes of what was deleted may still lie.
package enum Scrubbed: Sendable {
  /// In no file.
  case nowhere
  /// In parts of the file that nothing uses; until it is written anew.
  case unusedParts
  /// In files that only another server reaches.
  case elsewhere
}

/// What a writer has in its hands.
package struct WriterAccess {
  package let connection: Connection
  package let gate: WorkGate
}
