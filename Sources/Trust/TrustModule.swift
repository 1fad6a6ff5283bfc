import Platform
import Synchronization

/// What the installation says of itself in public, sentence by sentence, each with its own proof and date.
///
/// `Server` makes the runtime first, gives the module to the catalogue, and binds the catalogue to the runtime: the checks walk
/// every route there is, this module's among them.
package struct TrustModule: Module {
  package static let tables = [PromiseResult.table, Badge.table]
  /// Slugs of the hidden tenants in which checks do as customers do.
  package static let probeTenants = [ProbeTenants.firstSlug, ProbeTenants.secondSlug]
  /// How often all checks run.
  static let periodSeconds = 3_600

  private let runtime: TrustRuntime

  package init(_ runtime: TrustRuntime) { self.runtime = runtime }

  package var manifest: ModuleManifest {
    ModuleManifest(
      name: "trust", tables: TrustModule.tables, permissions: [], texts: TrustTexts.english,
      templates: [TrustPage.template],
      exit: DataExit(
        exporter: "GET /trust.json gives every promise with its state; the log of the installation gives every result.",
        eraser: "The module holds no data of customers; results go with the installation's own tenant."),
      eraser: Eraser(
        Dictionary(
          uniqueKeysWithValues: TrustModule.tables.map { ($0.name, .stays(because: "It holds no data of customers.")) })
      ),
      promises: Prover.checks.map { check in
        PromiseCheck(check.id) { [runtime] services in
          let results = try await runtime.prover.prove([check.id], in: try runtime.environment(services))
          return try TrustModule.outcome(results.first)
        }
      }, jobs: [proving, scan])
  }

  /// Daily even where somebody turns the hourly round of checks off.
  private var scan: JobKind {
    JobKind(
      "trust.scan-listener", summary: "Shake hands with our own listener in every version and suite.",
      schedule: .daily(hour: 4, minute: 17), scope: .installation,
      freeze: .exempt(reason: "It touches no tenant, and what it finds is public.")
    ) { [runtime] run in
      try await runtime.prover.prove(Set(TransportCheck.ids), in: try runtime.environment(run.services))
    }
  }

  package var routes: [Route] {
    [
      Route(.get, "/trust", access: .open, summary: "The promises with their states and proofs.") { [runtime] request in
        try await TrustPage.show(request, runtime)
      },
      Route(.get, "/trust.json", access: .open, summary: "The promises with their states, for programs.") {
        [runtime] request in try await TrustAPI.show(request, runtime)
      },
    ]
  }

  static let provingName = "trust.prove"

  /// A run whose results cannot be put on the record leaves the sentences to grow stale, in public; the next one tries again.
  private var proving: JobKind {
    JobKind(
      TrustModule.provingName, summary: "Check every promise that can be checked, and publish the results.",
      schedule: .every(seconds: TrustModule.periodSeconds), scope: .installation, maximumAttempts: 3,
      run: { [runtime] run in
        try await runtime.prover.prove(in: try runtime.environment(run.services)) { done, total in
          try await run.progress(done, of: total)
        }
      })
  }

  /// After a start everything is checked at once: what runs may be another version than the one that was proven.
  package func run(_ services: Services) async throws {
    try await services.ledger.writeTransient(try await services.tenants.system()) { work in
      _ = try services.jobs.enqueue(TrustModule.provingName, uniqueKey: "schedule", in: work)
    }
  }

  private static func outcome(_ result: CheckResult?) throws -> PromiseCheck.Outcome {
    switch result?.outcome {
    case .proven: return .proven(evidence: result?.evidence ?? "")
    case .failing: return .failing(reason: result?.reason ?? "")
    case .couldNotRun, nil: throw Problem(.unavailable, result?.reason ?? "There is no such check.")
    }
  }
}

/// What the module needs of the rest, known only once everything is put together.
package final class TrustRuntime: Sendable {
  package let prover = Prover()
  let sessionIdleSeconds: Int
  let sessionAbsoluteSeconds: Int
  private let scanListener: @Sendable () async throws -> ListenerReport
  private let rootKey: @Sendable ([TenantID]) async throws -> RootKeyFacts
  private let catalogue = Mutex<Platform.Catalogue?>(nil)
  private let providers = Mutex<(any ProviderProbing)?>(nil)

  /// The limits of sessions as `Accounts` enforces them: they stand in a sentence and are what its check expects.
  package init(
    sessionIdleSeconds: Int, sessionAbsoluteSeconds: Int,
    scanListener: @escaping @Sendable () async throws -> ListenerReport = { ListenerReport(ending: .nowhere) },
    rootKey: @escaping @Sendable ([TenantID]) async throws -> RootKeyFacts = { _ in RootKeyFacts(kind: "file") }
  ) {
    self.rootKey = rootKey
    self.scanListener = scanListener
    self.sessionIdleSeconds = sessionIdleSeconds
    self.sessionAbsoluteSeconds = sessionAbsoluteSeconds
  }

  package func bind(_ catalogue: Platform.Catalogue) { self.catalogue.withLock { $0 = catalogue } }
  package func bind(_ providers: any ProviderProbing) { self.providers.withLock { $0 = providers } }

  package func environment(_ services: Services) throws -> ProbeEnvironment {
    guard let catalogue = catalogue.withLock({ $0 }), let providers = providers.withLock({ $0 }) else {
      throw Problem(.unavailable, "The server is still starting.")
    }
    return ProbeEnvironment(
      services: services, catalogue: catalogue, sessionIdleSeconds: sessionIdleSeconds,
      sessionAbsoluteSeconds: sessionAbsoluteSeconds, providers: providers.probe(services),
      scanListener: scanListener, rootKey: rootKey)
  }

  /// What the sentences say of the deployment at hand.
  var facts: [String: String] {
    ["idle": Duration.words(seconds: sessionIdleSeconds), "absolute": Duration.words(seconds: sessionAbsoluteSeconds)]
  }
}
