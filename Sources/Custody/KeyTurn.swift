import Crypto
import Kernel

/// Brings the keys of one tenant to the state that its tombstones ask for, at every place that can be reached: the four steps of
/// docs/format.md §5.6.
///
/// Each step looks at what lies there, under the tenant's lock, and does what is missing. So it does not matter where an earlier try was
/// broken off, or what another process did between two steps; a turn that finds nothing to do does nothing. Places that fail are left
/// aside and named; only the live store must not.
final class KeyTurn {
  let tenant: TenantID
  let places: KeyPlaces
  let root: SecretBytes

  /// What stands in the way at replicas.
  private(set) var obstacles: [KeyPlaceName: String] = [:]
  /// Replicas that were asked, in their order.
  private(set) var replicas: [KeyPlaceName] = []
  /// What was changed at which place: names of files, for the operator.
  private(set) var written: [String] = []
  private(set) var epochBefore: Int64 = 0
  private(set) var epochAfter: Int64 = 0
  /// As many as were seen last.
  private var tombstoneFiles = 0
  /// Since when places have nothing of an earlier epoch left, as the clock said behind it.
  private var ends: [KeyPlaceName: Instant] = [:]

  init(_ tenant: TenantID, places: KeyPlaces, root: SecretBytes) {
    self.tenant = tenant
    self.places = places
    self.root = root
  }

  /// Adds tombstones for the subjects that have none, and destroys their keys. `forced`: with a new epoch in any case.
  /// `now` is read anew behind each step that tells its time: locks may have to be waited for.
  func run(
    _ subjects: [SubjectRef] = [], erasure: String = "", now: @autoclosure () -> Instant, forced: Bool = false
  ) throws -> KeyDestruction {
    try places.live.prepareToEnd()
    for replica in try places.replicas().map(places.replica) { try? replica.prepareToEnd() }
    let fresh = try bury(subjects, erasure, now())
    try begin(freshIn: fresh, forced: forced)
    try reseal()
    let hadEnds = try endEarlierEpochs(now)
    if tombstoneFiles > TombstoneFile.mostSmall { try mergeTombstones() }
    if hadEnds { sweep(now) }
    return outcome
  }

  private var outcome: KeyDestruction {
    let copies = replicas.map { copy($0, isLive: false) } + [copy(places.live.name, isLive: true)]
    return KeyDestruction(epochBefore: epochBefore, epochAfter: epochAfter, copies: copies)
  }

  private func copy(_ name: KeyPlaceName, isLive: Bool) -> KeyCopy {
    let end = obstacles[name] == nil ? ends[name] : nil
    return KeyCopy(
      place: "\(name)", isLive: isLive, endedAt: end,
      obstacle: end != nil
        ? nil : obstacles[name] ?? "Keys of an earlier epoch are still there; they go with the next try.")
  }

  // MARK: Places

  /// A place during one step.
  private struct Site {
    let name: KeyPlaceName
    let files: any KeyFiles
    let isLive: Bool
    var heads: Set<KeyFile> = []
    /// Of each block its epoch.
    var blocks: [Int64: Int64] = [:]
  }

  /// What is known while the lock is held.
  private struct State {
    /// Replicas in their order, then the live store.
    var sites: [Site]
    /// Of each subject with a tombstone the last epoch that its key was sealed under.
    var stones: [SubjectRef: Int64] = [:]
    var stoneFiles: [KeyFile: TombstoneFile] = [:]
    var epochs: [Int64: SecretBytes] = [:]
    var current: Int64 = 0
    /// Slots to be emptied, by block.
    var slots: [Int64: [Int]] = [:]
  }

  /// Runs `body` on a place; nil if it is a replica that fails, which is then left aside.
  private func at<T>(_ site: Site, _ body: (any KeyFiles) throws -> T) throws -> T? {
    guard obstacles[site.name] == nil else { return nil }
    do { return try body(site.files) } catch {
      if site.isLive { throw error }
      obstacles[site.name] = (error as? Problem)?.detail ?? (error as? Problem)?.message ?? "\(error)"
      return nil
    }
  }

