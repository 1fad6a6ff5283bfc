/// A right to do one kind of thing, named `noun.verb`. Each module declares its own in an extension:
///
///     extension Permission { package static let vendorsRead = Permission("vendors.read") }
package struct Permission: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  package let rawValue: String
  package init(rawValue: String) { self.rawValue = rawValue }
  package init(_ name: String) { rawValue = name }
  package var description: String { rawValue }
}

/// What a person is in a tenant. A role holds exactly the permissions that modules grant to it; without a grant it sees nothing.
package enum Role: String, Sendable, Hashable, CaseIterable {
  case owner, manager, member, auditor
}

/// Which roles hold a permission, and what it means in a sentence for the permission matrix.
package struct PermissionGrant: Sendable {
  package let permission: Permission
  package let roles: Set<Role>
  package let summary: String

  package init(_ permission: Permission, roles: Set<Role>, summary: String) {
    self.permission = permission
    self.roles = roles
    self.summary = summary
  }
}
