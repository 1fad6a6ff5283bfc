import Custody
import Platform

/// Where the server keeps its data, where it listens, and how it deals with the world around it.
package struct ServerConfiguration: Sendable {
  package let dataDirectory: String
  package var keys: KeyLocation
  /// Places on other disks or machines that get every key before it is used.
  package let keyReplicas: [String]
  package let listener: ListenerSettings
  package var limits = LimitSettings()
  /// Where to report a vulnerability: a `mailto:` or `https:` address.
  package var securityContact = ServerConfiguration.ordinarySecurityContact
  package var log = LogSettings()
  /// Where figures are given; nil: nowhere.
  package var metrics: Settings.Metrics?
  /// How messages leave.
  package var mail = MailSettings()

  /// An object store for sealed files; nil: they lie where the data lies.
  package var objectStore: ObjectStoreSettings?
  /// "directory" or "database" if files must lie there; nil: where the rows lie.
  package var fileStore: String?

  /// How long a server goes on without the service that keeps the root key.
  package var rootKeyOutageSeconds = 72 * 3_600

  /// Nil: the data lies in the data directory.
  package var database: DatabaseSettings?

  /// Nil: no backups are made by schedule.
  package var backups: BackupSettings?

  package init(dataDirectory: String, keysDirectory: String?, keyReplicas: [String] = [], listen: ListenAddress) {
    self.init(
      dataDirectory: dataDirectory, keysDirectory: keysDirectory, keyReplicas: keyReplicas,
      listener: ListenerSettings(listen))
  }

  package init(dataDirectory: String, keysDirectory: String?, keyReplicas: [String] = [], listener: ListenerSettings) {
    self.dataDirectory = dataDirectory
    self.keyReplicas = keyReplicas
    keys = KeyLocation(keysDirectory ?? ServerConfiguration.defaultKeysDirectory(for: dataDirectory))
    self.listener = listener
  }

  /// What the configuration file and the flags say.
  package init(_ settings: Settings) throws {
    self.init(
      dataDirectory: settings.data, keysDirectory: settings.keys, keyReplicas: settings.keyReplicas,
      listener: try settings.listener)
    keys = settings.keyLocation
    rootKeyOutageSeconds = settings.rootKeyOutageHours * 3_600
    limits = LimitSettings(settings.limits)
    securityContact = settings.securityContact
    log = settings.log
    metrics = settings.metrics
    database = try DatabaseSettings(settings)
    backups = settings.backup.map { BackupSettings(place: $0.place, retentionDays: $0.keepDays, hour: $0.hour) }
    objectStore = try settings.files?.objectStore(settings.egress)
    fileStore = settings.fileStore
    if let mail = settings.mail { self.mail = MailSettings(mail, settings.egress) }
  }

  /// Where a demo tells scripts who can sign in: beside the root key, never in the data.
  var demoCredentials: String {
    guard keys.directory == nil, let file = try? keys.rootKeyFile ?? nil else {
      return (keys.directory ?? dataDirectory + ".keys") + "/demo.json"
    }
    return String(file[..<(file.lastIndex(of: "/") ?? file.startIndex)]) + "/demo.json"
  }

  package static let ordinarySecurityContact = "mailto:security@localhost"

  /// `DIR.keys` beside `DIR`: keys do not lie in what is copied with the data.
  package static func defaultKeysDirectory(for dataDirectory: String) -> String {
    Installation.defaultKeysDirectory(for: dataDirectory)
  }
}

extension DatabaseSettings {
  /// What flags and file say, else what the data directory says; nil if that holds its data itself.
  package init?(_ settings: Settings) throws {
    guard
      let url = try settings.database?.url ?? DataPlace.databaseURL(ofDirectory: settings.data)
    else { return nil }
    self.init(
      url: url, owner: settings.database?.ownerURL,
      connections: settings.database?.connections ?? DatabaseSettings.ordinaryConnections,
      schema: PostgresSchema(tables: ModuleList.everyTable))
  }
}

/// The version that this source makes.
package enum StewardVersion {
  package static let current = "0.1.0"
}
