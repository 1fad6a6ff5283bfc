import Storage

/// A vertical part of the product: its tables, rights, routes and promises, declared as data.
///
/// Modules never import one another. What one needs from another it declares as a closure or small protocol, and `Server` hands it in.
package protocol Module: Sendable {
  var manifest: ModuleManifest { get }
  var routes: [Route] { get }
  /// Work that begins once the server is ready (a schedule, say) and ends when its task is cancelled.
  func run(_ services: Services) async throws
}

extension Module {
  package func run(_ services: Services) async throws {}
}

/// An entry of the main navigation; shown to whoever may open it.
package struct NavigationEntry: Sendable {
  package let path: String
  package let titleKey: String
  package let access: Route.Access
  /// Lower comes first. Offboarding 10–19, audit 30, people 50, settings 90.
  package let order: Int

  package init(_ path: String, titleKey: String, access: Route.Access, order: Int) {
    self.path = path
    self.titleKey = titleKey
    self.access = access
    self.order = order
  }
}

/// How a module's data leaves with its customer, and how it is destroyed. Both are sentences for the record of processing
/// and the names of the routes or verbs that do it; a module without them does not boot.
package struct DataExit: Sendable {
  package let exporter: String
  package let eraser: String
  package init(exporter: String, eraser: String) {
    self.exporter = exporter
    self.eraser = eraser
  }
}

/// A check of one promise that a module makes; `Trust` runs it.
package struct PromiseCheck: Sendable {
  package enum Outcome: Sendable, Equatable {
    case proven(evidence: String)
    case failing(reason: String)
  }

  /// "F10", "A20", … as in the catalogue of promises.
  package let id: String
  package let run: @Sendable (Services) async throws -> Outcome

  package init(_ id: String, run: @escaping @Sendable (Services) async throws -> Outcome) {
    self.id = id
    self.run = run
  }
}

package struct ModuleManifest: Sendable {
  package let name: String
  package let tables: [Table]
  package let permissions: [PermissionGrant]
  package let navigation: [NavigationEntry]
  /// English texts of the module's pages by key, `module_what`; keys are unique across modules.
  package let texts: [String: String]
  /// The templates of the module's pages, parsed at start so that a broken one is refused there.
  package let templates: [Template]
  package let exit: DataExit
  /// What becomes of the module's rows when something is erased. A module with primary tables does not boot without.
  package let eraser: Eraser?
  package let promises: [PromiseCheck]
  /// What the module does in the background.
  package let jobs: [JobKind]
  /// What the module tells the operator's monitoring.
  package let figures: [Figure]

  package init(
    name: String, tables: [Table], permissions: [PermissionGrant], navigation: [NavigationEntry] = [],
    texts: [String: String] = [:], templates: [Template] = [], exit: DataExit, eraser: Eraser? = nil,
    promises: [PromiseCheck] = [], jobs: [JobKind] = [], figures: [Figure] = []
  ) {
    self.name = name
    self.tables = tables
    self.permissions = permissions
    self.navigation = navigation
    self.texts = texts
    self.templates = templates
    self.exit = exit
    self.eraser = eraser
    self.promises = promises
    self.jobs = jobs
    self.figures = figures
  }
}
