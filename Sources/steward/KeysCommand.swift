import ArgumentParser
import Custody
import Glibc
import Platform
import Server

struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Keep the keys: replicas, the recovery kit, new signing keys.",
    discussion: """
      A lost key store takes all data with it, backups too. Keep a replica of it on another disk, and a recovery kit on paper.

      steward keys replicate --data /srv/steward --keys-replica /mnt/other/steward.keys
      steward keys recovery --data /srv/steward --to kit.txt
      """,
    subcommands: [Root.self, Recovery.self, Replicate.self, Forget.self, Rotate.self])
}

// MARK: - Replicas

extension KeysCommand {
  struct Replicate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Add a replica of the keys, and check all of them; while the server is stopped.",
      discussion: """
        Copies what is missing, compares every file, and remembers the replica: from then on nothing new is sealed unless its key is there
        too. Without --keys-replica it checks those that there are.

        steward keys replicate --data /srv/steward --keys-replica /mnt/other/steward.keys
        """)

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await speaking {
        let installation = try Installation(
          openAt: directory.data, keys: directory.keys, replicas: directory.keysReplica,
          database: try DatabaseSettings(try directory.settings()))
        defer { installation.close() }
        let store = installation.keyStore
        let replicas = store.replicas.map { "  \($0)" }.joined(separator: "\n")
        output.print(
          [
            "replicas": .array(store.replicas.map { .string($0.description) }),
            "added": .array(store.settled.added.map { .string($0) }),
            "copied": .integer(Int64(store.settled.copied.count)),
          ],
          text: store.replicas.isEmpty
            ? "The keys have no replica. Add one on another disk with --keys-replica."
            : "The keys and these replicas hold the same (\(store.settled.copied.count) files copied):\n\(replicas)")
      }
    }
  }

  struct Forget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take a replica of the keys off the list; while the server is stopped.",
      discussion: """
        For a replica that is lost or no longer wanted. Its files stay where they are: destroy them, for they open with the root key.

        steward keys forget --data /srv/steward --keys-replica /mnt/other/steward.keys
        """)

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await speaking {
        guard !directory.keysReplica.isEmpty else {
          throw Problem.invalid("keys-replica", "Name the replica with --keys-replica.")
        }
        for replica in directory.keysReplica {
          try Installation.forgetReplica(replica, dataDirectory: directory.data, keys: directory.keys)
        }
        output.print(
          ["forgotten": .array(directory.keysReplica.map { .string($0) })],
          text:
            "Forgotten. Destroy the files there, and make a new recovery kit. An erasure that waits for this place stays pending until it is back on the list."
        )
      }
    }
  }
}

// MARK: - Recovery kit

