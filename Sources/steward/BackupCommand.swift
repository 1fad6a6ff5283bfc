import ArgumentParser
import Backup
import Custody
import Foundation
import Glibc
import Platform
import Server

struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Make, list and verify backups; `steward restore` brings one back.",
    discussion: """
      A place is a directory on another disk or machine. The first backup there is a base; those of the next 20 hours are increments of it.
      The keys are in no backup: a restore needs the recovery kit or the key store.

      steward backup create --data /srv/steward --to /mnt/backup/steward
      steward backup verify /mnt/backup/steward --data /srv/steward
      steward restore --from /mnt/backup/steward --data /srv/again --recovery kit.txt
      """,
    subcommands: [Create.self, List.self, Verify.self, RestoreByEarlierName.self])
}

/// A place that is read; refused unless it is there.
private func existing(_ path: String) throws -> DirectoryPlace {
  let place = try DirectoryPlace(path)
  guard place.exists else {
    throw Problem(.unavailable, "There is no directory \(path); name the one that `steward backup create` wrote to.")
  }
  return place
}

private func name(_ text: String?) throws -> BackupID? {
  guard let text else { return nil }
  guard let id = BackupID(text) else {
    throw Problem.invalid("backup", "A backup's name has 26 letters and digits; see `steward backup list`.")
  }
  return id
}

/// Runs a body that reads a place: damage is a finding (1), a place that cannot be read is unusable (2).
private func reading(_ body: () async throws -> Void) async throws {
  try await speaking {
    do { try await body() } catch let damage as Damage {
      Terminal.say("steward: the backup is damaged: \(damage.reason)")
      throw ExitCodes.refused
    } catch let error as DurableFile.FileError {
      throw Problem(.unavailable, "The files cannot be read or written: \(error)")
    } catch let problem as Problem where problem.code == .tooLarge {
      Terminal.say("steward: \(problem.message)")
      throw ExitCodes.refused
    }
  }
}

// MARK: - Create

extension BackupCommand {
  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Back up the installation, or one tenant; also beside a running server.",
      discussion: """
        At the place of the nightly backups its time counts; a backup made elsewhere ends after --keep days, and the server removes it then.
        Exit codes: 0 the backup is durable; 1 refused; 2 unusable directory or place.

        steward backup create
        steward backup create --data /srv/steward --to /mnt/backup/steward
        steward backup create --data /srv/steward --to /mnt/hand-over --tenant acme
        """)

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions
    @Option(
      help: ArgumentHelp(
        "The place: a directory on another disk or machine. Unless named, backup.place in the configuration.",
        valueName: "PLACE"))
    var to: String?
    @Option(help: ArgumentHelp("Only this tenant, with the installation's own.", valueName: "SLUG")) var tenant: String?
    @Option(help: ArgumentHelp("Days after which it is removed, 1 to 3650; 30 if left out.", valueName: "DAYS"))
    var keep: Int?
    @Flag(help: "Make a base even if an increment would do.") var base = false

    func run() async throws {
      try await speaking {
        guard let to = try to ?? directory.settings().backup?.place else {
          throw Problem.invalid(
            "to", "Name the place for the backup with --to, or under backup.place in the configuration.")
        }
        let place = to.hasPrefix("/") ? to : FileManager.default.currentDirectoryPath + "/" + to
        var request: [String: JSON] = ["verb": "backup.create", "to": .string(place), "base": .bool(base)]
        if let keep {
          guard (1...3_650).contains(keep) else { throw Problem.invalid("keep", "Keep it for 1 to 3650 days.") }
          request["keep"] = .integer(Int64(keep))
        }
        if let tenant { request["tenant"] = .string(tenant) }
        let made = try await directory.ask(.object(request))
        let kind = made["base"]?.bool == true ? "base" : "increment"
        output.print(
          made,
          text: """
            Made \(made["backup"]?.string ?? "") (\(kind)) at \(place): \(made["tenants"]?.integer ?? 0) tenants, \
            \(made["bytes"]?.integer ?? 0) bytes sealed.\(made["kept_until"]?.string.map { " It is kept until \($0)." } ?? "")
            """)
      }
    }
  }
}

// MARK: - List

