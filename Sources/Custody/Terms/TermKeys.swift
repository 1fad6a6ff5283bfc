import Kernel

/// The keys of backups of one series, shared by any number of processes (docs/format.md §5.8).
///
/// A key is taken before a backup is begun and ends when the backup's time is over: what is said of it goes to every place that can be
/// reached, then its file is destroyed there. What another place still holds is destroyed when that place is back; nothing waits for it.
package struct TermKeys: Sendable {
  package let series: TermKeyName.Series
  let store: KeyStore
  private var places: KeyPlaces { store.places }
  private var root: SecretBytes { store.root }

  /// One that is in use.
  package struct Held: Sendable, Equatable {
    package let name: TermKeyName
    package let backup: String
    package let taken: Instant
    /// Nil: the schedule of its place says so.
    package let until: Instant?
  }

  // MARK: Places

  /// A place during one step; left aside once it fails, unless it is the live store.
  private final class Site {
    let name: KeyPlaceName
    let files: any KeyFiles
    let isLive: Bool
    private(set) var obstacle: String?

    init(_ name: KeyPlaceName, _ files: any KeyFiles, isLive: Bool) {
      (self.name, self.files, self.isLive) = (name, files, isLive)
      // A replica whose file system is not mounted is an empty directory; it must not fill silently.
      let isThere = try? reach { try $0.exists(.installation) }
      if !isLive, obstacle == nil, isThere != true { obstacle = "The replica is not there." }
    }

    /// Nil if it fails, or did before.
    func reach<T>(_ body: (any KeyFiles) throws -> T) throws -> T? {
      guard obstacle == nil else { return nil }
      do { return try body(files) } catch {
        if isLive { throw error }
        obstacle = (error as? Problem)?.detail ?? (error as? Problem)?.message ?? "\(error)"
        return nil
      }
    }
  }

  /// Replicas in their order, then the live store.
  private func sites(_ held: HeldKeyPlaces) -> [Site] {
    held.replicas.map { Site($0.name, $0, isLive: false) } + [Site(places.live.name, held.live, isLive: true)]
  }

  private func book(_ sites: [Site]) throws -> TermBook {
    let boxes = try sites.compactMap { site in try site.reach { try $0.read(.terms(series)) } ?? nil }
    let books = boxes.compactMap { TermBook.open($0, series, root: root) }
    if books.isEmpty, let box = boxes.last { throw refused(box) }
    return TermBook.merged(books) ?? TermBook()
  }

  private func refused(_ box: [UInt8]) -> Problem {
    let path = KeyFile.terms(series).path
    return Problem(
      .conflict, "\(path) opens at no place of the keys; bring back a good copy of it.", detail: path)
  }

  /// On every place that can be reached, the live store last.
  private func write(_ book: TermBook, _ sites: [Site]) throws {
    let box = try book.seal(series, root: root)
    for site in sites { _ = try site.reach { try $0.put(box, as: .terms(series)) } }
  }

  private func locked<T>(_ body: (HeldKeyPlaces, [Site]) throws -> T) throws -> T {
    try places.locked(.terms) { held in
      try store.checkRoot(held.live)
      return try body(held, sites(held))
    }
  }

  /// Lets places of an earlier version be changed.
  private func prepare() throws {
    try places.live.prepareToEnd()
    for replica in try places.replicas().map(places.replica) { try? replica.prepareToEnd() }
  }

  // MARK: Taking

  /// The next key, for one backup, taken durably before this returns; those that are to be there ahead of need are made, too.
  ///
  /// `above`: a number that was seen in use, for a store that was put back. `prolonging`: keys that the backup hangs on, which last as long.
  /// A replica that is away stops it only once what was made ahead is used up: then it throws `Problem.unavailable`.
  package func take(
    for backup: String, until: Instant?, above: Int64 = 0, prolonging parents: [TermKeyName] = [], now: Instant
  ) throws -> TermKey {
    try prepare()
    let key = try locked { held, sites -> TermKey in
      var book = try book(sites)
      var number = max(book.taken, above) + 1
      while book.isEnded(number) || book.held[number] != nil { number += 1 }
      let name = TermKeyName(series, number)
      try store.createKey(.term(name), context: SealingContext.term(name), held)
      let context = SealingContext.term(name)
      guard let box = try held.live.read(.term(name)), let key = try? Box.open(box, key: root, context: context),
        key.count == 32
      else {
        throw Problem(
          .unavailable, "A key of this installation is damaged; restore it from a replica.", detail: "\(name)")
      }
      book.taken = number
      book.held[number] = TermBook.Held(backup: backup, taken: now, until: until)
      if let until {
        for parent in parents where parent.series == series {
          if let own = book.held[parent.number]?.until { book.held[parent.number]?.until = max(own, until) }
        }
      }
      try write(book, sites)
      return TermKey(name: name, secret: SecretBytes(key))
    }
    // A place that is away keeps nobody from what was made before: the next backup tries again, and the doctor names the place.
    try? makeAhead()
    return key
  }

  /// In a step of its own: where it fails, what was taken stays taken.
  private func makeAhead() throws {
    guard series.reserve > 0 else { return }
    try locked { held, sites in
      let (book, there) = (try book(sites), Set(try held.live.terms()))
      let ahead = (book.taken + 1...book.taken + series.reserve).filter { !book.isEnded($0) }
      try make(ahead.map { TermKeyName(series, $0) }.filter { !there.contains(.term($0)) }, held)
    }
  }

  /// Many at once, as `add` makes one: what a replica has of a write that was broken off is taken if it opens, and the live store comes last.
  private func make(_ names: [TermKeyName], _ held: HeldKeyPlaces) throws {
    guard !names.isEmpty else { return }
    var files: [TermKeyName: [UInt8]] = [:]
    for replica in held.replicas {
      try held.reach(replica) { replica in
        for name in try replica.terms().compactMap(\.termName) where names.contains(name) && files[name] == nil {
          if let left = try replica.read(.term(name)), opens(left, name) { files[name] = left }
        }
      }
    }
    for name in names where files[name] == nil {
      files[name] = try Box.seal(
        SecretBytes.random().withBytes { Array($0) }, key: root, context: SealingContext.term(name))
    }
    for replica in held.replicas { try held.reach(replica) { try add(files, to: $0) } }
    try add(files, to: held.live)
  }

  private func opens(_ box: [UInt8], _ name: TermKeyName) -> Bool {
    (try? Box.open(box, key: root, context: SealingContext.term(name)))?.count == 32
  }

  private func add(_ files: [TermKeyName: [UInt8]], to place: any KeyFiles) throws {
    let there = Set(try place.terms())
    let new = files.filter { !there.contains(.term($0.key)) }.sorted { $0.key.number < $1.key.number }
    try place.addNew(new.map { (file: .term($0.key), bytes: $0.value) })
    // What counts is what lies there.
    for (name, bytes) in files where try place.read(.term(name)) != bytes {
      throw Problem(
        .unavailable, "A place of the keys does not hold what was written to it.", detail: "\(name)")
    }
  }

  // MARK: Looking

  /// Those in use, by number.
  package func held() throws -> [Held] {
    let books = try TermBook.read(series, at: [places.live], root: root)
    return (TermBook.merged(books.compactMap(\.self))?.held ?? [:]).sorted { $0.key < $1.key }.map { number, held in
      Held(name: TermKeyName(series, number), backup: held.backup, taken: held.taken, until: held.until)
    }
  }

  /// Keys that have ended, with the places where they have not yet.
  package func pending() throws -> [(name: TermKeyName, since: Instant, places: [String])] {
    let books = try TermBook.read(series, at: [places.live], root: root)
    return (TermBook.merged(books.compactMap(\.self))?.ending ?? [:]).sorted { $0.key < $1.key }.map { number, ending in
      let left = ending.ends.filter { $0.value == nil }.map(\.key).sorted()
      // The live store is always among those where it was gone.
      let since = ending.ends.compactMap(\.value).min() ?? Instant(milliseconds: 0)
      return (TermKeyName(series, number), since, left)
    }
  }

  /// Where a file of this key lies, whatever is in it, and places that could not be asked.
  package func copies(of name: TermKeyName) throws -> (holding: [String], unknown: [String]) {
    var (holding, unknown): ([String], [String]) = ([], [])
    for place in try places.replicas().map(places.replica) + [places.live] {
      guard (try? place.exists(.installation)) == true, let isThere = try? place.exists(.term(name)) else {
        unknown.append("\(place.name)")
        continue
      }
      if isThere { holding.append("\(place.name)") }
    }
    return (holding, unknown)
  }

  // MARK: Ending

  /// Notes that the time of these is over, before the objects of their backups go: broken off from here on, the next `end` ends them.
  package func foresee(_ names: some Sequence<TermKeyName>, now: Instant) throws {
    let numbers = Set(names.filter { $0.series == series }.map(\.number))
    guard !numbers.isEmpty else { return }
    try prepare()
    try locked { _, sites in
      var book = try book(sites)
      for number in numbers {
        if let held = book.held[number] { book.held[number]?.until = min(held.until ?? now, now) }
      }
      try write(book, sites)
    }
  }

  /// Ends these keys for good, and goes on with what earlier calls left at places that were away. Answers every end that is not known to all.
  package func end(_ names: some Sequence<TermKeyName>, now: @autoclosure () -> Instant) throws -> [TermEnd] {
    let numbers = names.filter { $0.series == series }.map(\.number)
    try prepare()
    let isAny = try locked { _, sites in
      var book = try book(sites)
      let before = book
      let places = Dictionary(uniqueKeysWithValues: sites.map { ("\($0.name)", Instant?.none) })
      for number in numbers where !book.isEnded(number) {
        let backup = book.held[number]?.backup ?? ""
        book.end(number...number)
        book.ending[number] = TermBook.Ending(backup: backup, ends: places, isTold: false)
      }
      if book != before { try write(book, sites) }
      return !book.ending.isEmpty
    }
    guard isAny else { return [] }
    return try locked { _, sites in
      var book = try book(sites)
      try destroy(&book, sites, now)
      return book.ending.sorted { $0.key < $1.key }.map { TermEnd(series, $0.key, $0.value, sites.map(described)) }
    }
  }

  private func described(_ site: Site) -> TermEnd.Asked {
    TermEnd.Asked(name: "\(site.name)", isLive: site.isLive, obstacle: site.obstacle)
  }

  /// Whatever of an ended key lies at a place goes, also what an older copy brought back.
  private func destroy(_ book: inout TermBook, _ sites: [Site], _ now: () -> Instant) throws {
    let before = book
    for site in sites {
      let isOver: Bool? = try site.reach { files in
        let over = try files.terms().filter { file in
          file.termName.map { $0.series == series && book.isEnded($0.number) } ?? false
        }
        // What is said of them first: a place that has lost a key must know that it ended.
        if !over.isEmpty, !site.isLive { try files.put(try book.seal(series, root: root), as: .terms(series)) }
        try files.end(over)
        return !over.isEmpty
      }
      guard let isOver else { continue }
      if isOver { sweep(site) }
      let time = now()
      for number in book.ending.keys {
        // A replica that was named since is one more that was asked.
        if (book.ending[number]?.ends["\(site.name)"] ?? nil) == nil {
          book.ending[number]?.ends.updateValue(time, forKey: "\(site.name)")
          book.ending[number]?.isTold = false
        }
      }
    }
    if book != before { try write(book, sites) }
  }

  /// Where taking it off the disk is a matter of its own; of the live store once its lock is let go.
  private func sweep(_ site: Site) { if !site.isLive { places.replica(site.name).sweep() } }

  /// What these say is on the record now: those that ended at every place need not be told again.
  package func told(_ ends: [TermEnd]) throws {
    guard !ends.isEmpty else { return }
    try locked { _, sites in
      var book = try book(sites)
      for end in ends {
        guard var known = book.ending[end.name.number], known.ends == end.ends else { continue }
        known.isTold = true
        book.ending[end.name.number] = end.isComplete ? nil : known
      }
      try write(book, sites)
    }
    places.live.sweep()
  }
}

