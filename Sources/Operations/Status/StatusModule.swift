import Platform

/// Whether the installation runs and ran, for everybody to see, and figures for the operator.
package struct StatusModule: Module {
  package static let tables = [ProcessRun.table]

  private let heartbeat = Heartbeat()
  private let dataDirectory: String
  private let startedAt: Instant

  /// `dataDirectory` is where free space is looked at.
  package init(dataDirectory: String, startedAt: Instant) {
    self.dataDirectory = dataDirectory
    self.startedAt = startedAt
  }

  package var manifest: ModuleManifest {
    ModuleManifest(
      name: "status", tables: StatusModule.tables, permissions: [], texts: StatusTexts.english,
      templates: [StatusPage.template],
      exit: DataExit(
        exporter: "GET /status.json gives all of it.",
        eraser: "The module holds no data of customers; what it wrote goes with the installation's own tenant."),
      eraser: Eraser([ProcessRun.table.name: .stays(because: "It holds no data of customers.")]),
      jobs: [
        JobKind(
          "status.beat", summary: "Write that the server runs.", schedule: .every(seconds: Heartbeat.periodSeconds),
          scope: .installation,
          freeze: .exempt(reason: "It says that the process runs, and holds nothing of anybody."), maximumAttempts: 1
        ) { [heartbeat] run in try await heartbeat.beat(run.services) }
      ],
      figures: ProcessFigures(dataDirectory: dataDirectory, startedAt: startedAt).all + QueueFigures.all + [
        heartbeatAge
      ])
  }

  package var routes: [Route] {
    [
      Route(.get, "/status", access: .open, summary: "When the server ran, with every gap.") { [heartbeat] request in
        try request.page(StatusPage(try await StatusModule.history(heartbeat, request.services), request))
      },
      Route(.get, "/status.json", access: .open, summary: "When the server ran, for programs.") {
        [heartbeat] request in .json(StatusAPI.json(try await StatusModule.history(heartbeat, request.services)))
      },
    ]
  }

  /// Notes the life of the process: its start at once, its end when it is told to stop.
  package func run(_ services: Services) async throws {
    do { try await heartbeat.beat(services) } catch { try Task.checkCancellation() }
    try? await Task.sleep(for: .seconds(86_400 * 3_650))
    try await heartbeat.end(services)
  }

  private var heartbeatAge: Figure {
    Figure("steward_heartbeat_age_seconds", .gauge, help: "Time since the last heartbeat on the record.") {
      [heartbeat] services in
      guard let last = try await heartbeat.spans(services).last?.last else { return [] }
      return [.init(Double(services.now.milliseconds - last.milliseconds) / 1_000)]
    }
  }

  private static func history(_ heartbeat: Heartbeat, _ services: Services) async throws -> History {
    let spans = try await heartbeat.spans(services)
    let runs = try await services.ledger.view(ProcessRun.self, try await services.tenants.system()).rows
    let byName = Dictionary(runs.map { ("process:\($0.id)", $0) }, uniquingKeysWith: { first, _ in first })
    return History(spans, runs: byName, now: services.now)
  }
}
