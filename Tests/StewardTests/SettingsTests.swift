import Foundation
import Platform
import Server
import TestKit
import Testing

@Suite("Configuration file")
struct SettingsTests {
  private func findings(_ text: String, withSecrets: Bool = false) throws -> [String] {
    do {
      _ = try Settings(SettingsFile(path: "s.yaml", text: text), withSecrets: withSecrets)
      return []
    } catch let refused as SettingsFile.Refused { return refused.findings.map(\.description) }
  }

  private func settings(_ text: String) throws -> Settings { try Settings(SettingsFile(path: "s.yaml", text: text)) }

  @Test(
    "what is wrong is named with file, line and what to do",
    arguments: [
      ("data: /d\nlissten: localhost:1", "s.yaml:2: There is no key lissten; did you mean listen?"),
      ("data: /d\n\ndata: /e", "s.yaml:1: data stands here twice; keep one of them."),
      ("tls:\n  certificate: /c\n  certificate: /d", "s.yaml:2: certificate stands here twice; keep one of them."),
      ("backup:\n  place: /b\n  hour: 24", "s.yaml:3: Write a whole number from 0 to 23 for backup.hour."),
      ("backup:\n  place: /b\n  hour: two", "s.yaml:3: Write a whole number from 0 to 23 for backup.hour."),
      ("data: relative", "s.yaml:1: Write an absolute path for data."),
      ("data: [/a]", "s.yaml:1: Write an absolute path for data."),
      ("tls: yes", "s.yaml:1: tls is a section: write its keys below it, indented."),
      ("- data", "s.yaml:1: Write keys and values, such as data: /var/lib/steward/data."),
      ("log:\n  level: debug", "s.yaml:2: Write error or warning or notice or info for log.level."),
      (
        "mail:\n  host: smtp.example.com\n  from: a@example.com\n  password: hunter2",
        "s.yaml:4: No secret stands in this file: write it to a file of its own and name that with mail.password_file."
      ),
      ("mail:\n  host: smtp.example.com", "s.yaml:2: Say mail.from too: mail.host does nothing without it."),
      ("tls:\n  certificate: /c.pem", "s.yaml:2: Say tls.key too: tls.certificate does nothing without it."),
      (
        "data: /d\nkeys: /d/keys",
        "s.yaml:2: Choose a place outside of the data directory /d: what copies one must not copy both."
      ),
      (
        "metrics:\n  listen: \"[::]:9464\"",
        "s.yaml:2: Say under metrics.allow who may read the figures, or listen on localhost."
      ),
      (
        "egress:\n  private_ranges: [10.0.0.0/33]",
        "s.yaml:2: Write a list of addresses or networks, such as 10.0.0.0/8 or fd00::/8 for egress.private_ranges."
      ),
      (
        "limits:\n  researchers:\n    - name: Jane\n      per_second: 10",
        "s.yaml:3: Say secret_sha256 for this entry of limits.researchers."
      ),
      (
        "files:\n  store: s3\n  endpoint: https://s.example\n  bucket: files\n  access_key: AK",
        "s.yaml:2: Say files.secret_key_file too: an object store cannot be reached without it."
      ),
      (
        "files:\n  store: s3\n  endpoint: https://s.example\n  bucket: Files\n  access_key: AK\n  secret_key_file: word",
        """
        s.yaml:2: The store of files cannot be used. The address is refused: a bucket has 3 to 63 lower-case letters, digits, hyphens and \
        dots (no dots if its name stands in the host).
        """
      ),
      (
        "files:\n  store: s3\n  endpoint: http://s.example\n  bucket: files\n  access_key: AK\n  secret_key_file: word",
        "s.yaml:3: Write a scheme and a host without a path, such as https://steward.example.com for files.endpoint."
      ),
      (
        "files:\n  secret_key: hunter2",
        "s.yaml:2: No secret stands in this file: write it to a file of its own and name that with files.secret_key_file."
      ),
      (
        "origin: https://a.example/path",
        "s.yaml:1: Write a scheme and a host without a path, such as https://steward.example.com for origin."
      ),
    ])
  func refused(text: String, sentence: String) throws {
    #expect(try findings(text) == [sentence])
  }

  @Test("everything that is wrong is told at once, and what is not YAML with its line")
  func all() throws {
    #expect(try findings("a: 1\nb: 2\nlisten: nowhere").count == 3)
    let syntax = try findings("data: /d\nlog:\n level: info\n   format: json")
    #expect(syntax.count == 1 && syntax.first?.hasPrefix("s.yaml:4: This is not YAML") == true, "\(syntax)")
    #expect(try findings("data: *a").first?.hasPrefix("s.yaml:1: This is not YAML") == true)
  }

  @Test("others may connect only under TLS or through a proxy that is named")
  func listening() throws {
    let sentence = try #require(try findings("data: /d\nlisten: \"[::]:443\"").first)
    #expect(sentence.hasPrefix("s.yaml:2: Set up tls"))
    let secured = try settings(
      "listen: 0.0.0.0:443\norigin: https://steward.example.com\ntls: {certificate: /c.pem, key: /k.pem}")
    #expect(secured.origin == "https://steward.example.com")
    let proxied = try settings("listen: 10.0.0.1:80\norigin: https://a.example\nproxy: {trust: [10.0.0.2]}")
    #expect(proxied.origin == "https://a.example")
    var flags = Settings.Flags()
    flags.listen = "0.0.0.0:80"
    #expect(throws: Problem.self) { try Settings(nil, flags: flags) }
  }

