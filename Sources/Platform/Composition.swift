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

  package init(
    catalogue: Catalogue, ledger: Ledger, tenants: Tenants, clock: any StewardClock, people: any PeopleDirectory,
    authenticator: any Authenticator, assets: Assets, installation: InstallationFacts, logger: Logger
  ) throws {
    let frontDoor = FrontDoor()
    let root = try ledger.installation.keyStore.installationSeed(id: ledger.installation.id.text)
    services = Services(
      ledger: ledger, tenants: tenants, clock: clock, texts: catalogue.texts, people: people,
      stamps: Stamps(root: root), frontDoor: frontDoor, installation: installation)
    self.catalogue = catalogue
    dispatcher = try Dispatcher(
      catalogue: catalogue, services: services, authenticator: authenticator, assets: assets, logger: logger)
    frontDoor.open { [dispatcher] call in try await dispatcher.answer(call) }
  }
}

extension Dispatcher {
  /// The front door's way in: the same as from the network, in memory.
  func answer(_ call: FrontDoor.Call) async throws -> FrontDoor.Answer {
    let incoming = Incoming(
      method: call.method.rawValue, target: call.target, headers: call.headers, body: Chunks(bytes: call.body),
      remoteAddress: "front door")
    let response = await answer(incoming)
    let body: [UInt8]
    switch response.body {
    case .bytes(let bytes): body = bytes
    case .stream(let chunks, _): body = try await chunks.collect(limit: FrontDoor.largestAnswer)
    }
    return FrontDoor.Answer(status: response.status, headers: response.headers, body: body)
  }
}

extension FrontDoor {
  /// Bytes of an answer that a probe takes into memory.
  package static let largestAnswer = 256 << 20
}
