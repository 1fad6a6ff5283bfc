import ArgumentParser
import Platform
import Server

struct TenantCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tenant", abstract: "Keep tenants.", subcommands: [Create.self, Freeze.self, Lift.self])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a tenant and its owner; also beside a running server.",
      discussion: "steward tenant create --data /srv/steward --name 'Globex Ltd' --owner gina@globex.example")

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "The tenant's name.") var name: String
    @Option(help: ArgumentHelp("The name in addresses, unless made from the name.", valueName: "NAME")) var slug:
      String?
    @Option(help: ArgumentHelp("The owner's e-mail address.", valueName: "EMAIL")) var owner: String

    func run() async throws {
      try await speaking {
        var request: [String: JSON] = ["verb": "tenant.create", "name": .string(name), "email": .string(owner)]
        if let slug { request["slug"] = .string(slug) }
        let made = try await directory.ask(.object(request))
        output.print(
          made,
          text: """
            Made the tenant \(made["slug"]?.string ?? ""). Its owner sets a password, once, within 72 hours:
              \(made["setup_link"]?.string ?? "")
            """)
      }
    }
  }
}

extension TenantCommand {
  struct Freeze: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Freeze a tenant: no background work, nothing leaves, no changes; also beside a running server.",
      discussion: "steward tenant freeze --data /srv/steward --tenant acme --reason 'court order 12/26'")

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "The tenant's name in addresses.") var tenant: String
    @Option(help: "Why; its people see it on every page.") var reason: String

    func run() async throws {
      try await speaking {
        let frozen = try await directory.ask([
          "verb": "tenant.freeze", "tenant": .string(tenant), "reason": .string(reason),
        ])
        output.print(frozen, text: "The tenant \(tenant) is frozen. `steward tenant lift` ends it.")
      }
    }
  }

  struct Lift: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lift a tenant's freeze; also beside a running server.",
      discussion: "steward tenant lift --data /srv/steward --tenant acme")

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "The tenant's name in addresses.") var tenant: String

    func run() async throws {
      try await speaking {
        let lifted = try await directory.ask(["verb": "tenant.lift", "tenant": .string(tenant)])
        output.print(lifted, text: "The freeze of the tenant \(tenant) is lifted.")
      }
    }
  }
}

struct TokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token", abstract: "Keep API tokens.", subcommands: [Create.self])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make an API token for a person; also beside a running server. It is shown this once.",
      discussion: "steward token create --data /srv/steward --tenant acme --person ida@acme.example --label nightly")

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "The tenant's name in addresses.") var tenant: String
    @Option(help: ArgumentHelp("The person's e-mail address.", valueName: "EMAIL")) var person: String
    @Option(help: "What the token is for.") var label = "command line"

    func run() async throws {
      try await speaking {
        let made = try await directory.ask([
          "verb": "token.create", "tenant": .string(tenant), "email": .string(person), "label": .string(label),
        ])
        output.print(made, text: made["token"]?.string ?? "")
      }
    }
  }
}

struct ProveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prove", abstract: "Run the checks of the promises now; also beside a running server.",
    discussion: "steward prove --data /srv/steward\n\nExit code 1 if one fails.")

  @OptionGroup var directory: DirectoryOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await speaking {
      if !output.json { Terminal.say("Running every check on the running system; this takes a minute or two.") }
      let answer = try await directory.ask(["verb": "prove"])
      let results = answer["promises"]?.array ?? []
      let lines = results.map { result in
        let why = result["reason"]?.string ?? result["evidence"]?.string ?? ""
        return "\(result["id"]?.string ?? "")  \(result["state"]?.string ?? "")  \(why)"
      }
      output.print(answer, text: lines.joined(separator: "\n"))
      if results.contains(where: { $0["state"]?.string == "failing" }) { throw ExitCodes.refused }
    }
  }
}

struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

  @OptionGroup var output: OutputOptions

  func run() throws {
    output.print(["version": .string(StewardVersion.current)], text: "steward \(StewardVersion.current)")
  }
}
