import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Platform
import ServiceLifecycle
import Synchronization

/// The open door of the server: TLS or plain, HTTP/2 and HTTP/1.1, with all limits. Runs until it is told to stop; requests that have
/// begun are answered then.
struct Listener: Service {
  private let settings: ListenerSettings
  private let limits: LimitSettings
  private let state: ListenerState
  private let logger: Logger
  private let answer: @Sendable (Incoming) async -> Web.Response
  private let opened: @Sendable (Int) -> Void

  init(
    _ settings: ListenerSettings, limits: LimitSettings, state: ListenerState, logger: Logger,
    answer: @escaping @Sendable (Incoming) async -> Web.Response, opened: @escaping @Sendable (Int) -> Void
  ) {
    self.settings = settings
    self.limits = limits
    self.state = state
    self.logger = logger
    self.answer = answer
    self.opened = opened
  }

  func run() async throws {
    let gate = ListenerGate(limits, proxies: settings.proxies?.trusted)
    let address = settings.address
    let application = Application(
      responder: HTTPAdapter(
        rules: HTTPAdapter.Rules(names: { [state] in state.names }, proxies: settings.proxies?.trusted), answer: answer),
      server: HTTPServerBuilder { [limits, fields, certificates = state.certificates] responder in
        ListenerChannel(limits, gate: gate, certificates: certificates, fields: fields, responder: responder)
      },
      configuration: ApplicationConfiguration(
        address: .hostname(address.bindHost, port: address.port), serverName: nil, backlog: limits.backlog),
      onServerRunning: { [state, opened] channel in
        let port = channel.localAddress?.port ?? address.port
        state.opened(on: port)
        opened(port)
      }, logger: logger)
    try await application.run()
  }

  /// What every answer carries, also one that no handler has seen.
  private var fields: [HTTPField] {
    guard settings.isSecure, let name = HTTPField.Name("Strict-Transport-Security") else { return [] }
    return [HTTPField(name: name, value: SecurityHeaders.strictTransportSecurity)]
  }
}

/// What is known of the listener while it runs: certificate, names and port. Everything that must know is handed this.
final class ListenerState: Sendable {
  let settings: ListenerSettings
  let certificates: ListenerCertificates?
  private let port = Mutex<Int?>(nil)
  private let ownNames: Mutex<(certificate: [String], names: OwnNames)>
  /// Scheme, host and port under which people reach the server.
  let origin: String

  /// Throws if the certificate does not work, or nobody can tell under which name the server is reached.
  init(_ settings: ListenerSettings, certificates: ListenerCertificates? = nil) throws {
    self.settings = settings
    let certificates = try certificates ?? settings.tls.map { try ListenerCertificates($0) }
    self.certificates = certificates
    origin = try ListenerState.origin(settings, certificates)
    let names = certificates?.names ?? []
    ownNames = Mutex((names, ListenerState.names(settings, origin, names)))
  }

  /// The names we answer to: those of the origin, of the certificate, and of where we listen.
  var names: OwnNames {
    let certificate = certificates?.names ?? []
    return ownNames.withLock { known in
      if known.certificate != certificate {
        known = (certificate, ListenerState.names(settings, origin, certificate))
      }
      return known.names
    }
  }

  /// Nil until the socket is open.
  var openPort: Int? { port.withLock { $0 } }
  func opened(on port: Int) { self.port.withLock { $0 = port } }

  private static func names(_ settings: ListenerSettings, _ origin: String, _ certificate: [String]) -> OwnNames {
    let authority = origin.firstRange(of: "://").map { String(origin[$0.upperBound...]) } ?? origin
    return OwnNames([OwnNames.host(of: authority) ?? authority, settings.address.host] + certificate)
  }

  private static func origin(_ settings: ListenerSettings, _ certificates: ListenerCertificates?) throws -> String {
    if let origin = settings.origin { return origin }
    guard let certificates else { return settings.address.origin }
    let address = settings.address
    let host = address.isLoopback ? address.host : certificates.names.first { !$0.hasPrefix("*.") }
    guard let host else {
      throw Problem.invalid(
        "origin", "The certificate names no host: say under which address people come, --origin https://….")
    }
    return address.port == 443 ? "https://\(host)" : "https://\(host):\(address.port)"
  }
}

/// Looks at the certificate's files every few seconds, so that a renewal needs no restart and no signal.
struct CertificateInspection: Service {
  let certificates: ListenerCertificates
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        try? await Task.sleep(for: .seconds(ListenerCertificates.inspectionSeconds))
        certificates.reload(logger)
      }
    }
  }
}

/// Plain HTTP that leads to the origin and does nothing else. Nothing of the request is used but its path.
struct RedirectListener: Service {
  let address: ListenAddress
  let origin: String
  let limits: LimitSettings
  let logger: Logger

  func run() async throws {
    let gate = ListenerGate(limits, proxies: nil)
    let responder = HTTPAdapter(rules: HTTPAdapter.Rules(names: { OwnNames([]) }, proxies: nil)) { [origin] incoming in
      let isPath = incoming.target.hasPrefix("/") && incoming.target.utf8.count <= Incoming.maximumTargetBytes
      // 308: who posts here by mistake posts there next.
      return Web.Response(status: 308, headers: ["Location": origin + (isPath ? incoming.target : "/")])
    }
    try await Application(
      responder: responder,
      server: HTTPServerBuilder { [limits] in
        ListenerChannel(limits, gate: gate, certificates: nil, fields: [], responder: $0)
      },
      configuration: ApplicationConfiguration(
        address: .hostname(address.bindHost, port: address.port), serverName: nil, backlog: limits.backlog),
      logger: logger
    ).run()
  }
}
