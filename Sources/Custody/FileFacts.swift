import Glibc

/// What the file system says of a path, links followed (stat(2)).
package struct FileFacts: Sendable, Equatable {
  package enum Kind: Sendable, Equatable { case file, directory, socket, other }

  package let kind: Kind
  /// The lower twelve bits.
  package let mode: UInt32
  package let owner: UInt32
  package let group: UInt32
  /// Bytes.
  package let size: Int64
  /// Tells file systems apart.
  package let device: UInt64
  package let modifiedSeconds: Int64

  /// Nil if there is nothing, or it cannot be looked at.
  package init?(of path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .directory
      case S_IFSOCK: .socket
      default: .other
      }
    mode = status.st_mode & 0o7777
    owner = status.st_uid
    group = status.st_gid
    size = Int64(status.st_size)
    device = UInt64(status.st_dev)
    modifiedSeconds = Int64(status.st_mtim.tv_sec)
  }
}
