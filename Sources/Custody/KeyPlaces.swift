import Glibc
import Kernel

/// Writes the files of a key store. A value, so that a crash can be put between any two writes.
package struct KeyDisk: Sendable {
  /// Bytes and path; durable when it returns.
  package let write: @Sendable ([UInt8], String) throws -> Void

  package init(write: @escaping @Sendable ([UInt8], String) throws -> Void) { self.write = write }

  package static let real = KeyDisk { try DurableFile.write($0, to: $1) }
}

/// The live key store and its replicas as one place.
///
/// The order is the rule: a file is durable on every replica before it is in the live store, and only what is in the live store is ever
/// used. So a replica is never behind what was used; after a crash it may be ahead, which `KeyReplicas.settle` evens out.
struct KeyPlaces: Sendable {
  let live: String
  let replicas: [String]
  let disk: KeyDisk

  func read(_ file: KeyFile) throws -> [UInt8]? { try DurableFile.read("\(live)/\(file.path)") }

  func exists(_ file: KeyFile) throws -> Bool { try DurableFile.exists("\(live)/\(file.path)") }

  /// Throws `Problem.unavailable` if a replica cannot take the file: then nothing that needs it may be done. There is no grace: a key
  /// that is used before it is everywhere is lost with one disk, and its row with it.
  func put(_ bytes: [UInt8], as file: KeyFile) throws {
    for replica in replicas {
      do {
        // A replica whose file system is not mounted is an empty directory; it must not fill silently.
        guard try DurableFile.exists(replica + "/installation.key") else {
          throw DurableFile.FileError(operation: "find the replica", path: replica, number: ENOENT)
        }
        try write(bytes, as: file, at: replica)
      } catch let error as DurableFile.FileError {
        throw Problem(
          .unavailable,
          "A replica of the keys cannot be written, so nothing new is sealed: nothing was changed. Try again once it is back.",
          detail: "\(error)")
      }
    }
    try write(bytes, as: file, at: live)
  }

  func write(_ bytes: [UInt8], as file: KeyFile, at place: String) throws {
    let path = "\(place)/\(file.path)"
    if let slash = path.lastIndex(of: "/") { try DurableFile.makeDirectory(String(path[..<slash])) }
    try disk.write(bytes, path)
  }
}
