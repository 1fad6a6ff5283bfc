import Custody
import Kernel
import Ledger
import TransparencyLog

/// Removes chains whose base is over its time, and with them the backups of single tenants that were made before their last member. The newest
/// chain of the whole installation is never removed, however old it is: an old backup is better than none.
///
/// Its objects go first, then the key with which it ends, at every place of the keys (docs/format.md §5.8): a copy that somebody has of it does not
/// open either. That its time is over is noted before: broken off in between, the next one ends the key.
struct Expiry {
  private let policy: BackupPolicy
  private let keys: TermKeys

  init(_ policy: BackupPolicy, _ keys: TermKeys) {
    self.policy = policy
    self.keys = keys
  }

  /// `isTended`: the schedule's time counts for what has no end of its own. Then the keys of backups end that the place has lost, too.
  func run(
    _ place: any BackupPlace, isTended: Bool = true, now: Instant
  ) throws -> (expired: [BackupID], ends: [TermEnd]) {
    let shelf = try Shelf(place)
    let oldest = now.adding(seconds: -policy.retentionDays * 86_400)
    let chains = shelf.chains.filter { $0[0].manifest.scope == .all }
    let over = chains.dropLast().prefix { chain in
      if let end = Expiry.end(of: chain) { return end < now }
      return chain[0].manifest.made < oldest
    }
    let last = over.flatMap { $0 }.map(\.manifest.number).max() ?? 0
    let gone = shelf.entries.filter { $0.manifest.number <= last }
    let terms = try Expiry.remove(gone, from: place, keys, now: now)
    let lying = Set(shelf.entries.dropFirst(gone.count).compactMap(\.manifest.term))
    let lost =
      try isTended ? keys.held().filter { $0.until == nil && $0.taken < oldest && !lying.contains($0.name) } : []
    // Where it fails the daily round tries again, and says so: the backup itself is made.
    let ends = try? Expiry.endKeys(terms + lost.map(\.name), keys, now: now)
    return (gone.reversed().map(\.id), ends ?? [])
  }

  /// The newest first, so that nothing is ever left whose parent is gone. Answers the keys that end with them.
  fileprivate static func remove(
    _ entries: [Shelf.Entry], from place: any BackupPlace, _ keys: TermKeys, now: Instant
  ) throws -> [TermKeyName] {
    guard !entries.isEmpty else { return [] }
    let held = Dictionary(try keys.held().map { ($0.name, $0.backup) }, uniquingKeysWith: { first, _ in first })
    // A store that was put back may have given a number twice: it stays for the backup that has it now.
    let terms = entries.compactMap { entry in
      entry.manifest.term.flatMap { (held[$0] ?? entry.id.text) == entry.id.text ? $0 : nil }
    }
    try keys.foresee(terms, now: now)
    for entry in entries.reversed() {
      let items = [.manifest, .index] + entry.sizes.keys.filter { $0 != .manifest && $0 != .index }
      try place.delete(items.map { ObjectName(entry.id, $0) })
    }
    return terms
  }

  /// Ends these, whatever has an end of its own that is over, wherever it lies, and what earlier calls left at places that were away.
  static func endKeys(_ names: [TermKeyName], _ keys: TermKeys, now: Instant) throws -> [TermEnd] {
    let over = try keys.held().filter { held in held.until.map { $0 < now } ?? false }
    return try keys.end(names + over.map(\.name), now: now).filter { $0.isNews }
  }

  /// When the last of a chain has an end of its own, that is the chain's.
  static func end(of chain: [Shelf.Entry]) -> Instant? { chain.last?.manifest.keptUntil }
}

/// The end of backups that were made by hand, at places that no schedule tends.
package enum BackupEnd {
  /// Removes whole chains that are over their end there, the newest too; answers what is still there with an end. Throws if the place is not
  /// there or holds the backups of somebody else. Their keys are for `endKeys`, which needs no place.
  package static func remove(
    at place: any BackupPlace, of installation: OpenInstallation, now: Instant
  ) throws -> Set<BackupID> {
    let lock = try place.lock()
    defer { withExtendedLifetime(lock) {} }
    let shelf = try Shelf(place)
    guard shelf.entries.allSatisfy({ installation.trust.accepts($0.manifest.verifier, at: $0.manifest.made) }) else {
      throw Problem(.conflict, "This place holds the backups of another installation.")
    }
    var ends: [BackupID: Instant] = [:]
    for chain in shelf.chains { for entry in chain { ends[entry.id] = Expiry.end(of: chain) } }
    let over = Array(shelf.entries.prefix { entry in ends[entry.id].map { $0 < now } ?? false })
    _ = try Expiry.remove(over, from: place, installation.keyStore.termKeys(.backups), now: now)
    return Set(shelf.entries.dropFirst(over.count).map(\.id))
  }

  /// Ends the keys of backups whose own end is over, whether or not their place is there, and goes on with what earlier ends left at places of
  /// the keys that were away. Answers what is not on the record yet; whoever put it there says so with `told`.
  package static func endKeys(of installation: OpenInstallation, now: Instant) throws -> [TermEnd] {
    try Expiry.endKeys([], installation.keyStore.termKeys(.backups), now: now)
  }
}
