import Glibc
import Logging
import NIOCore
import Platform
import ServiceLifecycle
import UnixSignals

/// Runs an app until it is told to stop (SIGTERM, SIGINT): the listener, the control socket, what modules run by themselves.
package struct StewardServer: Sendable {
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
    let (readies, ready) = AsyncStream.makeStream(of: Void.self)
    let services: [any Service] =
      listener { start.yield($0) }
      + [
        control, Preparation(starts: starts) { try await opened(on: $0, ready) }, JobService(app: app),
        IdleMemory(ledger: app.ledger),
        RootKeyWatch(
          store: app.ledger.installation.keyStore, outageSeconds: app.configuration.rootKeyOutageSeconds,
          logger: app.logger),
      ]
      + metrics
      + app.catalogue.modules.map { ModuleService(module: $0, app: app) }
      + [SystemdService(notify: SystemdNotify(), ready: readies) { [app] in await app.isWell }]
    let group = ServiceGroup(
      configuration: .init(services: services, gracefulShutdownSignals: signals, logger: app.logger))
    do { try await group.run() } catch {
      await app.close()
      throw problem(error)
    }
    await app.close()
  }

  private func listener(_ running: @escaping @Sendable (Int) -> Void) -> [any Service] {
    let (listener, limits) = (app.listener, app.configuration.limits)
    var services: [any Service] = [
      Listener(
        listener.settings, limits: limits, state: listener, logger: app.logger,
        answer: { [app] in await app.answer($0) }, opened: running)
    ]
    if let certificates = listener.certificates {
      services.append(CertificateInspection(certificates: certificates, logger: app.logger))
    }
    if let address = listener.settings.redirectFrom {
      services.append(
        RedirectListener(address: address, origin: listener.origin, limits: limits, logger: app.logger))
    }
    return services
  }

  private var metrics: [any Service] {
    app.configuration.metrics.map { [MetricsListener.service($0, app)] } ?? []
  }

  private var control: ControlSocket {
    ControlSocket(path: ControlSocket.path(in: app.configuration.dataDirectory)) { [app] request in
      await ControlVerbs(app: app).answer(request)
    }
  }

  private func opened(on port: Int, _ ready: AsyncStream<Void>.Continuation) async throws {
    try await prepare()
    report(port)
    app.readiness.declare()
    ready.yield()
  }

  /// What kept the server from running, as a sentence.
  private func problem(_ error: any Error) -> any Error {
    guard let error = error as? IOError else { return error }
    let address = app.configuration.listener.address
    // Only the first is asked for by most; with a redirect or figures it may be theirs.
    let reason =
      switch error.errnoCode {
      case EADDRINUSE: "something else listens there already"
      case EACCES: "this user may not use that port"
      case EADDRNOTAVAIL: "this machine has no such address"
      default: String(cString: strerror(error.errnoCode))
      }
    return Problem(
      .unavailable, "It cannot listen on \(address): \(reason). Choose another place with --listen.",
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

/// Jobs run from readiness on, and stop with the server: each run ends at its next checkpoint and goes back into the queue.
private struct JobService: Service {
  let app: StewardApp

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await app.readiness.wait()
      await app.composition.runner.run()
      // A service that returns would end the server.
      try? await Task.sleep(for: .seconds(86_400 * 3_650))
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
