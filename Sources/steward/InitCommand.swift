import ArgumentParser
import Platform
import Server

struct InitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Make an installation with its first tenant and owner.",
    discussion: """
      Prints a link with which the owner sets a password: once, within 72 hours.

      steward init --data /srv/steward --tenant Acme --owner ida@acme.example
      """)

  @OptionGroup var directory: DirectoryOptions
  @OptionGroup var output: OutputOptions
  @Option(help: "The first tenant's name.") var tenant: String
  @Option(help: ArgumentHelp("The owner's e-mail address.", valueName: "EMAIL")) var owner: String
  @Option(help: ArgumentHelp("Where the server will listen.", valueName: "HOST:PORT")) var listen = "localhost:8080"

  func run() async throws {
    try await speaking {
      let listen = try ListenAddress(listen)
      guard ControlVerbs.isAddress(owner) else {
        throw Problem.invalid("owner", "Give the owner's e-mail address such as ida@example.com.")
      }
      try Installation.create(at: directory.data, keys: directory.keysDirectory, now: SystemClock().now).close()
      let app = try directory.open(listen: listen)
      let answer = await ControlVerbs(app: app).answer([
        "verb": "tenant.create", "name": .string(tenant), "email": .string(owner),
      ])
      await app.close()
      try show(try directory.ok(answer))
    }
  }

  private func show(_ made: JSON) throws {
    output.print(
      made,
      text: """
        Made \(directory.data), with its keys in \(directory.keysDirectory). Keep a copy of the keys somewhere else.

        Set the owner's password, once, within 72 hours, after starting the server:
          \(made["setup_link"]?.string ?? "")
        """)
  }
}
