/// Where a PostgreSQL database is and who asks there, read from a URL:
///
///     postgres://steward_app@db-1.example:5432,db-2.example:5432/steward?sslmode=verify-full&sslrootcert=/etc/steward/db-ca.pem
///
/// The form is libpq's (PostgreSQL, 34.1.1.2), read strictly: what is not understood is refused and nothing is guessed. The password,
/// if the URL holds one, goes to libpq alone; no description, message or mirror shows it.
package struct PostgresServer: Sendable, Hashable {
  package static let maximumLength = 4_096
  package static let maximumHosts = 16

  /// libpq's parameters by their names, decoded.
  let parameters: [String: String]

  package init(url: String) throws {
    parameters = try PostgresURL.parameters(url)
    guard isLocal || sslMode != nil else {
      throw PostgresURL.Invalid(
        "the database is on another machine: add sslmode=verify-full and sslrootcert=FILE, or sslmode=disable if the network between is trusted"
      )
    }
  }

  init(parameters: [String: String]) { self.parameters = parameters }

  package var user: String { parameters["user"] ?? "" }
  package var database: String { parameters["dbname"] ?? "" }
  package var hosts: [String] { (parameters["host"] ?? "").split(separator: ",").map(String.init) }
  package var sslMode: String? { parameters["sslmode"] }

  /// Whether the URL holds the password itself, and not only where it stands.
  package var namesPassword: Bool { parameters["password"] != nil || parameters["sslpassword"] != nil }

  /// Whether every host is this machine: a directory of sockets or a loopback address.
  package var isLocal: Bool {
    let addresses = (parameters["hostaddr"] ?? "").split(separator: ",").map(String.init)
    return (addresses + hosts).allSatisfy {
      $0.hasPrefix("/") || $0 == "localhost" || $0 == "::1" || Self.isLoopback($0)
    }
  }

  /// 127.0.0.0/8 (RFC 6890), and not a name that begins so.
  private static func isLoopback(_ host: String) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  /// The same place asked by somebody else.
  package func with(user: String, password: String? = nil) -> PostgresServer {
    var changed = parameters
    changed["user"] = user
    if let password { changed["password"] = password }
    return PostgresServer(parameters: changed)
  }

  package func with(database: String) -> PostgresServer {
    var changed = parameters
    changed["dbname"] = database
    return PostgresServer(parameters: changed)
  }
}

extension PostgresServer: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// For people: never with a password.
  package var description: String {
    let ports = (parameters["port"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
    let places = hosts.enumerated().map { position, host in
      let name = host.contains(":") ? "[\(host)]" : host
      let port = ports.count == 1 ? ports[0] : position < ports.count ? ports[position] : ""
      return port.isEmpty ? name : "\(name):\(port)"
    }
    return "postgres://\(user)@\(places.joined(separator: ","))/\(database)"
  }

  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}

/// How long a connection waits for what. Zero means without end.
package struct PostgresLimits: Sendable, Hashable {
  /// For each host of the URL.
  package var connectSeconds: Int
  package var statementMilliseconds: Int
  package var lockMilliseconds: Int
  package var idleInTransactionMilliseconds: Int
  /// How long the server may be silent while it owes an answer. Then the statement is cancelled, and a little later the connection
  /// given up. The only limit on a COMMIT that waits for a standby, which the server itself does not count as part of a statement.
  package var silenceMilliseconds: Int

  package init(
    connectSeconds: Int, statementMilliseconds: Int, lockMilliseconds: Int, idleInTransactionMilliseconds: Int,
    silenceMilliseconds: Int
  ) {
    self.connectSeconds = connectSeconds
    self.statementMilliseconds = statementMilliseconds
    self.lockMilliseconds = lockMilliseconds
    self.idleInTransactionMilliseconds = idleInTransactionMilliseconds
    self.silenceMilliseconds = silenceMilliseconds
  }

  /// While requests wait.
  package static let serving = PostgresLimits(
    connectSeconds: 5, statementMilliseconds: 30_000, lockMilliseconds: 5_000, idleInTransactionMilliseconds: 15_000,
    silenceMilliseconds: 40_000)

  /// For tools that read or write everything: statements take as long as they take, a lock does not.
  package static let maintenance = PostgresLimits(
    connectSeconds: 10, statementMilliseconds: 0, lockMilliseconds: 30_000, idleInTransactionMilliseconds: 0,
    silenceMilliseconds: 0)
}
