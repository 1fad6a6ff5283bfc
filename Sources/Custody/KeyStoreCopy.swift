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
    try target.prepare()
    let isTaken = Problem(
      .conflict, "There is already a key store at \(target.name); name another, empty place for the keys.")
    let rootFile = try location.rootKeyFile
    guard try rootFile.map({ try !DurableFile.exists($0) }) ?? !target.exists(.root) else { throw isTaken }
    var gathered = try Gathered(places, installation: installation, rootKey: rootKey)
    try target.locked(.store) { target in
      for file in gathered.files {
        if file == .root { continue }
        guard let bytes = try gathered.bytes(of: file) else { continue }
        if case .taken(let tenant) = file, let mark = TakenMark.parse(bytes) {
          try target.raise(mark, of: tenant)
        } else if case .terms = file {
          try target.put(bytes, as: file)
        } else {
          // The same file may be there: of this copy, when it was broken off before the root key was written.
          guard try target.add(bytes, as: file) == bytes else { throw isTaken }
        }
      }
    }
    // What was destroyed at one place and not yet at another is destroyed in the copy.
    let places = KeyPlaces(try location.place.place(), disk: .real)
    for tenant in gathered.turning {
      _ = try KeyTurn(tenant, places: places, root: rootKey).run(now: Instant(milliseconds: 0))
    }
    try keepCopied(rootKey, try gathered.rootFile(), at: target, installation: installation, location)
    return gathered.report
  }

  /// Keeps the root key of a copy as `location` says. What was said about it goes along, since earlier root keys open older backups.
  private static func keepCopied(
    _ root: SecretBytes, _ file: RootFile?, at target: any KeyPlace, installation: String?, _ location: KeyLocation
  ) throws {
    let provider = try location.provider(dataDirectory: "")
    guard file != nil || !(provider is FileKeyProvider) else { return try writeCopied(root, provider) }
    guard let installation = file?.head.installation ?? installation else {
      throw Problem.invalid(
        "root-key", "Make the copy with its root key in a file first, then use `steward keys root --to`.")
    }
    let head = RootFile.Head(
      installation: installation, number: file?.head.number ?? 1, made: file?.head.made ?? WallClock.now(),
      provider: provider.kind, key: provider.keyName)
    var kept = provider is FileKeyProvider ? RootFile(head, root: root) : try provider.keep(root, head, beside: nil)
    kept.earlier = file?.earlier ?? []
    try target.locked(.store) { _ = try $0.add(kept.bytes, as: .root) }
    try writeCopied(root, provider)
  }

  /// Last of all: a copy that was broken off opens nothing.
  private static func writeCopied(_ root: SecretBytes, _ provider: any KeyProvider) throws {
    if let file = provider as? FileKeyProvider { try FileKeyProvider.write(root, to: file.path) }
  }

  /// What `copy` would find, without making anything.
  package static func survey(_ places: [String], installation: String, rootKey: SecretBytes) throws -> CopyReport {
    var gathered = try Gathered(places, installation: installation, rootKey: rootKey)
    for file in gathered.files where file != .root { _ = try gathered.bytes(of: file) }
    return gathered.report
  }
}

extension KeyReplicas {
  /// How many key files of the store its replica lacks, or has otherwise; nil if the replica cannot be reached.
  package static func differences(of replica: KeyPlaceName, from store: KeyPlaceName) throws -> Int? {
    let (store, replica) = (store.place(), replica.place())
    guard (try? replica.read(.installation)) ?? nil != nil else { return nil }
    let files = try store.list()
    // A key that the store has no more was destroyed, and is still there.
    let left = Set(try replica.list()).subtracting(files).count { $0.epoch != nil || $0.termName != nil }
    return try files.count { file in try store.read(file) != (try replica.read(file)) } + left
  }
}

