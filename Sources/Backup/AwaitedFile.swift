import Custody
import Dispatch
import Kernel
import Synchronization

/// A store of files as a backup reads it: on a thread of its own, which may wait.
struct AwaitedFiles {
  let store: any SealedFileStore
  let tenant: TenantID

  func list() throws -> [ListedFile] {
    let (store, tenant) = (store, tenant)
    return try AwaitedFiles.wait { try await store.list(tenant) }
  }

  /// Nil if it is gone.
  func open(_ file: FileID) throws -> AwaitedFile? {
    let (store, tenant) = (store, tenant)
    let held: AwaitedFile.Held? = try AwaitedFiles.wait {
      try await store.open(tenant, file).map(AwaitedFile.Held.init)
    }
    return held.map(AwaitedFile.init)
  }

  /// Blocks the thread. Never called on one of Swift's own: they are few.
  fileprivate static func wait<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) throws -> T {
    let result = Mutex<Result<T, any Error>?>(nil)
    let done = DispatchSemaphore(value: 0)
    Task {
      let outcome: Result<T, any Error>
      do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
      result.withLock { $0 = outcome }
      done.signal()
    }
    done.wait()
    guard let outcome = result.withLock({ $0 }) else { throw Problem(.internal, "A file was read without an outcome.") }
    return try outcome.get()
  }
}

/// A stored file while it is copied, as large as it was when it was opened.
struct AwaitedFile {
  /// Lets the source travel to the task that reads while this thread waits for it.
  fileprivate final class Held: @unchecked Sendable {
    // Used by one side at a time: whoever asked waits until the answer is there.
    let source: any SealedFileSource
    init(_ source: any SealedFileSource) { self.source = source }
  }

  private let held: Held
  fileprivate init(_ held: Held) { self.held = held }

  var size: Int64 { held.source.size }

  func pieces(of piece: Int, _ body: ([UInt8]) throws -> Void) throws {
    let held = held
    var rest = size
    while rest > 0 {
      let count = Int(min(Int64(piece), rest))
      try body(try AwaitedFiles.wait { try await held.source.read(count) })
      rest -= Int64(count)
    }
  }
}
