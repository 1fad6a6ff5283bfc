import Custody
import Kernel
import Ledger
import TransparencyLog

/// What a place says of itself without being verified as a whole: cheap enough for every hour.
package struct PlaceOverview: Sendable {
  package let manifests: [SignedManifest]
  /// Sealed objects that the newest backup should have, and how many begin as one.
  package let objects: Int
  package let sealedObjects: Int
  package let headers: [String]

  /// Every good manifest, oldest first, and the headers of the newest backup.
  package init(_ place: any BackupPlace) throws {
    let shelf = try Shelf(place)
    manifests = shelf.entries.map(\.signed)
    guard let newest = shelf.entries.last else {
      (objects, sealedObjects, headers) = (0, 0, [])
      return
    }
    let source = try PartSource(place, newest)
    headers = try source.index.lines.map { line in
      let head = try place.head(ObjectName(newest.id, line.item), count: PartHeader.size) ?? []
      return PartHeader(head).map { $0.keyID == newest.manifest.keyID ? $0.text : "" } ?? ""
    }
    objects = headers.count
    sealedObjects = headers.count { !$0.isEmpty }
  }
}

extension BackupVerification {
  /// Whether a place is good with a key. False too if the key opens nothing.
  package static func isGood(
    _ place: any BackupPlace, pinned: String, chain: [UInt8] = [], keyring: BackupKeyring
  ) -> Bool {
    guard let pinned = try? VerifierKey(parsing: pinned) else { return false }
    var verification = BackupVerification(place, pinned: pinned, chain: chain, keyring: keyring)
    return (try? verification.run())?.isGood ?? false
  }
}
