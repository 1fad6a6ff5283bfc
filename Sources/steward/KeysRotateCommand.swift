import ArgumentParser
import Platform
import Server

extension KeysCommand {
  struct Rotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Give logs or the installation a new signing key, or tenants a new epoch key; also beside a running server.",
      subcommands: [RotateLog.self, RotateEpoch.self, RotateInstallation.self])
  }

  struct RotateLog: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "log", abstract: "Give a tenant's log a new key, or every log; also beside a running server.",
      discussion: """
        The old key signs, last of all, the entry that names the new one, and its seed is then destroyed at every place of the keys. What it
        signed stays good. Exit code 1 if it could not be destroyed somewhere: run it again once that place is back.

        steward keys rotate log --data /srv/steward --tenant acme
        """)

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions
    @Option(help: ArgumentHelp("The tenant's name in addresses; every log if left out.", valueName: "SLUG")) var tenant:
      String?

    func run() async throws {
      try await speaking {
        var request: [String: JSON] = ["verb": "key.rotate.log"]
        if let tenant { request["tenant"] = .string(tenant) }
        let answer = try await directory.ask(.object(request))
        let logs = answer["logs"]?.array ?? []
        output.print(answer, text: logs.map(line).joined(separator: "\n"))
        if logs.contains(where: { $0["pending"]?.array?.isEmpty == false }) { throw ExitCodes.refused }
      }
    }

    private func line(_ log: JSON) -> String {
      let name = log["tenant"]?.string ?? ""
      let key = "key \(log["number"]?.integer ?? 0) signs, \(log["verifier_key"]?.string ?? "")"
      let what = log["entry"]?.integer.map { "entry \($0)" } ?? "not changed, since an earlier one has not ended yet"
      return "\(name): \(key) (\(what))" + pendingLines(log)
    }
  }

  struct RotateEpoch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "epoch", abstract: "Give a tenant a new epoch key, or every tenant; also beside a running server.",
      discussion: """
        Every block of the tenant's keys is sealed anew under a fresh key, and the one before is destroyed at every place of the keys. A copy of
        the key store from before opens no block that was made since. Exit code 1 if the old key could not be destroyed somewhere: run it again once
        that place is back.

        steward keys rotate epoch --data /srv/steward --tenant acme
        """)

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions
    @Option(help: ArgumentHelp("The tenant's name in addresses; every tenant if left out.", valueName: "SLUG"))
    var tenant: String?

    func run() async throws {
      try await speaking {
        var request: [String: JSON] = ["verb": "key.rotate.epoch"]
        if let tenant { request["tenant"] = .string(tenant) }
        let answer = try await directory.ask(.object(request))
        let tenants = answer["tenants"]?.array ?? []
        output.print(answer, text: tenants.map(line).joined(separator: "\n"))
        if tenants.contains(where: { $0["pending"]?.array?.isEmpty == false }) { throw ExitCodes.refused }
      }
    }

    private func line(_ tenant: JSON) -> String {
      "\(tenant["tenant"]?.string ?? ""): epoch \(tenant["epoch"]?.integer ?? 0)" + pendingLines(tenant)
    }
  }

  struct RotateInstallation: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "installation",
      abstract: "Give the installation a new key, which the old one signs for; also beside a running server.",
      discussion: """
        steward.vkey names the new key from then on, and steward.chain, beside it and at /.well-known/steward.chain, has the statement that both
        have signed. Whoever pinned the old key verifies with it and the chain. Tell those who pin, and make a new recovery kit.

        steward keys rotate installation --data /srv/steward
        """)

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await speaking {
        let answer = try await directory.ask(["verb": "key.rotate.installation"])
        output.print(
          answer,
          text: """
            The installation has key \(answer["number"]?.integer ?? 0):
              \(answer["verifier_key"]?.string ?? "")
            Until now it was
              \(answer["old"]?.string ?? "")
            The statement that leads from one to the other is in steward.chain. Publish the new key, and make a new recovery kit.
            """)
      }
    }
  }
}

/// Where keys of what is `rotated` are left, a line for each place.
private func pendingLines(_ rotated: JSON) -> String {
  let pending = rotated["pending"]?.array ?? []
  return pending.map { place in
    "\n  an old key is still at \(place["place"]?.string ?? ""): \(place["obstacle"]?.string ?? "")"
  }.joined()
}
