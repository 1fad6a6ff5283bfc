import Custody
import Platform

/// How this installation is run: what the configuration file says, with the flags of the command line before it.
///
/// Plain values, checked against each other; the parts of the product turn them into their own.
package struct Settings: Sendable, Equatable {
  package struct TLS: Sendable, Equatable {
    package let certificate: String
    package let key: SecretFile
    /// "1.3" or "1.2".
    package let minimum: String
    package let redirect: ListenAddress?
  }

  package struct Researcher: Sendable, Equatable {
    package let name: String
    /// SHA-256 of the secret that they send.
    package let secretHash: Digest
    package let perSecond: Int
  }

  package struct Limits: Sendable, Equatable {
    package let tokenPerSecond: Int
    package let personPerSecond: Int
    package let addressPerSecond: Int
    package let connections: Int
    package let researchers: [Researcher]
  }

  package struct Mail: Sendable, Equatable {
    package let host: String
    package let port: Int
    package let user: String?
    package let password: SecretFile?
    package let from: String
    package let fromName: String
    /// Whether whoever runs Steward runs the mail server too: then it is no sub-processor.
    package let isOwn: Bool
  }

  /// An S3-compatible object store for files.
  package struct Files: Sendable, Equatable {
    package let endpoint: String
    package let bucket: String
    package let bucketInHost: Bool
    package let region: String
    package let prefix: String
    package let accessKey: String
    package let secretKey: SecretFile
    /// Whether whoever runs Steward runs the store too: then it is no sub-processor.
    package let isOwn: Bool
  }

  package struct Egress: Sendable, Equatable {
    package let privateRanges: [String]
    package let caFile: String?
  }

  package struct Backup: Sendable, Equatable {
    package let place: String
    /// UTC.
    package let hour: Int
    package let keepDays: Int
  }

  package struct Database: Sendable, Equatable {
    package let url: String
    package let ownerURL: String?
    package let connections: Int
  }

  package struct Metrics: Sendable, Equatable {
    package let listen: ListenAddress
    package let allow: [String]
  }

  package let data: String
  /// A directory, or the address of a database.
  package let keys: String
  /// Who keeps the root key, where it is not `root.key` in the directory of the keys (`RootForm`).
  package let rootKey: String?
  /// Hours that a server goes on without the service that keeps the root key.
  package let rootKeyOutageHours: Int
  package let keyReplicas: [String]
  package let listen: ListenAddress
  /// What was said; without it the certificate's first name counts, or where it listens.
  package let namedOrigin: String?
  package let securityContact: String
  package let tls: TLS?
  package let trustedProxies: [String]
  package let limits: Limits
  package let mail: Mail?
  /// Nil: files lie where the rows lie.
  package let files: Files?
  /// "directory", "database" or "s3"; nil: where the rows lie.
  package let fileStore: String?
  package let egress: Egress
  package let backup: Backup?
  package let log: LogSettings
  package let metrics: Metrics?
  /// Nil: what the data directory says, or the directory itself.
  package let database: Database?

  /// What flags of a command say; it goes before the file.
  package struct Flags: Sendable {
    package var data: String?
    package var keys: String?
    package var rootKey: String?
    package var keyReplicas: [String] = []
    package var listen: String?
    package var securityContact: String?
    package var tlsCertificate: String?
    package var tlsKey: String?
    package var tlsMinimum: String?
    /// "10.0.0.5,10.0.1.0/24"
    package var proxy: String?
    package var origin: String?
    package var redirectFrom: String?
    package var database: String?
    package var databaseOwner: String?

    package init() {}
  }

  package static let ordinaryFile = "/etc/steward/steward.yaml"

  /// Reads `path`, or takes what counts without a file.
  package static func load(_ path: String?, flags: Flags = Flags(), withSecrets: Bool = false) throws -> Settings {
    try Settings(path.map(SettingsFile.init(reading:)), flags: flags, withSecrets: withSecrets)
  }

  package static func isContact(_ text: String) -> Bool { SettingText.isContact(text) }

  /// Throws `SettingsFile.Refused` for what does not go together in the file, a `Problem` for flags.
  /// `withSecrets` also looks whether the files of secrets can be read: only the server needs them.
  package init(_ file: SettingsFile?, flags: Flags = Flags(), withSecrets: Bool = false) throws {
    let read = SettingReader(file: file)
    data = flags.data ?? read.text("data")
    keys =
      flags.keys ?? (flags.data == nil ? read.optional("keys") : nil)
      ?? ServerConfiguration.defaultKeysDirectory(for: data)
    rootKey = flags.rootKey ?? (flags.keys == nil && flags.data == nil ? read.optional("root_key") : nil)
    rootKeyOutageHours = read.integer("root_key_outage_hours")
    keyReplicas = flags.keyReplicas.isEmpty ? read.texts("key_replicas") : flags.keyReplicas
    listen = try ListenAddress(parsing: flags.listen ?? read.text("listen"))
    securityContact = flags.securityContact ?? read.text("security_contact")
    tls = try Settings.tls(read, flags)
    trustedProxies = flags.proxy.map { $0.split(separator: ",").map(\.trimmed) } ?? read.texts("proxy.trust")
    namedOrigin = flags.origin ?? read.optional("origin")
    limits = Settings.limits(read)
    mail = Settings.mail(read)
    files = Settings.files(read)
    fileStore = read.optional("files.store")
    egress = Egress(privateRanges: read.texts("egress.private_ranges"), caFile: read.optional("egress.ca_file"))
    backup = read.optional("backup.place").map {
      Backup(place: $0, hour: read.integer("backup.hour"), keepDays: read.integer("backup.keep_days"))
    }
    log = LogSettings(level: read.text("log.level"), format: read.text("log.format"))
    metrics = try read.optional("metrics.listen").map {
      Metrics(listen: try ListenAddress(parsing: $0), allow: read.texts("metrics.allow"))
    }
    database = (flags.database ?? read.optional("database.url")).map {
      Database(
        url: $0, ownerURL: flags.databaseOwner ?? read.optional("database.owner_url"),
        connections: read.integer("database.connections"))
    }
    try checkTogether(file, flags, withSecrets: withSecrets)
  }

  private static func tls(_ read: SettingReader, _ flags: Flags) throws -> TLS? {
    let certificate = flags.tlsCertificate ?? read.optional("tls.certificate")
    guard let certificate, let key = flags.tlsKey ?? read.optional("tls.key") else {
      guard flags.tlsCertificate == nil, flags.tlsKey == nil else {
        throw Problem.invalid("tls", "Name both the certificate file (--tls-certificate) and the key file (--tls-key).")
      }
      return nil
    }
    return TLS(
      certificate: certificate, key: SecretFile(key),
      minimum: flags.tlsMinimum ?? read.text("tls.minimum"),
      redirect: try (flags.redirectFrom ?? read.optional("tls.redirect")).map { text in
        try ListenAddress(parsing: text.hasPrefix(":") ? "0.0.0.0\(text)" : text)
      })
  }

  private static func limits(_ read: SettingReader) -> Limits {
    Limits(
      tokenPerSecond: read.integer("limits.token_per_second"),
      personPerSecond: read.integer("limits.person_per_second"),
      addressPerSecond: read.integer("limits.address_per_second"), connections: read.integer("limits.connections"),
      researchers: read.items("limits.researchers").compactMap { item in
        guard let hash = (item["secret_sha256"]?.text).flatMap({ Digest(hex: $0) }) else { return nil }
        return Researcher(
          name: item["name"]?.text ?? "", secretHash: hash, perSecond: item["per_second"]?.integer ?? 0)
      })
  }

  private static func mail(_ read: SettingReader) -> Mail? {
    guard let host = read.optional("mail.host"), let from = read.optional("mail.from") else { return nil }
    return Mail(
      host: host, port: read.integer("mail.port"), user: read.optional("mail.user"),
      password: read.optional("mail.password_file").map(SecretFile.init), from: from,
      fromName: read.text("mail.from_name"), isOwn: read.flag("mail.own"))
  }
}

