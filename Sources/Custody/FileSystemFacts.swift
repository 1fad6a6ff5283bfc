import Glibc

/// The volume that a path lies on (statvfs(3)).
package struct FileSystemFacts: Sendable, Equatable {
  package let sizeBytes: Int64
  /// What an ordinary user can still fill.
  package let freeBytes: Int64
  package let inodes: Int64
  package let freeInodes: Int64

  package init?(of path: String) {
    var volume = statvfs()
    guard statvfs(path, &volume) == 0 else { return nil }
    let unit = Int64(clamping: volume.f_frsize)
    sizeBytes = Int64(clamping: volume.f_blocks).multipliedReportingOverflow(by: unit).partialValue
    freeBytes = Int64(clamping: volume.f_bavail).multipliedReportingOverflow(by: unit).partialValue
    inodes = Int64(clamping: volume.f_files)
    freeInodes = Int64(clamping: volume.f_favail)
  }
}
