import Glibc
import Kernel

/// Gives the installation's root key. One case today; tokens and key services follow behind the same protocol.
package protocol KeyProvider: Sendable {
  /// 32 bytes.
  func rootKey() throws -> SecretBytes
  /// Names the kind of provider for the trust page and the doctor, such as `file`.
  var kind: String { get }
}

/// The root key in a file outside the data directory.
package struct FileKeyProvider: KeyProvider {
  package let path: String
  package var kind: String { "file" }

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
    try DurableFile.write(Array((key.withBytes { Hex.encode($0) } + "\n").utf8), to: path)
  }

  package func rootKey() throws -> SecretBytes {
    guard var bytes = try DurableFile.read(path) else {
      throw Problem(
        .unavailable, "There is no root key at the key store; name the key store with --keys or run `steward init`.")
    }
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    guard bytes.count == 64, let key = Hex.decode(String(decoding: bytes, as: UTF8.self)) else {
      throw Problem(
        .unavailable,
        "The root key file is damaged: it must hold 64 hexadecimal digits. Restore it from your recovery copy.")
    }
    return SecretBytes(key)
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
