import Platform

/// Where the server keeps its data, where it listens, and how it deals with the world around it.
package struct ServerConfiguration: Sendable {
  package let dataDirectory: String
  package let keysDirectory: String
  /// Directories on other disks that get every key before it is used.
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
    self.keysDirectory = keysDirectory ?? ServerConfiguration.defaultKeysDirectory(for: dataDirectory)
    self.listener = listener
  }

  /// What the configuration file and the flags say.
  package init(_ settings: Settings) throws {
    self.init(
      dataDirectory: settings.data, keysDirectory: settings.keys, keyReplicas: settings.keyReplicas,
      listener: try settings.listener)
    limits = LimitSettings(settings.limits)
    securityContact = settings.securityContact
    log = settings.log
    metrics = settings.metrics
    backups = settings.backup.map { BackupSettings(place: $0.place, retentionDays: $0.keepDays, hour: $0.hour) }
    if let mail = settings.mail { self.mail = MailSettings(mail, settings.egress) }
  }

  package static let ordinarySecurityContact = "mailto:security@localhost"

  /// `DIR.keys` beside `DIR`: keys do not lie in what is copied with the data.
  package static func defaultKeysDirectory(for dataDirectory: String) -> String {
    Installation.defaultKeysDirectory(for: dataDirectory)
  }
}

/// The version that this source makes.
package enum StewardVersion {
  package static let current = "0.1.0"
}