  private func look(_ held: HeldKeyPlaces) throws -> State {
    var state = State(sites: try sites(held))
    let gone = KeyFile.gone(tenant)
    if state.sites.contains(where: { $0.heads.contains(gone) }) {
      throw try firstThatOpens(gone, state, opensEnd) == nil ? TenantEnd.refused(tenant) : TenantErased()
    }
    try readStones(&state)
    try readEpochs(&state)
    return state
  }

  private func sites(_ held: HeldKeyPlaces) throws -> [Site] {
    replicas = held.replicas.map(\.name)
    let all =
      held.replicas.map { Site(name: $0.name, files: $0, isLive: false) }
      + [Site(name: places.live.name, files: held.live, isLive: true)]
    var sites: [Site] = []
    for var site in all {
      let found = try at(site) { files -> (Set<KeyFile>, [Int64: Int64]) in
        // A replica whose file system is not mounted is an empty directory; it must not fill silently.
        guard try site.isLive || files.exists(.installation) else { throw Absent() }
        return (Set(try files.heads(of: tenant)), try files.epochs(ofBlocksOf: tenant))
      }
      guard let found else { continue }
      (site.heads, site.blocks) = found
      sites.append(site)
    }
    return sites
  }

  private func opensEnd(_ box: [UInt8]) -> [UInt8]? {
    TenantEnd.open(box, tenant: tenant, root: root) == nil ? nil : box
  }

  private struct Absent: Error, CustomStringConvertible {
    var description: String { "The replica is not there." }
  }

  private func readStones(_ state: inout State) throws {
    for file in state.sites.reduce(into: Set<KeyFile>(), { $0.formUnion($1.heads) }) {
      guard case .erased(_, let id) = file else { continue }
      let found = try firstThatOpens(file, state) { TombstoneFile.open($0, tenant: tenant, id: id, root: root) }
      guard let found else { throw KeyTurn.damaged(file) }
      for group in found.groups {
        for subject in group.subjects { state.stones[subject] = max(group.epoch, state.stones[subject] ?? 0) }
      }
      state.stoneFiles[file] = found
    }
    tombstoneFiles = state.stoneFiles.count
    for subject in state.stones.keys { state.slots[subject.block, default: []].append(subject.slot) }
  }

  private func readEpochs(_ state: inout State) throws {
    for number in state.sites.reduce(into: Set<Int64>(), { $0.formUnion($1.heads.compactMap(\.epoch)) }) {
      let file = KeyFile.epoch(tenant, number)
      state.epochs[number] = try firstThatOpens(file, state) { Self.epochKey($0, tenant, number, root) }
    }
    guard let current = state.epochs.keys.max() else { throw KeyTurn.damaged(.epoch(tenant, 1)) }
    state.current = current
    if epochBefore == 0 { epochBefore = current }
    epochAfter = current
  }

  static func epochKey(_ box: [UInt8], _ tenant: TenantID, _ number: Int64, _ root: SecretBytes) -> SecretBytes? {
    guard let key = try? Box.open(box, key: root, context: SealingContext.epoch(tenant: tenant, epoch: number)),
      key.count == 32
    else { return nil }
    return SecretBytes(key)
  }

  /// What counts is the live store, if it has it whole.
  private func firstThatOpens<T>(
    _ file: KeyFile, _ state: State, _ open: ([UInt8]) -> T?
  ) throws -> T? {
    for site in state.sites.reversed() where site.heads.contains(file) {
      if let bytes = try at(site, { try $0.read(file) }) ?? nil, let value = open(bytes) { return value }
    }
    return nil
  }

  private static func damaged(_ file: KeyFile) -> Problem {
    Problem(
      .conflict, "\(file.path) opens at no place of the keys; bring back a good copy of it.", detail: file.path)
  }

