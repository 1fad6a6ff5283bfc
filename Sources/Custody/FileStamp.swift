import Glibc

/// What tells one state of a file from another without reading it.
package struct FileStamp: Sendable, Equatable {
  package let seconds: Int
  package let nanoseconds: Int
  /// Bytes; -1 if there is no such file.
  package let size: Int
  package let inode: UInt64
  /// Permission bits as in chmod(2).
  package let mode: UInt32

  package init(_ path: String) {
    var info = stat()
    let isThere = stat(path, &info) == 0
    seconds = isThere ? info.st_mtim.tv_sec : 0
    nanoseconds = isThere ? info.st_mtim.tv_nsec : 0
    size = isThere ? Int(info.st_size) : -1
    inode = isThere ? UInt64(info.st_ino) : 0
    mode = isThere ? info.st_mode & 0o7777 : 0
  }

  package var isThere: Bool { size >= 0 }
}
