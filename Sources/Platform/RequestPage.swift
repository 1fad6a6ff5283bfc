import Ledger
import TransparencyLog
import Web

/// What surrounds every page of this visitor. The shell is worked out only when a page is shown.
struct PageFrame: Sendable {
  let renderer: PageRenderer
  let services: Services
  let navigation: [NavigationEntry]
  let visitor: Visitor?
  let flashKey: String?
  let freeze: FreezeRecord?

  var shell: Shell {
    Shell(
      productName: services.installation.productName, navigation: links,
      person: visitor.map { Shell.Person(name: $0.name, tenantName: $0.tenantName) },
      csrf: visitor?.session.map { services.stamps.formToken(for: $0) } ?? "", flash: flash,
      banner: banner)
  }

  private var banner: Shell.Banner? {
    freeze.map { freeze in
      Shell.Banner(
        title: services.texts("shell_frozen"),
        text: services.texts(
          "shell_frozen_text", ["since": String(freeze.since.day.description), "reason": freeze.reason]),
        link: Shell.Link(title: services.texts("shell_frozen_link"), path: "/freeze"))
    }
  }

  private var links: [Shell.Link] {
    guard let visitor else { return [] }
    return navigation.filter { $0.access.admits(visitor.principal) }
      .map { Shell.Link(title: services.texts($0.titleKey), path: $0.path) }
  }

  /// Only a key of the catalogue shows anything: a cookie from elsewhere cannot put words on a page.
  private var flash: String? {
    guard let flashKey, services.texts.has(flashKey) else { return nil }
    return services.texts(flashKey)
  }
}

extension Request {
  /// `page` inside the shell, for this visitor.
  package func page(_ page: some Page, status: Int = 200) throws -> Response {
    try .html(frame.renderer.render(page, in: frame.shell), status: status)
  }

  /// `page` alone, without the shell: for documents that stand for themselves, such as a certificate.
  package func bare(_ page: some Page) throws -> String {
    try frame.renderer.renderBare(page)
  }
}

extension Response {
  /// The receipt of the write that this answers, in `Steward-Receipt` (docs/format.md §3.5).
  package func receipt(_ receipt: Receipt) -> Response { header("Steward-Receipt", receipt.header) }
}

extension Request {
  /// The first entry of the navigation that the visitor may open.
  package var firstPath: String? { frame.shell.navigation.first?.path }
}
