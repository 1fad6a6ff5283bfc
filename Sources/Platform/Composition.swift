import Custody
import Kernel
import Ledger
import Logging
import Web

/// Puts modules, services and the front door together. Order matters only here.
package struct Composition: Sendable {
  package let catalogue: Catalogue
  package let services: Services
  package let dispatcher: Dispatcher
  package let observer: RequestObserver
  package let runner: JobRunner

  package init(
    catalogue: Catalogue, ledger: Ledger, tenants: Tenants, clock: any StewardClock, people: any PeopleDirectory,
    authenticator: any Authenticator, assets: Assets, installation: InstallationFacts,
    egressPolicy: any EgressPolicy = NoEgress(), mail: MailSettings = MailSettings(),
    ownPlaces: Set<EgressPlace> = [],
    limits: LimitSettings = LimitSettings(), logger: Logger
  ) throws {
    let frontDoor = FrontDoor()
    // The first seed, whichever key signs now: addresses that were handed out hold after a change of the installation's key, and several
    // servers agree while they are restarted one by one.
    let root = try ledger.installation.keyStore.installationSeed(id: ledger.installation.id.text, number: 1)
    let jobs = try Jobs(catalogue.jobs, clock: clock)
    let freezes = Freezes(ledger: ledger) { jobs.board.note($0, due: $1) }
    let egress = EgressGate(
      policy: egressPolicy, ownPlaces: mail.ownPlaces.union(ownPlaces), ledger: ledger,
      systemTenant: { try await tenants.system() },
      isFrozen: { try await freezes.isFrozen($0) })
    let outbox = Outbox(
      texts: catalogue.texts, jobs: jobs, ledger: ledger, transport: try mail.transport(ledger: ledger, egress: egress),
      from: try mail.sender(installation))
    services = Services(
      ledger: ledger, tenants: tenants, clock: clock, texts: catalogue.texts, people: people,
      stamps: Stamps(root: root), frontDoor: frontDoor, installation: installation,
      jobs: jobs, freezes: freezes, outbox: outbox, admission: Admission(limits, clock: clock), egress: egress,
      backups: BackupStatus(), erasers: catalogue.erasers)
    self.catalogue = catalogue
    observer = RequestObserver(catalogue.table.routes, clock: clock, logger: logger)
    runner = JobRunner(services: services, logger: logger)
    dispatcher = try Dispatcher(
      catalogue: catalogue, services: services, authenticator: authenticator, assets: assets,
      admission: services.admission, observer: observer,
      logger: logger)
    frontDoor.open { [dispatcher] call in try await dispatcher.answer(call) }
  }
}

extension Dispatcher {
  /// The front door's way in: the same as from the network, in memory.
  func answer(_ call: FrontDoor.Call) async throws -> FrontDoor.Answer {
    let incoming = Incoming(
      method: call.method.rawValue, target: call.target, headers: call.headers, body: Chunks(bytes: call.body),
      remoteAddress: Incoming.frontDoor, isMetered: call.isMetered)
    let response = await answer(incoming)
    let body: [UInt8]
    switch response.body {
    case .bytes(let bytes): body = bytes
    case .none: body = []
    case .stream(let chunks, _): body = try await chunks.collect(limit: FrontDoor.largestAnswer)
    }
    return FrontDoor.Answer(status: response.status, headers: response.headers, body: body)
  }
}

extension Composition {
  /// All figures as text for Prometheus. A figure that cannot be read is left out: its absence is what monitoring sees.
  package func exposition() async -> String {
    var read: [(Figure, [Figure.Sample])] = []
    for figure in observer.figures + catalogue.figures {
      if let samples = try? await figure.read(services) { read.append((figure, samples)) }
    }
    return Exposition.text(read)
  }
}

extension FrontDoor {
  /// Bytes of an answer that a probe takes into memory.
  package static let largestAnswer = 256 << 20
}
