import Glibc
import Kernel

/// Another store than the directory beside the data, which may still hold files from before, or from a restore: they are read where they lie
/// and moved over day by day.
package struct MovingFiles: SealedFileStore {
  private let store: any SealedFileStore
  private let earlier: DirectoryFiles
  private let isShared: Bool

  /// `isShared`: other servers, with directories of their own, write to the store.
  package init(to store: any SealedFileStore, from earlier: DirectoryFiles, isShared: Bool) {
    self.store = store
    self.earlier = earlier
    self.isShared = isShared
  }

  package func create(_ tenant: TenantID, _ file: FileID) async throws -> any SealedFileSink {
    // Its being there says that the tenant has files; see `mayHaveFiles`.
    if !isShared { try DurableFile.makeDirectory(earlier.directory(of: tenant)) }
    return try await store.create(tenant, file)
  }

  package func open(_ tenant: TenantID, _ file: FileID) async throws -> (any SealedFileSource)? {
    if let source = try await earlier.open(tenant, file) { return source }
    return try await store.open(tenant, file)
  }

  package func remove(_ tenant: TenantID, _ file: FileID) async throws {
    try await earlier.remove(tenant, file)
    try await store.remove(tenant, file)
  }

  package func list(_ tenant: TenantID) async throws -> [ListedFile] {
    let here = try await earlier.list(tenant)
    let ids = Set(here.map(\.id))
    return here + (try await store.list(tenant).filter { !ids.contains($0.id) })
  }

  package func list(_ tenant: TenantID, before oldest: FileID) async throws -> Set<FileID> {
    try await earlier.list(tenant, before: oldest).union(try await store.list(tenant, before: oldest))
  }

  package func removable(_ tenant: TenantID, _ files: Set<FileID>) async throws -> Set<FileID> {
    try await store.removable(tenant, files)
  }

  package func tend(_ tenant: TenantID, before oldest: FileID) async throws {
    for file in try await earlier.list(tenant) { try await move(file.id, tenant) }
    try await store.tend(tenant, before: oldest)
  }

  package func mayHaveFiles(_ tenant: TenantID) -> Bool {
    earlier.mayHaveFiles(tenant) || (isShared && store.mayHaveFiles(tenant))
  }

  /// A file never changes, so that it may lie in both places for a while. What lies in the store already and is the same is not written again:
  /// the store may be that of the installation that the backup was made of, which still runs.
  private func move(_ file: FileID, _ tenant: TenantID) async throws {
    if try await !isStored(file, tenant) {
      guard let source = try await earlier.open(tenant, file) else { return }
      let sink = try await store.create(tenant, file)
      do {
        try await MovingFiles.each(source) {
          try await sink.append($0)
          return true
        }
        try await sink.finish()
      } catch {
        await sink.abandon()
        throw error
      }
    }
    try await earlier.remove(tenant, file)
  }

  private func isStored(_ file: FileID, _ tenant: TenantID) async throws -> Bool {
    guard let source = try await earlier.open(tenant, file), let stored = try await store.open(tenant, file),
      stored.size == source.size
    else { return false }
    var isSame = true
    try await MovingFiles.each(source) { piece in
      isSame = try await stored.read(piece.count) == piece
      return isSame
    }
    return isSame
  }

  /// Until `body` says that it is enough.
  private static func each(_ source: any SealedFileSource, _ body: ([UInt8]) async throws -> Bool) async throws {
    var rest = source.size
    while rest > 0 {
      let count = min(rest, 1 << 20)
      guard try await body(try await source.read(Int(count))) else { return }
      rest -= count
    }
  }
}
