import Accounts
import Platform

/// What the sample data fills once its people exist. `Offboarding` gives one: vendors, a running and a certified case.
package struct DemoSeed: Sendable {
  package let fill: @Sendable (DemoInstallation) async throws -> Void

  package init(fill: @escaping @Sendable (DemoInstallation) async throws -> Void) { self.fill = fill }
}

/// The sample installation as a seed sees it. Seeds use the API with these tokens, as anyone would.
package struct DemoInstallation: Sendable {
  package let services: Services
  package let people: [DemoPerson]

  /// The token of a person of the sample data, for `services.frontDoor`.
  package func token(_ role: DemoPerson.Role, of tenant: String = "acme") throws -> String {
    guard let person = people.first(where: { $0.role == role && $0.tenant == tenant }) else { throw Problem.notFound }
    return person.token
  }

  package func person(_ role: DemoPerson.Role, of tenant: String = "acme") throws -> DemoPerson {
    guard let person = people.first(where: { $0.role == role && $0.tenant == tenant }) else { throw Problem.notFound }
    return person
  }
}

/// Someone in the sample data, with everything needed to act as them.
package struct DemoPerson: Sendable, Equatable {
  package enum Role: String, Sendable {
    case manager, approver, member, auditor, owner

    var roles: Set<Platform.Role> {
      switch self {
      case .manager, .approver: [.manager]
      case .member: [.member]
      case .auditor: [.auditor]
      case .owner: [.owner]
      }
    }
  }

  package let role: Role
  package let tenant: String
  package let name: String
  package let email: String
  package let password: String
  package let token: String
  package let id: PersonID

  /// The cast: anna, ben, mia, adam and olga at Acme, gina at Globex.
  static let cast: [(role: Role, tenant: String, name: String, email: String)] = [
    (.manager, "acme", "Anna Berg", "anna@acme.example"),
    (.approver, "acme", "Ben Castillo", "ben@acme.example"),
    (.member, "acme", "Mia Novak", "mia@acme.example"),
    (.auditor, "acme", "Adam Reyes", "adam@acme.example"),
    (.owner, "acme", "Olga Lindqvist", "olga@acme.example"),
    (.owner, "globex", "Gina Moreau", "gina@globex.example"),
  ]

  static let tenants: [(slug: String, name: String)] = [("acme", "Acme GmbH"), ("globex", "Globex Ltd")]
}