extension BackupCommand {
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the backups of a place with their age, newest last. Reads manifests only.",
      discussion: "steward backup list /mnt/backup/steward")

    @Argument(help: ArgumentHelp("The place.", valueName: "PLACE")) var place: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await reading {
        let overview = try PlaceOverview(try existing(place))
        let now = SystemClock().now
        let items = overview.manifests.map(\.manifest)
        output.print(
          ["backups": .array(items.map { json($0, now) })],
          text: items.isEmpty ? "There is no backup here." : items.map { text($0, now) }.joined(separator: "\n"))
      }
    }

    private func json(_ manifest: Manifest, _ now: Instant) -> JSON {
      [
        "backup": .string(manifest.backup.text), "made": .string(manifest.made.description),
        "age_seconds": .integer(age(manifest, now)), "number": .integer(manifest.number),
        "base": .bool(manifest.isBase), "continues": JSON(manifest.parent?.backup.text), "key": .string(manifest.keyID),
        "scope": .string(scope(manifest)), "kept_until": JSON(manifest.keptUntil?.description),
      ]
    }

    private func text(_ manifest: Manifest, _ now: Instant) -> String {
      let kind = manifest.isBase ? "base     " : "increment"
      return "\(manifest.backup)  \(manifest.made)  \(words(age(manifest, now)))  \(kind)  \(scope(manifest))"
        + (manifest.keptUntil.map { "  until \($0)" } ?? "")
    }

    private func scope(_ manifest: Manifest) -> String {
      if case .tenant(let id) = manifest.scope { "tenant \(id)" } else { "all" }
    }

    private func age(_ manifest: Manifest, _ now: Instant) -> Int64 {
      max(0, (now.milliseconds - manifest.made.milliseconds) / 1_000)
    }

    private func words(_ seconds: Int64) -> String {
      let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60)
      return days > 0 ? "\(days) d \(hours) h old" : hours > 0 ? "\(hours) h \(minutes) min old" : "\(minutes) min old"
    }
  }
}

// MARK: - Verify

