import Kernel
import Storage
import Web

/// Everything the modules declare, put together and checked once at start.
package struct Catalogue: Sendable {
  package let modules: [any Module]
  package let table: RouteTable
  package let grants: [PermissionGrant]
  package let navigation: [NavigationEntry]
  package let texts: Texts
  package let templates: [Template]

  /// Throws for a module that must not boot: unknown permissions, texts or paths used twice, no exporter or eraser.
  package init(_ modules: [any Module]) throws {
    self.modules = modules
    let manifests = modules.map(\.manifest)
    grants = manifests.flatMap(\.permissions).sorted { $0.permission.rawValue < $1.permission.rawValue }
    navigation = manifests.flatMap(\.navigation).sorted { ($0.order, $0.path) < ($1.order, $1.path) }
    templates = manifests.flatMap(\.templates)
    table = try RouteTable(modules.flatMap(\.routes))
    let (texts, duplicates) = Texts.merging(manifests.map(\.texts) + [WebTexts.english])
    self.texts = texts
    guard duplicates.isEmpty else {
      throw Problem(.internal, "These texts occur twice: \(duplicates.joined(separator: ", ")).")
    }
    try Catalogue.check(manifests)
    for manifest in manifests { try Erasers.check(manifest) }
    try checkPermissions()
  }

  package var jobs: [JobKind] { modules.flatMap(\.manifest.jobs) }

  package var figures: [Figure] { modules.flatMap(\.manifest.figures) }

  package var erasers: Erasers { Erasers(modules.map(\.manifest)) }

  package var tables: [Table] { modules.flatMap(\.manifest.tables) }

  /// What `roles` may do: the union of their grants, nothing without one.
  package func permissions(of roles: Set<Role>) -> Set<Permission> {
    Set(grants.filter { !$0.roles.isDisjoint(with: roles) }.map(\.permission))
  }

  private static func check(_ manifests: [ModuleManifest]) throws {
    for manifest in manifests where manifest.exit.exporter.isEmpty || manifest.exit.eraser.isEmpty {
      throw Problem(.internal, "The module \(manifest.name) does not say how its data is exported and erased.")
    }
  }

  private func checkPermissions() throws {
    let known = Set(grants.map(\.permission))
    guard known.count == grants.count else { throw Problem(.internal, "A permission is granted in two places.") }
    for route in table.routes {
      let used: [Permission] =
        switch route.access {
        case .permission(let permission): [permission]
        case .anyOf(let permissions): permissions
        case .signedIn, .open: []
        }
      for permission in used where !known.contains(permission) {
        throw Problem(.internal, "\(route.name) needs \(permission), which no module grants.")
      }
    }
  }
}

extension Route.Access {
  /// Whether a signed-in principal gets to the handler.
  package func admits(_ principal: Principal) -> Bool {
    switch self {
    case .permission(let permission): principal.has(permission)
    case .anyOf(let permissions): permissions.contains { principal.has($0) }
    case .signedIn, .open: true
    }
  }
}
