import Kernel

/// The replicas of a key store: which there are, and how they are brought to one state when an installation is opened.
///
/// The list stands in the live key store (`replicas`), so that a start that has lost one of them is refused and not forgotten. Taking one
/// off is a deliberate command of its own.
package struct KeyReplicas {
  package static let maximum = 8
  private static let listHead = "steward/key-replicas/v1"

  /// What settling changed.
  package struct Report: Sendable, Equatable {
    /// Files that a place lacked, or held in an older state, and now holds.
    package var copied: [String] = []
    package var added: [String] = []
    package init() {}
  }

  let places: KeyPlaces
  let dataDirectory: String
  private let root: SecretBytes
  private var opener: KeyFileOpener
  /// What is said of backup keys at the places together; read before the keys.
  private var books: [TermKeyName.Series: TermBook] = [:]

  init(_ places: KeyPlaces, dataDirectory: String, root: SecretBytes, installation: String) {
    self.root = root
    self.places = places
    self.dataDirectory = dataDirectory
    opener = KeyFileOpener(root: root, installation: installation)
  }

  // MARK: The list

  /// The replicas that a key store says it has, in the order in which they were added.
  package static func recorded(at store: KeyPlaceName) throws -> [KeyPlaceName] { try recorded(in: store.place()) }

  static func recorded(in store: any KeyFiles) throws -> [KeyPlaceName] {
    guard let bytes = try store.replicaList() else { return [] }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.first == listHead[...], lines.last == "", lines.count >= 2, lines.count - 2 <= maximum,
      lines[1..<(lines.count - 1)].allSatisfy({ $0.hasPrefix("/") || KeyPlaceName.isDatabase(String($0)) })
    else {
      throw Problem(
        .unavailable,
        "The list of the keys' replicas is damaged; write it again, one absolute path or postgres:// address a line below \(listHead).",
        detail: "replicas")
    }
    return try lines[1..<(lines.count - 1)].map { try KeyPlaceName(String($0)) }
  }

  private static func record(_ replicas: [KeyPlaceName], in store: any KeyFiles) throws {
    let text = ([listHead] + replicas.map { "\($0)" }).joined(separator: "\n") + "\n"
    try store.setReplicaList(Array(text.utf8))
  }

  /// Takes a replica off the list; its files stay. For one that is lost, or no longer wanted.
  package static func forget(_ text: String, at store: KeyPlaceName) throws {
    var names = [try absolute(try KeyPlaceName(text))]
    if case .directory(let path) = names[0], let real = DurableFile.resolved(path) { names.append(.directory(real)) }
    try store.place().locked(.store) { store in
      let replicas = try recorded(in: store)
      let left = replicas.filter { !names.contains($0) }
      guard left.count < replicas.count else {
        throw Problem(
          .notFound,
          "The key store has no replica at \(names[0]); it has: \(replicas.map(\.description).joined(separator: ", "))."
        )
      }
      try record(left, in: store)
    }
  }

  // MARK: Places

  /// The name of a replica to be, which is made if need be. Throws `Problem` where a replica must not lie.
  package static func place(_ text: String, store: KeyPlaceName, dataDirectory: String) throws -> KeyPlaceName {
    let wanted = try absolute(try KeyPlaceName(text))
    guard case .directory(let path) = wanted else {
      guard wanted != store else { throw isStore }
      try wanted.place().prepare()
      return wanted
    }
    guard !FileKeyProvider.lies(path, inside: dataDirectory) else {
      throw Problem.invalid(
        "keys-replica",
        "A replica of the keys must lie outside of the data directory; name another with --keys-replica.")
    }
    do { try wanted.place().prepare() } catch {
      throw Problem(
        .unavailable, "The replica \(path) cannot be made; name a directory that you can write to.",
        detail: "\(error)")
    }
    guard let real = DurableFile.resolved(path) else { throw isStore }
    if let directory = store.directory {
      guard let live = DurableFile.resolved(directory), !FileKeyProvider.lies(real, inside: live),
        !FileKeyProvider.lies(live, inside: real)
      else { throw isStore }
    }
    return .directory(real)
  }

  private static var isStore: Problem {
    Problem.invalid("keys-replica", "A replica of the keys must be a place apart from the key store; name another.")
  }

  private static func absolute(_ name: KeyPlaceName) throws -> KeyPlaceName {
    guard case .directory(let path) = name, !path.hasPrefix("/"), let here = DurableFile.resolved(".") else {
      return name
    }
    return .directory("\(here)/\(path)")
  }

  // MARK: Settling

  /// Brings every replica of the list, and those in `adding`, to the state of the live store and the other way round, and lists the new
  /// ones. Throws `Problem` naming the place and file if one cannot be reached, is another installation's, or disagrees.
  ///
  /// Other processes may work on the store meanwhile: they wait for one tenant at a time, or, while a replica is added, for all of it.
  package mutating func settle(adding: [String] = []) throws -> Report {
    let live = places.live
    let recorded = try KeyReplicas.recorded(in: live)
    var added: [KeyPlaceName] = []
    for text in adding {
      let place = try KeyReplicas.place(text, store: live.name, dataDirectory: dataDirectory)
      if !recorded.contains(place), !added.contains(place) { added.append(place) }
    }
    guard !recorded.isEmpty || !added.isEmpty else { return Report() }
    guard recorded.count + added.count <= KeyReplicas.maximum else {
      throw Problem.invalid("keys-replica", "A key store has at most \(KeyReplicas.maximum) replicas.")
    }
    var report = Report()
    guard !added.isEmpty else {
      try checkAll(recorded, [], live)
      try evenByTenant(recorded.map(places.replica), &report)
      return report
    }
    // The new ones get what counts, and nothing that was destroyed.
    try checkAll(recorded, [], live)
    try evenByTenant(recorded.map(places.replica), &report)
    try live.locked(.store) { held in
      // Another process may have added some since.
      let recorded = try KeyReplicas.recorded(in: held)
      added.removeAll { recorded.contains($0) }
      try checkAll(recorded, added, held)
      let copies = (recorded + added).map { Copy(name: $0, files: places.replica($0)) }
      for file in try union(copies.map(\.files) + [held]) {
        try even(file, copies + [Copy(name: live.name, files: held)], &report)
      }
      try KeyReplicas.record(recorded + added, in: held)
    }
    report.added = added.map(\.description)
    return report
  }

  private func checkAll(_ recorded: [KeyPlaceName], _ added: [KeyPlaceName], _ live: any KeyFiles) throws {
    guard let identity = try live.read(.installation) else {
      throw Problem(
        .unavailable,
        "The key store has no installation key; name the right one with --keys, or restore it from a replica.")
    }
    for place in recorded { try KeyReplicas.check(places.replica(place), identity, isNew: false) }
    for place in added { try KeyReplicas.check(places.replica(place), identity, isNew: true) }
  }

  private static func check(_ place: any KeyPlace, _ identity: [UInt8], isNew: Bool) throws {
    let key: [UInt8]?
    do { key = try place.read(.installation) } catch {
      throw Problem(
        .unavailable, "The replica \(place.name) cannot be read; repair it.",
        detail: (error as? Problem)?.detail ?? "\(error)")
    }
    if key == nil, isNew { return }
    guard let key else {
      throw Problem(
        .unavailable,
        "The replica of the keys at \(place.name) is not there. Bring it back, or take it off with `steward keys forget`."
      )
    }
    guard key == identity else {
      throw Problem(.conflict, "The replica at \(place.name) belongs to another installation; name another place.")
    }
  }

  /// One of the places while they are compared: the live store as it is seen under its lock, or a replica.
  private struct Copy {
    let name: KeyPlaceName
    let files: any KeyFiles
  }

  private func union(_ places: [any KeyFiles]) throws -> [KeyFile] {
    var files: Set<KeyFile> = []
    for place in places { files.formUnion(try place.list()) }
    return files.sorted { $0.order < $1.order }
  }

  /// What another process makes while this runs is on every place when its lock is let go: only what was seen is looked at.
  private mutating func evenByTenant(_ replicas: [any KeyPlace], _ report: inout Report) throws {
    let live = places.live
    let copies = replicas.map { Copy(name: $0.name, files: $0) }
    let files = Dictionary(grouping: try union(replicas + [live]), by: \.tenant)
    for (tenant, files) in files.sorted(by: { ($0.key?.text ?? "~") < ($1.key?.text ?? "~") }) {
      guard let tenant else {
        try live.locked(.store) { held in
          for file in files { try even(file, copies + [Copy(name: live.name, files: held)], &report) }
        }
        continue
      }
      try even(tenant, files, copies, &report)
    }
  }

  /// Where keys were destroyed, the places are brought to that first (docs/format.md §5.6). Another process may begin to destroy others just
  /// then.
  private mutating func even(
    _ tenant: TenantID, _ files: [KeyFile], _ copies: [Copy], _ report: inout Report
  ) throws {
    var files = files
    for isLast in [false, false, false, true] {
      if KeyReplicas.isTurning(files) {
        try bringForward(tenant, isOver: files.contains(.gone(tenant)), &report)
      }
      let isEven = try places.live.locked(.tenant(tenant)) { held in
        let all = copies + [Copy(name: places.live.name, files: held)]
        files = Set(try all.flatMap { try $0.files.list(of: tenant) }).sorted { $0.order < $1.order }
        guard isLast || Set(files.compactMap(\.epoch)).count <= 1 else { return false }
        for file in files { try even(file, all, &report) }
        return true
      }
      if isEven { return }
    }
  }

  private static func isTurning(_ files: [KeyFile]) -> Bool {
    Set(files.compactMap(\.epoch)).count > 1
      || files.contains { if case .erased = $0 { true } else if case .gone = $0 { true } else { false } }
  }

  private func bringForward(_ tenant: TenantID, isOver: Bool, _ report: inout Report) throws {
    let turn = KeyTurn(tenant, places: places, root: root)
    let now = Instant(milliseconds: 0)
    _ = isOver ? try turn.endTenant(erasure: nil, now: now) : try turn.run(now: now)
    if let (place, obstacle) = turn.obstacles.first {
      throw Problem(
        .unavailable, "The replica \(place) cannot be brought to the state of the others; repair it.", detail: obstacle)
    }
    report.copied += turn.written
  }

  /// Makes every place hold the file. The live store is the last of `places`, and the installation key the last of the files: a replica
  /// that was filled halfway is not taken for a whole one.
  private mutating func even(_ file: KeyFile, _ places: [Copy], _ report: inout Report) throws {
    let copies = try places.map { try $0.files.read(file) }
    if case .log(let tenant, let number) = file, let live = places.last, copies.last == .some(nil),
      try live.files.list(of: tenant).contains(where: { $0.isLaterLogKey(than: number) })
    {
      // It ended there. What is left of it at a replica is never brought back; who ends it is told so by the record.
      return
    }
    if case .terms(let series) = file { return try evenBook(series, places, copies, &report) }
    if let name = file.termName, books[name.series]?.isEnded(name.number) ?? false {
      for (place, copy) in zip(places, copies) where copy != nil {
        try place.files.end([file])
        report.copied.append("\(place.name)/\(file.path)")
      }
      return
    }
    let wanted =
      if case .taken(let tenant) = file { try mark(of: tenant, copies, places) } else {
        try agreed(copies, file, places)
      }
    for (place, copy) in zip(places, copies) where copy != wanted {
      if case .taken(let tenant) = file, let mark = TakenMark.parse(wanted) {
        try place.files.raise(mark, of: tenant)
      } else {
        _ = try place.files.add(wanted, as: file)
      }
      guard try place.files.read(file) == wanted else {
        throw Problem(
          .unavailable, "\(place.name) does not hold what was written to it; use another disk.", detail: file.path)
      }
      report.copied.append("\(place.name)/\(file.path)")
    }
  }

  /// What is said of backup keys grows together: what ended at one place has ended, and what an older copy says takes nothing back.
  private mutating func evenBook(
    _ series: TermKeyName.Series, _ places: [Copy], _ copies: [[UInt8]?], _ report: inout Report
  ) throws {
    let read = try TermBook.read(series, at: places.map(\.files), root: root)
    guard let book = TermBook.merged(read.compactMap(\.self)) else { return }
    books[series] = book
    let same = zip(copies, read).reversed().first { $0.1 == book }?.0
    let wanted = try same ?? book.seal(series, root: root)
    for (place, copy) in zip(places, copies) where copy != wanted {
      try place.files.put(wanted, as: .terms(series))
      report.copied.append("\(place.name)/\(KeyFile.terms(series).path)")
    }
  }

  /// The one content that all copies have. What is about to be copied must open first, so that damage does not spread.
  private mutating func agreed(_ copies: [[UInt8]?], _ file: KeyFile, _ places: [Copy]) throws -> [UInt8] {
    let distinct = Set(copies.compactMap(\.self))
    guard let bytes = distinct.first, distinct.count == 1 else { throw disagreement(copies, file, places) }
    let isWhole = !copies.contains { $0 == nil }
    if case .epoch = file {
      guard opener.opens(file, bytes) else { throw disagreement(copies, file, places) }
    } else if !isWhole {
      guard opener.opens(file, bytes) else { throw disagreement(copies, file, places) }
    }
    return bytes
  }

  /// The highest mark counts, unless it names keys that there are none of: blocks are made before the mark is raised, and a mark never falls.
  private func mark(of tenant: TenantID, _ copies: [[UInt8]?], _ places: [Copy]) throws -> [UInt8] {
    let file = KeyFile.taken(tenant)
    var highest: Int64 = 0
    let end = Set(copies).count > 1 ? try blocksEnd(of: tenant, places) : .max
    for (place, copy) in zip(places, copies) {
      guard let copy else { continue }
      guard let mark = TakenMark.parse(copy), mark <= end else {
        throw Problem(
          .conflict, "\(place.name)/\(file.path) is damaged: remove it there and start again; the others make it new.")
      }
      highest = max(highest, mark)
    }
    return TakenMark.text(highest)
  }

  /// Behind the last slot of the last block at any place.
  private func blocksEnd(of tenant: TenantID, _ places: [Copy]) throws -> Int64 {
    let numbers = try places.flatMap { try $0.files.list(of: tenant) }.compactMap { file -> Int64? in
      if case .block(_, let number) = file, number < TakenMark.limit / SubjectRef.slotsPerBlock { number } else { nil }
    }
    return ((numbers.max() ?? -1) + 1) * SubjectRef.slotsPerBlock
  }

  private mutating func disagreement(_ copies: [[UInt8]?], _ file: KeyFile, _ places: [Copy]) -> Problem {
    var good: [String] = []
    var bad: [String] = []
    for (place, copy) in zip(places, copies) {
      guard let copy else { continue }
      if opener.opens(file, copy) { good.append("\(place.name)") } else { bad.append("\(place.name)") }
    }
    let bads = bad.joined(separator: ", ")
    if good.isEmpty {
      return Problem(.conflict, "\(file.path) opens at no place of the keys (\(bads)); bring back a good copy of it.")
    }
    if bad.isEmpty {
      return Problem(
        .conflict,
        "\(file.path) differs between \(good.joined(separator: " and ")), and each opens: one is not a replica of this key store."
      )
    }
    return Problem(
      .conflict,
      "\(file.path) is damaged at \(bads): remove it there and start again; it is copied from \(good.joined(separator: ", "))."
    )
  }
}