extension Settings {
  fileprivate static func files(_ read: SettingReader) -> Files? {
    guard read.optional("files.store") == "s3", let endpoint = read.optional("files.endpoint"),
      let bucket = read.optional("files.bucket"), let accessKey = read.optional("files.access_key"),
      let secretKey = read.optional("files.secret_key_file")
    else { return nil }
    return Files(
      endpoint: endpoint, bucket: bucket, bucketInHost: read.flag("files.bucket_in_host"),
      region: read.text("files.region"), prefix: read.optional("files.prefix") ?? "", accessKey: accessKey,
      secretKey: SecretFile(secretKey), isOwn: read.flag("files.own"))
  }

  /// What an object store cannot do without.
  fileprivate func fileRules(_ file: SettingsFile) -> [SettingsFile.Finding] {
    let needed = ["files.endpoint", "files.bucket", "files.access_key", "files.secret_key_file"]
    guard file.values["files.store"] == .text("s3") else { return [] }
    let missing = needed.filter { file.values[$0] == nil }.map {
      file.finding("files.store", "Say \($0) too: an object store cannot be reached without it.")
    }
    guard missing.isEmpty, let files else { return missing }
    do { _ = try files.objectStore(egress) } catch {
      return [file.finding("files.store", (error as? Problem)?.message ?? "The object store cannot be used.")]
    }
    return []
  }
}

