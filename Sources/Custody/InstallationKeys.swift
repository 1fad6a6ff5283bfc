import Kernel

/// The keys of the installation, by number from 1 (docs/format.md §3.8).
///
/// A key counts from the moment at which the statement of it, signed by the key before and by itself, is in the live store, on every replica
/// before. So a rotation that was broken off earlier changed nothing, and everybody who opens the store sees the same newest key, also
/// with older data.
extension KeyStore {
  /// The Ed25519 seed of the installation key: of the newest, or of a number.
  package func installationSeed(id: String, number: Int64? = nil) throws -> SecretBytes {
    let number = try number ?? newestInstallationKey()
    return try openKey(
      number == 1 ? .installation : .laterInstallation(number),
      context: SealingContext.installationKey(id: id, number: number))
  }

  /// Number of the key that counts.
  package func newestInstallationKey() throws -> Int64 {
    var number: Int64 = 1
    while try places.exists(.installationLink(number + 1)) { number += 1 }
    return number
  }

  /// The statements of every key after the first, oldest first: the content of `steward.chain`.
  package func installationChain() throws -> [UInt8] { try KeyStore.chain(in: places.live) }

  /// The same from the first of these places that can be read, without a root key; empty if none can.
  package static func installationChain(at places: [String]) -> [UInt8] {
    for text in places {
      guard let place = try? KeyPlaceName(text).place(), (try? place.exists(.installation)) == true else { continue }
      return (try? chain(in: place)) ?? []
    }
    return []
  }

  private static func chain(in files: any KeyFiles) throws -> [UInt8] {
    var chain: [UInt8] = []
    var number: Int64 = 2
    while let note = try files.read(.installationLink(number)) {
      chain += note
      number += 1
    }
    return chain
  }

  /// Makes the key of this number at every place; it does not count yet. One that a broken-off rotation left is taken.
  package func makeInstallationKey(id: String, number: Int64) throws {
    try places.locked(.store) { held in
      try createKey(
        .laterInstallation(number), context: SealingContext.installationKey(id: id, number: number), held)
    }
  }

  /// From here on the key of this number counts. Where another process was faster its statement stands, and is the one that counts.
  package func addInstallationLink(_ note: [UInt8], number: Int64) throws {
    try places.locked(.store) { held in
      guard try !held.live.exists(.installationLink(number)) else { return }
      _ = try held.add(note, as: .installationLink(number), opens: InstallationLinkFile.isOne)
    }
  }
}

/// What can be said of a statement's file without reading notes.
enum InstallationLinkFile {
  private static let head = Array("steward/installation-key/v1\n".utf8)
  private static let largest = 4_096

  static func isOne(_ bytes: [UInt8]) -> Bool {
    bytes.starts(with: head) && bytes.count <= largest && bytes.last == 0x0a
  }
}
