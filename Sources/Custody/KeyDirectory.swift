import Glibc
import Kernel
import Storage

/// Writes the files of a key store. A value, so that a crash can be put between any two writes.
///
/// After a sync that failed it writes nothing more: the next one of the same file or directory would be told that all is well.
package struct KeyDisk: Sendable {
  private let health: DiskHealth
  private let body: @Sendable ([UInt8], String, Bool) throws -> Void
  /// Called before each step of what is more than one write: replacing many files, destroying one.
  package let before: @Sendable (_ path: String) throws -> Void

  package init(
    _ health: DiskHealth = DiskHealth(), write: @escaping @Sendable ([UInt8], String, Bool) throws -> Void,
    before: @escaping @Sendable (String) throws -> Void = { _ in }
  ) {
    self.health = health
    body = write
    self.before = before
  }

  package static var real: KeyDisk { real(DiskHealth()) }

  /// For an installation whose other files share `health`.
  package static func real(_ health: DiskHealth) -> KeyDisk {
    KeyDisk(health) { bytes, path, replacing in
      if replacing { try DurableFile.write(bytes, to: path) } else { _ = try DurableFile.add(bytes, to: path) }
    }
  }

  /// Durable when it returns. `replacing`: the new content takes the place of the old; else what is there stays.
  package func write(_ bytes: [UInt8], _ path: String, _ replacing: Bool) throws {
    try health.noting { try body(bytes, path, replacing) }
  }

  func makeDirectory(_ path: String) throws { try health.noting { try DurableFile.makeDirectory(path) } }
}

extension DiskHealth {
  /// Runs `body`, which syncs, unless a sync failed before.
  func noting<T>(_ body: () throws -> T) throws -> T {
    guard !hasFailed else { throw StorageError.afterFailure }
    do { return try body() } catch let error as DurableFile.FileError where error.isOfSync {
      declareFailed()
      throw error
    }
  }
}

/// A place of keys that is a directory, perhaps on a file system that several machines share.
///
/// Lock order: the byte of the store, then a tenant's. Both lie in one file `lock`, which holds nothing.
struct KeyDirectory: KeyPlace {
  let path: String
  let disk: KeyDisk

  init(_ path: String, disk: KeyDisk = .real) {
    self.path = path
    self.disk = disk
  }

  var name: KeyPlaceName { .directory(path) }

  func prepare() throws { try disk.makeDirectory(path) }

  // MARK: Reading

  func read(_ file: KeyFile) throws -> [UInt8]? {
    let path = path(of: file)
    if let bytes = try DurableFile.read(path) { return bytes }
    // A network file system may remember for a while that a file was missing which another machine has made since; reading the
    // directory ends that.
    guard let slash = path.lastIndex(of: "/"),
      try DurableFile.names(in: String(path[..<slash])).contains(String(path[path.index(after: slash)...]))
    else { return nil }
    return try DurableFile.read(path)
  }

  func exists(_ file: KeyFile) throws -> Bool { try DurableFile.exists(path(of: file)) }

  func list() throws -> [KeyFile] {
    var files: [KeyFile] = []
    for name in try DurableFile.names(in: path + "/tenants") {
      if let tenant = TenantID(name) { files += try list(of: tenant) }
    }
    for name in try DurableFile.names(in: path) {
      if let file = KeyFile(path: name), file.tenant == nil { files.append(file) }
    }
    files += try terms()
    return files.sorted { $0.order < $1.order }
  }

  func list(of tenant: TenantID) throws -> [KeyFile] {
    let place = "tenants/\(tenant)"
    return try [place, place + "/blocks"].flatMap { place in
      try DurableFile.names(in: "\(path)/\(place)").compactMap { KeyFile(path: "\(place)/\($0)") }
    }
  }

  func heads(of tenant: TenantID) throws -> [KeyFile] {
    let place = "tenants/\(tenant)"
    return try DurableFile.names(in: "\(path)/\(place)").compactMap { KeyFile(path: "\(place)/\($0)") }
  }

