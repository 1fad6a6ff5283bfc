import CLinux
import Glibc

/// Locks of byte ranges in a file (fcntl(2), open file description locks): they hold between processes, between threads that open the file
/// each for themselves, and over NFS, and end with the process.
struct FileLock: ~Copyable {
  private let descriptor: Int32
  private let path: String

  init(path: String) throws {
    self.path = path
    descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw DurableFile.FileError(operation: "open", path: path, number: errno) }
  }

  deinit { Glibc.close(descriptor) }

  /// Waits for the byte at `offset`, held until this value ends. False if somebody else still has it after so long.
  ///
  /// Asks again and again, at most every 20 ms: the call that waits has no end of its own, and a process that is stopped while it holds a
  /// lock must not stop all others.
  func take(_ offset: Int64, exclusive: Bool, patienceMilliseconds: Int) throws -> Bool {
    var waited: UInt32 = 0
    var pause: UInt32 = 100
    while true {
      if steward_lock_range(descriptor, Int16(exclusive ? F_WRLCK : F_RDLCK), offset) == 0 { return true }
      guard errno == EAGAIN || errno == EACCES || errno == EINTR else {
        throw DurableFile.FileError(operation: "lock", path: path, number: errno)
      }
      guard waited < UInt32(patienceMilliseconds) * 1_000 else { return false }
      usleep(pause)
      waited += pause
      pause = min(pause * 2, 20_000)
    }
  }
}
