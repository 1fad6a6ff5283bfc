import Accounts
import Logging
import Platform
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
  package let composition: Composition
  package let readiness = Readiness()
  package let logger: Logger

  package var services: Services { composition.services }
  package var catalogue: Platform.Catalogue { composition.catalogue }

  /// Opens the data directory; refused while another process has it.
  package init(
    _ configuration: ServerConfiguration, clock: any StewardClock = SystemClock(), logger: Logger = StewardApp.logger()
  ) throws {
    self.configuration = configuration
    self.logger = logger
    // Checks of promises turn a hand of their own on it; for everybody else it is the clock that was given.
    let clock = ProbeClock(clock)
    let installation = try Installation(openAt: configuration.dataDirectory, keys: configuration.keysDirectory)
    let assets = Assets()
    let core = CoreModule(assets: assets, readiness: readiness)
    ledger = try Ledger(
      installation: installation, tables: core.manifest.tables + ModuleList.tables, clock: clock)
    tenants = Tenants(ledger: ledger)
    accounts = Accounts(ledger: ledger, tenants: tenants, clock: clock)
    trust = TrustRuntime(
      sessionIdleSeconds: Accounts.sessionIdleSeconds, sessionAbsoluteSeconds: Accounts.sessionAbsoluteSeconds)
    let catalogue = try Platform.Catalogue(ModuleList.modules(accounts, core: core, trust: trust))
    trust.bind(catalogue)
    composition = try Composition(
      catalogue: catalogue, ledger: ledger, tenants: tenants, clock: clock, people: accounts,
      authenticator: AccountsAuthenticator(accounts: accounts) { catalogue.permissions(of: $0) }, assets: assets,
      installation: InstallationFacts(
        version: StewardVersion.current, origin: configuration.listen.origin, isTLS: false,
        securityContact: configuration.securityContact),
      logger: logger)
  }

  /// Answers a request without a network: the same way as the listener.
  package func answer(_ incoming: Incoming) async -> Response { await composition.dispatcher.answer(incoming) }

  package func close() async { await ledger.close() }

  /// Lines on standard error. They name routes and references, never people, addresses or secrets.
  package static func logger() -> Logger {
    var logger = Logger(label: "steward", factory: StreamLogHandler.standardError(label:))
    logger.logLevel = .notice
    return logger
  }
}