  func terms() throws -> [KeyFile] {
    try TermKeyName.Series.allCases.flatMap { series in
      try DurableFile.names(in: "\(path)/\(series.rawValue)").compactMap { KeyFile(path: "\(series.rawValue)/\($0)") }
    }
  }

  func epochs(ofBlocksOf tenant: TenantID) throws -> [Int64: Int64] {
    let place = "tenants/\(tenant)/blocks"
    var epochs: [Int64: Int64] = [:]
    for name in try DurableFile.names(in: "\(path)/\(place)") {
      guard case .block(_, let number)? = KeyFile(path: "\(place)/\(name)") else { continue }
      // A block that is too short to have an epoch is as old as none can be.
      epochs[number] =
        KeyBlock.epoch(of: try DurableFile.read("\(path)/\(place)/\(name)", first: KeyBlock.headSize) ?? []) ?? -1
    }
    return epochs
  }

  func replicaList() throws -> [UInt8]? { try DurableFile.read(path + "/replicas") }

  // MARK: Writing

  func add(_ bytes: [UInt8], as file: KeyFile) throws -> [UInt8] {
    if let there = try read(file) { return there }
    try makeRoom(for: file)
    try disk.write(bytes, path(of: file), false)
    // Whoever wrote without the lock, and a disk that forgets: what counts is what lies there.
    return try read(file) ?? []
  }

  func addNew(_ files: [(file: KeyFile, bytes: [UInt8])]) throws { try replace(files) }

  func renew(_ file: KeyFile) throws {
    if let bytes = try read(file) { try disk.write(bytes, path(of: file), true) }
  }

  func raise(_ mark: Int64, of tenant: TenantID) throws {
    let there = try read(.taken(tenant))
    if let there = there.flatMap(TakenMark.parse), there >= mark { return }
    // Making sure of a directory costs a sync.
    if there == nil { try makeRoom(for: .taken(tenant)) }
    try disk.write(TakenMark.text(mark), path(of: .taken(tenant)), true)
  }

  func replace(_ blocks: [(file: KeyFile, bytes: [UInt8])]) throws {
    guard let first = blocks.first else { return }
    try makeRoom(for: first.file)
    try DurableFile.replaceAll(blocks.map { ($0.bytes, path(of: $0.file)) }, before: disk.before)
  }

  func put(_ bytes: [UInt8], as book: KeyFile) throws {
    let there = try read(book)
    if there == bytes { return }
    if there == nil { try makeRoom(for: book) }
    try disk.write(bytes, path(of: book), true)
  }

  func end(_ files: [KeyFile]) throws {
    for file in files {
      if file.isOverwritten {
        try DurableFile.destroy(path(of: file), before: disk.before)
      } else {
        try disk.before(path(of: file))
        try DurableFile.remove(path(of: file))
      }
    }
    for directory in Set(files.map { directory(of: $0) }) {
      if try DurableFile.exists(directory) { try DurableFile.syncDirectory(of: directory + "/") }
    }
  }

  func setReplicaList(_ bytes: [UInt8]) throws { try DurableFile.write(bytes, to: path + "/replicas") }

  func path(of file: KeyFile) -> String { "\(path)/\(file.path)" }

  private func directory(of file: KeyFile) -> String {
    let path = path(of: file)
    return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? path
  }

  private func makeRoom(for file: KeyFile) throws { try disk.makeDirectory(directory(of: file)) }

  // MARK: Locks

  func locked<T>(_ lock: KeyLock, _ body: (any KeyFiles) throws -> T) throws -> T {
    let file = try FileLock(path: path + "/lock")
    let patience = KeyLock.patienceMilliseconds
    switch lock {
    case .store:
      guard try file.take(0, exclusive: true, patienceMilliseconds: patience) else { throw KeyLock.taken }
    case .tenant, .terms:
      guard try file.take(0, exclusive: false, patienceMilliseconds: patience),
        try file.take(lock.number, exclusive: true, patienceMilliseconds: patience)
      else { throw KeyLock.taken }
    }
    return try withExtendedLifetime(file) { try body(self) }
  }
}
