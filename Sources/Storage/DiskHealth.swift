import Synchronization

/// Whether the disk failed under this process. One for all files of an installation: Linux tells a failed sync once, to one of those who
/// have the file open, and shows what it lost as if it were there. Nobody then knows what is durable, so nothing is written any more until
/// the process is started again, which makes durable what it finds before it writes behind it (`WriteAheadLog`).
package final class DiskHealth: Sendable {
  private let failed = Mutex(false)

  package init() {}

  package var hasFailed: Bool { failed.withLock { $0 } }
  package func declareFailed() { failed.withLock { $0 = true } }

  private let turn = Mutex(())

  /// For the sync of what several threads sync, a directory: one at a time, and none after one that failed, which `body` declares before it
  /// throws. Without turns another thread could begin between the failure and its declaration, and be told that all is well.
  package func alone<T>(_ body: () throws -> T) throws -> T {
    try turn.withLock { _ in
      guard !hasFailed else { throw StorageError.afterFailure }
      return try body()
    }
  }
}
