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

/// Backups that checks make, and end at once.
package enum BackupTrials {
  /// What a check that was killed left ends after so long.
  private static let longestSeconds = 2 * 86_400

  /// Ends the keys of the trials at a place, before it goes; with them what nobody has ended for too long.
  package static func end(at place: any BackupPlace, of installation: OpenInstallation, now: Instant) throws {
    let keys = installation.keyStore.termKeys(.trials)
    let names = try Shelf(place).entries.compactMap(\.manifest.term)
    let left = try keys.held().filter { $0.taken < now.adding(seconds: -longestSeconds) }
    try keys.told(try keys.end(names + left.map(\.name), now: now))
  }
}

extension BackupVerification {
  /// Whether one backup of a place opens as a whole with these keys, and holds what was signed.
  package static func opens(
    _ backup: BackupID, at place: any BackupPlace, pinned: String, chain: [UInt8] = [], keyring: BackupKeyring
  ) throws -> Bool {
    var verification = BackupVerification(
      place, pinned: try VerifierKey(parsing: pinned), chain: chain, keyring: keyring)
    let report = try verification.run(only: backup)
    return report.rows > 0 && !report.findings.contains { $0.backup == backup }
  }

  /// Whether a place is good with a key. False too if the key opens nothing.
  package static func isGood(
    _ place: any BackupPlace, pinned: String, chain: [UInt8] = [], keyring: BackupKeyring
  ) -> Bool {
    guard let pinned = try? VerifierKey(parsing: pinned) else { return false }
    var verification = BackupVerification(place, pinned: pinned, chain: chain, keyring: keyring)
    return (try? verification.run())?.isGood ?? false
  }
}
