import Glibc
import Kernel

/// The replicas of a key store: which there are, and how they are brought to one state when an installation is opened.
///
/// The list stands in the live key store (`replicas`), so that a start that has lost one of them is refused and not forgotten. Taking one
/// off is a deliberate command of its own.
package struct KeyReplicas {
  package static let maximum = 8
  private static let listName = "/replicas"
  private static let listHead = "steward/key-replicas/v1"

  /// What settling changed.
  package struct Report: Sendable, Equatable {
    /// Files that a place lacked, or held in an older state, and now holds.
    package var copied: [String] = []
    package var added: [String] = []
    package init() {}
  }

  let store: String
  let dataDirectory: String
  let disk: KeyDisk
  private var opener: KeyFileOpener

  package init(
    store: String, dataDirectory: String, root: SecretBytes, installation: String, disk: KeyDisk = .real
  ) {
    self.store = store
    self.dataDirectory = dataDirectory
    self.disk = disk
    opener = KeyFileOpener(root: root, installation: installation)
  }

  // MARK: The list

  /// The replicas that the key store says it has: absolute paths, in the order in which they were added.
  package static func recorded(in store: String) throws -> [String] {
    guard let bytes = try DurableFile.read(store + listName) else { return [] }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.first == listHead[...], lines.last == "", lines.count >= 2, lines.count - 2 <= maximum,
      lines[1..<(lines.count - 1)].allSatisfy({ $0.hasPrefix("/") })
    else {
      throw Problem(
        .unavailable,
        "The list of the keys' replicas is damaged; write it again, one absolute path a line below \(listHead).",
        detail: store + listName)
    }
    return lines[1..<(lines.count - 1)].map(String.init)
  }

  private static func record(_ replicas: [String], in store: String) throws {
    let text = ([listHead] + replicas).joined(separator: "\n") + "\n"
    try DurableFile.write(Array(text.utf8), to: store + listName)
  }

  /// Takes a replica off the list; its files stay. For one that is lost, or no longer wanted.
  package static func forget(_ path: String, in store: String) throws {
    let replicas = try recorded(in: store)
    let absolute = absolute(path)
    let left = replicas.filter { $0 != absolute && $0 != DurableFile.resolved(path) }
    guard left.count < replicas.count else {
      throw Problem(
        .notFound, "The key store has no replica at \(absolute); it has: \(replicas.joined(separator: ", ")).")
    }
    try record(left, in: store)
  }

  // MARK: Places

  /// The path of a replica to be, made if need be. Throws `Problem` where a replica must not lie.
  package static func place(_ path: String, store: String, dataDirectory: String) throws -> String {
    let wanted = absolute(path)
    guard !FileKeyProvider.lies(wanted, inside: dataDirectory) else {
      throw Problem.invalid(
        "keys-replica",
        "A replica of the keys must lie outside of the data directory; name another with --keys-replica.")
    }
    guard !wanted.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
      throw Problem.invalid("keys-replica", "The path of a replica must not hold control characters.")
    }
    do { try DurableFile.makeDirectory(wanted) } catch {
      throw Problem(
        .unavailable, "The replica \(wanted) cannot be made; name a directory that you can write to.",
        detail: "\(error)")
    }
    guard let real = DurableFile.resolved(wanted), let live = DurableFile.resolved(store),
      !FileKeyProvider.lies(real, inside: live), !FileKeyProvider.lies(live, inside: real)
    else {
      throw Problem.invalid(
        "keys-replica", "A replica of the keys must be a directory apart from the key store; name another.")
    }
    return real
  }

  private static func absolute(_ path: String) -> String {
    guard !path.hasPrefix("/"), let here = DurableFile.resolved(".") else { return path }
    return "\(here)/\(path)"
  }

  // MARK: Settling

  /// Brings every replica of the list, and those in `adding`, to the state of the live store and the other way round, and lists the new
  /// ones. Throws `Problem` naming the place and file if one cannot be reached, is another installation's, or disagrees.
  package mutating func settle(adding: [String] = []) throws -> Report {
    let recorded = try KeyReplicas.recorded(in: store)
    var report = Report()
    for path in adding {
      let place = try KeyReplicas.place(path, store: store, dataDirectory: dataDirectory)
      if !recorded.contains(place), !report.added.contains(place) { report.added.append(place) }
    }
    let all = recorded + report.added
    guard !all.isEmpty else { return report }
    guard all.count <= KeyReplicas.maximum else {
      throw Problem.invalid("keys-replica", "A key store has at most \(KeyReplicas.maximum) replicas.")
    }
    guard let identity = try DurableFile.read(store + "/installation.key") else {
      throw Problem(
        .unavailable,
        "The key store has no installation key; name the right one with --keys, or restore it from a replica.")
    }
    for place in recorded { try KeyReplicas.check(place, identity, isNew: false) }
    for place in report.added { try KeyReplicas.check(place, identity, isNew: true) }
    try even(all + [store], &report)
    if !report.added.isEmpty { try KeyReplicas.record(all, in: store) }
    return report
  }

  private static func check(_ place: String, _ identity: [UInt8], isNew: Bool) throws {
    let key: [UInt8]?
    do { key = try DurableFile.read(place + "/installation.key") } catch {
      throw Problem(.unavailable, "The replica \(place) cannot be read; repair it.", detail: "\(error)")
    }
    if key == nil, isNew { return }
    guard let key else {
      throw Problem(
        .unavailable,
        "The replica of the keys at \(place) is not there. Bring it back, or take it off with `steward keys forget`.")
    }
    guard key == identity else {
      throw Problem(.conflict, "The replica at \(place) belongs to another installation; name another directory.")
    }
  }

  /// Makes every place hold every file. The live store is the last of `places`, and the installation key the last of the files: a replica
  /// that was filled halfway is not taken for a whole one.
  private mutating func even(_ places: [String], _ report: inout Report) throws {
    var files: Set<KeyFile> = []
    for place in places { files.formUnion(try KeyFile.list(in: place)) }
    for file in files.sorted(by: { $0.order < $1.order }) {
      let copies = try places.map { try DurableFile.read("\($0)/\(file.path)") }
      let wanted = if case .taken = file { try mark(copies, file, places) } else { try agreed(copies, file, places) }
      for (place, copy) in zip(places, copies) where copy != wanted {
        try KeyPlaces(live: place, replicas: [], disk: disk).write(wanted, as: file, at: place)
        guard try DurableFile.read("\(place)/\(file.path)") == wanted else {
          throw Problem(
            .unavailable, "\(place) does not hold what was written to it; use another disk.", detail: file.path)
        }
        report.copied.append("\(place)/\(file.path)")
      }
    }
  }

  /// The one content that all copies have. What is about to be copied must open first, so that damage does not spread.
  private mutating func agreed(_ copies: [[UInt8]?], _ file: KeyFile, _ places: [String]) throws -> [UInt8] {
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

  /// The highest mark counts.
  private func mark(_ copies: [[UInt8]?], _ file: KeyFile, _ places: [String]) throws -> [UInt8] {
    var highest: Int64 = 0
    for (place, copy) in zip(places, copies) {
      guard let copy else { continue }
      guard let mark = TakenMark.parse(copy) else {
        throw Problem(
          .conflict, "\(place)/\(file.path) is damaged: remove it there and start again; the others make it new.")
      }
      highest = max(highest, mark)
    }
    return TakenMark.text(highest)
  }

  private mutating func disagreement(_ copies: [[UInt8]?], _ file: KeyFile, _ places: [String]) -> Problem {
    var good: [String] = []
    var bad: [String] = []
    for (place, copy) in zip(places, copies) {
      guard let copy else { continue }
      if opener.opens(file, copy) { good.append(place) } else { bad.append(place) }
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
