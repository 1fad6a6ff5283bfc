import Web

/// Who may do what, as text: for the golden file and for the page that shows it.
package enum PermissionMatrix {
  /// One line for each permission, one column for each role.
  package static func text(_ catalogue: Catalogue) -> String {
    let header = line("permission", Role.allCases.map(\.rawValue), "")
    let lines = catalogue.grants.map { grant in
      line(grant.permission.rawValue, Role.allCases.map { grant.roles.contains($0) ? "yes" : "-" }, grant.summary)
    }
    return ([header] + lines).joined(separator: "\n") + "\n"
  }

  /// One line for each route.
  package static func routes(_ catalogue: Catalogue) -> String {
    catalogue.table.routes.map { route in
      // A style sheet's name changes with its content; the golden file need not.
      let path = route.path.hasPrefix("/assets/") ? "/assets/…" : route.path
      return
        "\(padded(route.method.rawValue, 6)) \(padded(path, 52)) \(padded(access(route.access), 30)) \(route.summary)"
    }.joined(separator: "\n") + "\n"
  }

  package static func access(_ access: Route.Access) -> String {
    switch access {
    case .open: "open"
    case .signedIn: "signed in"
    case .permission(let permission): permission.rawValue
    case .anyOf(let permissions): permissions.map(\.rawValue).joined(separator: " or ")
    }
  }

  private static func line(_ name: String, _ cells: [String], _ summary: String) -> String {
    ([padded(name, 24)] + cells.map { padded($0, 8) } + [summary]).joined(separator: " ").trimmed
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
