import Kernel
import Mustache

/// Turns pages into HTML. All templates are parsed at start; a broken one is refused there, not at a request.
package struct PageRenderer: Sendable {
  private let library: MustacheLibrary
  private let texts: Texts
  private let assets: Assets

  package init(templates: [Template], texts: Texts, assets: Assets) throws {
    var library = MustacheLibrary()
    for template in templates + [ShellTemplate.shell, ErrorPage.template] {
      guard library.getTemplate(named: template.name) == nil else {
        throw Problem(.internal, "Two templates are called \(template.name).")
      }
      do {
        try library.register("{{#page}}\(template.text){{/page}}", named: template.name)
      } catch {
        throw Problem(.internal, "The template \(template.name) does not parse: \(error)")
      }
    }
    self.library = library
    self.texts = texts
    self.assets = assets
  }

  package func render(_ page: some Page, in shell: Shell) throws -> String {
    let content = try fill(type(of: page).template, Frame(page: page, t: texts.strings, csrf: shell.csrf))
    let document = Document(page, shell: shell, content: content, assets: assets)
    return try fill(ShellTemplate.shell, Frame(page: document, t: texts.strings, csrf: shell.csrf))
  }

  /// The page's own template alone.
  package func renderBare(_ page: some Page) throws -> String {
    try fill(type(of: page).template, Frame(page: page, t: texts.strings, csrf: ""))
  }

  private func fill(_ template: Template, _ frame: Frame) throws -> String {
    guard let html = library.render(frame, withTemplate: template.name) else {
      throw Problem(.internal, "The page cannot be shown.", detail: "no template is called \(template.name)")
    }
    return html
  }
}

/// The scope a template is filled from: the page's members first, then these.
private struct Frame {
  let page: any Sendable
  let t: [String: String]
  let csrf: String
}

/// The members of the shell's template.
private struct Document: Sendable {
  struct NavigationItem: Sendable {
    let title: String
    let path: String
    let isCurrent: Bool
  }
  struct Trail: Sendable {
    let items: [Crumb]
  }

  let title: String
  let product: String
  let stylesheet: String
  let navigation: [NavigationItem]
  let person: Shell.Person?
  let flash: String?
  let banner: Shell.Banner?
  let icon: String
  let hasNavigation: Bool
  let trail: Trail?
  let content: String

  init(_ page: some Page, shell: Shell, content: String, assets: Assets) {
    title = page.title
    product = shell.productName
    stylesheet = assets.stylesheetPath
    icon = assets.iconPath
    hasNavigation = !shell.navigation.isEmpty
    navigation = shell.navigation.map {
      NavigationItem(title: $0.title, path: $0.path, isCurrent: $0.path == page.section)
    }
    person = shell.person
    flash = shell.flash
    banner = shell.banner
    trail = page.crumbs.isEmpty ? nil : Trail(items: page.crumbs)
    self.content = content
  }
}
