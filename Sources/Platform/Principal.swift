import Ledger

package enum Session {}
package enum Token {}
package typealias SessionID = ID<Session>
package typealias TokenID = ID<Token>

/// Who is asking, after their credential has been checked for this very request.
package struct Principal: Sendable, Equatable {
  package enum Credential: Sendable, Hashable {
    case session(SessionID)
    case token(TokenID)
  }

  package let tenant: TenantID
  package let person: PersonID
  package let roles: Set<Role>
  package let credential: Credential
  /// What the roles amount to, worked out from all modules' grants.
  package let permissions: Set<Permission>

  package init(
    tenant: TenantID, person: PersonID, roles: Set<Role>, credential: Credential, permissions: Set<Permission>
  ) {
    self.tenant = tenant
    self.person = person
    self.roles = roles
    self.credential = credential
    self.permissions = permissions
  }

  package func has(_ permission: Permission) -> Bool { permissions.contains(permission) }
  package var actor: Actor { .person(person) }
}
