import Custody
import Glibc
import Kernel

/// A place in a directory: `PLACE/<backup>/<item>`. Files are written beside, synced, renamed, and their directory is synced.
package struct DirectoryPlace: BackupPlace {
  package let path: String

  /// Refuses a place inside the data directory or the key store: it would be lost with what it is for.
  package init(_ path: String, apartFrom directories: [String] = []) throws {
    for directory in directories where DirectoryPlace.lies(path, inside: directory) {
      throw Problem(
        .unavailable, "The place for backups lies inside \(directory); name one on another disk or machine.")
    }
    self.path = path
  }

  /// Whether there is such a directory.
  package var exists: Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private func file(_ name: ObjectName) -> String { "\(path)/\(name)" }

  package func put(_ name: ObjectName, _ object: PlaceObject) throws {
    try DurableFile.makeDirectory("\(path)/\(name.backup)")
    try DurableFile.write(object.bytes, to: file(name))
  }

  package func get(_ name: ObjectName, limit: Int) throws -> [UInt8]? {
    try WholeFile.read(file(name), limit: limit)
  }

  package func head(_ name: ObjectName, count: Int) throws -> [UInt8]? {
    let descriptor = Glibc.open(file(name), O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    return try WholeFile.read(descriptor, count: min(count, Int(status.st_size)), path: file(name))
  }

  package func list() throws -> (objects: [PlacedObject], strays: [String]) {
    var objects: [PlacedObject] = []
    var strays: [String] = []
    for directory in try DirectoryPlace.names(in: path) where !DirectoryPlace.passedOver.contains(directory) {
      guard let backup = BackupID(directory) else {
        strays.append(directory)
        continue
      }
      for text in try DirectoryPlace.names(in: "\(path)/\(directory)") {
        var status = stat()
        let here = "\(path)/\(directory)/\(text)"
        guard let name = ObjectName(backup: backup, item: text), lstat(here, &status) == 0,
          status.st_mode & S_IFMT == S_IFREG
        else {
          strays.append("\(directory)/\(text)")
          continue
        }
        objects.append(PlacedObject(name: name, size: Int64(status.st_size)))
      }
    }
    return (objects, strays.sorted())
  }

  package func delete(_ names: [ObjectName]) throws {
    var emptied: [BackupID] = []
    for name in names {
      guard unlink(file(name)) == 0 || errno == ENOENT else {
        throw DurableFile.FileError(operation: "remove", path: file(name), number: errno)
      }
      // The manifest's going must be durable before anything that it vouches for goes.
      if name.item == .manifest { try? DurableFile.syncDirectory(of: file(name)) }
      if emptied.last != name.backup { emptied.append(name.backup) }
    }
    sweep(emptied)
  }

  package func sweep(_ backups: [BackupID]) {
    for backup in backups {
      for left in (try? DirectoryPlace.names(in: "\(path)/\(backup)")) ?? [] where left.hasSuffix(".new") {
        unlink("\(path)/\(backup)/\(left)")
      }
      rmdir("\(path)/\(backup)")
    }
  }

  private static let lockName = "lock"
  /// The second is what ext4 puts into the root of every volume.
  private static let passedOver: Set<String> = [lockName, "lost+found"]

  package func lock() throws -> PlaceLock {
    try DurableFile.makeDirectory(path)
    let descriptor = Glibc.open("\(path)/\(DirectoryPlace.lockName)", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw DurableFile.FileError(operation: "open", path: path, number: errno) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw Problem(.conflict, "Another backup is being written to this place; wait until it is done.")
    }
    return PlaceLock {
      // A process that is being started has a copy of the descriptor for a moment, and with it the lock.
      flock(descriptor, LOCK_UN)
      close(descriptor)
    }
  }

  static func names(in directory: String) throws -> [String] {
    guard let handle = opendir(directory) else {
      throw DurableFile.FileError(operation: "list", path: directory, number: errno)
    }
    defer { closedir(handle) }
    var names: [String] = []
    while let item = readdir(handle) {
      let name = withUnsafePointer(to: &item.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  private static func lies(_ path: String, inside directory: String) -> Bool {
    guard let directory = DurableFile.resolved(directory) else { return false }
    var place = path
    while true {
      if let real = DurableFile.resolved(place) { return real == directory || real.hasPrefix(directory + "/") }
      guard let slash = place.lastIndex(of: "/"), slash > place.startIndex else { return false }
      place = String(place[..<slash])
    }
  }
}

/// A file that is taken into memory whole because its size has a limit.
enum WholeFile {
  static func read(_ path: String, limit: Int) throws -> [UInt8]? {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw DurableFile.FileError(operation: "open", path: path, number: errno)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw DurableFile.FileError(operation: "stat", path: path, number: errno)
    }
    guard status.st_size <= limit else {
      throw Problem(.tooLarge, "An object in the place is larger than any that Steward writes.", detail: path)
    }
    return try read(descriptor, count: Int(status.st_size), path: path)
  }

  /// Exactly `count` bytes from where the descriptor stands.
  static func read(_ descriptor: Int32, count: Int, path: String) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let got = Glibc.read(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled)
        if got < 0, errno == EINTR { continue }
        guard got > 0 else {
          throw DurableFile.FileError(operation: "read", path: path, number: got == 0 ? EIO : errno)
        }
        filled += got
      }
    }
  }
}
