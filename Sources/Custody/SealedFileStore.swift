import Kernel

/// Where sealed files lie: a directory, the database, an object store. It gets bytes that are sealed already (docs/format.md §5.2), keeps them as
/// they are under a tenant and an id, and knows no key. A file is written once, before anything names it, and is never changed.
package protocol SealedFileStore: Sendable {
  /// Begins a file. Nothing of it is seen by `open` and `list` as a whole file before `finish` of the sink has returned, unless this says so.
  func create(_ tenant: TenantID, _ file: FileID) async throws -> any SealedFileSink

  /// Nil if there is no such file.
  func open(_ tenant: TenantID, _ file: FileID) async throws -> (any SealedFileSource)?

  /// Removes a file, if it is there.
  func remove(_ tenant: TenantID, _ file: FileID) async throws

  /// Every file of the tenant, in no order; also one that is being written.
  func list(_ tenant: TenantID) async throws -> [ListedFile]

  /// Files that were begun before `oldest` was made: ids begin with the time.
  func list(_ tenant: TenantID, before oldest: FileID) async throws -> Set<FileID>

  /// Those of `files` that this installation may remove because no row of it names them. All of them, unless others may write to the same place.
  func removable(_ tenant: TenantID, _ files: Set<FileID>) async throws -> Set<FileID>

  /// What the store has to do once a day, such as removing what broken-off uploads left that were begun before `oldest`.
  func tend(_ tenant: TenantID, before oldest: FileID) async throws

  /// Without asking anybody else: false only if the tenant certainly has no file. May block for the fraction of a millisecond.
  func mayHaveFiles(_ tenant: TenantID) -> Bool
}

/// A file while it is written, by one task. Whoever does not come to `finish` calls `abandon`.
package protocol SealedFileSink: AnyObject {
  func append(_ bytes: [UInt8]) async throws
  /// Returns once the whole file is durable, wherever it lies.
  func finish() async throws
  /// Removes what has been written; what cannot be removed now is left to the sweeper.
  func abandon() async
}

/// A file while it is read from its beginning, by one task.
package protocol SealedFileSource: AnyObject {
  /// Bytes of the sealed file.
  var size: Int64 { get }
  /// Exactly the next `count` bytes; throws `Box.OpenError.altered` if there are fewer.
  func read(_ count: Int) async throws -> [UInt8]
}

/// What a listing says of a file.
package struct ListedFile: Sendable, Hashable {
  package let id: FileID
  /// Bytes of the sealed file.
  package let size: Int64

  package init(id: FileID, size: Int64) {
    self.id = id
    self.size = size
  }
}

extension SealedFileStore {
  package func list(_ tenant: TenantID, before oldest: FileID) async throws -> Set<FileID> {
    Set(try await list(tenant).map(\.id).filter { $0 < oldest })
  }

  package func removable(_ tenant: TenantID, _ files: Set<FileID>) async throws -> Set<FileID> { files }

  package func tend(_ tenant: TenantID, before oldest: FileID) async throws {}
}