/// What became of every copy of one backup's key.
package struct TermEnd: Sendable, Equatable {
  package let name: TermKeyName
  /// Id of the backup; empty where nobody knows it any more.
  package let backup: String
  package let copies: [KeyCopy]
  /// Whether it says what was not put on the record yet.
  package let isNews: Bool
  let ends: [String: Instant?]

  package var isComplete: Bool { copies.allSatisfy { $0.endedAt != nil } }

  struct Asked {
    let name: String
    let isLive: Bool
    let obstacle: String?
  }

  /// A place that was named stays named: whoever takes a replica off the list gives it up, and what lies there still opens.
  init(_ series: TermKeyName.Series, _ number: Int64, _ ending: TermBook.Ending, _ asked: [Asked]) {
    name = TermKeyName(series, number)
    backup = ending.backup
    ends = ending.ends
    isNews = !ending.isTold
    let given = ending.ends.keys.filter { place in !asked.contains { $0.name == place } }.sorted()
    let all = given.map { Asked(name: $0, isLive: false, obstacle: TermEnd.givenUp) } + asked
    copies = all.map { place in
      let end = ending.ends[place.name] ?? nil
      return KeyCopy(
        place: place.name, isLive: place.isLive, endedAt: end, obstacle: end == nil ? place.obstacle : nil)
    }
  }

  static let givenUp = "The replica was taken off the list before its keys had ended."
}

extension KeyStore {
  package func termKeys(_ series: TermKeyName.Series) -> TermKeys { TermKeys(series: series, store: self) }
}
