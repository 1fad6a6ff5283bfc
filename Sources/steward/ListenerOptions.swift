import ArgumentParser
import Platform
import Server

/// How the server can be reached.
struct ListenerOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Where to listen.", valueName: "HOST:PORT")) var listen: String?

  @Option(help: ArgumentHelp("The certificate and those that lead to a root, as PEM.", valueName: "FILE"))
  var tlsCertificate: String?

  @Option(help: ArgumentHelp("The certificate's key as PEM; not readable by others.", valueName: "FILE"))
  var tlsKey: String?

  @Option(help: ArgumentHelp("The lowest TLS version, 1.3 unless old clients need 1.2.", valueName: "VERSION"))
  var tlsMinimum: String?

  @Option(help: ArgumentHelp("The proxies before it where TLS ends, as 10.0.0.5,10.0.1.0/24.", valueName: "ADDRESSES"))
  var proxy: String?

  @Option(help: ArgumentHelp("Where people reach it, unless it is the certificate's first name.", valueName: "URL"))
  var origin: String?

  @Option(help: ArgumentHelp("Lead plain HTTP from there to the origin, as :80.", valueName: "HOST:PORT"))
  var redirectFrom: String?

  func set(_ flags: inout Settings.Flags) {
    flags.listen = listen
    flags.tlsCertificate = tlsCertificate
    flags.tlsKey = tlsKey
    flags.tlsMinimum = tlsMinimum
    flags.proxy = proxy
    flags.origin = origin
    flags.redirectFrom = redirectFrom
  }
}

/// How fast somebody may go.
struct LimitOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Requests per second that one token may send.", valueName: "NUMBER"))
  var rate: Double?

  @Option(
    help: ArgumentHelp(
      "A higher rate for a researcher: a name, SHA-256 of their secret in hex, requests per second. Can be repeated.",
      valueName: "NAME:HASH:NUMBER"))
  var researcher: [String] = []

  /// What the options say, over what the configuration file says.
  func settings(_ limits: LimitSettings) throws -> LimitSettings {
    try limits.with(rate: rate, researchers: researcher)
  }
}