/// What several copies of one key store hold together.
private struct Gathered {
  private let places: [any KeyPlace]
  private var opener: KeyFileOpener
  let files: [KeyFile]
  private let books: [TermKeyName.Series: TermBook]
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
      let newer = places.contains { text in
        guard let place = try? KeyPlaceName(text).place(), let bytes = try? place.read(.root) else { return false }
        return !RootFile.isOf(rootKey, installation, bytes)
      }
      guard !newer else {
        throw Problem(
          .conflict,
          "The root key was changed after this one: use the recovery kit that was made since, or the root key of today."
        )
      }
      throw Problem(
        .unavailable,
        "None of the places of the keys can be read (\(places.joined(separator: ", "))); bring one of them back.")
    }
    self.places = holding
    report.used = holding.map { "\($0.name)" }
    let found = try Gathered.union(holding, &opener)
    books = try Gathered.books(holding, found, rootKey)
    // What ended at one place is not brought back from another.
    files = (found + books.keys.map { KeyFile.terms($0) }.filter { !found.contains($0) }).filter { [books] file in
      file.termName.map { !(books[$0.series]?.isEnded($0.number) ?? false) } ?? true
    }
    let tenants = Set(files.compactMap(\.tenant))
    report.tenants = tenants.count
    report.blocks = files.count { if case .block = $0 { true } else { false } }
  }

  /// Every file of any place in `KeyFile.order`, and a mark for each tenant that has blocks.
  private static func union(_ places: [any KeyPlace], _ opener: inout KeyFileOpener) throws -> [KeyFile] {
    var seen: Set<KeyFile> = []
    for place in places { seen.formUnion(try place.list()) }
    for case .block(let tenant, _) in seen { seen.insert(.taken(tenant)) }
    // Of a tenant that was erased nothing else is kept.
    for case .gone(let tenant) in seen {
      let opens = try places.contains { place in
        try place.read(.gone(tenant)).map { opener.opens(.gone(tenant), $0) } ?? false
      }
      guard opens else { throw TenantEnd.refused(tenant) }
      seen = seen.filter { $0.tenant != tenant || $0 == .gone(tenant) }
    }
    return seen.sorted { $0.order < $1.order }
  }

  /// What is said about the root key; nil if nothing is. Copies may differ in which earlier ones they keep: the fullest counts.
  func rootFile() throws -> RootFile? {
    let said = places.compactMap { place in (try? place.read(.root)).flatMap { try? RootFile($0) } }
    return said.filter { $0.id == rootID($0) }.max { $0.earlier.count < $1.earlier.count }
  }

  private func rootID(_ file: RootFile) -> String { RootFile.id(of: opener.root, file.head.installation) }

  /// Tenants of which keys were destroyed at one of the places.
  var turning: Set<TenantID> {
    var turning: Set<TenantID> = []
    for case .erased(let tenant, _) in files { turning.insert(tenant) }
    for case .epoch(let tenant, let number) in files where files.contains(.epoch(tenant, number + 1)) {
      turning.insert(tenant)
    }
    return turning
  }

  /// What is said of backup keys, all copies together. A copy may be older than backups that were made since: every key that it has counts as
  /// taken, so that none is used for a second backup. Skipping some costs nothing.
  private static func books(
    _ places: [any KeyPlace], _ files: [KeyFile], _ root: SecretBytes
  ) throws -> [TermKeyName.Series: TermBook] {
    var books: [TermKeyName.Series: TermBook] = [:]
    for series in TermKeyName.Series.allCases {
      let last = files.compactMap(\.termName).filter { $0.series == series }.map(\.number).max()
      let read = try TermBook.read(series, at: places, root: root).compactMap(\.self)
      guard last != nil || !read.isEmpty else { continue }
      // The live store is named last and counts most.
      var book = TermBook.merged(read) ?? TermBook()
      book.taken = max(book.taken, last ?? 0)
      books[series] = book
    }
    return books
  }

  /// Nil for the key of an epoch that ended: what it sealed was sealed again.
  mutating func bytes(of file: KeyFile) throws -> [UInt8]? {
    if case .taken(let tenant) = file { return try mark(tenant) }
    if case .terms(let series) = file { return try books[series]?.seal(series, root: opener.root) }
    var good: [UInt8]?
    for place in places {
      guard let bytes = try? place.read(file) else { continue }
      guard opener.opens(file, bytes) else {
        report.damaged.append("\(place.name)/\(file.path)")
        continue
      }
      good = try Gathered.newer(good, bytes, file)
    }
    if good == nil, case .epoch(let tenant, let number) = file,
      files.contains(where: { $0.tenant == tenant && $0.epoch ?? 0 > number })
    {
      return nil
    }
    if good == nil, case .erased = file, try places.allSatisfy({ try !$0.exists(file) }) {
      throw Problem(
        .unavailable, "Records of destroyed keys were put together while the keys were copied; do it again.",
        detail: file.path)
    }
    guard let good else {
      throw Problem(
        .conflict, "No copy of \(file.path) opens with this root key; bring back another replica of the keys.")
    }
    return good
  }

  /// Of a block the copy of the higher epoch.
  private static func newer(_ one: [UInt8]?, _ other: [UInt8], _ file: KeyFile) throws -> [UInt8] {
    guard let one, one != other else { return other }
    if file.isBlock, let epoch = KeyBlock.epoch(of: one), let next = KeyBlock.epoch(of: other), epoch != next {
      return epoch > next ? one : other
    }
    throw Problem(
      .conflict,
      "Two copies of the keys differ in \(file.path), and both open: remove the older place from those that are read.")
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
