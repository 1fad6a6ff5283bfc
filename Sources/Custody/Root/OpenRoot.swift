import Kernel

/// The root key of a key store, as its provider gives it.
struct OpenRoot {
  let key: SecretBytes
  let file: RootFile?
  /// The newest first.
  let earlier: [SecretBytes]

  /// Throws `Problem.unavailable` while the root key is being changed: files of both lie there side by side.
  init(in place: any KeyFiles, _ provider: any KeyProvider) throws {
    guard try !place.exists(.nextRoot) else {
      throw Problem(
        .unavailable,
        "The root key is being changed, or that was broken off: run `steward keys root --to …` as before until it ends, then start again."
      )
    }
    file = try place.read(.root).map { try RootFile($0) }
    key = try provider.rootKey(file)
    earlier = try file?.earlierRoots(under: key) ?? []
  }
}

extension RootFile {
  static let wasChanged = Problem(
    .unavailable, "The root key was changed since this server started; restart it with the new one (root_key).")

  /// Whether bytes speak of this root key.
  static func isOf(_ root: SecretBytes, _ installation: String?, _ bytes: [UInt8]) -> Bool {
    guard let file = try? RootFile(bytes), installation.map({ $0 == file.head.installation }) ?? true else {
      return false
    }
    return file.id == id(of: root, file.head.installation)
  }
}

extension KeyStore {
  /// Throws if another process has changed the root key since this one opened the store: what it would seal, nobody could open.
  func checkRoot(_ files: any KeyFiles) throws {
    guard try !files.exists(.nextRoot), try files.read(.root) == rootFile?.bytes else {
      throw RootFile.wasChanged
    }
  }

  /// Makes the root key of a new installation, where its provider wraps it; safe to repeat after a crash. The key store is empty.
  package static func makeRoot(
    at name: KeyPlaceName, provider: any KeyProvider, installation: String, now: Instant
  ) throws {
    let place = name.place()
    if let bytes = try place.read(.root) {
      guard try RootFile(bytes).head.installation == installation else {
        throw Problem(.conflict, "This key store already belongs to an installation; choose another one with --keys.")
      }
      return
    }
    guard try !place.exists(.installation) else {
      throw Problem(
        .conflict,
        "There are keys at \(name) whose root key is in a file: name it with --root-key, then move it with `steward keys root --to …`."
      )
    }
    let head = RootFile.Head(
      installation: installation, number: 1, made: now, provider: provider.kind, key: provider.keyName)
    let file = try provider.keep(.random(), head, beside: nil)
    try place.locked(.store) { _ = try $0.add(file.bytes, as: .root) }
  }
}

// MARK: - The recovery kit's age

/// When the last recovery kit was made, and of which root key.
package struct KitNote: Sendable, Equatable {
  static let version = "steward/kit/v1"
  package let root: Int64
  package let made: Instant

  var bytes: [UInt8] { Array("\(KitNote.version)\nroot \(root)\nmade \(made)\n".utf8) }

  init(root: Int64, made: Instant) {
    self.root = root
    self.made = made
  }

  init?(_ bytes: [UInt8]) {
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    guard lines.count == 3, lines[0] == KitNote.version[...], lines[1].hasPrefix("root "), lines[2].hasPrefix("made "),
      let root = Int64(lines[1].dropFirst(5)), let made = Instant(lines[2].dropFirst(5))
    else { return nil }
    self.init(root: root, made: made)
  }
}

/// What a key store says about its root key, without opening anything.
package struct RootStanding: Sendable, Equatable {
  /// 1 where nothing is said: in a file, never changed.
  package let number: Int64
  package let made: Instant?
  package let provider: String
  package let key: String
  package let earlier: Int
  package let isChanging: Bool
  /// Nil if none was made, or before that was written down.
  package let kit: KitNote?

  /// The last kit holds an earlier root key: it opens nothing any more.
  package var kitIsStale: Bool { kit.map { $0.root < number } ?? (number > 1) }

  package static func read(at name: KeyPlaceName) throws -> RootStanding {
    let place = name.place()
    let file = try place.read(.root).map { try RootFile($0) }
    return RootStanding(
      number: file?.head.number ?? 1, made: file?.head.made, provider: file?.head.provider ?? "file",
      key: file?.head.key ?? "-", earlier: file?.earlier.count ?? 0, isChanging: try place.exists(.nextRoot),
      kit: try place.read(.kit).flatMap { KitNote($0) })
  }
}

extension KeyStore {
  /// Writes down that a recovery kit of this root key was made.
  package func noteKit(now: Instant) throws {
    let note = KitNote(root: rootFile?.head.number ?? 1, made: now)
    try places.live.prepareToRewrite()
    try places.live.rewrite(note.bytes, as: .kit)
  }
}
