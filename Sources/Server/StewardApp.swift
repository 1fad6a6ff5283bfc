import Accounts
import Custody
import Logging
import Operations
import Platform
import Subprocessors
import Trust

/// One opened installation with everything that runs on it, listening or not.
///
///     StewardApp(…)  →  app.run()           the server
///                    →  app.composition     a command beside it, or a test
package final class StewardApp: Sendable {
  package let configuration: ServerConfiguration
  package let ledger: Ledger
  package let tenants: Tenants
  package let accounts: Accounts
  package let trust: TrustRuntime
  package let registers: Registers
  package let composition: Composition
  let listener: ListenerState
  package let readiness = Readiness()
  package let logger: Logger

  package var services: Services { composition.services }
  package var catalogue: Platform.Catalogue { composition.catalogue }

  /// Opens the data directory; refused while another process has it. `further` modules stand beside those of the product: for what is
  /// measured against it. `beside`: another server's app, whose ledger this one uses, as if both were on one database; for tests.
  package init(
    _ configuration: ServerConfiguration, clock: any StewardClock = SystemClock(), logger: Logger? = nil,
    further: [any Module] = [], isShared: Bool = false, beside other: StewardApp? = nil
  ) throws {
    let logger = logger ?? StewardApp.logger(configuration.log)
    self.configuration = configuration
    self.logger = logger
    // Checks of promises turn a hand of their own on it; for everybody else it is the clock that was given.
    let clock = ProbeClock(clock)
    listener = try ListenerState(configuration.listener)
    let assets = Assets()
    let core = CoreModule(assets: assets, readiness: readiness)
    let objects = configuration.objectStore.map { ObjectFiles($0) }
    if let other {
      ledger = other.ledger
    } else {
      let installation = try Installation(
        openAt: configuration.dataDirectory, keys: configuration.keys, replicas: configuration.keyReplicas,
        database: configuration.database)
      StewardApp.tell(installation.keyStore.settled, logger)
      ledger = try Ledger(
        installation: installation,
        tables: core.manifest.tables + ModuleList.tables + further.flatMap(\.manifest.tables),
        derivations: ModuleList.derivations, freezeRule: .published,
        files: try StewardApp.files(objects, configuration, installation), clock: clock, isShared: isShared)
    }
    tenants = Tenants(ledger: ledger)
    accounts = Accounts(ledger: ledger, tenants: tenants, clock: clock)
    trust = TrustRuntime(
      sessionIdleSeconds: Accounts.sessionIdleSeconds, sessionAbsoluteSeconds: Accounts.sessionAbsoluteSeconds,
      scanListener: { [listener, metrics = configuration.metrics] in
        guard metrics?.listen.isLoopback ?? true else {
          throw Problem(
            .unavailable, "Figures are given beyond this machine without TLS; listen on localhost under metrics.")
        }
        return try await HandshakeScan.report(on: listener)
      }, rootKey: { [ledger] in try await RootKeyDesk.facts(configuration, ledger, $0) })
    registers = Registers(ledger: ledger, tenants: tenants, probes: TrustModule.probeTenants)
    trust.bind(ProviderDesk(registers: registers))
    let catalogue = try Platform.Catalogue(
      ModuleList.modules(
        accounts, core: core, trust: trust,
        status: StatusModule(dataDirectory: configuration.dataDirectory, startedAt: clock.now), registers: registers,
        backups: configuration.backups) + further)
    trust.bind(catalogue)
    composition = try Composition(
      catalogue: catalogue, ledger: ledger, tenants: tenants, clock: clock, people: accounts,
      authenticator: AccountsAuthenticator(accounts: accounts) { catalogue.permissions(of: $0) }, assets: assets,
      installation: InstallationFacts(
        version: StewardVersion.current, origin: listener.origin, isTLS: configuration.listener.isSecure,
        securityContact: configuration.securityContact),
      egressPolicy: RegisterPolicy(registers: registers, clock: clock), mail: configuration.mail,
      ownPlaces: configuration.objectStore?.ownPlaces ?? [], limits: configuration.limits, logger: logger)
    objects?.bind(composition.services.egress)
    BackupDesk(services: composition.services, settings: configuration.backups, keys: configuration.keys).bind()
  }

  /// Nil: where the rows lie.
  private static func files(
    _ objects: ObjectFiles?, _ configuration: ServerConfiguration, _ installation: OpenInstallation
  ) throws -> (any SealedFileStore)? {
    let directory = installation.directoryFiles
    if let objects { return MovingFiles(to: objects, from: directory, isShared: installation.isShared) }
    if configuration.fileStore == "database", !installation.isShared {
      throw Problem(
        .unavailable, "Files can lie in the database where the rows do (PostgreSQL); take files.store: database out.")
    }
    return configuration.fileStore == "directory" ? directory : nil
  }

  /// A ledger as the app would open it, without the app: for a restore, which makes what there is to open.
  package static func ledger(of installation: OpenInstallation) throws -> Ledger {
    let core = CoreModule(assets: Assets(), readiness: Readiness())
    return try Ledger(
      installation: installation, tables: core.manifest.tables + ModuleList.tables,
      derivations: ModuleList.derivations, freezeRule: .published)
  }

  /// Answers a request without a network: the same way as the listener.
  package func answer(_ incoming: Incoming) async -> Response { await composition.dispatcher.answer(incoming) }

  /// Whether the record of the installation can still be read: what the watchdog asks.
  var isWell: Bool {
    get async {
      guard let system = try? await tenants.system() else { return false }
      return (try? await ledger.read(system) { _ in true }) ?? false
    }
  }

  package func close() async { await ledger.close() }

  private static func tell(_ settled: KeyReplicas.Report, _ logger: Logger) {
    for place in settled.added { logger.notice("a replica of the keys was added", metadata: ["place": .string(place)]) }
    // A new replica is filled with everything; only what an old one lacked is worth a line.
    for file in settled.copied where !settled.added.contains(where: { file.hasPrefix($0 + "/") }) {
      logger.notice("a place of the keys was behind and was brought up to date", metadata: ["file": .string(file)])
    }
  }

  /// Lines on standard error. They name routes and references, never people, addresses or secrets.
  package static func logger(_ settings: LogSettings = LogSettings()) -> Logger {
    Logger(label: "steward") { _ in LineLog(settings) }
  }
}