  /// Makes a file where it is missing; the live store comes last.
  private func spread(_ file: KeyFile, _ bytes: [UInt8], _ sites: [Site]) throws {
    for site in sites where !site.heads.contains(file) {
      let kept: Void? = try at(site) { files in
        guard try files.add(bytes, as: file) == bytes else {
          throw Problem(
            .unavailable, "A place of the keys does not hold what was written to it.",
            detail: "\(site.name): \(file.path)")
        }
      }
      if kept != nil { written.append("\(site.name)/\(file.path)") }
    }
  }

  // MARK: 1. Tombstones

  /// Blocks in which a subject is that had no tombstone.
  private func bury(_ subjects: [SubjectRef], _ erasure: String, _ now: Instant) throws -> Set<Int64> {
    try places.locked(.tenant(tenant)) { held in
      let state = try look(held)
      for file in state.sites.reduce(into: Set<KeyFile>(), { $0.formUnion($1.heads) }) {
        guard case .erased(_, let id) = file, state.sites.contains(where: { !$0.heads.contains(file) }) else {
          continue
        }
        let bytes = try firstThatOpens(file, state) { bytes in
          TombstoneFile.open(bytes, tenant: tenant, id: id, root: root) == nil ? nil : bytes
        }
        if let bytes { try spread(file, bytes, state.sites) }
      }
      let fresh = subjects.filter { state.stones[$0] == nil }
      let blocks = Set(fresh.map(\.block))
      let last = state.sites.flatMap { site in blocks.compactMap { site.blocks[$0] } }.max() ?? state.current
      // Also where an earlier try turned the epoch and nobody heard of it.
      if !subjects.isEmpty { epochBefore = subjects.reduce(0) { max($0, state.stones[$1] ?? last) } }
      for file in TombstoneFile.files(fresh, erasure: erasure, at: now, epoch: last) {
        let id = ID<TombstoneFile>.make(at: now)
        try spread(.erased(tenant, id), try file.seal(tenant: tenant, id: id, root: root), state.sites)
      }
      return blocks
    }
  }

  /// Puts small files of tombstones together, so that not every erasure leaves one that whoever opens the tenant has to read. Only while every
  /// place can be reached, and what they say is durable at each before one of them goes.
  private func mergeTombstones() throws {
    try places.locked(.tenant(tenant)) { held in
      let state = try look(held)
      let small = state.stoneFiles.filter { $0.value.isSmall }
      guard small.count > TombstoneFile.mostSmall, obstacles.isEmpty, state.sites.count == held.replicas.count + 1
      else {
        return
      }
      for file in TombstoneFile.merged(Array(small.values)) {
        let id = ID<TombstoneFile>.make(at: file.groups.last?.at ?? Instant(milliseconds: 0))
        try spread(.erased(tenant, id), try file.seal(tenant: tenant, id: id, root: root), state.sites)
      }
      guard obstacles.isEmpty else { return }
      for site in state.sites {
        _ = try at(site) {
          try $0.end(small.keys.filter(site.heads.contains).sorted { $0.order < $1.order })
        }
      }
    }
  }

  // MARK: 2. The epoch

  private func begin(freshIn fresh: Set<Int64>, forced: Bool) throws {
    try places.locked(.tenant(tenant)) { held in
      var state = try look(held)
      if try forced || needsEpoch(state, fresh) {
        let number = state.current + 1
        state.epochs[number] = .random()
        state.current = number
        epochAfter = number
      }
      let file = KeyFile.epoch(tenant, state.current)
      guard let key = state.epochs[state.current], state.sites.contains(where: { !$0.heads.contains(file) }) else {
        return
      }
      let kept = try firstThatOpens(file, state) { bytes in
        Self.epochKey(bytes, tenant, state.current, root) == nil ? nil : bytes
      }
      let context = SealingContext.epoch(tenant: tenant, epoch: state.current)
      let box = try kept ?? Box.seal(key.withBytes { Array($0) }, key: root, context: context)
      try spread(file, box, state.sites)
    }
  }

