import Glibc
import Kernel

/// Keeps the installation's root key: a file, a passphrase, a token or a key service (docs/format.md §5.7).
package protocol KeyProvider: Sendable {
  /// For the trust page, the doctor and the key store, such as `file`.
  var kind: String { get }
  /// What the provider calls its own key; `-` where it has none.
  var keyName: String { get }

  /// 32 bytes. `file` is what the key store says about its root key; nil where it says nothing.
  func rootKey(_ file: RootFile?) throws -> SecretBytes

  /// Keeps a new root key beside `current`, durably, and gives what is to stand in the key store about it.
  func keep(_ root: SecretBytes, _ head: RootFile.Head, beside current: SecretBytes?) throws -> RootFile

  /// `root` is the root key from now on: ends every other that it keeps.
  func settle(on root: SecretBytes) throws

  /// Ends `root`, which `next` has replaced, if it lies here.
  func destroy(_ root: SecretBytes, after next: any KeyProvider) throws
}

/// The root key in a file outside the data directory.
package struct FileKeyProvider: KeyProvider {
  package let path: String
  package var kind: String { "file" }
  package var keyName: String { "-" }

  /// Refuses a key file inside the data directory: whoever copies the data must not get the key with it.
  package init(path: String, dataDirectory: String) throws {
    guard !Self.lies(path, inside: dataDirectory) else {
      throw Problem(
        .unavailable,
        "The key file lies inside the data directory; move the key store outside of it and name it with --keys.")
    }
    self.path = path
  }

  /// Makes the file with a fresh key; refuses to replace one.
  package func create() throws {
    guard try DurableFile.read(path) == nil else {
      throw Problem(.conflict, "There is already a root key at this place; choose another key store directory.")
    }
    try FileKeyProvider.write(SecretBytes.random(), to: path)
  }

  /// 64 hexadecimal digits and a line feed.
  static func write(_ key: SecretBytes, to path: String) throws {
    try DurableFile.write(Array(line(key).utf8), to: path)
  }

  private static func line(_ key: SecretBytes) -> String { key.withBytes { Hex.encode($0) } + "\n" }

  /// The key of a file that holds one.
  package func rootKey() throws -> SecretBytes { try rootKey(nil) }

  package func rootKey(_ file: RootFile?) throws -> SecretBytes {
    if let file, file.head.provider != kind {
      throw Problem(
        .conflict,
        "The root key is kept by \(file.head.provider), not in a file; name it with --root-key, or root_key in the configuration."
      )
    }
    guard let held = try Held(path) else {
      throw Problem(
        .unavailable,
        "There is no root key at \(path); name the place of the keys with --keys, and the keeper of the root key with --root-key."
      )
    }
    guard let file else { return try held.current ?? { throw Held.damaged }() }
    guard let key = held.keys.first(where: { RootFile.id(of: $0, file.head.installation) == file.id }) else {
      throw Problem(
        .conflict,
        "The file of the root key holds another than the one that the keys are sealed under; bring the newest one here, or make it from the recovery kit."
      )
    }
    return key
  }

  // MARK: Changing it

  /// What a link leads to: there the key lies, and there it must end.
  private var realPath: String { DurableFile.resolved(path) ?? path }

  package func keep(_ root: SecretBytes, _ head: RootFile.Head, beside current: SecretBytes?) throws -> RootFile {
    let held = try Held(path)
    // A line that is not of this key store is somebody's only copy of something.
    if let there = held?.current, current.map({ !Held.same($0, there) }) ?? true {
      throw Problem(.conflict, "There is already another root key at \(path); name a new file.")
    }
    if let slash = path.lastIndex(of: "/") { try DurableFile.makeDirectory(String(path[..<slash])) }
    let text = (held?.current).map(FileKeyProvider.line) ?? ""
    try DurableFile.replaceForGood(Array((text + Held.next + FileKeyProvider.line(root)).utf8), at: realPath)
    return RootFile(head, root: root)
  }

  package func settle(on root: SecretBytes) throws {
    guard let held = try Held(path), held.keys.contains(where: { Held.same($0, root) }) else {
      throw Problem(.conflict, "The new root key is no longer at \(path); bring its file back and try again.")
    }
    try DurableFile.replaceForGood(Array(FileKeyProvider.line(root).utf8), at: realPath)
  }

  package func destroy(_ root: SecretBytes, after next: any KeyProvider) throws {
    if let next = next as? FileKeyProvider, DurableFile.resolved(next.path) == DurableFile.resolved(path) { return }
    guard let held = try Held(path), let current = held.current, Held.same(current, root) else { return }
    try DurableFile.destroy(realPath)
    try DurableFile.syncDirectory(of: realPath)
  }

  /// What a file of root keys holds: the one that is used, and while it is being changed the next.
  private struct Held {
    static let next = "next "
    let current: SecretBytes?
    let following: SecretBytes?

    var keys: [SecretBytes] { [current, following].compactMap(\.self) }

    /// Nil if there is no file.
    init?(_ path: String) throws {
      guard var bytes = try DurableFile.read(path) else { return nil }
      defer { for position in bytes.indices { bytes[position] = 0 } }
      if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
      var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      var following: SecretBytes?
      if let last = lines.last, last.starts(with: Held.next.utf8) {
        following = try Held.key(last.dropFirst(Held.next.utf8.count))
        lines.removeLast()
      }
      guard lines.count <= 1, !lines.isEmpty || following != nil else { throw Held.damaged }
      current = try lines.first.map(Held.key)
      self.following = following
    }

    private static func key(_ line: some Collection<UInt8>) throws -> SecretBytes {
      guard line.count == 64, let key = Hex.decode(String(decoding: line, as: UTF8.self)) else { throw damaged }
      return SecretBytes(key)
    }

    static var damaged: Problem {
      Problem(
        .unavailable,
        "The root key file is damaged: it must hold 64 hexadecimal digits. Restore it from your recovery copy.")
    }

    static func same(_ a: SecretBytes, _ b: SecretBytes) -> Bool {
      a.count == b.count
        && a.withBytes { a in b.withBytes { b in zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0 } }
    }
  }

  /// Whether `path`, or what of it exists, lies in `directory` once every link is resolved.
  package static func lies(_ path: String, inside directory: String) -> Bool {
    guard let directory = DurableFile.resolved(directory) else { return false }
    var place = path
    while true {
      if let real = DurableFile.resolved(place) { return real == directory || real.hasPrefix(directory + "/") }
      guard let slash = place.lastIndex(of: "/"), slash > place.startIndex else { return false }
      place = String(place[..<slash])
    }
  }
}
