import Glibc
import Kernel
import Storage

/// Sealed files in a directory: `DIR/TENANT/ID`. For one machine, or a directory that all servers share.
package struct DirectoryFiles: SealedFileStore {
  package let directory: String
  private let disk: DiskHealth

  /// `disk`: that of the installation, whose process writes nothing after a sync that failed.
  package init(_ directory: String, disk: DiskHealth = DiskHealth()) {
    self.directory = directory
    self.disk = disk
  }

  package func directory(of tenant: TenantID) -> String { "\(directory)/\(tenant)" }
  package func path(_ tenant: TenantID, _ file: FileID) -> String { "\(directory)/\(tenant)/\(file)" }

  package func create(_ tenant: TenantID, _ file: FileID) async throws -> any SealedFileSink {
    try disk.alone { try disk.noting { try DurableFile.makeDirectory(directory(of: tenant)) } }
    return try DirectorySink(creating: path(tenant, file), disk)
  }

  package func open(_ tenant: TenantID, _ file: FileID) async throws -> (any SealedFileSource)? {
    try DirectorySource(path(tenant, file))
  }

  package func remove(_ tenant: TenantID, _ file: FileID) async throws {
    let path = path(tenant, file)
    guard unlink(path) == 0 || errno == ENOENT else {
      throw DurableFile.FileError(operation: "remove", path: path, number: errno)
    }
  }

  package func list(_ tenant: TenantID) async throws -> [ListedFile] {
    try DurableFile.names(in: directory(of: tenant)).compactMap { name in
      var status = stat()
      // One that has gone meanwhile is none.
      guard let id = FileID(name), stat(path(tenant, id), &status) == 0 else { return nil }
      return ListedFile(id: id, size: Int64(status.st_size))
    }
  }

  package func list(_ tenant: TenantID, before oldest: FileID) async throws -> Set<FileID> {
    Set(try DurableFile.names(in: directory(of: tenant)).compactMap { FileID($0) }.filter { $0 < oldest })
  }

  package func mayHaveFiles(_ tenant: TenantID) -> Bool { access(directory(of: tenant), F_OK) == 0 }
}

private final class DirectorySink: SealedFileSink {
  private let descriptor: Int32
  private let path: String
  private let disk: DiskHealth

  /// Throws if the file exists.
  init(creating path: String, _ disk: DiskHealth) throws {
    self.path = path
    self.disk = disk
    descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw DurableFile.FileError(operation: "create", path: path, number: errno) }
  }

  deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

  func append(_ bytes: [UInt8]) async throws { try DurableFile.writeAll(bytes, to: descriptor, path: path) }

  func finish() async throws {
    try disk.noting {
      guard fsync(descriptor) == 0 else { throw DurableFile.FileError(operation: "sync", path: path, number: errno) }
    }
    try disk.alone { try disk.noting { try DurableFile.syncDirectory(of: path) } }
  }

  func abandon() async { unlink(path) }
}

private final class DirectorySource: SealedFileSource {
  let size: Int64
  private let descriptor: Int32
  private let path: String

  /// Nil if there is no such file. It is as large as it was now, whatever is added later.
  init?(_ path: String) throws {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw DurableFile.FileError(operation: "open", path: path, number: errno)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let number = errno
      Glibc.close(descriptor)
      throw DurableFile.FileError(operation: "stat", path: path, number: number)
    }
    self.path = path
    self.descriptor = descriptor
    size = Int64(status.st_size)
  }

  deinit { Glibc.close(descriptor) }

  func read(_ count: Int) async throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let got = Glibc.read(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled)
        if got < 0, errno == EINTR { continue }
        guard got >= 0 else { throw DurableFile.FileError(operation: "read", path: path, number: errno) }
        guard got > 0 else { throw Box.OpenError.altered }
        filled += got
      }
    }
  }
}
