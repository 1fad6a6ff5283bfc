import GRDBSQLite
import Glibc

/// The log of an SQLite file before it is opened: what it shows is made durable first.
///
/// When a sync fails, Linux drops what was to be written and goes on showing it. A process that is started again on the same machine
/// then recovers commits that are on no disk, writes behind them, and syncs only what is new: after a power cut the log ends at the
/// hole and what was acknowledged behind it is gone. Writing the same bytes again makes them dirty, so that the sync that follows is
/// about them. After a good end there is no log, and nothing to do.
enum WriteAheadLog {
  private static let pieceSize = 1 << 16

  static func makeDurable(ofDatabase path: String, _ disk: DiskHealth) throws {
    let name = path + "-wal"
    let descriptor = open(name, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return }
      throw failure("open")
    }
    defer { close(descriptor) }
    if try rewrite(descriptor) == 0 { return }
    guard fsync(descriptor) == 0 else { throw failure("sync", isOfSync: true) }
    try syncDirectory(of: name, disk)
  }

  /// Bytes written again.
  private static func rewrite(_ descriptor: Int32) throws -> Int {
    var buffer = [UInt8](repeating: 0, count: pieceSize)
    var place = 0
    while true {
      let count = pread(descriptor, &buffer, pieceSize, place)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("read") }
      if count == 0 { return place }
      guard pwrite(descriptor, buffer, count, place) == count else { throw failure("write") }
      place += count
    }
  }

  /// Its name, too, may be there for this machine only.
  static func syncDirectory(of path: String, _ disk: DiskHealth) throws {
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("open directory") }
    defer { close(descriptor) }
    try disk.alone {
      guard fsync(descriptor) == 0 else {
        let error = failure("sync directory", isOfSync: true)
        disk.declareFailed()
        throw error
      }
    }
  }

  /// No room for a write is told before anything is lost; no room at a sync (delayed allocation, a thin disk) has lost what was written.
  private static func failure(_ operation: String, isOfSync: Bool = false) -> StorageError {
    let number = errno
    let code = !isOfSync && (number == ENOSPC || number == EDQUOT) ? SQLITE_FULL : SQLITE_IOERR
    return StorageError(
      code: code, message: "\(operation) of the write-ahead log: \(String(cString: strerror(number)))")
  }
}