  /// Whether the current epoch ever sealed a key that must not be: then it has to end, too.
  private func needsEpoch(_ state: State, _ fresh: Set<Int64>) throws -> Bool {
    let isCurrent = fresh.contains { number in
      let epochs = state.sites.compactMap { $0.blocks[number] }
      return epochs.isEmpty || epochs.contains(state.current)
    }
    if isCurrent { return true }
    for site in state.sites {
      for (number, slots) in state.slots where site.blocks[number] == state.current {
        let holds = try at(site) { files -> Bool in
          guard let bytes = try files.read(.block(tenant, number)), let plain = opened(bytes, number, state) else {
            return true
          }
          return slots.contains { slot in plain[32 * slot..<32 * slot + 32].contains { $0 != 0 } }
        }
        if holds == true { return true }
      }
    }
    return try hasTwins(state)
  }

  /// Whether a block of the current epoch was sealed twice: when a try was broken off and a place was away in the next one. Both say the same,
  /// and a new epoch makes them one again.
  private func hasTwins(_ state: State) throws -> Bool {
    let holders = state.sites.reduce(into: [Int64: Int]()) { holders, site in
      for (number, epoch) in site.blocks where epoch == state.current { holders[number, default: 0] += 1 }
    }
    for number in holders.keys where holders[number, default: 0] > 1 {
      var seen: Set<[UInt8]> = []
      for site in state.sites where site.blocks[number] == state.current {
        if let bytes = try at(site, { try $0.read(.block(tenant, number)) }) ?? nil { seen.insert(bytes) }
      }
      if seen.count > 1 { return true }
    }
    return false
  }

  // MARK: 3. The blocks

  /// So many are sealed before they are written: 16 MiB.
  private static let blocksAtOnce = 512

  private func reseal() throws {
    try places.locked(.tenant(tenant)) { held in
      let state = try look(held)
      let numbers = state.sites.reduce(into: Set<Int64>()) { $0.formUnion($1.blocks.keys) }
      let behind = numbers.filter { number in state.sites.contains { $0.blocks[number] != state.current } }.sorted()
      for start in stride(from: 0, to: behind.count, by: Self.blocksAtOnce) {
        let some = behind[start..<min(start + Self.blocksAtOnce, behind.count)]
        let wanted = try some.map { (number: $0, bytes: try current($0, state)) }
        for site in state.sites {
          let changed = wanted.filter { site.blocks[$0.number] != state.current }
          let files = changed.map { (file: KeyFile.block(tenant, $0.number), bytes: $0.bytes) }
          guard try at(site, { try $0.replace(files) }) != nil else { continue }
          written += files.map { "\(site.name)/\($0.file.path)" }
        }
      }
    }
  }

  /// A block as it must be: what a place has of the current epoch, or the newest copy sealed again without what was erased.
  private func current(_ number: Int64, _ state: State) throws -> [UInt8] {
    let file = KeyFile.block(tenant, number)
    for epoch in Set(state.sites.compactMap { $0.blocks[number] }).sorted(by: >) {
      var found: (bytes: [UInt8], plain: [UInt8], place: KeyPlaceName)?
      for site in state.sites.reversed() where site.blocks[number] == epoch {
        guard let bytes = try at(site, { try $0.read(file) }) ?? nil, let plain = emptied(bytes, number, state) else {
          continue
        }
        guard found == nil || found?.plain == plain else {
          throw KeyTurn.differs(file, found?.place, site.name)
        }
        found = found ?? (bytes, plain, site.name)
      }
      guard let found, let key = state.epochs[state.current] else { continue }
      if epoch == state.current { return found.bytes }
      return try KeyBlock.seal(
        SecretBytes(found.plain), tenant: tenant, number: number, epoch: state.current, key: key)
    }
    throw KeyTurn.damaged(file)
  }

  private static func differs(_ file: KeyFile, _ one: KeyPlaceName?, _ other: KeyPlaceName) -> Problem {
    Problem(
      .conflict,
      "\(file.path) differs between \(other) and \(one.map { "\($0)" } ?? ""), and each opens: one is not a replica of this key store.",
      detail: file.path)
  }

