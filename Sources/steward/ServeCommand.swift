import ArgumentParser
import Platform
import Server

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Run the server until it is stopped.",
    discussion: """
      Without TLS it listens on this machine only: passwords and tokens would otherwise cross the network in clear.
      SIGTERM lets requests that have begun finish.

      steward serve --data /srv/steward --listen localhost:8080
      """)

  @OptionGroup var directory: DirectoryOptions
  @Option(help: ArgumentHelp("Where to listen.", valueName: "HOST:PORT")) var listen = "localhost:8080"
  @Option(help: ArgumentHelp("Where to report a vulnerability, for security.txt.", valueName: "URI"))
  var securityContact = ServerConfiguration.ordinarySecurityContact

  private var contact: String {
    get throws {
      guard securityContact.hasPrefix("mailto:") || securityContact.hasPrefix("https:"),
        !securityContact.contains(where: \.isWhitespace)
      else { throw Problem.invalid("security-contact", "Give the contact as mailto:… or https:….") }
      return securityContact
    }
  }

  func run() async throws {
    try await speaking {
      let app = try directory.open(listen: try ListenAddress(listen), securityContact: try contact)
      try await StewardServer(
        app,
        report: { port in
          Terminal.say(
            "steward listens on http://\(app.configuration.listen.host):\(port) (this machine only: no TLS is set up)")
        }
      ).run()
    }
  }
}
