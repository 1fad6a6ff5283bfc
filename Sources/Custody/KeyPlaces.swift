import Glibc
import Kernel
import Synchronization

/// The live key store and its replicas as one place.
///
/// The order is the rule: a file is durable on every replica before it is in the live store, and only what is in the live store is ever
/// used. So a replica is never behind what was used; after a crash it may be ahead, which `KeyReplicas.settle` evens out.
///
/// Any number of processes may work on one live store. Whoever makes a file or raises a mark holds the live store's lock, and looks there
/// again for what another process has done meanwhile, the list of replicas too.
final class KeyPlaces: Sendable {
  let live: any KeyPlace
  private let disk: KeyDisk
  /// Places of replicas by name, so that a database is not connected to anew each time.
  private let known = Mutex<[KeyPlaceName: any KeyPlace]>([:])

  init(_ live: any KeyPlace, disk: KeyDisk) {
    self.live = live
    self.disk = disk
  }

  func replica(_ name: KeyPlaceName) -> any KeyPlace {
    known.withLock { known in
      if let place = known[name] { return place }
      let place = name.place(disk)
      known[name] = place
      return place
    }
  }

  func read(_ file: KeyFile) throws -> [UInt8]? { try live.read(file) }

  func exists(_ file: KeyFile) throws -> Bool { try live.exists(file) }

  /// Whether the tenant's keys have ended. Throws where the live store says so in a way that does not open.
  func isEnded(_ tenant: TenantID, _ root: SecretBytes) throws -> Bool {
    guard let box = try read(.gone(tenant)) else { return false }
    guard TenantEnd.open(box, tenant: tenant, root: root) != nil else {
      try checkRoot(root)
      throw TenantEnd.refused(tenant)
    }
    return true
  }

  /// A 32-byte key that is sealed under the root key.
  func openKey(_ file: KeyFile, _ root: SecretBytes, context: [UInt8]) throws -> SecretBytes {
    guard let box = try read(file) else {
      throw Problem(
        .unavailable, "A key of this installation is missing from the key store; name the right one with --keys.",
        detail: file.path)
    }
    do { return SecretBytes(try Box.open(box, key: root, context: context)) } catch {
      try checkRoot(root)
      throw Problem(
        .unavailable, "The key store does not open with this root key; name the right one with --keys.",
        detail: file.path)
    }
  }

  /// Throws if another process has changed the root key, or is about to.
  private func checkRoot(_ root: SecretBytes) throws {
    let said = try live.read(.root)
    if try live.exists(.nextRoot) || !(said.map { RootFile.isOf(root, nil, $0) } ?? true) { throw RootFile.wasChanged }
  }

  func replicas() throws -> [KeyPlaceName] { try KeyReplicas.recorded(in: live) }

  /// Runs `body` with the live store locked, as it is now and with the replicas that it lists now.
  func locked<T>(_ lock: KeyLock, _ body: (HeldKeyPlaces) throws -> T) throws -> T {
    try live.locked(lock) { files in
      try body(HeldKeyPlaces(live: files, replicas: try KeyReplicas.recorded(in: files).map(replica)))
    }
  }

  /// Slots below it were or may have been handed out. Where the mark is lost, that is every slot of every block there is.
  static func mark(of tenant: TenantID, in files: any KeyFiles) throws -> Int64 {
    if let mark = try writtenMark(of: tenant, in: files) { return mark }
    var end: Int64 = 0
    while try files.exists(.block(tenant, end / SubjectRef.slotsPerBlock)) { end += SubjectRef.slotsPerBlock }
    return end
  }

  /// Nil if there is none: nothing was taken yet, it is lost, or another process has made the first block and not yet the mark.
  static func writtenMark(of tenant: TenantID, in files: any KeyFiles) throws -> Int64? {
    guard let bytes = try files.read(.taken(tenant)) else { return nil }
    guard let mark = TakenMark.parse(bytes) else {
      throw Problem(
        .unavailable, "The mark of used keys is damaged; restore the key store from a replica.",
        detail: KeyFile.taken(tenant).path)
    }
    return mark
  }
}

/// The places while the live store is locked: the only way to make a file or to raise a mark.
struct HeldKeyPlaces {
  let live: any KeyFiles
  let replicas: [any KeyPlace]

  /// Makes a file everywhere, the live store last, and gives back the bytes that count. There is no such file in the live store.
  ///
  /// What a replica already has is of a write that was broken off before the live store had it: nothing uses it, and it is taken rather
  /// than replaced, if it opens. Throws `Problem.unavailable` if a replica cannot take the file: then nothing that needs it may be done. There
  /// is no grace: a key that is used before it is everywhere is lost with one disk, and its row with it.
  func add(_ fresh: [UInt8], as file: KeyFile, opens: ([UInt8]) -> Bool) throws -> [UInt8] {
    var bytes = fresh
    for replica in replicas {
      if let left = try reach(replica, { try $0.read(file) }), opens(left) {
        bytes = left
        break
      }
    }
    for replica in replicas {
      guard try reach(replica, { try $0.add(bytes, as: file) }) == bytes else {
        throw HeldKeyPlaces.differs(replica.name, file)
      }
    }
    let kept = try live.add(bytes, as: file)
    guard kept == bytes || (replicas.isEmpty && opens(kept)) else {
      throw HeldKeyPlaces.differs(nil, file)
    }
    return kept
  }

  /// Makes a file of the live store at the replicas that lack it.
  func spread(_ bytes: [UInt8], as file: KeyFile) throws {
    for replica in replicas {
      guard try reach(replica, { try $0.exists(file) ? bytes : try $0.add(bytes, as: file) }) == bytes else {
        throw HeldKeyPlaces.differs(replica.name, file)
      }
    }
  }

  /// Makes durable everywhere what the live store has.
  func renew(_ file: KeyFile) throws {
    for replica in replicas {
      try reach(replica) { try $0.renew(file) }
    }
    try live.renew(file)
  }

  func raise(_ mark: Int64, of tenant: TenantID) throws {
    for replica in replicas {
      try reach(replica) { try $0.raise(mark, of: tenant) }
    }
    try live.raise(mark, of: tenant)
    guard try live.read(.taken(tenant)) == TakenMark.text(mark) else {
      throw Problem(
        .unavailable,
        "The key store does not hold the mark that was written to it: its locks or its disk do not hold. Nothing new is sealed; use another place for the keys.",
        detail: KeyFile.taken(tenant).path)
    }
  }

  func reach<T>(_ replica: any KeyPlace, _ body: (any KeyPlace) throws -> T) throws -> T {
    do {
      // A replica whose file system is not mounted is an empty directory; it must not fill silently.
      guard try replica.exists(.installation) else {
        throw DurableFile.FileError(operation: "find the replica", path: "\(replica.name)", number: ENOENT)
      }
      return try body(replica)
    } catch let problem as Problem where problem.code != .unavailable {
      throw problem
    } catch {
      throw Problem(
        .unavailable,
        "A replica of the keys cannot be written, so nothing new is sealed: nothing was changed. Try again once it is back.",
        detail: "\(replica.name): \((error as? Problem)?.detail ?? "\(error)")")
    }
  }

  private static func differs(_ replica: KeyPlaceName?, _ file: KeyFile) -> Problem {
    Problem(
      .unavailable,
      "A place of the keys does not hold what was written to it, so nothing new is sealed. Restart the server, which says which copy is damaged.",
      detail: "\(replica.map { "\($0)" } ?? "live store"): \(file.path)")
  }
}
