import Offboarding
import Platform

/// What the sample data consists of beyond its people; each module that has some adds its seed here.
package enum SeedList {
  package static let seeds: [DemoSeed] = [offboarding]

  private static let offboarding = DemoSeed { demo in
    let (manager, approver) = (try demo.person(.manager), try demo.person(.approver))
    guard let acme = try await demo.services.tenants.find(slug: manager.tenant) else { throw Problem.notFound }
    let seed = OffboardingDemo(
      ledger: demo.services.ledger, tenant: acme, manager: NamedPerson(id: manager.id, name: manager.name),
      approver: NamedPerson(id: approver.id, name: approver.name))
    try await seed.seed(register: Array(SampleRegister.csv().utf8))
  }
}
