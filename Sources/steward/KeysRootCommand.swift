import ArgumentParser
import Custody
import Platform
import Server

extension KeysCommand {
  struct Root: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show who keeps the root key, change it, or give it to another keeper.",
      discussion: """
        With --to a fresh root key takes the place of the one that is: kept as FORM says, every key sealed anew under it on every replica,
        the old one destroyed where it lay. FORM is a file, passphrase, passphrase:FILE, pkcs11:…, vault:…, azure-kv:… or aws-kms:…; the same as before
        changes the key alone. Broken off, it is finished by the same command. It may run beside servers: they go on with the
        organisations they have open, and want a restart with the new root_key. Then make a new recovery kit.

        Backups open with the root key of their time. Earlier ones are kept under the new one until --drop-before.

        steward keys root --data /srv/steward
        steward keys root --data /srv/steward --to 'vault:https://vault.example.com:8200/transit/steward?token-file=/run/steward/token'
        steward keys root --data /srv/steward --drop-before 3
        """)

    @OptionGroup var directory: DirectoryOptions
    @Option(help: ArgumentHelp("Who keeps the fresh root key.", valueName: "FORM")) var to: String?
    @Option(help: ArgumentHelp("Drop earlier root keys with lower numbers.", valueName: "NUMBER")) var dropBefore:
      Int64?
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await speaking {
        ProcessMemory.seal()
        if let to { return try change(to) }
        if let dropBefore { return try drop(dropBefore) }
        try show()
      }
    }

    private func change(_ to: String) throws {
      let report = try Installation.changeRoot(
        dataDirectory: directory.data, keys: directory.keys, to: to, now: SystemClock().now)
      output.print(
        [
          "number": .integer(report.number), "provider": .string(report.provider),
          "rewrapped": .integer(Int64(report.rewrapped)), "replicas": .integer(Int64(report.replicas)),
        ],
        text: """
          The root key is number \(report.number) now, kept by \(report.provider)\(place(of: to)); \(report.rewrapped) keys were sealed anew, \
          on \(report.replicas) \(report.replicas == 1 ? "replica" : "replicas") too, and the old root key is gone.

          To do now
            1. Say it in the configuration of every server (root_key), or with --root-key, and restart them.
            2. Make a new recovery kit with steward keys recovery: the old one opens nothing.
            3. Destroy every copy of the old root key that you made yourself.
          """)
    }

    /// Of a file, where it lies now.
    private func place(of to: String) -> String {
      guard let file = try? RootForm(to).file else { return "" }
      return " " + (DurableFile.resolved(file) ?? file)
    }

    private func drop(_ number: Int64) throws {
      let keys = directory.keys
      let left = try KeyStore(at: try keys.place, provider: try keys.provider(dataDirectory: directory.data))
        .dropRoots(before: number)
      output.print(["earlier": .integer(Int64(left))], text: "Dropped. \(left) earlier root keys are kept.")
    }

    private func show() throws {
      let standing = try RootStanding.read(at: try directory.keys.place)
      let file = (try? directory.keys.rootKeyFile).flatMap(\.self).flatMap(DurableFile.resolved)
      let kit = standing.kit.map { "made \($0.made), of root key \($0.root)" } ?? "none is known"
      output.print(
        [
          "number": .integer(standing.number), "provider": .string(standing.provider), "key": .string(standing.key),
          "made": JSON(standing.made?.description), "earlier": .integer(Int64(standing.earlier)),
          "changing": .bool(standing.isChanging), "kit_is_stale": .bool(standing.kitIsStale),
        ],
        text: """
          root key      number \(standing.number)\(standing.made.map { ", made \($0)" } ?? "")
          kept by       \(standing.provider)\(standing.key == "-" ? "" : ", key \(standing.key)")\(file.map { ", \($0)" } ?? "")
          earlier ones  \(standing.earlier), for backups
          recovery kit  \(kit)\(standing.kitIsStale ? "; make a new one, those from before the change open nothing" : "")\
          \(standing.isChanging ? "\nA change was broken off: finish it with the same --to as before." : "")
          """)
    }
  }
}
