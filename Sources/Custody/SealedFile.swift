import Crypto
import Glibc
import Kernel

/// A file sealed in chunks of 64 KiB whose order and end are bound (docs/format.md §5.2).
package enum SealedFile {
  package static let chunkSize = 65_536
  static let header = 33

  static func nonce(_ chunk: UInt64, last: Bool) throws -> AES.GCM.Nonce {
    var bytes = [UInt8](repeating: 0, count: 12)
    for position in 0..<8 { bytes[10 - position] = UInt8(truncatingIfNeeded: chunk >> UInt64(8 * position)) }
    bytes[11] = last ? 1 : 0
    return try AES.GCM.Nonce(data: bytes)
  }

  /// Seals what it is given, piece by piece, into a new file; ends with `finish`, which syncs it.
  package final class Writer {
    private let derived: DerivedKey
    private let descriptor: Int32
    private let path: String
    private var held: [UInt8] = []
    private var chunk: UInt64 = 0

    /// Creates the file; throws if it exists.
    package init(path: String, key: SecretBytes, context: [UInt8]) throws {
      self.path = path
      derived = DerivedKey(key, context: context)
      descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw DurableFile.FileError(operation: "create", path: path, number: errno) }
      try DurableFile.writeAll([Box.version] + derived.commitment, to: descriptor, path: path)
    }

    deinit { Glibc.close(descriptor) }

    package func write(_ bytes: some Collection<UInt8>) throws {
      held += bytes
      guard held.count > SealedFile.chunkSize else { return }
      var start = 0
      // A full chunk is sealed only once a byte follows it: only then it is known not to be the last.
      while held.count - start > SealedFile.chunkSize {
        try seal(held[start..<start + SealedFile.chunkSize], last: false)
        start += SealedFile.chunkSize
      }
      held.removeFirst(start)
    }

    package func finish() throws {
      try seal(held[...], last: true)
      guard fsync(descriptor) == 0 else { throw DurableFile.FileError(operation: "sync", path: path, number: errno) }
      try DurableFile.syncDirectory(of: path)
    }

    private func seal(_ bytes: ArraySlice<UInt8>, last: Bool) throws {
      let sealed = try AES.GCM.seal(bytes, using: derived.key, nonce: SealedFile.nonce(chunk, last: last))
      try DurableFile.writeAll(Array(sealed.ciphertext) + Array(sealed.tag), to: descriptor, path: path)
      chunk += 1
    }
  }

  /// Opens a sealed file chunk by chunk. Throws `Box.OpenError` as soon as a chunk does not belong.
  package final class Reader {
    private let derived: DerivedKey
    private let descriptor: Int32
    private let path: String
    private var chunk: UInt64 = 0
    private var rest: Int64 = 0
    private var isDone = false

    package init(path: String, key: SecretBytes, context: [UInt8]) throws {
      self.path = path
      derived = DerivedKey(key, context: context)
      descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw DurableFile.FileError(operation: "open", path: path, number: errno) }
      var status = stat()
      guard fstat(descriptor, &status) == 0 else {
        throw DurableFile.FileError(operation: "stat", path: path, number: errno)
      }
      rest = Int64(status.st_size) - Int64(SealedFile.header)
      try checkHeader()
    }

    deinit { Glibc.close(descriptor) }

    /// The next piece of the plaintext (at most 64 KiB), or nil after the last.
    package func next() throws -> [UInt8]? {
      guard !isDone else { return nil }
      let count = min(rest, Int64(SealedFile.chunkSize + 16))
      guard count >= 16 else { throw Box.OpenError.altered }
      let bytes = try read(Int(count))
      rest -= count
      let last = rest == 0
      let nonce = try SealedFile.nonce(chunk, last: last)
      guard let box = try? AES.GCM.SealedBox(nonce: nonce, ciphertext: bytes.dropLast(16), tag: bytes.suffix(16)),
        let plain = try? AES.GCM.open(box, using: derived.key)
      else { throw Box.OpenError.altered }
      chunk += 1
      isDone = last
      return [UInt8](plain)
    }

    private func checkHeader() throws {
      guard rest >= 16 else { throw Box.OpenError.malformed }
      let header = try read(SealedFile.header)
      guard header[0] == Box.version else { throw Box.OpenError.malformed }
      guard derived.commits(to: header[1...]) else { throw Box.OpenError.wrongKeyOrPlace }
    }

    private func read(_ count: Int) throws -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: count)
      var filled = 0
      while filled < count {
        let got = bytes.withUnsafeMutableBytes {
          Glibc.read(descriptor, $0.baseAddress?.advanced(by: filled), count - filled)
        }
        if got < 0, errno == EINTR { continue }
        guard got > 0 else { throw Box.OpenError.altered }
        filled += got
      }
      return bytes
    }
  }
}