  @Test("TLS ends in one place, and a certificate is nothing without its key")
  func oneTLS() throws {
    let both = "tls: {certificate: /c, key: /k}\norigin: https://a.example\nproxy: {trust: [10.0.0.2]}"
    #expect(try findings(both) == ["s.yaml:3: Choose one: TLS here (tls), or TLS at the proxies (proxy.trust)."])
    var flags = Settings.Flags()
    flags.tlsCertificate = "/c"
    #expect(throws: Problem.self) { try Settings(nil, flags: flags) }
  }

  @Test("a flag goes before the file, and a data directory on the command line brings its own keys")
  func flags() throws {
    let file = try SettingsFile(path: "s.yaml", text: "data: /d\nkeys: /k\nlisten: localhost:1")
    var flags = Settings.Flags()
    #expect(try Settings(file, flags: flags).keys == "/k")
    flags.data = "/e"
    flags.listen = "localhost:2"
    let settings = try Settings(file, flags: flags)
    #expect(settings.data == "/e" && settings.keys == "/e.keys" && settings.listen.port == 2)
  }

  @Test("a secret that others can read is refused, and so is a configuration that others can change")
  func modes() throws {
    let directory = try temporaryDirectory()
    defer { removeTree(directory) }
    let (key, file) = (directory + "/key.pem", directory + "/steward.yaml")
    try "secret\n".write(toFile: key, atomically: true, encoding: .utf8)
    try "tls:\n  certificate: /c.pem\n  key: \(key)\n".write(toFile: file, atomically: true, encoding: .utf8)
    chmod(file, 0o644)
    chmod(key, 0o644)
    let refused = #expect(throws: SettingsFile.Refused.self) { try Settings.load(file, withSecrets: true) }
    #expect(refused?.description == "\(file):3: Others can read or change \(key); run chmod 0640 \(key), or 0600.")
    chmod(key, 0o640)
    #expect(try Settings.load(file, withSecrets: true).tls?.key.firstLine() == "secret")
    chmod(file, 0o666)
    #expect(throws: SettingsFile.Refused.self) { try Settings.load(file) }
  }

  @Test("a bare name is a credential of systemd")
  func credentials() throws {
    let directory = try temporaryDirectory()
    defer { removeTree(directory) }
    #expect(SecretFile("no-such-credential").fault()?.contains("LoadCredential=no-such-credential") == true)
    setenv("CREDENTIALS_DIRECTORY", directory, 1)
    defer { unsetenv("CREDENTIALS_DIRECTORY") }
    try "word\nmore".write(toFile: directory + "/smtp-password", atomically: true, encoding: .utf8)
    #expect(try SecretFile("smtp-password").firstLine() == "word")
  }

  @Test("the example holds every key, says what counts anyway, and can be used with every line of it")
  func example() throws {
    let text = SettingsExample.text
    #expect(try settings(text) == Settings(nil))
    for key in SettingsSchema.keys { #expect(text.contains("# \(key.name):"), "\(key.path)") }
    let all = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      let bare = line.trimmingPrefix { $0 == " " }
      // The example shows TLS here and a proxy: an installation has one of them.
      if bare.hasPrefix("# trust:") { return String(line) }
      let isSetting = bare.hasPrefix("# ") && bare.dropFirst(2).firstMatch(of: /^(?: *- | +)?[a-z_0-9]+:( |$)/) != nil
      return isSetting ? String(line.prefix { $0 == " " }) + bare.dropFirst(2) : String(line)
    }
    let used = try SettingsFile(path: "s.yaml", text: all.joined(separator: "\n"))
    #expect(Set(used.values.keys) == Set(SettingsSchema.keys.map(\.path)).subtracting(["proxy.trust"]))
    #expect(used.values.values.contains { if case .items(let items) = $0 { items.count == 1 } else { false } })
    _ = try Settings(used)
  }

  @Test("the packaged example and the reference are those of the schema")
  func written() throws {
    let root = String(#filePath.prefix(upTo: try #require(#filePath.firstRange(of: "/Tests/")).lowerBound))
    let head = """
      # Configuration

      One file, `\(Settings.ordinaryFile)` unless `--config` names another. Flags go before it. This page is written from the same
      list that the server reads the file by.

      """
    for (path, text) in [
      ("Packaging/steward.yaml", SettingsExample.text),
      ("docs/operations/configuration.md", head + "\n" + SettingsExample.reference),
    ] {
      if getenv("UPDATE_GOLDEN") != nil { try text.write(toFile: "\(root)/\(path)", atomically: true, encoding: .utf8) }
      #expect(
        try String(contentsOfFile: "\(root)/\(path)", encoding: .utf8) == text, "UPDATE_GOLDEN=1 rewrites \(path)")
    }
  }
}
