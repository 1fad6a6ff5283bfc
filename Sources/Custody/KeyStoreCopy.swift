import Kernel

extension KeyStore {
  /// What a copy was made from.
  package struct CopyReport: Sendable, Equatable {
    /// Places that gave something, in the order in which they were asked.
    package var used: [String] = []
    /// Places that are not there, or hold no key of this installation.
    package var unreachable: [String] = []
    /// Files that did not open at some place and were taken from another.
    package var damaged: [String] = []
    package var tenants = 0
    package var blocks = 0
  }

  /// Makes a working key store at a new place from what is left of an old one and its replicas: of each file the first copy that opens, and
  /// marks behind everything that can have been used. The root key is written last, so that a copy that was broken off opens nothing.
  ///
  /// Throws if no place holds the keys, a file opens nowhere, or two good copies of one file differ; and if there is a key store already.
  @discardableResult
  package static func copy(
    from places: [String], installation: String? = nil, rootKey: SecretBytes, to location: KeyLocation
  ) throws -> CopyReport {
    let target = try location.place.place()
    let rootFile = try location.rootKeyFile
    try target.prepare()
    let isTaken = Problem(
      .conflict, "There is already a key store at \(target.name); name another, empty place for the keys.")
    guard try !DurableFile.exists(rootFile) else { throw isTaken }
    var gathered = try Gathered(places, installation: installation, rootKey: rootKey)
    try target.locked(.store) { target in
      for file in gathered.files {
        let bytes = try gathered.bytes(of: file)
        if case .taken(let tenant) = file, let mark = TakenMark.parse(bytes) {
          try target.raise(mark, of: tenant)
        } else {
          // The same file may be there: of this copy, when it was broken off before the root key was written.
          guard try target.add(bytes, as: file) == bytes else { throw isTaken }
        }
      }
    }
    try FileKeyProvider.write(rootKey, to: rootFile)
    return gathered.report
  }

  /// What `copy` would find, without making anything.
  package static func survey(_ places: [String], installation: String, rootKey: SecretBytes) throws -> CopyReport {
    var gathered = try Gathered(places, installation: installation, rootKey: rootKey)
    for file in gathered.files { _ = try gathered.bytes(of: file) }
    return gathered.report
  }
}

extension KeyReplicas {
  /// How many key files of the store its replica lacks, or has otherwise; nil if the replica cannot be reached.
  package static func differences(of replica: KeyPlaceName, from store: KeyPlaceName) throws -> Int? {
    let (store, replica) = (store.place(), replica.place())
    guard (try? replica.read(.installation)) ?? nil != nil else { return nil }
    return try store.list().count { file in try store.read(file) != (try replica.read(file)) }
  }
}

/// What several copies of one key store hold together.
private struct Gathered {
  private let places: [any KeyPlace]
  private var opener: KeyFileOpener
  let files: [KeyFile]
  private(set) var report = KeyStore.CopyReport()

  init(_ places: [String], installation: String?, rootKey: SecretBytes) throws {
    opener = KeyFileOpener(root: rootKey, installation: installation)
    var holding: [any KeyPlace] = []
    for text in places {
      // Not there, not readable, or another installation's: named in the report, and the others may still have everything.
      if let place = try? KeyPlaceName(text).place(), let key = try? place.read(.installation),
        opener.opens(.installation, key)
      {
        holding.append(place)
      } else {
        report.unreachable.append(text)
      }
    }
    guard !holding.isEmpty else {
      throw Problem(
        .unavailable,
        "None of the places of the keys can be read (\(places.joined(separator: ", "))); bring one of them back.")
    }
    self.places = holding
    report.used = holding.map { "\($0.name)" }
    files = try Gathered.union(holding)
    let tenants = Set(files.compactMap(\.tenant))
    report.tenants = tenants.count
    report.blocks = files.count { if case .block = $0 { true } else { false } }
  }

  /// Every file of any place in `KeyFile.order`, and a mark for each tenant that has blocks.
  private static func union(_ places: [any KeyPlace]) throws -> [KeyFile] {
    var seen: Set<KeyFile> = []
    for place in places { seen.formUnion(try place.list()) }
    for case .block(let tenant, _) in seen { seen.insert(.taken(tenant)) }
    return seen.sorted { $0.order < $1.order }
  }

  mutating func bytes(of file: KeyFile) throws -> [UInt8] {
    if case .taken(let tenant) = file { return try mark(tenant) }
    var good: [UInt8]?
    for place in places {
      guard let bytes = try? place.read(file) else { continue }
      guard opener.opens(file, bytes) else {
        report.damaged.append("\(place.name)/\(file.path)")
        continue
      }
      guard good == nil || good == bytes else {
        throw Problem(
          .conflict,
          "Two copies of the keys differ in \(file.path), and both open: remove the older place from those that are read."
        )
      }
      good = bytes
    }
    guard let good else {
      throw Problem(
        .conflict, "No copy of \(file.path) opens with this root key; bring back another replica of the keys.")
    }
    return good
  }

  /// The end of the last block, or the highest mark if that is higher. A copy that is older than the data it is for might hold a mark
  /// below slots that were used; skipping the rest of a block costs nothing.
  private mutating func mark(_ tenant: TenantID) throws -> [UInt8] {
    var last: Int64 = -1
    for case .block(tenant, let number) in files { last = max(last, number) }
    var highest = (last + 1) * SubjectRef.slotsPerBlock
    for place in places {
      guard let bytes = try? place.read(.taken(tenant)) else { continue }
      if let mark = TakenMark.parse(bytes) {
        highest = max(highest, mark)
      } else {
        report.damaged.append("\(place.name)/\(KeyFile.taken(tenant).path)")
      }
    }
    return TakenMark.text(highest)
  }
}
