import Custody
import Kernel

/// All backups of a place, by their manifests.
struct Shelf: Sendable {
  /// A backup whose manifest is good by itself.
  struct Entry: Sendable {
    let signed: SignedManifest
    /// What lies there for it, by item.
    let sizes: [ObjectName.Item: Int64]
    var manifest: Manifest { signed.manifest }
    var id: BackupID { signed.manifest.backup }
  }

  /// Oldest first.
  let entries: [Entry]
  /// Backups that have a manifest which is damaged, with the reason.
  let damaged: [(id: BackupID, reason: String)]
  /// Objects of backups without a manifest: begun and not finished, or not quite removed.
  let unfinished: [ObjectName]
  /// Backups of which a broken-off writer left temporary files, without a manifest.
  let leftovers: [BackupID]
  let strays: [String]

  init(_ place: any BackupPlace) throws {
    let (objects, strays) = try place.list()
    var entries: [Entry] = []
    var damaged: [(BackupID, String)] = []
    var unfinished: [ObjectName] = []
    for (backup, items) in Dictionary(grouping: objects, by: \.name.backup).sorted(by: { $0.key < $1.key }) {
      guard let note = try Shelf.manifest(backup, items, place) else {
        unfinished += items.map(\.name)
        continue
      }
      do throws(Damage) {
        let signed = try SignedManifest(verifying: note)
        guard signed.manifest.backup == backup else { throw Damage("its manifest is that of another backup") }
        let sizes = Dictionary(items.map { ($0.name.item, $0.size) }, uniquingKeysWith: { $1 })
        entries.append(Entry(signed: signed, sizes: sizes))
      } catch {
        damaged.append((backup, error.reason))
      }
    }
    self.entries = entries.sorted { ($0.manifest.number, $0.id.text) < ($1.manifest.number, $1.id.text) }
    self.damaged = damaged
    self.unfinished = unfinished
    let finished = Set(entries.map(\.id) + damaged.map(\.0))
    // Temporary files of a backup that was broken off belong to what the next one removes.
    leftovers = Set(strays.compactMap(Shelf.writer(of:))).subtracting(finished).sorted()
    self.strays = strays.filter { stray in
      let isLeft = Shelf.writer(of: stray).map { !finished.contains($0) } ?? false
      return !isLeft && !stray.hasSuffix("/manifest.new")
    }
  }

  /// The backup whose writer made this temporary file; nil if it is none.
  private static func writer(of stray: String) -> BackupID? {
    guard stray.hasSuffix(".new"), let slash = stray.firstIndex(of: "/") else { return nil }
    return BackupID(stray[..<slash])
  }

  private static func manifest(
    _ backup: BackupID, _ items: [PlacedObject], _ place: any BackupPlace
  ) throws -> [UInt8]? {
    guard let item = items.first(where: { $0.name.item == .manifest }) else { return nil }
    guard item.size <= PlaceLimit.manifest else { return [] }
    return try place.get(item.name, limit: PlaceLimit.manifest)
  }

  /// The highest number of this series that a backup here names; 0 without one.
  func lastTerm(_ series: TermKeyName.Series) -> Int64 {
    entries.compactMap(\.manifest.term).filter { $0.series == series }.map(\.number).max() ?? 0
  }

  func entry(_ id: BackupID) -> Entry? { entries.first { $0.id == id } }

  /// From the base to `last`. Throws `Damage` if a member is missing or is not the one that was meant.
  func chain(to last: Entry) throws(Damage) -> [Entry] {
    var chain = [last]
    while let link = chain[0].manifest.parent {
      guard let parent = entry(link.backup), parent.signed.digest == link.digest,
        parent.manifest.number < chain[0].manifest.number
      else { throw Damage("the backup \(link.backup), which it continues, is missing or another") }
      chain.insert(parent, at: 0)
    }
    return chain
  }

  /// The backups that belong together because each continues another, oldest first.
  var chains: [[Entry]] {
    var chains: [[Entry]] = []
    for entry in entries {
      if let parent = entry.manifest.parent?.backup,
        let position = chains.firstIndex(where: { $0.contains { $0.id == parent } })
      {
        chains[position].append(entry)
      } else {
        chains.append([entry])
      }
    }
    return chains
  }
}

/// An object read from a place and compared with what the index says of it.
struct PartSource: Sendable {
  let place: any BackupPlace
  let entry: Shelf.Entry
  let index: PartIndex

  /// Throws `Damage` if the index is not the one that was signed.
  init(_ place: any BackupPlace, _ entry: Shelf.Entry) throws {
    self.place = place
    self.entry = entry
    let name = ObjectName(entry.id, .index)
    guard let bytes = try place.get(name, limit: PlaceLimit.index) else { throw Damage("its index is missing") }
    guard bytes.count == entry.manifest.indexSize, Digest(sha256: bytes) == entry.manifest.indexDigest else {
      throw Damage("its index is not the one that was signed")
    }
    index = try PartIndex(parsing: bytes, of: entry.id)
  }

  /// The sealed bytes. Throws `Damage` if they are not those of the index.
  func bytes(_ line: PartIndex.Line) throws -> [UInt8] {
    let limit = line.item == .contents ? PlaceLimit.contents : PlaceLimit.part
    let name = ObjectName(entry.id, line.item)
    guard line.size <= limit, entry.sizes[line.item].map({ $0 == Int64(line.size) }) == true,
      let bytes = try place.get(name, limit: limit)
    else { throw Damage("\(name.itemText) is missing or has another size") }
    guard Digest(sha256: bytes) == line.digest else { throw Damage("\(name.itemText) is not as it was written") }
    guard let header = PartHeader(bytes), header.keyID == entry.manifest.keyID else {
      throw Damage("\(name.itemText) is not sealed under the key of this backup")
    }
    return bytes
  }

  /// Throws `TermEnded` if the time of the backup is over, and `Problem` where its key is not at hand.
  func key(_ keyring: BackupKeyring) throws -> BackupKey {
    let manifest = entry.manifest
    do {
      let secret = try keyring.unwrap(
        manifest.wrappedKey, installation: manifest.installation, backup: manifest.backup.text, term: manifest.term)
      return BackupKey(
        secret: secret, installation: manifest.installation, backup: manifest.backup, keyID: manifest.keyID)
    } catch let ended as TermEnded {
      throw ended
    } catch let problem as Problem {
      throw problem
    } catch {
      throw Problem(
        .forbidden,
        "The root key does not open this backup: it is of another installation, or older than a change of the root key; then name a place of the keys, where the earlier ones are (--keys-from with a recovery kit)."
      )
    }
  }

  func open(_ line: PartIndex.Line, key: BackupKey) throws -> [UInt8] {
    do { return try SealedPart.open(try bytes(line), as: line.item, key: key) } catch let damage as Damage {
      throw damage
    }
  }

  func contents(key: BackupKey) throws -> Contents {
    guard let line = index.lines.last else { throw Damage("its index is empty") }
    return try Contents(decoding: try open(line, key: key))
  }
}
