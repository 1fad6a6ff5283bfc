import CLinux
import Dispatch
import Glibc
import Kernel
import Synchronization

/// Small files that are either the old or the new content after a crash: written beside, synced, renamed, directory synced.
package enum DurableFile {
  package struct FileError: Error, Sendable, CustomStringConvertible {
    package let operation: String
    package let path: String
    package let number: Int32
    package init(operation: String, path: String, number: Int32) {
      self.operation = operation
      self.path = path
      self.number = number
    }
    /// What was to become durable may be there for this machine only: see `DiskHealth`.
    package var isOfSync: Bool { operation.hasPrefix("sync") }
    /// No room, told before anything was lost. No room at a sync is told too late: with room again nothing goes on.
    package var isFull: Bool { !isOfSync && (number == ENOSPC || number == EDQUOT) }
    package var description: String { "\(operation) \(path): \(String(cString: strerror(number)))" }
  }

  /// Largest file that `read` takes; everything in a key store is far smaller.
  package static let maximumSize = 1 << 20

  /// Replaces or creates `path` with mode 0600.
  package static func write(_ bytes: [UInt8], to path: String) throws {
    let temporary = try writeBeside(bytes, path)
    let isNew = access(path, F_OK) != 0
    guard rename(temporary, path) == 0 else { throw FileError(operation: "rename", path: path, number: errno) }
    try keep(path, isNew: isNew)
  }

  private static func keep(_ path: String, isNew: Bool) throws {
    do { try syncDirectory(of: path) } catch {
      // Nobody may come to use what a power cut would take.
      if isNew { unlink(path) }
      throw error
    }
  }

  /// Creates `path` with mode 0600, whole or not at all. False if it is there already: it stays as it is.
  package static func add(_ bytes: [UInt8], to path: String) throws -> Bool {
    let temporary = try writeBeside(bytes, path)
    var isAdded = steward_rename_new(temporary, path) == 0
    // Network file systems know no such rename; a link is refused the same way where a file is.
    if !isAdded, errno == EINVAL || errno == ENOSYS { isAdded = link(temporary, path) == 0 }
    // Nor do some know links; there the lock of the caller is all there is.
    if !isAdded, errno == EPERM || errno == EOPNOTSUPP, try !exists(path) { isAdded = rename(temporary, path) == 0 }
    let failure = errno
    unlink(temporary)
    guard isAdded || failure == EEXIST else { throw FileError(operation: "add", path: path, number: failure) }
    try keep(path, isNew: isAdded)
    return isAdded
  }

  /// Bytes that are synced under a name of their own, which is given back.
  private static func writeBeside(_ bytes: [UInt8], _ path: String) throws -> String {
    let temporary = path + ".new"
    let descriptor = try create(temporary)
    do {
      try writeAll(bytes, to: descriptor, path: temporary)
      guard fsync(descriptor) == 0 else { throw FileError(operation: "sync", path: temporary, number: errno) }
    } catch {
      Glibc.close(descriptor)
      throw error
    }
    Glibc.close(descriptor)
    return temporary
  }

  private static func create(_ temporary: String) throws -> Int32 {
    // What lies there already is of a write that was broken off, or of somebody else: its mode and links must not be ours.
    unlink(temporary)
    let descriptor = Glibc.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileError(operation: "create", path: temporary, number: errno) }
    return descriptor
  }

  // MARK: Many files

  private static let filesAtOnce = 128

  /// Replaces or creates many files of one directory: each is the old or the new one after a crash, all are the new ones when this returns.
  /// Several times as fast as one after another. `before` is called before each step, and may throw.
  package static func replaceAll(
    _ files: [(bytes: [UInt8], path: String)], before: (_ path: String) throws -> Void = { _ in }
  ) throws {
    for start in stride(from: 0, to: files.count, by: filesAtOnce) {
      try writeBeside(files[start..<min(start + filesAtOnce, files.count)], before)
    }
    for file in files {
      try before(file.path)
      guard rename(file.path + ".new", file.path) == 0 else {
        throw FileError(operation: "rename", path: file.path, number: errno)
      }
    }
    if let last = files.last { try syncDirectory(of: last.path) }
  }

  /// All are being written out before the first is waited for.
  private static func writeBeside(
    _ files: ArraySlice<(bytes: [UInt8], path: String)>, _ before: (String) throws -> Void
  ) throws {
    var open: [(descriptor: Int32, path: String)] = []
    defer { for file in open { Glibc.close(file.descriptor) } }
    for file in files {
      let temporary = file.path + ".new"
      try before(temporary)
      open.append((try create(temporary), temporary))
      try writeAll(file.bytes, to: open[open.count - 1].descriptor, path: temporary)
      _ = steward_begin_writing(open[open.count - 1].descriptor)
    }
    try syncAll(open)
  }

  private static let syncsAtOnce = 8

  /// Several at once: a file system makes one write to its journal of those that wait for it together.
  private static func syncAll(_ files: [(descriptor: Int32, path: String)]) throws {
    let failure = Mutex<FileError?>(nil)
    DispatchQueue.concurrentPerform(iterations: min(syncsAtOnce, files.count)) { first in
      for place in stride(from: first, to: files.count, by: syncsAtOnce) where fsync(files[place].descriptor) != 0 {
        let error = FileError(operation: "sync", path: files[place].path, number: errno)
        failure.withLock { $0 = $0 ?? error }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }

  // MARK: Destroying

  /// Overwrites a file with random bytes, durably, and removes it; what a broken-off write left beside it too. The caller makes the directory
  /// durable. What a disk or a file system keeps of what was overwritten is not in our hands.
  package static func destroy(_ path: String, before: (_ path: String) throws -> Void = { _ in }) throws {
    for path in [path + ".new", path] {
      try before(path)
      let descriptor = Glibc.open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC)
      guard descriptor >= 0 else {
        if errno == ENOENT { continue }
        throw FileError(operation: "open", path: path, number: errno)
      }
      defer { Glibc.close(descriptor) }
      try overwrite(descriptor, path)
      try before(path)
      guard unlink(path) == 0 || errno == ENOENT else {
        throw FileError(operation: "remove", path: path, number: errno)
      }
    }
  }

  private static func overwrite(_ descriptor: Int32, _ path: String) throws {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileError(operation: "stat", path: path, number: errno) }
    let count = min(Int(status.st_size), maximumSize)
    try SecretBytes.random(count: count).withBytes { try writeAll($0, to: descriptor, path: path) }
    guard fsync(descriptor) == 0 else { throw FileError(operation: "sync", path: path, number: errno) }
  }

  /// Makes durable what lies at `path`, if anything does: whoever wrote it may have been broken off before it was.
  package static func renew(_ path: String) throws {
    if let bytes = try read(path) { try write(bytes, to: path) }
  }

  /// Gone when it returns; the caller makes the directory durable.
  package static func remove(_ path: String) throws {
    for path in [path + ".new", path] {
      guard unlink(path) == 0 || errno == ENOENT else {
        throw FileError(operation: "remove", path: path, number: errno)
      }
    }
  }

  /// At most so many of its first bytes; nil if there is no such file.
  package static func read(_ path: String, first count: Int) throws -> [UInt8]? {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw FileError(operation: "open", path: path, number: errno)
    }
    defer { Glibc.close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: count)
    let got = pread(descriptor, &bytes, count, 0)
    guard got >= 0 else { throw FileError(operation: "read", path: path, number: errno) }
    return Array(bytes.prefix(got))
  }

  /// Nil if there is no such file.
  package static func read(_ path: String) throws -> [UInt8]? {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw FileError(operation: "open", path: path, number: errno)
    }
    defer { Glibc.close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      guard count >= 0 else { throw FileError(operation: "read", path: path, number: errno) }
      if count == 0 { return bytes }
      bytes += buffer[0..<count]
      guard bytes.count <= maximumSize else { throw FileError(operation: "read", path: path, number: EFBIG) }
    }
  }

  /// Makes the directory (mode 0700) and its parents. One that is there is made durable: whoever made it may have been broken off.
  package static func makeDirectory(_ path: String) throws {
    if mkdir(path, 0o700) == 0 { return try keepDirectory(path) }
    if errno == EEXIST { return try keepParent(of: path) }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
      throw FileError(operation: "make directory", path: path, number: errno)
    }
    try makeDirectory(String(path[..<slash]))
    if mkdir(path, 0o700) == 0 { return try keepDirectory(path) }
    guard errno == EEXIST else { throw FileError(operation: "make directory", path: path, number: errno) }
    try keepParent(of: path)
  }

  /// A directory that this user cannot look into is somebody else's to keep.
  private static func keepParent(of path: String) throws {
    do { try syncDirectory(of: path) } catch let error as FileError where !error.isOfSync && error.number == EACCES {}
  }

  private static func keepDirectory(_ path: String) throws {
    do { try syncDirectory(of: path) } catch {
      rmdir(path)
      throw error
    }
  }

  package static func syncDirectory(of path: String) throws {
    let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = Glibc.open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(operation: "open directory", path: parent, number: errno) }
    defer { Glibc.close(descriptor) }
    guard fsync(descriptor) == 0 else { throw FileError(operation: "sync directory", path: parent, number: errno) }
  }

  /// Names in a directory, without `.` and `..`; none if there is no such directory.
  package static func names(in directory: String) throws -> [String] {
    guard let handle = opendir(directory) else {
      if errno == ENOENT { return [] }
      throw FileError(operation: "open directory", path: directory, number: errno)
    }
    defer { closedir(handle) }
    var names: [String] = []
    errno = 0
    while let item = readdir(handle) {
      let name = withUnsafePointer(to: &item.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
      errno = 0
    }
    guard errno == 0 else { throw FileError(operation: "read directory", path: directory, number: errno) }
    return names
  }

  package static func exists(_ path: String) throws -> Bool {
    if access(path, F_OK) == 0 { return true }
    if errno == ENOENT { return false }
    throw FileError(operation: "look at", path: path, number: errno)
  }

  /// The path with every link resolved, or nil if it does not exist.
  package static func resolved(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }

  package static func writeAll(_ bytes: some Sequence<UInt8>, to descriptor: Int32, path: String) throws {
    let bytes = Array(bytes)
    try bytes.withUnsafeBytes { buffer in
      var rest = buffer[...]
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw FileError(operation: "write", path: path, number: errno) }
        rest = rest.dropFirst(count)
      }
    }
  }
}
