import Custody
import Crypto
import Kernel
import Storage

/// A file that is sealed and durable but belongs to nothing yet; a `Work` adopts it, or it is discarded.
package struct StagedFile: Sendable {
  package let id: FileID
  package let subject: SubjectRef
  package let sha256: Kernel.Digest
  /// Bytes of the plaintext.
  package let size: Int64
}

extension Ledger {
  /// Largest file (docs/format.md §7).
  package static let largestFile: Int64 = 4 << 30

  /// Seals what arrives, piece by piece, into a new file and makes it durable. Throws `Problem.tooLarge` beyond `limit` and leaves nothing.
  package func stageFile<Pieces: AsyncSequence>(
    _ tenant: TenantID, limit: Int64 = Ledger.largestFile, _ pieces: Pieces
  ) async throws -> StagedFile where Pieces.Element == [UInt8] {
    let id = FileID.make(at: clock.now)
    guard !installation.disk.hasFailed else { throw DiskProblem.explain(StorageError.afterFailure) }
    do {
      let (subject, key) = try await using(tenant) { ledger in
        let subject = try ledger.keys.takeSlot()
        return (subject, try ledger.keys.key(of: subject))
      }
      let intake = Intake(
        into: try await files.create(tenant, id), key: key, context: SealingContext.file(tenant: tenant, file: id),
        limit: limit)
      do {
        let (sha256, size) = try await intake.takeAll(pieces)
        return StagedFile(id: id, subject: subject, sha256: sha256, size: size)
      } catch {
        await intake.sink.abandon()
        throw error
      }
    } catch {
      if let error = error as? DurableFile.FileError, error.isOfSync { installation.disk.declareFailed() }
      throw DiskProblem.explain(error)
    }
  }

  /// Removes a staged file that nothing adopted. What cannot be removed now goes with the next sweep.
  package func discard(_ tenant: TenantID, _ file: StagedFile) async { try? await files.remove(tenant, file.id) }

  /// The plaintext of a stored file, in pieces of at most 64 KiB.
  package func openFile(_ tenant: TenantID, _ id: FileID, subject: SubjectRef) async throws -> FilePieces {
    let keys = try await using(tenant) { $0.keys }
    let key: SecretBytes
    do { key = try keys.key(of: subject) } catch is SubjectErased { throw Problem.notFound }
    guard let source = try await files.open(tenant, id) else {
      throw Problem(.internal, "A stored file is missing; restore it from a backup.", detail: "file \(id)")
    }
    let header = try await source.read(SealedFile.header)
    let opener = try SealedFile.Opener(
      key: key, context: SealingContext.file(tenant: tenant, file: id), size: source.size, header: header)
    return FilePieces(reader: FilePieces.Held(source, opener))
  }

  /// Removes files that no row adopted and that are older than a day. Adopted is what any plain column of ids of any primary table
  /// names: a module that keeps files need not say so, and cannot forget to.
  package func sweepFiles(_ tenant: TenantID) async throws -> Int {
    let oldest = FileID.make(at: clock.now.adding(seconds: -86_400))
    try await files.tend(tenant, before: oldest)
    let candidates = try await files.list(tenant, before: oldest)
    guard !candidates.isEmpty else { return 0 }
    let orphans = candidates.subtracting(try await adopted(candidates, tenant))
    let removable = try await files.removable(tenant, orphans)
    for file in removable { try await files.remove(tenant, file) }
    return removable.count
  }

  private func adopted(_ candidates: Set<FileID>, _ tenant: TenantID) async throws -> Set<FileID> {
    let tables = tables.values.filter { $0.kind == .primary }
    return try await read(tenant) { reader in
      var adopted: Set<FileID> = []
      for table in tables {
        for column in table.columns where column.dataClass == .key && column.type == .text {
          try reader.connection.each(
            raw: "SELECT \(column.name) FROM \(table.name) WHERE tenant = ? AND \(column.name) IS NOT NULL",
            [.text(tenant.text)]
          ) { row in
            if let file = FileID(row.text(0)), candidates.contains(file) { adopted.insert(file) }
            return true
          }
        }
      }
      return adopted
    }
  }
}

/// A file while it arrives: sealed, measured and handed on, piece by piece.
private final class Intake {
  let sink: any SealedFileSink
  private let limit: Int64
  private var sealer: SealedFile.Sealer
  private var hasher = SHA256()
  private var size: Int64 = 0

  init(into sink: any SealedFileSink, key: SecretBytes, context: [UInt8], limit: Int64) {
    self.sink = sink
    self.limit = limit
    sealer = SealedFile.Sealer(key: key, context: context)
  }

  /// Digest and bytes of the plaintext, once all of it is durable.
  func takeAll<Pieces: AsyncSequence>(_ pieces: Pieces) async throws -> (Kernel.Digest, Int64)
  where Pieces.Element == [UInt8] {
    try await sink.append(sealer.header)
    var iterator = pieces.makeAsyncIterator()
    while let piece = try await iterator.next() {
      let sealed = try take(piece)
      if !sealed.isEmpty { try await sink.append(sealed) }
    }
    try await sink.append(try sealer.finish())
    try await sink.finish()
    return (Kernel.Digest(hasher.finalize()), size)
  }

  private func take(_ piece: [UInt8]) throws -> [UInt8] {
    size += Int64(piece.count)
    guard size <= limit else {
      throw Problem(
        .tooLarge, "The file is larger than \(limit) bytes; split it or ask the operator for a higher limit.")
    }
    hasher.update(data: piece)
    return try sealer.take(piece)
  }
}

/// Pieces of a stored file as an asynchronous sequence; for one reader.
package struct FilePieces: AsyncSequence, Sendable {
  package typealias Element = [UInt8]
  fileprivate let reader: Held

  /// Lets the reader travel to the task that iterates; only one iterator is ever made.
  fileprivate final class Held: @unchecked Sendable {
    // Used by the one task that iterates the sequence, piece after piece.
    private let source: any SealedFileSource
    private var opener: SealedFile.Opener

    init(_ source: any SealedFileSource, _ opener: SealedFile.Opener) {
      self.source = source
      self.opener = opener
    }

    func next() async throws -> [UInt8]? {
      guard let count = opener.nextCount else { return nil }
      return try opener.open(try await source.read(count))
    }
  }

  package struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let reader: Held
    package mutating func next() async throws -> [UInt8]? { try await reader.next() }
    package mutating func next(isolation actor: isolated (any _Concurrency.Actor)?) async throws(any Error) -> [UInt8]?
    {
      try await reader.next()
    }
  }

  package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(reader: reader) }
}
