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
  /// Throws if no place holds the keys, a file opens nowhere, or two good copies of one file differ; and if `directory` holds a key store.
  @discardableResult
  package static func copy(
    from places: [String], installation: String? = nil, rootKey: SecretBytes, to directory: String
  ) throws -> CopyReport {
    for name in ["/root.key", "/installation.key"] where try DurableFile.exists(directory + name) {
      throw Problem(
        .conflict, "There is already a key store at \(directory); name another, empty directory for the keys.")
    }
    var gathered = try Gathered(places, installation: installation, rootKey: rootKey)
    try DurableFile.makeDirectory(directory)
    for file in gathered.files {
      let place = "\(directory)/\(file.path)"
      try DurableFile.makeDirectory(String(place[..<(place.lastIndex(of: "/") ?? place.startIndex)]))
      try DurableFile.write(try gathered.bytes(of: file), to: place)
    }
    try FileKeyProvider.write(rootKey, to: directory + "/root.key")
    return gathered.report
  }

  /// What `copy` would find, without making anything.
  package static func survey(_ places: [String], installation: String, rootKey: SecretBytes) throws -> CopyReport {
    var gathered = try Gathered(places, installation: installation, rootKey: rootKey)
    for file in gathered.files { _ = try gathered.bytes(of: file) }
    return gathered.report
  }
}

/// What several copies of one key store hold together.
private struct Gathered {
  private let places: [String]
  private var opener: KeyFileOpener
  let files: [KeyFile]
  private(set) var report = KeyStore.CopyReport()

  init(_ places: [String], installation: String?, rootKey: SecretBytes) throws {
    opener = KeyFileOpener(root: rootKey, installation: installation)
    var holding: [String] = []
    for place in places {
      // Not there, not readable, or another installation's: named in the report, and the others may still have everything.
      if let key = try? DurableFile.read(place + "/installation.key"), opener.opens(.installation, key) {
        holding.append(place)
      } else {
        report.unreachable.append(place)
      }
    }
    guard !holding.isEmpty else {
      throw Problem(
        .unavailable,
        "None of the places of the keys can be read (\(places.joined(separator: ", "))); bring one of them back.")
    }
    self.places = holding
    report.used = holding
    files = try Gathered.union(holding)
    let tenants = Set(files.compactMap(\.tenant))
    report.tenants = tenants.count
    report.blocks = files.count { if case .block = $0 { true } else { false } }
  }

  /// Every file of any place in the order of `KeyFile.list`, and a mark for each tenant that has blocks.
  private static func union(_ places: [String]) throws -> [KeyFile] {
    var seen: Set<KeyFile> = []
    for place in places { seen.formUnion(try KeyFile.list(in: place)) }
    for case .block(let tenant, _) in seen { seen.insert(.taken(tenant)) }
    return seen.sorted { $0.order < $1.order }
  }

  mutating func bytes(of file: KeyFile) throws -> [UInt8] {
    if case .taken(let tenant) = file { return try mark(tenant) }
    var good: [UInt8]?
    for place in places {
      guard let bytes = try? DurableFile.read("\(place)/\(file.path)") else { continue }
      guard opener.opens(file, bytes) else {
        report.damaged.append("\(place)/\(file.path)")
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
      guard let bytes = try? DurableFile.read("\(place)/\(KeyFile.taken(tenant).path)") else { continue }
      if let mark = TakenMark.parse(bytes) {
        highest = max(highest, mark)
      } else {
        report.damaged.append("\(place)/\(KeyFile.taken(tenant).path)")
      }
    }
    return TakenMark.text(highest)
  }
}
