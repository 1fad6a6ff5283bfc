import CLinux
import Glibc
import Kernel

extension DurableFile {
  /// Replaces what lies at `path`, and destroys what lay there. May be repeated after a crash.
  static func replaceForGood(_ bytes: [UInt8], at path: String, by write: ([UInt8]) throws -> Void) throws {
    let old = path + ".old"
    // Of a try that was broken off. Before the new content took its place it is the very file that is still in use: only the name goes.
    if try exists(old) {
      if isSame(old, path) { unlink(old) } else { try destroy(old) }
      try syncDirectory(of: path)
    }
    if try read(path) == bytes { return }
    guard link(path, old) == 0 || errno == ENOENT || errno == EPERM || errno == EOPNOTSUPP else {
      throw FileError(operation: "link", path: old, number: errno)
    }
    try write(bytes)
    try destroy(old)
    try syncDirectory(of: path)
  }

  /// Whether two names are of one file.
  private static func isSame(_ a: String, _ b: String) -> Bool {
    var (first, second) = (stat(), stat())
    guard lstat(a, &first) == 0, lstat(b, &second) == 0 else { return false }
    return first.st_ino == second.st_ino && first.st_dev == second.st_dev
  }

  static func replaceForGood(_ bytes: [UInt8], at path: String) throws {
    try replaceForGood(bytes, at: path) { try DurableFile.write($0, to: path) }
  }
}
