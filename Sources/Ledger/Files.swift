import Custody
import Crypto
import Glibc
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

  /// Seals what arrives, piece by piece, into a new file and syncs it. Throws `Problem.tooLarge` beyond `limit` and leaves nothing.
  package func stageFile<Pieces: AsyncSequence>(
    _ tenant: TenantID, limit: Int64 = Ledger.largestFile, _ pieces: Pieces
  ) async throws -> StagedFile where Pieces.Element == [UInt8] {
    let keys = try await open(tenant).keys
    let id = FileID.make(at: clock.now)
    let path = filePath(tenant, id)
    do {
      let subject = try keys.takeSlot()
      try DurableFile.makeDirectory(filesDirectory(tenant))
      let key = try keys.key(of: subject)
      let intake = try Intake(
        path: path, key: key, context: SealingContext.file(tenant: tenant, file: id), limit: limit)
      try await intake.takeAll(pieces)
      let (sha256, size) = try intake.finish()
      return StagedFile(id: id, subject: subject, sha256: sha256, size: size)
    } catch {
      unlink(path)
      throw DiskProblem.explain(error)
    }
  }

  /// Removes a staged file that nothing adopted.
  package func discard(_ tenant: TenantID, _ file: StagedFile) { unlink(filePath(tenant, file.id)) }

  /// The plaintext of a stored file, in pieces of at most 64 KiB.
  package func openFile(_ tenant: TenantID, _ id: FileID, subject: SubjectRef) async throws -> FilePieces {
    let key = try await open(tenant).keys.key(of: subject)
    let reader = try SealedFile.Reader(
      path: filePath(tenant, id), key: key, context: SealingContext.file(tenant: tenant, file: id))
    return FilePieces(reader: FilePieces.Held(reader))
  }

  /// Removes files that no row adopted and that are older than a day. Adopted is what any plain column of ids of any primary table
  /// names: a module that keeps files need not say so, and cannot forget to.
  package func sweepFiles(_ tenant: TenantID) async throws -> Int {
    let candidates = oldFiles(tenant)
    guard !candidates.isEmpty else { return 0 }
    let tables = tables.values.filter { $0.kind == .primary }
    let adopted = try await read(tenant) { reader in
      var adopted: Set<String> = []
      for table in tables {
        for column in table.columns where column.dataClass == .key && column.type == .text {
          try reader.connection.each(
            raw: "SELECT \(column.name) FROM \(table.name) WHERE tenant = ? AND \(column.name) IS NOT NULL",
            [.text(tenant.text)]
          ) { row in
            let name = row.text(0)
            if candidates.contains(name) { adopted.insert(name) }
            return true
          }
        }
      }
      return adopted
    }
    return candidates.subtracting(adopted).count { unlink(filesDirectory(tenant) + "/" + $0) == 0 }
  }

  private func oldFiles(_ tenant: TenantID) -> Set<String> {
    guard let directory = opendir(filesDirectory(tenant)) else { return [] }
    defer { closedir(directory) }
    let oldest = FileID.make(at: clock.now.adding(seconds: -86_400)).text
    var found: Set<String> = []
    while let item = readdir(directory) {
      let name = withUnsafePointer(to: &item.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if FileID(name) != nil, name < oldest { found.insert(name) }
    }
    return found
  }

  func filesDirectory(_ tenant: TenantID) -> String { "\(installation.directory)/files/\(tenant)" }
  package func filePath(_ tenant: TenantID, _ id: FileID) -> String { filesDirectory(tenant) + "/\(id)" }
}

/// What is known of a file while it arrives.
private final class Intake {
  private let writer: SealedFile.Writer
  private let limit: Int64
  private var hasher = SHA256()
  private var size: Int64 = 0

  init(path: String, key: SecretBytes, context: [UInt8], limit: Int64) throws {
    writer = try SealedFile.Writer(path: path, key: key, context: context)
    self.limit = limit
  }

  func takeAll<Pieces: AsyncSequence>(_ pieces: Pieces) async throws where Pieces.Element == [UInt8] {
    var iterator = pieces.makeAsyncIterator()
    while let piece = try await iterator.next() { try take(piece) }
  }

  private func take(_ piece: [UInt8]) throws {
    size += Int64(piece.count)
    guard size <= limit else {
      throw Problem(
        .tooLarge, "The file is larger than \(limit) bytes; split it or ask the operator for a higher limit.")
    }
    hasher.update(data: piece)
    try writer.write(piece)
  }

  func finish() throws -> (Kernel.Digest, Int64) {
    try writer.finish()
    return (Kernel.Digest(hasher.finalize()), size)
  }
}

/// Pieces of a stored file as an asynchronous sequence; for one reader.
package struct FilePieces: AsyncSequence, Sendable {
  package typealias Element = [UInt8]
  fileprivate let reader: Held

  /// Lets the reader travel to the task that iterates; only one iterator is ever made.
  fileprivate final class Held: @unchecked Sendable {
    // Used by the one task that iterates the sequence, piece after piece.
    let reader: SealedFile.Reader
    init(_ reader: SealedFile.Reader) { self.reader = reader }
  }

  package struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let reader: Held
    package mutating func next() async throws -> [UInt8]? { try reader.reader.next() }
    package mutating func next(isolation actor: isolated (any _Concurrency.Actor)?) async throws(any Error) -> [UInt8]?
    {
      try reader.reader.next()
    }
  }

  package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(reader: reader) }
}
