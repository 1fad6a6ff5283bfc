import ArgumentParser
import Platform
import Server

struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo", abstract: "Run the server with sample data, on this machine only.",
    discussion: """
      Makes DIR if need be; a second start goes on with it. Prints where to sign in and as whom.

      steward demo --data ./demo
      steward demo --data ./demo --listen localhost:9000 --credentials ./demo.json
      """)

  @OptionGroup var directory: DirectoryOptions
  @Option(help: ArgumentHelp("Where to listen.", valueName: "HOST:PORT")) var listen = "localhost:8080"
  @OptionGroup var limits: LimitOptions
  @Option(help: ArgumentHelp("Write who can sign in to FILE, for scripts.", valueName: "FILE")) var credentials: String?

  func run() async throws {
    ProcessMemory.keepSmall()
    try await speaking {
      guard directory.namedData != nil else {
        throw Problem.invalid("data", "Name a directory for the sample data with --data DIR.")
      }
      let listen = try ListenAddress(listen)
      if !Installation.exists(at: directory.data) {
        try directory.create()
      }
      let app = try directory.open(
        listen: listen, mail: MailSettings(route: .mailbox), limits: try limits.settings(LimitSettings()))
      let demo = Demo(app: app, seeds: SeedList.seeds, credentialsPath: credentials)
      try await StewardServer(
        app, prepare: { DemoCommand.show(try await demo.prepare(url: listen.origin), listen.origin) }
      ).run()
    }
  }

  private static func show(_ people: [DemoPerson], _ origin: String) {
    let lines = people.map { person in
      // As the page of people says it: an approver is a second manager, for nobody approves what they did themselves.
      let role = (person.role == .approver ? DemoPerson.Role.manager : person.role).rawValue.padded(to: 10)
      let address = "\(origin)/t/\(person.tenant)".padded(to: 34)
      return "  \(role) \(address) \(person.email.padded(to: 22)) \(person.password)"
    }
    Terminal.show(
      """

      Steward runs with sample data. Sign in as one of these:

      \(lines.joined(separator: "\n"))

      The promises: \(origin)/trust    Stop with Ctrl-C.

      """)
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
