import ArgumentParser
import Platform
import Server

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Run the server until it is stopped.",
    discussion: """
      What the flags do not say stands in the configuration file; `steward config example` prints one.
      Without TLS it listens on this machine only: passwords and tokens would otherwise cross the network in clear.
      SIGTERM lets requests that have begun finish.

      steward serve --config \(Settings.ordinaryFile)
      steward serve --data /srv/steward --listen localhost:8080
      """)

  @OptionGroup var directory: DirectoryOptions
  @OptionGroup var listener: ListenerOptions
  @OptionGroup var limits: LimitOptions
  @Option(help: ArgumentHelp("Where to report a vulnerability, for security.txt.", valueName: "URI"))
  var securityContact: String?

  private var flags: Settings.Flags {
    get throws {
      if let securityContact, !Settings.isContact(securityContact) {
        throw Problem.invalid("security-contact", "Give the contact as mailto:… or https:….")
      }
      var flags = directory.flags
      listener.set(&flags)
      flags.securityContact = securityContact
      return flags
    }
  }

  func run() async throws {
    ProcessMemory.keepSmall()
    try await speaking {
      ProcessMemory.seal()
      let settings = try directory.settings(try flags, withSecrets: true)
      var configuration = try ServerConfiguration(settings)
      configuration.limits = try limits.settings(configuration.limits)
      let app = try StewardApp(configuration)
      try await StewardServer(app, report: { port in Terminal.say(ServeCommand.report(app, port: port)) }).run()
    }
  }

  private static func report(_ app: StewardApp, port: Int) -> String {
    let listener = app.configuration.listener
    let origin = app.services.installation.origin
    if listener.tls != nil {
      return "steward listens on \(listener.address.host):\(port); people reach it at \(origin)"
    }
    if listener.proxies != nil {
      return "steward listens on \(listener.address.host):\(port) for proxies; people reach it at \(origin)"
    }
    return "steward listens on http://\(listener.address.host):\(port) (this machine only: no TLS is set up)"
  }
}
