import ArgumentParser
import Custody
import Glibc
import Platform
import Server

/// Which installation a command is about: a directory, or the one that the configuration file names.
struct DirectoryOptions: ParsableArguments {
  @Option(name: .customLong("data"), help: ArgumentHelp("The data directory.", valueName: "DIR"))
  var namedData: String?

  @Option(
    name: .customLong("keys"),
    help: ArgumentHelp(
      "The directory of the keys, unless it is DIR.keys, or the postgres:// address of their database.",
      valueName: "PLACE"))
  var namedKeys: String?

  @OptionGroup var root: RootKeyOption

  @Option(
    name: .customLong("keys-replica"),
    help: ArgumentHelp(
      "A directory on another disk, or a database, that gets every key before it is used; may be repeated. Remembered.",
      valueName: "PLACE"))
  var namedReplicas: [String] = []

  @Option(
    name: .customLong("config"),
    help: ArgumentHelp("The configuration file, if not \(Settings.ordinaryFile).", valueName: "FILE"))
  var namedConfiguration: String?

  @Option(
    name: .customLong("database"),
    help: ArgumentHelp(
      "A PostgreSQL database that holds the data instead, as its application role. Remembered.", valueName: "URL"))
  var namedDatabase: String?

  @Option(
    name: .customLong("database-owner"),
    help: ArgumentHelp(
      "The same as the role that owns the schema: makes it, and brings it forward after an upgrade.", valueName: "URL"))
  var namedDatabaseOwner: String?

  func validate() throws {
    if namedData == nil, configurationFile == nil {
      throw ValidationError("Name the data directory with --data DIR, or a configuration file with --config FILE.")
    }
  }

  /// A directory on the command line needs no file; without either the ordinary file counts, where there is one.
  var configurationFile: String? {
    if let namedConfiguration { return namedConfiguration }
    return namedData == nil && access(Settings.ordinaryFile, R_OK) == 0 ? Settings.ordinaryFile : nil
  }

  var flags: Settings.Flags {
    var flags = Settings.Flags()
    flags.data = namedData
    flags.keys = namedKeys
    flags.rootKey = root.rootKey
    flags.keyReplicas = namedReplicas
    flags.database = namedDatabase
    flags.databaseOwner = namedDatabaseOwner
    return flags
  }

  /// What the file and the flags say. Only the server itself needs the secrets that the file names.
  func settings(_ flags: Settings.Flags? = nil, withSecrets: Bool = false) throws -> Settings {
    do {
      return try Settings.load(configurationFile, flags: flags ?? self.flags, withSecrets: withSecrets)
    } catch let refused as SettingsFile.Refused {
      throw refused.problem
    }
  }

  /// Empty if the file cannot be read; whoever opens it then says so.
  var data: String { namedData ?? (try? settings())?.data ?? "" }

  var keys: KeyLocation {
    (try? settings())?.keyLocation ?? root.location(namedKeys ?? ServerConfiguration.defaultKeysDirectory(for: data))
  }

  /// The replicas of the key store that the flags or the file name; the key store itself remembers those it has.
  var keysReplica: [String] { (try? settings())?.keyReplicas ?? namedReplicas }

  /// Makes the installation.
  func create() throws {
    let made = try Installation.create(
      at: data, keys: keys, replicas: keysReplica, database: try DatabaseSettings(try settings()),
      now: SystemClock().now
    )
    made.close()
    // Closing it syncs what was written; this process must not try that again.
    guard !made.diskHasFailed else {
      throw Problem(.unavailable, "The disk failed while the installation was made; look at it and run this again.")
    }
  }

  /// The installation with everything on it, in this process.
  func open(listen: ListenAddress? = nil, mail: MailSettings? = nil, limits: LimitSettings? = nil) throws -> StewardApp
  {
    var flags = flags
    flags.listen = listen?.description
    return try open(flags, mail: mail, limits: limits)
  }

  func open(_ flags: Settings.Flags, mail: MailSettings? = nil, limits: LimitSettings? = nil) throws -> StewardApp {
    var configuration = try ServerConfiguration(try settings(flags))
    if let mail { configuration.mail = mail }
    if let limits { configuration.limits = limits }
    return try StewardApp(configuration)
  }

  /// Asks the running server, or does it here where none runs.
  func ask(_ request: JSON) async throws -> JSON {
    if namedReplicas.isEmpty, let answer = try ControlClient.ask(data, request) { return try ok(answer) }
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

/// Where the root key lies, for commands that name the place of the keys.
struct RootKeyOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Who keeps the root key: a file, unless it is root.key in the directory of the keys; passphrase, or passphrase:FILE; pkcs11:…, vault:…, azure-kv:… or aws-kms:… as in docs/operations/keys.md.",
      valueName: "FORM"))
  var rootKey: String?

  func location(_ keys: String) -> KeyLocation { KeyLocation(keys, rootKey: rootKey) }
}
