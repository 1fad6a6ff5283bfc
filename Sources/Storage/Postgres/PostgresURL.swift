/// Reads the URL of a database into libpq's parameters. No message repeats what a part of the URL holds: it may be the password.
enum PostgresURL {
  struct Invalid: Error, Sendable, Equatable, CustomStringConvertible {
    let description: String
    init(_ reason: String) { description = "the database URL cannot be used: \(reason)" }
  }

  /// What may stand behind the question mark (PostgreSQL, 34.1.2). Not `options`, `client_encoding` or `replication`: those are ours.
  private static let known: Set<String> = [
    "host", "hostaddr", "passfile", "channel_binding", "require_auth", "connect_timeout", "application_name",
    "keepalives",
    "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "sslmode", "sslnegotiation",
    "sslcert",
    "sslkey", "sslpassword", "sslcertmode", "sslrootcert", "sslcrl", "sslcrldir", "sslsni", "requirepeer",
    "ssl_min_protocol_version", "ssl_max_protocol_version", "krbsrvname", "gsslib", "gssencmode",
    "target_session_attrs",
    "load_balance_hosts",
  ]

  /// `allow` and `prefer` are left out: they use TLS if nobody on the way objects.
  private static let sslModes: Set<String> = ["disable", "require", "verify-ca", "verify-full"]

  static func parameters(_ url: String) throws -> [String: String] {
    guard url.utf8.count <= PostgresServer.maximumLength else {
      throw Invalid("it is longer than \(PostgresServer.maximumLength) bytes")
    }
    guard url.utf8.allSatisfy({ (0x21...0x7e).contains($0) }), !url.utf8.contains(UInt8(ascii: "#")) else {
      throw Invalid("write blanks, # and characters beyond ASCII as %XX")
    }
    guard let scheme = ["postgres://", "postgresql://"].first(where: { url.hasPrefix($0) }) else {
      throw Invalid("it must begin with postgres://")
    }
    let (place, query) = halves(url.dropFirst(scheme.count), "?")
    let (authority, database) = halves(place, "/")
    let (credentials, hosts) = try authorityParts(authority)
    var parameters = try credentialParameters(credentials)
    guard let database, !database.isEmpty, !database.contains("/") else {
      throw Invalid("the name of the database is missing: postgres://USER@HOST/DATABASE")
    }
    parameters["dbname"] = try decode(database, "the name of the database")
    try addHosts(hosts, to: &parameters)
    try addQuery(query, to: &parameters)
    guard parameters["host"] != nil else { throw Invalid("the host is missing: postgres://USER@HOST/DATABASE") }
    return parameters
  }

  private static func halves(_ text: Substring, _ separator: Character) -> (Substring, Substring?) {
    guard let place = text.firstIndex(of: separator) else { return (text, nil) }
    return (text[..<place], text[text.index(after: place)...])
  }

  private static func authorityParts(_ authority: Substring) throws -> (Substring, Substring) {
    let parts = authority.split(separator: "@", omittingEmptySubsequences: false)
    switch parts.count {
    case 1: throw Invalid("the user is missing: postgres://USER@HOST/DATABASE")
    case 2: return (parts[0], parts[1])
    default: throw Invalid("write an @ that belongs to the user or the password as %40")
    }
  }

  private static func credentialParameters(_ credentials: Substring) throws -> [String: String] {
    let (user, password) = halves(credentials, ":")
    var parameters = ["user": try decode(user, "the user")]
    guard parameters["user"] != "" else { throw Invalid("the user is missing: postgres://USER@HOST/DATABASE") }
    if let password {
      guard !password.contains(":") else { throw Invalid("write a colon that belongs to the password as %3A") }
      parameters["password"] = try decode(password, "the password")
    }
    return parameters
  }

  private static func addHosts(_ text: Substring, to parameters: inout [String: String]) throws {
    guard !text.isEmpty else { return }
    let places = text.split(separator: ",", omittingEmptySubsequences: false)
    guard places.count <= PostgresServer.maximumHosts else {
      throw Invalid("it names more than \(PostgresServer.maximumHosts) hosts")
    }
    let parts = try places.map(hostAndPort)
    parameters["host"] = parts.map(\.host).joined(separator: ",")
    guard parts.contains(where: { !$0.port.isEmpty }) else { return }
    parameters["port"] = parts.map(\.port).joined(separator: ",")
  }

  private static func hostAndPort(_ place: Substring) throws -> (host: String, port: String) {
    let host: Substring
    let behind: Substring
    if place.first == "[" {
      guard let end = place.firstIndex(of: "]") else { throw Invalid("the bracket of an IPv6 address is not closed") }
      (host, behind) = (place[place.index(after: place.startIndex)..<end], place[place.index(after: end)...])
    } else {
      let end = place.firstIndex(of: ":") ?? place.endIndex
      (host, behind) = (place[..<end], place[end...])
    }
    let name = try decode(host, "the host")
    guard !name.isEmpty, !name.contains(",") else { throw Invalid("a host is empty") }
    guard !behind.isEmpty else { return (name, "") }
    guard behind.first == ":", let port = UInt16(behind.dropFirst()), port > 0 else {
      throw Invalid("a port must be a number from 1 to 65535")
    }
    return (name, String(port))
  }

  private static func addQuery(_ query: Substring?, to parameters: inout [String: String]) throws {
    guard let query else { return }
    for pair in query.split(separator: "&", omittingEmptySubsequences: false) {
      let (key, value) = halves(pair, "=")
      let name = try decode(key, "a parameter")
      guard known.contains(name), let value else {
        throw Invalid("it names a parameter that is not known, or one without a value")
      }
      guard parameters[name] == nil else { throw Invalid("it gives \(name) twice") }
      parameters[name] = try decode(value, name)
    }
    if let mode = parameters["sslmode"], !sslModes.contains(mode) {
      throw Invalid("sslmode must be verify-full, verify-ca, require or disable")
    }
  }

  /// Percent-decoded (RFC 3986, section 2.1), without control characters.
  private static func decode(_ text: Substring, _ part: String) throws -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(hexDigit), let low = rest.popFirst().flatMap(hexDigit) else {
        throw Invalid("\(part) holds a % without two hexadecimal digits; a percent sign itself is written %25")
      }
      bytes.append(high << 4 | low)
    }
    guard let decoded = String(validating: bytes, as: UTF8.self), bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
      throw Invalid("\(part) holds control characters or is not UTF-8")
    }
    return decoded
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