extension KeysCommand {
  struct Recovery: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make or check the recovery kit.", subcommands: [Make.self, Check.self], defaultSubcommand: Make.self)
  }

  struct Make: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write the root key under a passphrase, and where the keys lie, to a file to be printed.",
      discussion: """
        Also beside a running server. Make a new one whenever the root key or a place of the keys has changed. The passphrase is asked on the terminal; without one, standard input holds it on two lines.

        steward keys recovery --data /srv/steward --to kit.txt
        """)

    @Option(help: ArgumentHelp("The data directory.", valueName: "DIR")) var data: String
    @Option(help: ArgumentHelp("The directory or database of the keys, unless it is DIR.keys.", valueName: "PLACE"))
    var keys: String?
    @OptionGroup var root: RootKeyOption
    @Option(help: ArgumentHelp("The new file.", valueName: "FILE")) var to: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await speaking {
        ProcessMemory.seal()
        try checkPlace()
        let location = root.location(keys ?? ServerConfiguration.defaultKeysDirectory(for: data))
        let kit = try Installation.recoveryKit(dataDirectory: data, keys: location, now: SystemClock().now)
        let passphrase = try Passphrase.askNew("New passphrase of the recovery kit")
        try write(try kit.sealed(under: passphrase))
        _ = try RecoveryKit.open(file: to, passphrase: passphrase)
        // For the doctor alone: the kit is good without it.
        try? Installation.noteKit(keys: location, dataDirectory: data, now: SystemClock().now)
        output.print(
          [
            "file": .string(to), "installation": .string(kit.installationID),
            "key_stores": .array(kit.keyStores.map { .string($0) }),
          ],
          text: """
            Wrote \(to) and opened it again. Print it, and keep the passphrase somewhere else.
            The keys lie at:
            \(kit.keyStores.map { "  \($0)" }.joined(separator: "\n"))
            """)
        if kit.keyStores.count == 1 {
          Terminal.say(
            "The keys have no replica: if that one place is lost, the kit opens nothing. See `steward keys replicate --help`."
          )
        }
      }
    }

    /// Asked before the passphrase is: nobody types one twice for nothing.
    private func checkPlace() throws {
      guard !FileKeyProvider.lies(to, inside: data) else {
        throw Problem.invalid(
          "to", "The recovery kit must not lie inside the data directory; name another file with --to.")
      }
      guard access(to, F_OK) != 0 else {
        throw Problem.invalid("to", "There is already a file at \(to); name a new one with --to.")
      }
    }

    /// Created, never replaced, readable by its owner alone.
    private func write(_ bytes: [UInt8]) throws {
      let descriptor = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else {
        throw Problem(.unavailable, "The file \(to) cannot be made: \(String(cString: strerror(errno))).")
      }
      defer { close(descriptor) }
      try DurableFile.writeAll(bytes, to: descriptor, path: to)
      guard fsync(descriptor) == 0 else {
        throw Problem(.unavailable, "The file \(to) cannot be written: \(String(cString: strerror(errno))).")
      }
      try DurableFile.syncDirectory(of: to)
    }
  }

  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Open a recovery kit with its passphrase and say what it would bring back.",
      discussion: """
        Reads only. Exit codes: 0 it opens, and a key store that it names is whole; 1 not; 2 no recovery kit.

        steward keys recovery check --file kit.txt
        """)

    @Option(help: ArgumentHelp("The recovery kit, or the block of it typed in.", valueName: "FILE")) var file: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await speaking {
        ProcessMemory.seal()
        let kit = try RecoveryKit.open(file: file, passphrase: try Passphrase.ask(ofKit: file))
        let facts = """
            installation  \(kit.installationID)
            made          \(kit.made)
            verifier key  \(kit.verifierKey)
          """
        let head = "The kit opens.\n\(facts)"
        let found: KeyStore.CopyReport
        do {
          found = try KeyStore.survey(kit.keyStores, installation: kit.installationID, rootKey: kit.rootKey)
        } catch let problem as Problem {
          // What it holds is of no use any more: it must not look like a good one.
          let isOutdated = problem.code == .conflict
          output.print(
            ["opens": true, "whole": false, "outdated": .bool(isOutdated)],
            text: isOutdated ? "The passphrase is right, and the kit is out of date.\n\(facts)" : head)
          throw Problem(.conflict, problem.message)
        }
        output.print(json(kit, found), text: head + "\n" + text(found))
      }
    }

    private func text(_ found: KeyStore.CopyReport) -> String {
      let lines =
        found.used.map { "  keys at       \($0)" } + found.unreachable.map { "  not there     \($0)" }
        + found.damaged.map { "  damaged       \($0)" }
      return
        (lines + [
          "It brings back the keys of \(found.tenants) logs, Steward's own among them (\(found.blocks) blocks)."
        ]).joined(
          separator: "\n")
    }

    private func json(_ kit: RecoveryKit, _ found: KeyStore.CopyReport) -> JSON {
      func list(_ texts: [String]) -> JSON { .array(texts.map { .string($0) }) }
      return [
        "opens": true, "whole": true, "installation": .string(kit.installationID),
        "made": .string(kit.made.description),
        "verifier_key": .string(kit.verifierKey), "used": list(found.used), "unreachable": list(found.unreachable),
        "damaged": list(found.damaged), "tenants": .integer(Int64(found.tenants)),
        "blocks": .integer(Int64(found.blocks)),
      ]
    }
  }
}