extension Settings.Files {
  /// Throws `Problem.invalid` for what cannot work.
  func objectStore(_ egress: Settings.Egress) throws -> ObjectStoreSettings {
    let secretKey = secretKey
    return try ObjectStoreSettings(
      endpoint: endpoint, bucket: bucket, bucketInHost: bucketInHost, region: region, prefix: prefix,
      accessKey: accessKey, secret: { SecretBytes(Array(try secretKey.firstLine().utf8)) }, isOwn: isOwn,
      caFile: egress.caFile, privateRanges: egress.privateRanges)
  }
}

// MARK: - As the parts of the product take them

extension Settings {
  /// Throws for what does not go together.
  package var listener: ListenerSettings {
    get throws {
      try ListenerSettings(
        listen: listen.description,
        tls: try TLSSettings(certificate: tls?.certificate, key: tls.flatMap(\.key.path), minimum: tls?.minimum),
        proxy: trustedProxies.isEmpty ? nil : trustedProxies.joined(separator: ","), origin: namedOrigin,
        redirectFrom: tls?.redirect?.description)
    }
  }

  package var keyLocation: KeyLocation {
    KeyLocation(
      keys, rootKey: rootKey,
      egress: KeyServiceEgress(privateRanges: egress.privateRanges, caFile: egress.caFile))
  }

  /// Files that `root_key` names.
  private var rootKeyFiles: [String] { rootKey.flatMap { try? RootForm($0).files } ?? [] }

  /// How people reach it, as far as it can be known without reading the certificate.
  package var origin: String { namedOrigin ?? listen.origin(isTLS: tls != nil) }
}

extension MailSettings {
  init(_ mail: Settings.Mail, _ egress: Settings.Egress) {
    self.init(
      route: .smtp(
        SMTPSettings(
          host: mail.host, port: mail.port, security: mail.port == 465 ? .implicit : .starttls, user: mail.user,
          passwordFile: mail.password?.path, caFile: egress.caFile, isOwn: mail.isOwn,
          allowedPrivateAddresses: egress.privateRanges)),
      from: MailAddress(name: mail.fromName, address: mail.from))
  }
}

// MARK: - What must go together

extension Settings {
  private func checkTogether(_ file: SettingsFile?, _ flags: Flags, withSecrets: Bool) throws {
    var findings = file.map { rules($0) } ?? []
    if withSecrets { findings += file.map { secrets($0) } ?? [] }
    if !findings.isEmpty { throw SettingsFile.Refused(findings: findings) }
    guard listen.isLoopback || tls != nil || !trustedProxies.isEmpty else {
      let sentence =
        "Set up tls (or name a proxy) to listen on more than this machine: passwords and tokens would cross the network in clear."
      if let file, flags.listen == nil { throw SettingsFile.Refused(findings: [file.finding("listen", sentence)]) }
      throw Problem.invalid("listen", sentence)
    }
  }

