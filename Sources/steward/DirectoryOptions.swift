import ArgumentParser
import Platform
import Server

/// Which installation a command is about.
struct DirectoryOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The data directory.", valueName: "DIR"))
  var data: String

  @Option(help: ArgumentHelp("The directory of the keys, unless it is DIR.keys.", valueName: "DIR"))
  var keys: String?

  var keysDirectory: String { keys ?? ServerConfiguration.defaultKeysDirectory(for: data) }

  /// The installation with everything on it, in this process.
  func open(
    listen: ListenAddress = ListenAddress(host: "localhost", port: 8080),
    securityContact: String = ServerConfiguration.ordinarySecurityContact
  ) throws -> StewardApp {
    try StewardApp(
      ServerConfiguration(dataDirectory: data, keysDirectory: keys, listen: listen, securityContact: securityContact))
  }

  /// Asks the running server, or does it here where none runs.
  func ask(_ request: JSON) async throws -> JSON {
    if let answer = try ControlClient.ask(data, request) { return try ok(answer) }
    let app = try open()
    let answer = await ControlVerbs(app: app).answer(request)
    await app.close()
    return try ok(answer)
  }

  func ok(_ answer: JSON) throws -> JSON {
    if let value = answer["ok"] { return value }
    let code = answer["problem"]?["code"]?.string.flatMap(Problem.Code.init(rawValue:)) ?? .internal
    throw Problem(code, answer["problem"]?["message"]?.string ?? "The server gave no reason.")
  }
}
