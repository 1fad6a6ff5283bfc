import Custody
import Kernel
import TransparencyLog

/// Verifies a place (docs/format.md §7.5): without keys every byte against what the installation key signed; with the root key also every
/// sealed object, every row and the log of every tenant.
package struct BackupVerification {
  package struct Finding: Sendable, Equatable {
    /// Nil: about the place as a whole.
    package let backup: BackupID?
    package let reason: String
  }

  package struct Report: Sendable {
    /// Good by their manifests, oldest first.
    package internal(set) var backups: [Manifest] = []
    package internal(set) var findings: [Finding] = []
    /// Objects of a backup that was broken off; the next one removes them.
    package internal(set) var unfinished = 0
    package internal(set) var bytes: Int64 = 0
    package internal(set) var rows: Int64 = 0
    package internal(set) var entries: Int64 = 0
    package internal(set) var isOpened = false
    package internal(set) var isPinned = false
    package var isGood: Bool { findings.isEmpty }
  }

  private let place: any BackupPlace
  private let pinned: VerifierKey?
  private let chain: [UInt8]
  private let keyring: BackupKeyring?
  private var report = Report()

  /// `chain` is the installation's `steward.chain`, where its key changed.
  package init(
    _ place: any BackupPlace, pinned: VerifierKey? = nil, chain: [UInt8] = [], keyring: BackupKeyring? = nil
  ) {
    self.place = place
    self.chain = chain
    self.pinned = pinned
    self.keyring = keyring
  }

  /// Verifies everything, or the chain up to one backup. Throws `Problem.unavailable` if there is nothing to verify.
  package mutating func run(only: BackupID? = nil) throws -> Report {
    let shelf = try Shelf(place)
    guard !shelf.entries.isEmpty || !shelf.damaged.isEmpty else {
      throw Problem(
        .unavailable, "There is no backup at this place; name the directory that `steward backup create` wrote to.")
    }
    report.isOpened = keyring != nil
    report.isPinned = pinned != nil
    report.unfinished = shelf.unfinished.count
    report.backups = shelf.entries.map(\.manifest)
    for damaged in shelf.damaged { find(damaged.reason, damaged.id) }
    for stray in shelf.strays { find("\(stray) does not belong there", nil) }
    let signers = try SignerCheck(pinned, chain: chain, shelf)
    for reason in signers.reasons(shelf) { find(reason, nil) }
    verifyNumbers(shelf)
    try verifyChains(shelf, signers, only: only)
    return report
  }

  private mutating func find(_ reason: String, _ backup: BackupID?) {
    report.findings.append(Finding(backup: backup, reason: reason))
  }

  /// Every backup follows the one before it; only the oldest may be gone.
  private mutating func verifyNumbers(_ shelf: Shelf) {
    for (before, after) in zip(shelf.entries, shelf.entries.dropFirst()) {
      if after.manifest.number != before.manifest.number + 1 {
        find("between this backup and \(before.id) others are missing", after.id)
      } else if after.manifest.previous != before.signed.link {
        find("it does not follow from \(before.id), which lies there before it", after.id)
      }
    }
  }

  private mutating func verifyChains(_ shelf: Shelf, _ signers: SignerCheck, only: BackupID?) throws {
    if let only, shelf.entry(only) == nil {
      throw Problem(.unavailable, "There is no good backup of this name; see `steward backup list`.")
    }
    let wanted = only.flatMap { id in shelf.chains.first { $0.contains { $0.id == id } } }
    for chain in wanted.map({ [$0] }) ?? shelf.chains {
      var state = ChainState()
      var isWhole = true
      for entry in chain {
        do {
          _ = try shelf.chain(to: entry)
          guard isWhole else { throw Damage("it continues a damaged backup") }
          try verify(entry, signers, &state)
        } catch let damage as Damage {
          isWhole = false
          find(damage.reason, entry.id)
        } catch let ended as TermEnded {
          isWhole = false
          find(ended.problem.message, entry.id)
        }
        if entry.id == only { break }
      }
    }
  }

  private mutating func verify(_ entry: Shelf.Entry, _ signers: SignerCheck, _ state: inout ChainState) throws {
    let source = try PartSource(place, entry)
    let known = Set(source.index.lines.map(\.item) + [.index, .manifest])
    for item in entry.sizes.keys where !known.contains(item) {
      throw Damage("\(ObjectName.text(item)) does not belong to it")
    }
    report.bytes += source.index.totalBytes
    guard let keyring else {
      for line in source.index.lines { _ = try source.bytes(line) }
      return
    }
    let key = try source.key(keyring)
    let contents = try source.contents(key: key)
    let trust = signers.trust ?? InstallationTrust(pin: entry.manifest.verifier)
    var check = ContentCheck(contents, trust: trust, isBase: entry.manifest.isBase, state)
    for line in source.index.lines.dropLast() {
      try PartRecord.each(in: try source.open(line, key: key)) { try check.take($0) }
    }
    state = try check.finish()
    report.rows += check.rows
    report.entries += check.entries
  }
}

/// All manifests are of one installation, each signed by the key that was its own at the time, and one of these is the pinned one.
struct SignerCheck {
  private let isPinned: Bool
  /// Nil if there is nothing to trust: no good manifest and no pin.
  let trust: InstallationTrust?

  /// Throws `Problem` for a chain that does not lead to the pinned key, or to the key of the newest backup.
  init(_ pinned: VerifierKey?, chain: [UInt8], _ shelf: Shelf) throws {
    isPinned = pinned != nil
    guard let key = pinned ?? shelf.entries.last?.manifest.verifier else {
      trust = nil
      return
    }
    do { trust = try InstallationTrust(pin: key, chain: chain) } catch {
      throw Problem(.unavailable, "The chain of installation keys is not that of these backups: \(error).")
    }
  }

  func reasons(_ shelf: Shelf) -> [String] {
    guard let trust else { return [] }
    let strangers = shelf.entries.filter { !trust.accepts($0.manifest.verifier, at: $0.manifest.made) }
    var reasons: [String] = []
    if Set(shelf.entries.map(\.manifest.verifier)).count > 1, !strangers.isEmpty {
      reasons.append("the backups are signed by different installations, or by keys that had ended")
    }
    if isPinned, !strangers.isEmpty {
      let isRelative = strangers.contains { $0.manifest.verifier.name.utf8.elementsEqual(trust.pin.name.utf8) }
      let cure = "; if it has changed its key, give --chain steward.chain"
      reasons.append(
        "the backups are not signed by the installation that was named"
          + (trust.isWithoutChain && isRelative ? cure : ""))
    }
    return reasons
  }
}
