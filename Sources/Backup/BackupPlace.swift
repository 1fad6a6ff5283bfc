import Custody
import Glibc
import Kernel

package enum BackupNoun {}
/// A backup's name: an id, so it tells nothing but when it was made.
package typealias BackupID = ID<BackupNoun>

/// Where an object lies in a place: `<backup>/<item>` (docs/format.md §7).
package struct ObjectName: Hashable, Sendable, CustomStringConvertible {
  package enum Item: Hashable, Sendable {
    case part(Int)
    case contents, index, manifest
  }

  package let backup: BackupID
  package let item: Item

  package init(_ backup: BackupID, _ item: Item) {
    self.backup = backup
    self.item = item
  }

  /// Nil unless it is the one way in which such an object is named.
  package init?(backup: BackupID, item text: String) {
    switch text {
    case "contents": item = .contents
    case "index": item = .index
    case "manifest": item = .manifest
    default:
      guard let number = Int(text), number >= 0, ObjectName.text(.part(number)) == text else { return nil }
      item = .part(number)
    }
    self.backup = backup
  }

  static func text(_ item: Item) -> String {
    switch item {
    case .part(let number):
      let digits = String(number)
      return String(repeating: "0", count: max(0, 6 - digits.utf8.count)) + digits
    case .contents: return "contents"
    case .index: return "index"
    case .manifest: return "manifest"
    }
  }

  package var itemText: String { ObjectName.text(item) }
  package var description: String { "\(backup)/\(itemText)" }
}

/// Bytes that may be written to a place. There are three kinds, and each has one way of coming to be: sealing, listing digests of what was
/// sealed, signing. Bytes of any other origin have no way into a place.
package struct PlaceObject: Sendable {
  let bytes: [UInt8]
  init(_ part: SealedPart) { bytes = part.bytes }
  init(_ index: PartIndex) { bytes = index.bytes }
  init(_ manifest: SignedManifest) { bytes = manifest.note }
}

/// What lies in a place under one name.
package struct PlacedObject: Sendable, Hashable {
  package let name: ObjectName
  package let size: Int64
}

/// A place for backups: named objects that are written once. A directory today; object stores follow behind the same four verbs.
package protocol BackupPlace: Sendable {
  /// Durable when it returns; all of it or nothing.
  func put(_ name: ObjectName, _ object: PlaceObject) throws
  /// Nil if there is none. Throws `Problem.tooLarge` beyond `limit` bytes.
  func get(_ name: ObjectName, limit: Int) throws -> [UInt8]?
  /// Its first bytes, at most `count`; nil if there is none.
  func head(_ name: ObjectName, count: Int) throws -> [UInt8]?
  /// Everything that lies there, and the names of what is no object of ours.
  func list() throws -> (objects: [PlacedObject], strays: [String])
  /// Removes objects in this order; what is not there is passed over.
  func delete(_ names: [ObjectName]) throws
  /// Removes what a broken-off writer left of these backups, which have no objects any more.
  func sweep(_ backups: [BackupID])
  /// Keeps other writers out until the returned value goes; throws `Problem.conflict` if one is there.
  func lock() throws -> PlaceLock
}

package enum PlaceLimit {
  /// Bytes of a sealed part.
  package static let part = 32 << 20
  package static let contents = 512 << 20
  package static let index = 64 << 20
  package static let manifest = 64 << 10
}

/// A held lock; given back when the last reference goes.
package final class PlaceLock: Sendable {
  private let release: @Sendable () -> Void
  init(_ release: @escaping @Sendable () -> Void) { self.release = release }
  deinit { release() }
}