extension BackupCommand {
  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Verify a place, or the chain up to one backup.",
      discussion: """
        Without keys it compares every byte with what the installation signed. With a recovery kit, or beside a data directory with its keys, it
        opens every object and compares every row and every log with what was signed, and tells if the newest backup is missing.
        Exit codes: 0 good; 1 not good; 2 nothing to verify.

        steward backup verify /mnt/backup/steward
        steward backup verify /mnt/backup/steward --recovery kit.txt
        steward backup verify /mnt/backup/steward --data /srv/steward
        """)

    @Argument(help: ArgumentHelp("The place.", valueName: "PLACE")) var place: String
    @Argument(help: ArgumentHelp("One backup; all if left out.", valueName: "NAME")) var backup: String?
    @Option(help: ArgumentHelp("The recovery kit.", valueName: "FILE")) var recovery: String?
    @Option(
      help: ArgumentHelp(
        "Find root keys of before here, not where the kit says; for backups that are older than a change of it.",
        valueName: "PLACE"))
    var keysFrom: [String] = []
    @Option(help: ArgumentHelp("The data directory that was backed up.", valueName: "DIR")) var data: String?
    @Option(help: ArgumentHelp("The directory or database of its keys, unless it is DIR.keys.", valueName: "PLACE"))
    var keys: String?
    @OptionGroup var root: RootKeyOption
    @Option(help: ArgumentHelp("The installation's verifier key, as in steward.vkey.", valueName: "FILE")) var key:
      String?
    @Option(help: ArgumentHelp("The statements of changed keys, as in steward.chain.", valueName: "FILE")) var chain:
      String?
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await reading {
        let place = try existing(place)
        let trust = try Trust(
          recovery: recovery, keysFrom: keysFrom, data: data,
          keys: data.map { root.location(keys ?? ServerConfiguration.defaultKeysDirectory(for: $0)) }, key: key,
          chain: chain)
        var verification = BackupVerification(
          place, pinned: trust.pinned, chain: trust.chain, keyring: trust.keyring)
        var report = try verification.run(only: try name(backup))
        if let data { try report.compare(withRecordOf: data, in: place) }
        show(report)
        if !report.isGood { throw ExitCodes.refused }
      }
    }

    private func show(_ report: BackupVerification.Report) {
      let findings = report.findings.map { "  \($0.backup?.text ?? "place"): \($0.reason)" }
      let depth =
        report.isOpened
        ? "opened, \(report.rows) rows and \(report.entries) entries compared" : "not opened: no key was given"
      let signer = report.isPinned ? "" : "\nsigner not identified: name it with --key, --data or --recovery"
      let unfinished =
        report.unfinished > 0
        ? "\n\(report.unfinished) objects of a backup that was broken off; the next one removes them" : ""
      output.print(
        [
          "good": .bool(report.isGood), "backups": .integer(Int64(report.backups.count)),
          "newest": JSON(report.backups.last?.made.description), "bytes": .integer(report.bytes),
          "opened": .bool(report.isOpened), "signer_identified": .bool(report.isPinned),
          "findings": .array(
            report.findings.map { ["backup": JSON($0.backup?.text), "reason": .string($0.reason)] }),
        ],
        text: """
          \(report.backups.count) \(report.backups.count == 1 ? "backup" : "backups"), \(report.bytes) bytes; \(depth)\(signer)\(unfinished)
          \((findings + [report.isGood ? "good" : "NOT GOOD"]).joined(separator: "\n"))
          """)
    }
  }

  /// What a verification may lean on.
  private struct Trust {
    var pinned: VerifierKey?
    var chain: [UInt8] = []
    var keyring: BackupKeyring?

    init(
      recovery: String?, keysFrom: [String] = [], data: String?, keys: KeyLocation?, key: String?, chain: String?
    ) throws {
      if let data, let keys {
        pinned = try Trust.verifierKey(at: data + "/steward.vkey")
        self.chain = try DurableFile.read(data + "/steward.chain") ?? []
        keyring = try KeyStore(at: try keys.place, provider: try keys.provider(dataDirectory: data)).backupKeyring
      }
      if let recovery {
        let kit = try RecoveryKit.open(file: recovery, passphrase: try Passphrase.ask(ofKit: recovery))
        pinned = try? VerifierKey(parsing: kit.verifierKey)
        self.chain = KeyStore.installationChain(at: kit.keyStores)
        keyring = kit.backupKeyring(from: keysFrom.isEmpty ? nil : keysFrom)
      }
      if let key { pinned = try Trust.verifierKey(at: key) }
      guard let chain else { return }
      guard let bytes = try DurableFile.read(chain) else {
        throw Problem(.unavailable, "There is no file \(chain); name steward.chain with --chain.")
      }
      self.chain = bytes
    }

    private static func verifierKey(at path: String) throws -> VerifierKey {
      guard let bytes = try? DurableFile.read(path),
        let key = try? VerifierKey(parsing: String(decoding: bytes, as: UTF8.self))
      else { throw Problem(.unavailable, "There is no verifier key at \(path); name the file steward.vkey.") }
      return key
    }
  }
}

// MARK: - Restore

extension BackupCommand {
  /// `steward backup restore`, as recovery kits that were printed earlier say it. Not shown: the command is `steward restore`.
  struct RestoreByEarlierName: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "restore", abstract: "The same as steward restore.", shouldDisplay: false)

    @OptionGroup var restore: Restore

    func run() async throws { try await restore.run() }
  }
}

