import Ledger

/// Every key of the configuration file. A key that is not here is refused; one that is stands in the example and in the
/// reference, because both are written from this list.
package enum SettingsSchema {
  /// Sections in the order of the example, with the sentence above each.
  package static let sections: [(name: String, about: String)] = [
    ("tls", "HTTPS. Without a certificate only this machine may connect, unless a trusted proxy ends TLS."),
    (
      "database",
      "PostgreSQL, where several servers hold one installation. Without it the data lies in the data directory itself."
    ),
    ("proxy", "A reverse proxy in front. Its word on where a request came from counts only from these addresses."),
    ("limits", "How much one caller may ask for. Whoever asks for more is told 429 and when to come back."),
    ("mail", "How invitations and reminders are sent: SMTP with TLS, never without."),
    (
      "files",
      "Where uploaded files and certificates lie, sealed: in the data directory, in the database, or in an S3-compatible object store."
    ),
    ("egress", "What outgoing connections may reach."),
    ("backup", "The nightly backup."),
    ("log", "What is written to standard error; under systemd that is the journal."),
    ("metrics", "Figures for Prometheus, on a listener of their own. They name no tenant and no person."),
  ]

  package static let keys: [SettingKey] =
    places + tls + database + proxy + limits + mail + files + egress + backup + log + metrics

  package static func key(_ path: String) -> SettingKey? { keys.first { $0.path == path } }

  private static let places: [SettingKey] = [
    SettingKey("data", .path, ordinary: "/var/lib/steward/data", "Where the data lies: databases and sealed files."),
    SettingKey(
      "keys", .keyPlace, sample: "/var/lib/steward/data.keys",
      """
      Where the keys lie: never inside the data directory. Unless said otherwise the name of the data directory with .keys behind it. \
      Whoever has both directories can read everything; better they are on different volumes. Several servers share one directory, or \
      a database of its own: postgres://steward_keys@keys.example.com/keys.
      """),
    SettingKey(
      "root_key", .rootKey, sample: "/etc/steward/root.key",
      """
      Who keeps the root key, if it is not the file root.key in the directory of the keys. That may be another file, a passphrase, a token or \
      a key service; docs/operations/keys.md has an example of each. A database never holds it: with one it has to be said here. The same on every server.
      """),
    SettingKey(
      "root_key_outage_hours", .integer(1...8_760), ordinary: "72",
      """
      How long a server goes on while the token or key service that keeps the root key does not give it. After so many hours it stops; a \
      restart needs it at once.
      """),
    SettingKey(
      "key_replicas", .keyPlaces, sample: "[/mnt/keys/steward]",
      """
      Further places that hold every key before its first use. A write waits for all of them. Without one, losing the key \
      directory loses all data.
      """),
    SettingKey(
      "listen", .address, ordinary: "localhost:8080",
      "Where to listen. Anything but this machine needs tls, or a proxy that is named under proxy."),
    SettingKey(
      "origin", .origin, sample: "https://steward.example.com",
      "How people reach it, for links in mail and documents. Needed behind a proxy; otherwise made from listen."),
    SettingKey(
      "security_contact", .contact, ordinary: "mailto:security@localhost",
      "Where to report a vulnerability, for /.well-known/security.txt (RFC 9116)."),
  ]

  private static let tls: [SettingKey] = [
    SettingKey(
      "tls.certificate", .path, sample: "/etc/steward/tls/fullchain.pem",
      "The certificate and its chain, PEM. Read again when the file changes; no restart is needed."),
    SettingKey("tls.key", .secretFile, sample: "/etc/steward/tls/key.pem", "The certificate's private key, PEM."),
    SettingKey(
      "tls.minimum", .choice(["1.3", "1.2"]), ordinary: "\"1.3\"",
      "The oldest version of TLS that is spoken. 1.2 turns the promise of TLS 1.3 red on the trust page."),
    SettingKey(
      "tls.redirect", .address, sample: "\"[::]:80\"",
      "Where plain HTTP is answered with a redirect to HTTPS, and with nothing else."),
  ]

  private static let database: [SettingKey] = [
    SettingKey(
      "database.url", .database, sample: "postgres://steward_app@localhost/steward",
      """
      The database, as the application's role; it may read and write rows and nothing else. The password belongs into the file that \
      passfile=… names, not here.
      """),
    SettingKey(
      "database.owner_url", .database, sample: "postgres://steward_owner@localhost/steward",
      "The same as the role that owns the schema. Needed for the first start and after an upgrade; best removed in between."
    ),
    SettingKey(
      "database.connections", .integer(DatabaseSettings.connectionRange), ordinary: "8",
      "Connections of one server. PostgreSQL must allow them for all servers together."),
  ]

  private static let proxy: [SettingKey] = [
    SettingKey(
      "proxy.trust", .networks, sample: "[127.0.0.1]",
      "Addresses of the proxy. X-Forwarded-For and X-Forwarded-Proto of everybody else are ignored.")
  ]

  private static let limits: [SettingKey] = [
    SettingKey(
      "limits.token_per_second", .integer(1...100_000), ordinary: "200",
      "Requests a second that one API token may make."),
    SettingKey(
      "limits.person_per_second", .integer(1...100_000), ordinary: "50", "Requests a second of one signed-in browser."),
    SettingKey(
      "limits.address_per_second", .integer(1...100_000), ordinary: "50",
      "Requests a second from one address without a credential."),
    SettingKey(
      "limits.connections", .integer(16...1_000_000), ordinary: "4096", "Connections that are open at the same time."),
    SettingKey(
      "limits.researchers",
      .items([
        SettingKey("name", .text, sample: "Jane Doe", "Who it is; shown nowhere but here."),
        SettingKey(
          "secret_sha256", .digest, sample: String(repeating: "0", count: 64),
          "SHA-256, in hex, of the secret that they send in the header Steward-Research."),
        SettingKey("per_second", .integer(1...100_000), sample: "1000", "Requests a second."),
      ]),
      "Security researchers who may ask for more."),
  ]

  private static let mail: [SettingKey] = [
    SettingKey("mail.host", .host, sample: "smtp.example.com", "The server that takes mail from us."),
    SettingKey(
      "mail.port", .integer(1...65_535), ordinary: "587",
      "465 speaks TLS at once, every other port begins with STARTTLS."),
    SettingKey("mail.user", .text, sample: "steward@example.com", "The name to sign in with; none without it."),
    SettingKey(
      "mail.password_file", .secretFile, sample: "smtp-password",
      "Where the password is. As a systemd credential: LoadCredential=smtp-password:/etc/steward/smtp-password."),
    SettingKey("mail.from", .email, sample: "steward@example.com", "The sender's address."),
    SettingKey(
      "mail.own", .flag, ordinary: "false",
      "Whether you run this mail server yourselves. If not, its operator must be an active sub-processor of the register."
    ),
    SettingKey("mail.from_name", .text, ordinary: "Steward", "The sender's name."),
  ]

  private static let files: [SettingKey] = [
    SettingKey(
      "files.store", .choice(["directory", "database", "s3"]), sample: "s3",
      """
      Where files go. Unless said otherwise where the rows go: into the data directory, or into the database (PostgreSQL). With PostgreSQL \
      a directory must be one that all servers share. What lies in the data directory when another store is named is read there, and moved \
      over once a day.
      """),
    SettingKey(
      "files.endpoint", .origin, sample: "https://s3.eu-central-1.amazonaws.com",
      "The object store. Plain http: for this machine only."),
    SettingKey("files.bucket", .text, sample: "steward-files", "The bucket. It must exist, and belong to nobody else."),
    SettingKey(
      "files.bucket_in_host", .flag, ordinary: "false",
      "Whether the bucket's name stands before the host (https://bucket.host/) and not in the path."),
    SettingKey("files.region", .text, ordinary: "us-east-1", "The region that requests are signed for."),
    SettingKey(
      "files.prefix", .text, sample: "steward/", "What the names of all objects begin with, if others share the bucket."
    ),
    SettingKey("files.access_key", .text, sample: "AKIAIOSFODNN7EXAMPLE", "The name of the key to sign in with."),
    SettingKey(
      "files.secret_key_file", .secretFile, sample: "files-secret-key",
      "Where its secret half is. As a systemd credential: LoadCredential=files-secret-key:/etc/steward/files-secret-key."
    ),
    SettingKey(
      "files.own", .flag, ordinary: "false",
      "Whether you run this store yourselves. If not, its operator must be an active sub-processor of the register."),
  ]

  private static let egress: [SettingKey] = [
    SettingKey(
      "egress.private_ranges", .networks, sample: "[10.1.2.0/24]",
      "Networks of your own that may be reached, such as that of your mail server. All other private addresses are refused."
    ),
    SettingKey(
      "egress.ca_file", .path, sample: "/etc/steward/ca.pem",
      "Certificates that are trusted instead of the system's, PEM."),
  ]

  private static let backup: [SettingKey] = [
    SettingKey(
      "backup.place", .path, sample: "/mnt/backup/steward",
      "Where backups go: another volume or machine, mounted here. Without it none is made."),
    SettingKey("backup.hour", .integer(0...23), ordinary: "2", "The hour of the day, UTC, at which it begins."),
    SettingKey("backup.keep_days", .integer(1...3_650), ordinary: "30", "How many days a backup is kept."),
  ]

  private static let log: [SettingKey] = [
    SettingKey(
      "log.level", .choice(["error", "warning", "notice", "info"]), ordinary: "info",
      "How much is written. info has one line for every request."),
    SettingKey(
      "log.format", .choice(["logfmt", "json"]), ordinary: "logfmt", "key=value pairs, or one JSON object a line."),
  ]

  private static let metrics: [SettingKey] = [
    SettingKey(
      "metrics.listen", .address, sample: "localhost:9464",
      "Where GET /metrics is answered, without TLS. Without it nowhere."),
    SettingKey(
      "metrics.allow", .networks, sample: "[10.0.0.5]",
      "Who else than this machine may read them. Needed if metrics.listen is not this machine."),
  ]
}