  private func rules(_ file: SettingsFile) -> [SettingsFile.Finding] {
    let has = { (key: String) in file.values[key] != nil }
    /// If the first is said, the second must be.
    let pairs = [
      ("tls.certificate", "tls.key"), ("tls.key", "tls.certificate"), ("tls.redirect", "tls.certificate"),
      ("mail.host", "mail.from"), ("mail.from", "mail.host"), ("mail.user", "mail.password_file"),
      ("mail.password_file", "mail.user"), ("metrics.allow", "metrics.listen"),
      ("database.owner_url", "database.url"), ("database.connections", "database.url"),
      ("backup.hour", "backup.place"), ("backup.keep_days", "backup.place"), ("proxy.trust", "origin"),
    ]
    var findings = pairs.filter { has($0.0) && !has($0.1) }.map { said, missing in
      file.finding(said, "Say \(missing) too: \(said) does nothing without it.")
    }
    if KeyPlaceName.isDatabase(keys), rootKey == nil {
      findings.append(file.finding("keys", "Say root_key too: the root key never lies in the database."))
    }
    for (key, place) in [("keys", keys), ("backup.place", backup?.place ?? "")]
      + rootKeyFiles.map({ ("root_key", $0) }) + keyReplicas.map({ ("key_replicas", $0) })
    where lies(place, inside: data) {
      findings.append(
        file.finding(key, "Choose a place outside of the data directory \(data): what copies one must not copy both."))
    }
    if keyReplicas.contains(where: { lies($0, inside: keys) }) {
      findings.append(
        file.finding("key_replicas", "Choose another place, best on another disk: this one is the key store itself."))
    }
    if tls != nil, has("proxy.trust") {
      findings.append(file.finding("proxy.trust", "Choose one: TLS here (tls), or TLS at the proxies (proxy.trust)."))
    }
    findings += fileRules(file)
    if let metrics, !metrics.listen.isLoopback, metrics.allow.isEmpty {
      findings.append(
        file.finding("metrics.listen", "Say under metrics.allow who may read the figures, or listen on localhost."))
    }
    return findings
  }

  private func lies(_ place: String, inside directory: String) -> Bool {
    place == directory || place.hasPrefix(directory.hasSuffix("/") ? directory : directory + "/")
  }

  private func secrets(_ file: SettingsFile) -> [SettingsFile.Finding] {
    let named: [(key: String, secret: SecretFile?)] = [
      ("tls.key", tls?.key), ("mail.password_file", mail?.password), ("files.secret_key_file", files?.secretKey),
    ]
    return named.compactMap { key, secret in
      secret?.fault().map { file.finding(key, $0) }
    }
  }
}

/// Values of a file, or what counts without them.
private struct SettingReader {
  let file: SettingsFile?

  private func value(_ key: String) -> SettingValue? { file?.values[key] }

  func optional(_ key: String) -> String? { value(key)?.text }

  /// For keys with an ordinary value; quotes of the example do not belong to it.
  func text(_ key: String) -> String {
    optional(key) ?? SettingsSchema.key(key)?.ordinary?.filter { $0 != "\"" } ?? ""
  }

  func integer(_ key: String) -> Int {
    value(key)?.integer ?? SettingsSchema.key(key)?.ordinary.flatMap { Int($0) } ?? 0
  }

  func flag(_ key: String) -> Bool { if case .flag(true)? = value(key) { true } else { false } }

  func texts(_ key: String) -> [String] { value(key)?.texts ?? [] }

  func items(_ key: String) -> [[String: SettingValue]] {
    if case .items(let items)? = value(key) { items } else { [] }
  }
}

extension SettingValue {
  fileprivate var text: String? { if case .text(let text) = self { text } else { nil } }
  fileprivate var texts: [String]? { if case .texts(let texts) = self { texts } else { nil } }
  fileprivate var integer: Int? { if case .integer(let integer) = self { integer } else { nil } }
}