extension BackupCommand {
  struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Rebuild the installation, or one tenant of it, in a new directory.",
      discussion: """
        Ends only if every row, entry and signature is as it was signed. The keys come from the places that the recovery kit names, or from
        --keys; a restore that was broken off can be repeated.
        Exit codes: 0 restored; 1 the backup is not good, or was refused; 2 unusable place, directory or kit.

        steward restore --from /mnt/backup/steward --data /srv/again --recovery kit.txt
        steward restore --from /mnt/backup/steward --data /srv/acme --recovery kit.txt --tenant acme

        With --database it then goes on into an empty database, as `steward migrate` does, and NEWDIR holds the configuration only; on the way it
        needs room beside NEWDIR for all of it.
        """)

    @Option(help: ArgumentHelp("The place.", valueName: "PLACE")) var from: String
    @Option(help: ArgumentHelp("The new data directory: missing or empty.", valueName: "NEWDIR")) var data: String
    @Option(help: ArgumentHelp("The recovery kit.", valueName: "FILE")) var recovery: String?
    @Option(
      help: ArgumentHelp(
        "The new directory's keys, unless NEWDIR.keys. Keys that lie there are used; nothing else may run on them.",
        valueName: "PLACE"))
    var keys: String?
    @OptionGroup var root: RootKeyOption
    @Option(help: ArgumentHelp("Read the old keys here, not where the kit says.", valueName: "PLACE")) var keysFrom:
      [String] = []
    @Option(help: ArgumentHelp("Only this tenant, with the installation's own.", valueName: "SLUG")) var tenant: String?
    @Option(help: ArgumentHelp("An earlier backup than the newest.", valueName: "NAME")) var backup: String?
    @Option(help: ArgumentHelp("Restore into this database, as its application role.", valueName: "URL"))
    var database: String?
    @Option(help: ArgumentHelp("That database as the role that owns the schema, to make it.", valueName: "URL"))
    var databaseOwner: String?
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard databaseOwner == nil || database != nil else {
        throw ValidationError("--database-owner goes with --database.")
      }
    }

    private var location: KeyLocation {
      root.location(keys ?? ServerConfiguration.defaultKeysDirectory(for: data))
    }

    func run() async throws {
      try await reading {
        let place = try existing(from)
        let backup = try name(backup)
        guard !Installation.exists(at: data) else {
          throw Problem(.unavailable, "There is already an installation in this directory; name a new one with --data.")
        }
        try prepareKeys()
        // Broken off behind it, it goes on from there.
        if database == nil || !Installation.exists(at: home) {
          let report = try await Backup.Restore(
            from: place, to: home, keys: location, opening: { try StewardApp.ledger(of: $0) }
          ).run(backup: backup, slug: tenant)
          show(report)
        }
        if let database { try await move(into: database) }
      }
    }

    /// Where it is restored before it goes into a database.
    private var home: String { database == nil ? data : data + ".restored" }

    private func move(into database: String) async throws {
      Terminal.say("moving \(home) into the database")
      let report = try await Relocation.ofThisProgram(
        from: home, to: data, database: database, owner: databaseOwner, keys: location
      ).run()
      for tenant in report.tenants where !tenant.differences.isEmpty {
        Terminal.say("\(tenant.slug): \(tenant.differences.joined(separator: "; "))")
      }
      guard report.isEqual else {
        Terminal.say("NOT EQUAL: do not serve \(data); begin again with an empty database. \(home) is whole.")
        throw ExitCodes.refused
      }
      try FileManager.default.removeItem(atPath: home)
      Terminal.say("equal: every log, row and state commitment is in the database. Serve it with --data \(data).")
    }

    /// The keys of today in a place of their own. A directory is copied beside, then renamed, so that a copy that was broken off is begun again;
    /// a database has all of it or nothing.
    private func prepareKeys() throws {
      if try location.rootKeyFile.map({ access($0, F_OK) == 0 }) ?? KeyStore.isMade(at: try location.place) { return }
      guard let recovery else {
        throw Problem.invalid("recovery", "Name the recovery kit with --recovery, or the key store with --keys.")
      }
      let kit = try RecoveryKit.open(file: recovery, passphrase: try Passphrase.ask(ofKit: recovery))
      let places = keysFrom.isEmpty ? nil : keysFrom
      guard let directory = location.directory, location.hasOrdinaryRoot else {
        try kit.makeKeyStore(at: location, from: places)
        return
      }
      let copy = directory + ".restoring"
      if access(copy, F_OK) == 0 { try FileManager.default.removeItem(atPath: copy) }
      try kit.makeKeyStore(at: KeyLocation(copy), from: places)
      guard rename(copy, directory) == 0 else {
        throw Problem(.unavailable, "The directory \(directory) is not empty; name another one with --keys.")
      }
      try DurableFile.syncDirectory(of: directory)
    }

    private func show(_ report: Backup.Restore.Report) {
      let tenants = report.tenants.map { "  \($0.slug): log of \($0.size) entries" }
      output.print(
        [
          "backup": .string(report.backup.text), "made": .string(report.made.description),
          "rows": .integer(report.rows), "entries": .integer(report.entries),
          "tenants": .array(
            report.tenants.map { tenant in
              [
                "tenant": .string(tenant.id.text), "slug": .string(tenant.slug), "size": .integer(tenant.size),
                "checkpoint": JSON(tenant.checkpoint),
              ]
            }),
        ],
        text: """
          Restored \(report.backup), made \(report.made), to \(data): every row, entry and signature is as it was signed.
          \(tenants.joined(separator: "\n"))
          What was written after that moment is lost. If receipts were given out since, the logs' later entries are missing: this restore is
          on the record of each tenant (restore.complete), and what the old checkpoints covered beyond it can be told by whoever holds them.
          """)
    }
  }
}
