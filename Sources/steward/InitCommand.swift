import ArgumentParser
import Platform
import Server

struct InitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Make an installation with its first tenant and owner.",
    discussion: """
      Prints a link with which the owner sets a password: once, within 72 hours.

      steward init --config /etc/steward/steward.yaml --tenant Acme --owner ida@acme.example
      steward init --data /srv/steward --tenant Acme --owner ida@acme.example
      """)

  @OptionGroup var directory: DirectoryOptions
  @OptionGroup var output: OutputOptions
  @Option(help: "The first tenant's name.") var tenant: String
  @Option(help: ArgumentHelp("The owner's e-mail address.", valueName: "EMAIL")) var owner: String
  @Option(help: ArgumentHelp("Where the server will listen.", valueName: "HOST:PORT")) var listen: String?
  @Option(help: ArgumentHelp("Where people will reach it, as https://….", valueName: "URL")) var origin: String?

  func run() async throws {
    try await speaking {
      var flags = directory.flags
      flags.listen = try listen.map { try ListenAddress($0, isProtected: true).description }
      flags.origin = origin
      guard ControlVerbs.isAddress(owner) else {
        throw Problem.invalid("owner", "Give the owner's e-mail address such as ida@example.com.")
      }
      try refusePasswords()
      let isThere = Installation.exists(at: directory.data)
      if !isThere { try directory.create() }
      let app: StewardApp
      do { app = try directory.open(flags) } catch { throw isThere ? InitCommand.taken : error }
      // An earlier try may have been interrupted: then there is at most the tenant that is named here, without anybody in it.
      let slug = Slug.make(from: tenant)
      let before = isThere ? try await app.tenants.all() : []
      if before.contains(where: { $0.slug != slug }) {
        await app.close()
        throw InitCommand.taken
      }
      let answer = await ControlVerbs(app: app).answer([
        "verb": "tenant.create", "name": .string(tenant), "email": .string(owner),
      ])
      await app.close()
      if isThere, answer["problem"] != nil { throw InitCommand.taken }
      try show(try directory.ok(answer), isNew: before.isEmpty)
    }
  }

  private static let taken = Problem(
    .conflict, "There is already an installation in this directory; choose another one with --data.")

  /// The address is kept in the data directory, and everybody on the machine can read a command line.
  private func refusePasswords() throws {
    let settings = try directory.settings()
    for url in [settings.database?.url, settings.database?.ownerURL].compactMap(\.self)
    where (try? PostgresServer(url: url))?.namesPassword == true {
      throw Problem.invalid(
        "database",
        "Leave the password out of the address of the database: write it to a password file and name that with passfile=FILE."
      )
    }
  }

  private func show(_ made: JSON, isNew: Bool) throws {
    let head =
      isNew
      ? "Made \(directory.data), with its keys in \(directory.keys). Keep a copy of the keys somewhere else."
      : "\(directory.data) was there already, with this organisation. Only the link is new."
    output.print(
      made,
      text: """
        \(head)

        Set the owner's password, once, within 72 hours, after starting the server:
          \(made["setup_link"]?.string ?? "")
        """)
  }
}