  /// The keys of a block, without those that were destroyed; nil if it does not open.
  private func emptied(_ file: [UInt8], _ number: Int64, _ state: State) -> [UInt8]? {
    guard var plain = opened(file, number, state) else { return nil }
    for slot in state.slots[number] ?? [] {
      for place in 32 * slot..<32 * slot + 32 { plain[place] = 0 }
    }
    return plain
  }

  private func opened(_ file: [UInt8], _ number: Int64, _ state: State) -> [UInt8]? {
    guard let epoch = KeyBlock.epoch(of: file), let key = state.epochs[epoch] else { return nil }
    return try? KeyBlock.open(file, tenant: tenant, number: number, epoch: epoch, key: key)
  }

  // MARK: 4. The end of earlier epochs

  /// Whether there were any.
  private func endEarlierEpochs(_ now: () -> Instant) throws -> Bool {
    try places.locked(.tenant(tenant)) { held in
      let state = try look(held)
      let file = KeyFile.epoch(tenant, state.current)
      let numbers = state.sites.reduce(into: Set<Int64>()) { $0.formUnion($1.blocks.keys) }
      var any = false
      for site in state.sites
      where site.heads.contains(file) && numbers.allSatisfy({ site.blocks[$0] == state.current }) {
        let earlier = site.heads.filter { ($0.epoch ?? .max) < state.current }.sorted { $0.order < $1.order }
        any = any || !earlier.isEmpty
        if try at(site, { try $0.end(earlier) }) != nil {
          ends[site.name] = now()
          written += earlier.map { "\(site.name)/\($0.path)" }
        }
      }
      return any
    }
  }

  private func sweep(_ now: () -> Instant) {
    for replica in replicas where obstacles[replica] == nil { sweep(places.replica(replica), now) }
    sweep(places.live, now)
  }

  private func sweep(_ place: any KeyPlace, _ now: () -> Instant) {
    place.sweep()
    if ends[place.name] != nil { ends[place.name] = now() }
  }
}

// MARK: - The end of a tenant

extension KeyTurn {
  /// Destroys every key of the tenant at every place that can be reached. To be repeated until it is complete. Without an `erasure` only what
  /// an earlier call began.
  func endTenant(erasure: String?, now: @autoclosure () -> Instant) throws -> KeyDestruction {
    try places.live.prepareToEnd()
    for replica in try places.replicas().map(places.replica) { try? replica.prepareToEnd() }
    let gone = KeyFile.gone(tenant)
    try places.locked(.tenant(tenant)) { held in
      let state = State(sites: try sites(held))
      let there = try firstThatOpens(gone, state, opensEnd)
      let last = state.sites.flatMap { $0.heads.compactMap(\.epoch) }.max() ?? 0
      guard
        let bytes = try there
          ?? erasure.map({ try TenantEnd(erasure: $0, at: now(), epoch: last).seal(tenant: tenant, root: root) })
      else { throw TenantEnd.refused(tenant) }
      // Also where an earlier try ended it and nobody heard of it.
      epochBefore = TenantEnd.open(bytes, tenant: tenant, root: root)?.epoch ?? last
      try spread(gone, bytes, state.sites)
    }
    try places.locked(.tenant(tenant)) { held in
      for site in try sites(held) where site.heads.contains(gone) {
        // Keys before what they open.
        let files =
          site.heads.subtracting([gone]).sorted { $0.order < $1.order }
          + site.blocks.keys.sorted().map { KeyFile.block(tenant, $0) }
        epochBefore = max(epochBefore, site.heads.compactMap(\.epoch).max() ?? 0)
        if try at(site, { try $0.end(files) }) != nil {
          ends[site.name] = now()
          written += files.map { "\(site.name)/\($0.path)" }
        }
      }
    }
    sweep(now)
    epochAfter = epochBefore
    return outcome
  }
}

/// The tenant was erased: it has no keys any more, and never will.
package struct TenantErased: Error, Sendable {
  package init() {}
}
