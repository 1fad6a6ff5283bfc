import Hummingbird
import HummingbirdCore
import Logging
import Platform
import ServiceLifecycle
import Web

/// `GET /metrics` for Prometheus, on a listener of its own: never on the one that customers reach, whatever stands in front of it.
/// Nobody signs in; the connection's own address decides.
enum MetricsListener {
  static func service(_ settings: Settings.Metrics, _ app: StewardApp) -> any Service {
    Application(
      responder: HTTPAdapter(rules: HTTPAdapter.Rules(names: { OwnNames([]) }, proxies: nil)) { incoming in
        await answer(incoming, settings, app)
      },
      // Through a gate of its own: whoever can reach it cannot use up the descriptors or hold connections open.
      server: HTTPServerBuilder { [limits = app.configuration.limits] in
        ListenerChannel(
          limits, gate: ListenerGate(limits, proxies: nil), certificates: nil, fields: [], responder: $0)
      },
      configuration: ApplicationConfiguration(
        address: .hostname(settings.listen.bindHost, port: settings.listen.port), serverName: nil),
      onServerRunning: { channel in
        app.logger.notice(
          "figures are given", metadata: ["port": "\(channel.localAddress?.port ?? settings.listen.port)"])
      }, logger: app.logger)
  }

  /// Whoever scrapes may call this machine by any name.
  static func answer(_ incoming: Incoming, _ settings: Settings.Metrics, _ app: StewardApp) async -> Web.Response {
    guard let address = ClientAddress(incoming.remoteAddress),
      address.isLoopback || settings.allow.compactMap({ AddressRange($0) }).contains(where: { $0.contains(address) })
    else {
      return .text("not found\n", status: 404)
    }
    guard incoming.target == "/metrics" else { return .text("Ask for /metrics.\n", status: 404) }
    guard incoming.method == "GET" else { return .text("Use GET.\n", status: 405).header("Allow", "GET") }
    return .bytes(Array(await app.composition.exposition().utf8), type: Exposition.mediaType)
  }
}
