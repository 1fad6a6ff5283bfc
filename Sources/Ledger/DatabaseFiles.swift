import Custody
import Kernel
import Storage

/// A piece of a sealed file, where files lie in the database (PostgreSQL only).
package enum FileChunk {
  package static let table = Table(
    "file_chunk", .transient,
    columns: [
      Column("file", .text, .key, purpose: "which file it belongs to", nullable: false),
      Column("position", .integer, .operational, purpose: "the how-manieth piece, from 0", nullable: false),
      Column("data", .bytes, .operational, purpose: "the next bytes of the sealed file", nullable: false),
    ], primaryKey: ["file", "position"], retention: "as long as a row names the file; see Backups for copies")

  /// What is sealed cannot be compressed, and need not be tried.
  static let storage = "ALTER TABLE file_chunk ALTER COLUMN data SET STORAGE EXTERNAL"

  /// Bytes of one piece, and of the pieces that are written or fetched at once.
  static let size = 256 << 10
  static let together = 4 << 20
}

/// Sealed files in pieces in the shared database, where every server reaches them. They are written outside of any `Work`, in transactions of
/// their own that name the tenant; a file that is begun and never adopted goes with the sweep.
package struct DatabaseFiles: SealedFileStore {
  private let installation: Installation

  package init(_ installation: Installation) { self.installation = installation }

  package func create(_ tenant: TenantID, _ file: FileID) async throws -> any SealedFileSink {
    DatabaseSink(self, tenant, file)
  }

  package func open(_ tenant: TenantID, _ file: FileID) async throws -> (any SealedFileSource)? {
    let size = try await read(tenant) { connection in
      try connection.firstRow(
        raw: "SELECT sum(octet_length(data)) FROM file_chunk WHERE tenant = ? AND file = ?",
        [.text(tenant.text), .text(file.text)])?[0].integer
    }
    return size.map { DatabaseSource(self, tenant, file, size: $0) }
  }

  package func remove(_ tenant: TenantID, _ file: FileID) async throws {
    try await write(tenant) { connection in
      try connection.run(
        raw: "DELETE FROM file_chunk WHERE tenant = ? AND file = ?", [.text(tenant.text), .text(file.text)])
    }
  }

  package func list(_ tenant: TenantID) async throws -> [ListedFile] {
    try await read(tenant) { connection in
      var found: [ListedFile] = []
      try connection.each(
        raw: "SELECT file, sum(octet_length(data)) FROM file_chunk WHERE tenant = ? GROUP BY file",
        [.text(tenant.text)]
      ) { row in
        if let file = FileID(row.text(0)) { found.append(ListedFile(id: file, size: row.integer(1))) }
        return true
      }
      return found
    }
  }

  package func list(_ tenant: TenantID, before oldest: FileID) async throws -> Set<FileID> {
    try await read(tenant) { connection in
      var found: Set<FileID> = []
      try connection.each(
        raw: "SELECT DISTINCT file FROM file_chunk WHERE tenant = ? AND file < ?",
        [.text(tenant.text), .text(oldest.text)]
      ) { row in
        if let file = FileID(row.text(0)) { found.insert(file) }
        return true
      }
      return found
    }
  }

  package func mayHaveFiles(_ tenant: TenantID) -> Bool {
    let found = try? installation.peek(tenant, isOpen: false) { connection in
      try connection.firstRow(raw: "SELECT 1 FROM file_chunk WHERE tenant = ? LIMIT 1", [.text(tenant.text)]) != nil
    }
    return found ?? true
  }

  // MARK: Transactions

  fileprivate func read<T: Sendable>(
    _ tenant: TenantID, _ body: @escaping @Sendable (Connection) throws -> T
  ) async throws -> T {
    do { return try await installation.database(of: tenant).read(body) } catch { throw DiskProblem.explain(error) }
  }

  /// Durable when it returns. A commit whose outcome is not known counts as none: nothing names the file yet.
  fileprivate func write(
    _ tenant: TenantID, _ body: @escaping @Sendable (Connection) throws -> Void
  ) async throws {
    let database = try installation.database(of: tenant)
    do {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        database.onWriter { access in
          continuation.resume(
            with: Result {
              try access.connection.begin()
              try body(access.connection)
              try access.connection.commit()
            })
        }
      }
    } catch let doubt as CommitInDoubt {
      throw DiskProblem.explain(doubt.reason)
    } catch {
      throw DiskProblem.explain(error)
    }
  }
}

private final class DatabaseSink: SealedFileSink {
  private let store: DatabaseFiles
  private let tenant: TenantID
  private let file: FileID
  private var held: [UInt8] = []
  private var position: Int64 = 0

  init(_ store: DatabaseFiles, _ tenant: TenantID, _ file: FileID) {
    self.store = store
    self.tenant = tenant
    self.file = file
  }

  func append(_ bytes: [UInt8]) async throws {
    held += bytes
    if held.count >= FileChunk.together { try await flush() }
  }

  func finish() async throws { try await flush() }

  func abandon() async { try? await store.remove(tenant, file) }

  private func flush() async throws {
    guard !held.isEmpty else { return }
    let (bytes, first, tenant, file) = (held, position, tenant, file)
    try await store.write(tenant) { connection in
      for (number, start) in stride(from: 0, to: bytes.count, by: FileChunk.size).enumerated() {
        let piece = Array(bytes[start..<min(start + FileChunk.size, bytes.count)])
        try connection.run(
          raw: FileChunk.table.statements.insert,
          [.text(tenant.text), .text(file.text), .integer(first + Int64(number)), .bytes(piece)])
      }
    }
    position += Int64((bytes.count + FileChunk.size - 1) / FileChunk.size)
    held = []
  }
}

private final class DatabaseSource: SealedFileSource {
  let size: Int64
  private let store: DatabaseFiles
  private let tenant: TenantID
  private let file: FileID
  private var held: [UInt8] = []
  private var start = 0
  private var position: Int64 = 0

  init(_ store: DatabaseFiles, _ tenant: TenantID, _ file: FileID, size: Int64) {
    self.store = store
    self.tenant = tenant
    self.file = file
    self.size = size
  }

  func read(_ count: Int) async throws -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(count)
    while out.count < count {
      if start == held.count { try await fetch() }
      let piece = held[start..<min(held.count, start + count - out.count)]
      out += piece
      start += piece.count
    }
    return out
  }

  /// Pieces by their number: one that is missing or out of place makes the file end here, and its seal does not allow that.
  private func fetch() async throws {
    let (tenant, file, first) = (tenant, file, position)
    let most = Int64(FileChunk.together / FileChunk.size)
    let pieces = try await store.read(tenant) { connection in
      try connection.rows(
        raw: """
          SELECT position, data FROM file_chunk WHERE tenant = ? AND file = ? AND position >= ? AND position < ?
          ORDER BY position
          """, [.text(tenant.text), .text(file.text), .integer(first), .integer(first + most)])
    }
    (held, start) = ([], 0)
    for piece in pieces {
      guard piece[0].integer == position, let bytes = piece[1].bytes else { break }
      held += bytes
      position += 1
    }
    guard !held.isEmpty else { throw Box.OpenError.altered }
  }
}
