import Kernel

/// Tombstones as one file holds them (docs/format.md §5.6): a box under the root key, so that nobody who lacks it can make a server erase
/// rows.
struct TombstoneFile: Equatable {
  /// How many subjects one file takes at most; their runs then stay far below the largest key file.
  static let largest = 32_768

  /// So many small files lie there before they are put together.
  static let mostSmall = 64
  /// Estimated bytes from which on a file is left as it is, and what one that is made of others has at most.
  private static let (small, whole) = (128 << 10, 512 << 10)

  struct Group: Equatable {
    let erasure: String
    let at: Instant
    /// The highest that one of their keys was sealed under: the last that has to end.
    let epoch: Int64
    /// Ascending.
    let subjects: [SubjectRef]
  }

  let groups: [Group]

  /// The files that say these tombstones.
  static func files(
    _ subjects: [SubjectRef], erasure: String, at now: Instant, epoch: Int64
  ) -> [TombstoneFile] {
    let ordered = Set(subjects).sorted { $0.number < $1.number }
    return stride(from: 0, to: ordered.count, by: largest).map { start in
      let part = Array(ordered[start..<min(start + largest, ordered.count)])
      return TombstoneFile(groups: [Group(erasure: erasure, at: now, epoch: epoch, subjects: part)])
    }
  }

  /// At most; a run of one subject takes ten bytes, and an id with its time and epoch about fifty.
  private static func weight(_ group: Group) -> Int { 58 + 11 * group.subjects.count }

  var isSmall: Bool { groups.reduce(0) { $0 + TombstoneFile.weight($1) } < TombstoneFile.small }

  /// Files that say what all of these say.
  static func merged(_ files: [TombstoneFile]) -> [TombstoneFile] {
    struct Name: Hashable {
      let erasure: String
      let at: Instant
      let epoch: Int64
    }
    var subjects: [Name: Set<SubjectRef>] = [:]
    for group in files.flatMap(\.groups) {
      subjects[Name(erasure: group.erasure, at: group.at, epoch: group.epoch), default: []].formUnion(group.subjects)
    }
    let groups = subjects.map { name, subjects in
      Group(
        erasure: name.erasure, at: name.at, epoch: name.epoch, subjects: subjects.sorted { $0.number < $1.number })
    }
    var (made, weight): ([[Group]], Int) = ([], whole)
    for group in groups.sorted(by: { ($0.at, $0.erasure) < ($1.at, $1.erasure) }) {
      if weight + Self.weight(group) > whole {
        made.append([])
        weight = 0
      }
      made[made.count - 1].append(group)
      weight += Self.weight(group)
    }
    return made.map(TombstoneFile.init)
  }

  var stones: [Tombstone] {
    groups.flatMap { group in
      group.subjects.map { Tombstone(subject: $0, at: group.at, erasure: group.erasure) }
    }
  }

  // MARK: Bytes

  func seal(tenant: TenantID, id: ID<TombstoneFile>, root: SecretBytes) throws -> [UInt8] {
    let plain = CBOR.array(
      groups.map { group in
        .array([
          .text(group.erasure), .integer(group.at.milliseconds), .integer(group.epoch),
          .array(TombstoneFile.runs(group.subjects)),
        ])
      })
    return try Box.seal(plain.encoded, key: root, context: SealingContext.erased(tenant: tenant, id: id))
  }

  /// Nil if it does not open, or is not such a file.
  static func open(_ box: [UInt8], tenant: TenantID, id: ID<TombstoneFile>, root: SecretBytes) -> TombstoneFile? {
    guard let plain = try? Box.open(box, key: root, context: SealingContext.erased(tenant: tenant, id: id)),
      let items = (try? CBOR.decode(plain))?.array
    else { return nil }
    var groups: [Group] = []
    for item in items {
      guard let parts = item.array, parts.count == 4, let erasure = parts[0].text, let at = parts[1].integer,
        let epoch = parts[2].integer, epoch > 0, let subjects = parts[3].array.flatMap(TombstoneFile.subjects)
      else { return nil }
      groups.append(Group(erasure: erasure, at: Instant(milliseconds: at), epoch: epoch, subjects: subjects))
    }
    return TombstoneFile(groups: groups)
  }

  /// First and count of each run.
  private static func runs(_ subjects: [SubjectRef]) -> [CBOR] {
    var runs: [(first: Int64, count: Int64)] = []
    for subject in subjects {
      if let last = runs.last, last.first + last.count == subject.number {
        runs[runs.count - 1].count += 1
      } else {
        runs.append((subject.number, 1))
      }
    }
    return runs.flatMap { [.integer($0.first), .integer($0.count)] }
  }

  private static func subjects(_ runs: [CBOR]) -> [SubjectRef]? {
    guard runs.count % 2 == 0 else { return nil }
    var subjects: [SubjectRef] = []
    for place in stride(from: 0, to: runs.count, by: 2) {
      // Runs are as long as the file that was sealed says, and no file says more than so many.
      guard let first = runs[place].integer, let count = runs[place + 1].integer, first >= 0, count > 0,
        count <= Int64(1 << 24), first <= Int64.max >> 8
      else { return nil }
      subjects += (first..<first + count).map { SubjectRef($0) }
    }
    return subjects
  }
}

/// The file that says that a tenant was erased.
struct TenantEnd: Equatable {
  let erasure: String
  let at: Instant
  /// The last that the tenant had.
  let epoch: Int64

  func seal(tenant: TenantID, root: SecretBytes) throws -> [UInt8] {
    try Box.seal(
      CBOR.array([.text(erasure), .integer(at.milliseconds), .integer(epoch)]).encoded, key: root,
      context: SealingContext.gone(tenant: tenant))
  }

  /// What does not open says nothing: whoever can write to a place of the keys could otherwise end a tenant.
  static func refused(_ tenant: TenantID) -> Problem {
    let path = KeyFile.gone(tenant).path
    return Problem(
      .conflict,
      "\(path) opens at no place of the keys, so it ends nothing; remove it where it lies, or bring back a good copy of it.",
      detail: path)
  }

  static func open(_ box: [UInt8], tenant: TenantID, root: SecretBytes) -> TenantEnd? {
    guard let plain = try? Box.open(box, key: root, context: SealingContext.gone(tenant: tenant)),
      let parts = (try? CBOR.decode(plain))?.array, parts.count == 3, let erasure = parts[0].text,
      let at = parts[1].integer, let epoch = parts[2].integer
    else { return nil }
    return TenantEnd(erasure: erasure, at: Instant(milliseconds: at), epoch: epoch)
  }
}
