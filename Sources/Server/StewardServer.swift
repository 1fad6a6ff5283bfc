import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Platform
import ServiceLifecycle
import UnixSignals

/// Runs an app until it is told to stop (SIGTERM, SIGINT): the listener, the control socket, what modules run by themselves.
package struct StewardServer: Sendable {
  /// A connection that sends nothing for this long is closed.
  static let idleSeconds: Int64 = 60

  private let app: StewardApp
  private let prepare: @Sendable () async throws -> Void
  private let report: @Sendable (Int) -> Void

  /// `prepare` runs before `/readyz` says ready; `report` is told the port once the listener is open.
  package init(
    _ app: StewardApp, prepare: @escaping @Sendable () async throws -> Void = {},
    report: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    self.app = app
    self.prepare = prepare
    self.report = report
  }

  package func run(stoppingOn signals: [UnixSignal] = [.sigterm, .sigint]) async throws {
    let (starts, start) = AsyncStream.makeStream(of: Int.self)
    let services: [any Service] =
      [listener { start.yield($0) }, control, Preparation(starts: starts) { try await opened(on: $0) }]
      + app.catalogue.modules.map { ModuleService(module: $0, app: app) }
    let group = ServiceGroup(
      configuration: .init(services: services, gracefulShutdownSignals: signals, logger: app.logger))
    do { try await group.run() } catch {
      await app.close()
      throw problem(error)
    }
    await app.close()
  }

  private func listener(_ running: @escaping @Sendable (Int) -> Void) -> any Service {
    let listen = app.configuration.listen
    return Application(
      responder: HTTPAdapter { [app] in await app.answer($0) },
      server: .http1(configuration: .init(idleTimeout: .seconds(StewardServer.idleSeconds))),
      configuration: ApplicationConfiguration(address: .hostname(listen.bindHost, port: listen.port), serverName: nil),
      onServerRunning: { channel in running(channel.localAddress?.port ?? listen.port) }, logger: app.logger)
  }

  private var control: ControlSocket {
    ControlSocket(path: ControlSocket.path(in: app.configuration.dataDirectory)) { [app] request in
      await ControlVerbs(app: app).answer(request)
    }
  }

  private func opened(on port: Int) async throws {
    try await prepare()
    report(port)
    app.readiness.declare()
  }

  /// What kept the server from running, as a sentence.
  private func problem(_ error: any Error) -> any Error {
    guard let error = error as? IOError else { return error }
    return Problem(
      .unavailable, "It cannot listen on \(app.configuration.listen): choose another place with --listen.",
      detail: "errno \(error.errnoCode)")
  }
}

/// What must be done once the listener is open and before the server says that it is ready. If it fails, the server stops.
private struct Preparation: Service {
  let starts: AsyncStream<Int>
  let prepare: @Sendable (Int) async throws -> Void

  func run() async throws {
    try await cancelWhenGracefulShutdown {
      for await port in starts { try await prepare(port) }
    }
  }
}

/// A module's own work, ended with the server. A module that fails is logged and stays down; the server goes on.
private struct ModuleService: Service {
  let module: any Module
  let app: StewardApp

  func run() async throws {
    await cancelWhenGracefulShutdown {
      do {
        try await module.run(app.services)
      } catch is CancellationError {
      } catch {
        app.logger.error(
          "a module's own work ended",
          metadata: ["module": .string(module.manifest.name), "error": .string(String(reflecting: type(of: error)))])
      }
      try? await Task.sleep(for: .seconds(86_400 * 3_650))
    }
  }
}
